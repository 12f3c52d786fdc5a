"""Captioned molecules near a molecule, from an index that a person builds of own files."""
