"""What does a pair model need? Variants of one recipe, trained apart on the same rows.

table ─► rows, shapes ─┬─ variant 1, seed 1: trained ─► predictions, costs ─┐
                       ├─ variant 1, seed 2 …                               ├─► page, plot
                       └─ simple methods on the same rows ──────────────────┘
"""
