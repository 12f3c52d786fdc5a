"""Molecule Chat: a local, checked chat assistant for chemists. Import the parts you need; this file imports nothing."""
