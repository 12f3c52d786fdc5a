"""Teaches a specialist's frozen language model to write a number of a molecule.

    graph ─► encoder ─► projector ─► graph tokens ─┬─ mean, linear ─► value     stage 1, L1
                                                   └─► language model + LoRA ─► "-0.2451"   stage 2

Stage 1 reads many molecules a second, and so the graph tokens tell the value before the language
model learns to write what they tell. Serving needs stage 2 alone.
"""
