"""Does the graph earn its place? Arms trained apart on one frozen base, measured side by side.

base LLM (frozen, 4-bit values) ─┬─ arm 1: its parts trained ─► bundle ─► answers ─┐
                                 ├─ arm 2: same data, steps, parameters …          ├─► table
                                 └─ …                                              ┘
"""
