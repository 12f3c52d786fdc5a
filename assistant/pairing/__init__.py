"""Numbers of pairs from a pair model's own head, with what is known of similar pairs beside them.

Needs no language model: the page's Pair tab, the evaluation and the training recipe use it.
"""
