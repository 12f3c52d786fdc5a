"""A conversation as files that leave: Markdown, PDF, JSON, SDF, a notebook; and JSON read back."""
