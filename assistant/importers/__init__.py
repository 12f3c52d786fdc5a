"""Published checkpoints as components of this project: read strictly, through no foreign code."""
