"""Which conformers a 3D encoder reads at once: those of many molecules, not too many atoms."""

from collections.abc import Iterator, Sequence

from torch import Tensor

MAX_ATOMS_PER_PASS = 256
"""Atoms of a pass: some encoders compare all of its atoms, others pad its shapes to the largest."""

Shape = tuple[Tensor, Tensor]
"""Elements (n,) and positions (n, 3) of one conformer."""


def passes(shapes: Sequence[Shape]) -> Iterator[list[Shape]]:
    """Conformers in order, as many at a time as `MAX_ATOMS_PER_PASS` allows, one at least."""
    held: list[Shape] = []
    n_atoms = 0
    for shape in shapes:
        if held and n_atoms + len(shape[0]) > MAX_ATOMS_PER_PASS:
            yield held
            held, n_atoms = [], 0
        held.append(shape)
        n_atoms += len(shape[0])
    if held:
        yield held
