"""The decode step over static buffers, and its capture as a CUDA graph."""
