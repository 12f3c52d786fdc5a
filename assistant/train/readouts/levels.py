"""The levels of many molecules, encoded once by a frozen encoder and kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from assistant.chem.graph import to_graph
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import own_motif_rows
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphLevels
from assistant.graph.projector import pad_motifs

_AT_ONCE = 128
KEPT = torch.float16
"""A float16 has 11 bits of precision: an error of 0.05 % at most, half the memory of float32."""


@dataclass(frozen=True)
class Seen:
    """What a reader is given of b molecules.

    Attributes:
        levels: Of the encoder, (b, levels, n, d).
        motifs: Motif rows (b, m, 73).
        motif_mask: True where a row is, (b, m).
    """

    levels: GraphLevels
    motifs: Tensor
    motif_mask: Tensor

    def emptied(self) -> "Seen":
        """As many molecules of as many atoms, of which nothing is known (a control)."""
        levels = self.levels
        nothing = GraphLevels(
            torch.zeros_like(levels.atoms), levels.mask, torch.zeros_like(levels.graph)
        )
        return Seen(nothing, torch.zeros_like(self.motifs), torch.zeros_like(self.motif_mask))


class KeptLevels:
    """Levels and motif rows of molecules; atoms lie one after the other, without padding.

    Args:
        atoms: States of all atoms, (atoms, levels, d).
        sizes: Atoms of each molecule.
        motifs: Motif rows of each molecule.
    """

    def __init__(self, atoms: Tensor, sizes: Sequence[int], motifs: Sequence[np.ndarray]) -> None:
        self.atoms, self.motifs = atoms, list(motifs)
        self.sizes = torch.tensor(sizes)
        self._starts = self.sizes.cumsum(0) - self.sizes

    @classmethod
    @torch.no_grad()
    def of(cls, encoder: GraphEncoder, molecules: Sequence[Molecule]) -> "KeptLevels":
        """Encodes molecules.

        Raises:
            AssistantError: A state is too large for float16.
        """
        parts: list[Tensor] = []
        sizes: list[int] = []
        motifs: list[np.ndarray] = []
        for start in range(0, len(molecules), _AT_ONCE):
            part = molecules[start : start + _AT_ONCE]
            levels = encoder.encode([to_graph(molecule) for molecule in part])
            kept = levels.atoms.transpose(1, 2)[levels.mask].to(KEPT)  # (atoms, levels, d)
            if not bool(torch.isfinite(kept).all()):
                raise AssistantError("The encoder's states do not fit into float16.")
            parts.append(kept)
            sizes += levels.mask.sum(1).tolist()
            motifs += [own_motif_rows(molecule) for molecule in part]
        return cls(torch.cat(parts), sizes, motifs)

    def __len__(self) -> int:
        return len(self.sizes)

    def seen(self, places: Tensor) -> Seen:
        """The molecules at some places (b,), padded to the largest."""
        sizes = self.sizes[places]
        counted = torch.arange(int(sizes.max()))
        mask = counted < sizes[:, None]  # (b, n)
        rows = (self._starts[places, None] + counted)[mask]
        states = self.atoms[rows].float()
        padded = states.new_zeros(*mask.shape, *states.shape[1:])
        padded[mask] = states
        atoms = padded.transpose(1, 2)  # (b, levels, n, d)
        graph = atoms[:, -1].sum(1) / sizes[:, None]
        motifs, motif_mask = pad_motifs([self.motifs[place] for place in places.tolist()])
        return Seen(GraphLevels(atoms, mask, graph), motifs, motif_mask)
