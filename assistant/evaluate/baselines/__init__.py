"""What a language model has to beat: constants, neighbours, fingerprints, degrees."""
