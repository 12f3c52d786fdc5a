"""Numbers that a language model predicts: what was measured of them, and what they are near to."""
