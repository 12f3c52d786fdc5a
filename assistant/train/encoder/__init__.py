"""Pre-training of the graph encoder: masked atoms and bonds, descriptors, heads of labelled sets.

molecules ─► graphs ─► half of them masked ─► GraphEncoder ─┬─ masked ones: atoms, bonds
                                                            └─ the others: descriptors, labels
"""
