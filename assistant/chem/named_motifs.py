"""The parts of a molecule as a chemist would point at them: rings, functional groups, chains.

    named groups (their own atoms) ─► named rings, other rings ─► what is left, piece by piece

`chem.motifs` cuts for a model, where a group brings its neighbours along. Here a part is the atoms
that carry its name, so that one part can be taken away and the next one left.
"""

from dataclasses import dataclass

from rdkit import Chem

from assistant.chem.groups import find_groups
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import connected, merged_rings


@dataclass(frozen=True)
class NamedMotif:
    """A part of a molecule.

    Attributes:
        name: What a chemist calls it.
        atoms: Its atoms in order, numbered from 1 as on the drawing.
    """

    name: str
    atoms: tuple[int, ...]


def named_motifs(molecule: Molecule) -> tuple[NamedMotif, ...]:
    """The parts, every atom in at least one: groups, rings, then chains and single atoms.

    Two parts may share atoms (a ring's nitrogen that is also an amide's).
    """
    mol = molecule.rdmol()
    groups = _found(mol, "functional")
    rings = _found(mol, "ring")
    in_named = [set(ring.atoms) for ring in rings]
    for ring in merged_rings(mol):
        numbers = {index + 1 for index in ring}
        if not any(numbers <= atoms for atoms in in_named):
            rings.append(NamedMotif(_ring_name(mol, ring), tuple(sorted(numbers))))
    covered = {number - 1 for part in (*groups, *rings) for number in part.atoms}
    rest = [
        NamedMotif(_rest_name(mol, piece), tuple(sorted(index + 1 for index in piece)))
        for piece in connected(mol, set(range(mol.GetNumAtoms())) - covered)
    ]
    parts: dict[tuple[int, ...], NamedMotif] = {}
    for part in (*groups, *rings, *rest):
        parts.setdefault(part.atoms, part)  # two names for the same atoms are one part
    return tuple(parts.values())


def _found(mol: Chem.Mol, layer: str) -> list[NamedMotif]:
    matches = find_groups(mol, layers=(layer,))
    return [NamedMotif(match.name, place) for match in matches for place in match.atoms]


def _ring_name(mol: Chem.Mol, ring: set[int]) -> str:
    atoms = [mol.GetAtomWithIdx(index) for index in ring]
    kind = "aromatic ring" if all(atom.GetIsAromatic() for atom in atoms) else "ring"
    return f"{len(ring)}-membered {kind}"


def _rest_name(mol: Chem.Mol, piece: set[int]) -> str:
    atoms = [mol.GetAtomWithIdx(index) for index in piece]
    if any(atom.GetSymbol() != "C" for atom in atoms):
        return "+".join(sorted({atom.GetSymbol() for atom in atoms}))
    if len(atoms) == 1:
        return {3: "methyl", 2: "CH2", 1: "CH"}.get(atoms[0].GetTotalNumHs(), "carbon")
    return f"carbon chain, C{len(atoms)}"
