"""The molecular graph as the language model sees it: encoder, then projector."""
