"""Molecule Chat: a local, checked chat assistant for chemists.

This file imports nothing, so that each part stays light to load.
"""

__version__ = "0.1.0"
