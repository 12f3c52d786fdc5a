"""Chemistry: molecules as entered, and what can be computed about them. Only `graph` imports torch."""
