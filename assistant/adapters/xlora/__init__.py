"""X-LoRA (arXiv 2402.07148): LoRA experts mixed per token and layer by a gate on the base model.

    scaling pass   h = base model, no ΔW ─► gate ─► scalings s (b, t, layer, expert)
    real pass      y = W x + ΔW x + Σ_i g · alpha_i / r_i · B_i A_i (s_i x)

`config` the published settings, `gate` the classifier, `experts` the stacked LoRAs as arguments of
a step, `passes` the two passes, `files` published directories. Caches are the business of `llm`.
"""
