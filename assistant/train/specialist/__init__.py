"""A small language model for reactions alone, trained from scratch beside the default one.

    tables ─► reactions ─► spelled anew each time ─► batches ─► language model ─► NF4 ─► bundle

It is asked in the fewest words (`chat.short_tasks`), so that nearly all tokens are chemistry, and
dialogues pay nothing for what it learns. Reactions are written as root-aligned SMILES (Zhong et
al. 2022), from another atom each time: a few ten thousand reactions are hardly read twice alike.
"""
