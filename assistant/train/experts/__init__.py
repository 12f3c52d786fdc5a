"""X-LoRA beside a finished bundle: a LoRA per family of tasks, then the gate that mixes them.

bundle (LLM, encoder, projector, generator: frozen) ─┬─ expert describe: its records ─┐
                                                     ├─ expert property: its records  ├─► gate: all
                                                     └─ …                            ─┘   of them
"""
