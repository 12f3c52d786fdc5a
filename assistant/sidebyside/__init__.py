"""One question answered in several columns at the same time, and what they say compared."""
