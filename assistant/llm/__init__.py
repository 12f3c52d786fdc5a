"""The 4-bit language model: loading, prompt layout, splicing and streaming."""
