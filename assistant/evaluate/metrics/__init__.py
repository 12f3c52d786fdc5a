"""Metrics as the field defines them, each with a bootstrap interval."""
