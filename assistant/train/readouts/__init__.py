"""What graph tokens hold, by how the graph is read: no language model, one frozen encoder.

    frozen encoder ─► levels, kept ─► reader (a variant) ─► graph tokens ─► one query ─► value
                                        └──────── trained, the same way for all ────────┘

A reader that carries a value to its tokens could give it to a language model; whether one would
take it is measured by `assistant.train.ablation`, not here.
"""
