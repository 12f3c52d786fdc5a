"""Public data as people have it: each format's loader yields typed records, one at a time.

    chebi20, pubchem324k ─► Caption        moleculenet, qm9 ─► Value, Label
    mol_instructions ─────► Instruction    uspto ───────────► Reaction
    zhangddi, deep4chem ──► Pair           conversations ───► OwnConversation

`registry.read_source` opens one by name, `reading.read_records` all that a recipe names. Files may
be packed with gzip; rows that are marked as validation or test rows stay out unless they are asked
for.
"""
