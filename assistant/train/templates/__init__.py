"""Reaction templates for a specialist: found in reactions, classified, weighed against its LM.

    tables ─► reactions ─► atom maps ─► templates ─► classifier ─► weights beside the LM ─► bundle

What a template makes is computed, so an answer chosen among such structures is never garbled; what
is learned is which template it was.
"""
