"""Chemistry: molecules as entered, and what can be computed. Only `graph` imports torch."""
