"""Two molecules seen together: encoders, alignment and interaction (ModuLM).

Nothing is imported here, so that a bundle whose encoders need no PyTorch Geometric never loads it.
"""
