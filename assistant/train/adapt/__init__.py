"""Adapts any Hugging Face language model in NF4 to molecules, on one card or several.

records ─► conversations ─► examples in the serving layout ─► steps ─┐
plan: does it fit the card? ─────────────────────────────────────────┴► three stages ─► bundle

align      encoder + projector on descriptions, LLM frozen        (LLaMo, stage 1)
instruct   projector + LoRA on all tasks, encoder frozen          (LLaMo, stage 2)
generate   the generator of instance LoRA, everything else frozen (MoRA)
"""
