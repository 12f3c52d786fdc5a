"""The conversation: what was said, what is sent to the model, and what of its answer holds."""
