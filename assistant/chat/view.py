"""How a prompt is changed when it is measured what an answer depends on: a value, no tensors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """What the model is shown of the molecules.

    Attributes:
        hidden: Atoms of one molecule, from 1, that its graph tokens and ΔW know nothing of.
        graph: Whether that molecule has graph tokens and a ΔW at all.
        told: Whether SMILES, name and card of all molecules are in the text.
    """

    hidden: frozenset[int] = frozenset()
    graph: bool = True
    told: bool = True
