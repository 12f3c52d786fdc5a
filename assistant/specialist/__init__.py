"""A small language model of its own for tasks that are asked in the fewest words."""
