"""The encoder with the heads of pre-training, and their losses."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from assistant.graph.encoder import ATOM_CLASSES, BOND_CLASSES, GraphBatch, GraphEncoder
from assistant.train.encoder.molecules import Target
from assistant.train.encoder.recipe import PartWeights
from assistant.train.encoder.targets import ASKED_ATOM_COLUMNS, DESCRIPTORS, Hidden

_USUAL_ATOMS = 25.0


@dataclass(frozen=True)
class Lesson:
    """One step's molecules.

    Attributes:
        hidden: Graphs of b molecules, some masked.
        whole: Which of them are not masked, (b,) bool.
        descriptors: Standardised, (b, d).
        targets: Standardised values and labels, (b, targets), NaN where unknown.
    """

    hidden: Hidden
    whole: Tensor
    descriptors: Tensor
    targets: Tensor


class PretrainedEncoder(nn.Module):
    """Encoder and heads.

    A molecule's heads read the mean of its last level and the sum of it: what grows with the
    molecule cannot be read from a mean.
    """

    def __init__(self, encoder: GraphEncoder, targets: Sequence[Target]) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.config.d_model
        self.atom_heads = nn.ModuleList(
            nn.Linear(width, ATOM_CLASSES[c]) for c in ASKED_ATOM_COLUMNS
        )
        self.bond_head = nn.Linear(width, BOND_CLASSES[0])
        self.descriptor_head = nn.Linear(2 * width, len(DESCRIPTORS))
        self.target_head = nn.Linear(2 * width, len(targets)) if targets else None
        is_label = torch.tensor([t.kind == "label" for t in targets], dtype=torch.bool)
        self.register_buffer("is_label", is_label, persistent=False)

    def losses(self, lesson: Lesson) -> dict[str, Tensor]:
        """Mean loss of each part that the lesson holds."""
        hidden = lesson.hidden
        graphs = hidden.graphs
        states = self.encoder.molecule_node_model(graphs.x, graphs.edge_index, graphs.edge_attr)
        atoms = states[-1].float()  # (atoms, d)
        found: dict[str, Tensor] = {}
        if len(hidden.atoms):
            found["atoms"] = self._atom_loss(atoms[hidden.atoms], hidden.atom_classes)
        if hidden.bonds.shape[1]:
            ends = atoms[hidden.bonds[0]] + atoms[hidden.bonds[1]]
            found["bonds"] = nn.functional.cross_entropy(self.bond_head(ends), hidden.bond_classes)
        if bool(lesson.whole.any()):
            read = readout(atoms, graphs)[lesson.whole]
            found |= self._molecule_losses(read, lesson)
        return found

    def _atom_loss(self, atoms: Tensor, classes: Tensor) -> Tensor:
        parts = [
            nn.functional.cross_entropy(head(atoms), classes[:, column])
            for column, head in enumerate(self.atom_heads)
        ]
        return torch.stack(parts).mean()

    def _molecule_losses(self, read: Tensor, lesson: Lesson) -> dict[str, Tensor]:
        wanted = lesson.descriptors[lesson.whole]
        found = {"descriptors": nn.functional.smooth_l1_loss(self.descriptor_head(read), wanted)}
        if self.target_head is None:
            return found
        predicted, targets = self.target_head(read), lesson.targets[lesson.whole]
        for name, columns in (("values", ~self.is_label), ("labels", self.is_label)):
            known = ~targets.isnan() & columns
            if bool(known.any()):
                compute = (
                    nn.functional.smooth_l1_loss
                    if name == "values"
                    else nn.functional.binary_cross_entropy_with_logits
                )
                found[name] = compute(predicted[known], targets[known])
        return found


def readout(atoms: Tensor, graphs: GraphBatch) -> Tensor:
    """Mean and scaled sum of the atoms of each molecule, (b, 2 d)."""
    sizes = torch.bincount(graphs.batch)
    total = atoms.new_zeros(len(sizes), atoms.shape[1]).index_add(0, graphs.batch, atoms)
    return torch.cat([total / sizes[:, None], total / _USUAL_ATOMS], dim=1)


def total_loss(parts: dict[str, Tensor], weights: PartWeights) -> Tensor:
    """The weighted sum of the parts."""
    return torch.stack([getattr(weights, name) * loss for name, loss in parts.items()]).sum()
