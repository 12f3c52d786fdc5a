"""Measurements: quality, checks, speed. Nothing that serves an answer imports this package."""
