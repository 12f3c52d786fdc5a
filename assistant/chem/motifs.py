"""Motifs: the rings and functional groups of a molecule, each as one row of 73 zeros and ones.

    row: #C 0-10 | #O 0-5 | #N 0-5 | #P 0-5 | #S 0-5 | halogen | other element
         | #single 0-10 | #double 0-7 | #triple 0-7 | #aromatic 0-7 | has a ring bond
         (counts above a block take its last place)

`motif_rows` follows the published extraction (LLaMo, Park et al. 2024, after ReLMole, Ji et al.
2022), including where it gives up (methane, dative bonds): weights trained with it need exactly
these rows. `own_motif_rows` cuts the molecule into rings, named groups with their neighbours, and
what is left over, and always has a row.
"""

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt
from rdkit import Chem

from assistant.chem.groups import find_groups
from assistant.chem.molecule import Molecule

MotifRows = npt.NDArray[np.uint8]

_ELEMENT_SLOTS = (("C", 11), ("O", 6), ("N", 6), ("P", 6), ("S", 6))
_HALOGENS = frozenset({"F", "Cl", "Br", "I"})
_BOND_SLOTS = (
    (Chem.BondType.SINGLE, 11),
    (Chem.BondType.DOUBLE, 8),
    (Chem.BondType.TRIPLE, 8),
    (Chem.BondType.AROMATIC, 8),
)
N_MOTIF_FEATURES = sum(n for _, n in _ELEMENT_SLOTS) + 2 + sum(n for _, n in _BOND_SLOTS) + 1

_MARKING_SMARTS = ("[!#6]", "*=,#*", "[CX4]([O,N,S])[O,N,S]")
_MAX_SHARED_ATOMS = 2
NO_ATOMS: frozenset[int] = frozenset()
_MAX_DEGREE = 10


def motif_rows(molecule: Molecule, without: Set[int] = NO_ATOMS) -> MotifRows | None:
    """The published rows (m, 73), stereo left out, or None where that extraction fails.

    Args:
        molecule: The molecule.
        without: Atoms (from 1) that are not to be seen: the motifs are those of the whole molecule,
            each described without them; one that is wholly hidden has no row.
    """
    return rdmol_motif_rows(molecule.rdmol(), without)


def rdmol_motif_rows(mol: Chem.Mol, without: Set[int] = NO_ATOMS) -> MotifRows | None:
    """As `motif_rows`, for an RDKit molecule."""
    mol = Chem.Mol(mol)  # who else writes a SMILES of it puts another order of atoms into it
    flat = Chem.MolFromSmiles(Chem.MolToSmiles(mol, isomericSmiles=False))
    if flat is None or not _is_describable(flat):
        return None
    motifs = _published_motifs(flat)
    if not motifs or any(len(a & b) > _MAX_SHARED_ATOMS for a, b in combinations(motifs, 2)):
        return None
    if not without:
        return _rows(flat, motifs)
    # Atom i of `flat` is the one that was written i-th into the SMILES it was read from.
    written = list(mol.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    if len(written) != flat.GetNumAtoms():
        return None
    hidden = {place + 1 for place, index in enumerate(written) if index + 1 in without}
    return _rows(flat, _seen(motifs, hidden))


def own_motif_rows(molecule: Molecule, without: Set[int] = NO_ATOMS) -> MotifRows:
    """Rows (m, 73) of any valid molecule: rings, named groups, leftover fragments.

    Args:
        molecule: The molecule; with nothing hidden it has at least one row.
        without: Atoms (from 1) that are not to be seen, as in `motif_rows`.
    """
    mol = molecule.rdmol()
    return _rows(mol, _seen(own_motifs(mol), without))


def _seen(motifs: Sequence[set[int]], without: Set[int]) -> list[set[int]]:
    """What is left of each motif without some atoms (numbers from 1)."""
    hidden = {number - 1 for number in without}
    return [left for motif in motifs if (left := motif - hidden)]


def own_motifs(mol: Chem.Mol) -> list[set[int]]:
    """Atom indices of each motif: rings, named groups with their neighbours, what is left.

    Every atom is in at least one, so that a molecule of a single atom has one as well.
    """
    rings = merged_rings(mol)
    groups = [
        _with_neighbours(mol, {number - 1 for number in place})
        for match in find_groups(mol, layers=("functional",))
        for place in match.atoms
    ]
    covered = set().union(*rings, *groups)
    leftovers = connected(mol, set(range(mol.GetNumAtoms())) - covered)
    return [*rings, *groups, *leftovers]


def _is_describable(mol: Chem.Mol) -> bool:
    """The published rows know four bond types and degrees up to 10."""
    known = {bond_type for bond_type, _ in _BOND_SLOTS}
    bonds_known = all(bond.GetBondType() in known for bond in mol.GetBonds())
    return bonds_known and all(atom.GetDegree() <= _MAX_DEGREE for atom in mol.GetAtoms())


def _published_motifs(mol: Chem.Mol) -> list[set[int]]:
    """Marked atoms joined over non-ring bonds in bond order, then the rings.

    The order matters: a merge redirects only the one atom of the bond, so other members of the
    merged motif keep pointing at a set that is now empty. Trained weights have seen exactly that.
    """
    marked = {i for p in _marking_patterns() for m in mol.GetSubstructMatches(p) for i in m}
    motifs = [{atom} for atom in sorted(marked)]
    motif_of = {atom: index for index, atom in enumerate(sorted(marked))}
    for bond in mol.GetBonds():
        if bond.IsInRing():
            continue
        begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if begin in marked and end in marked:
            kept, emptied = motif_of[begin], motif_of[end]
            motifs[kept] |= motifs[emptied]
            motifs[emptied] = set()
            motif_of[end] = kept
        elif begin in marked:
            motifs[motif_of[begin]].add(end)
        elif end in marked:
            motifs[motif_of[end]].add(begin)
        else:
            motifs.append({begin, end})
    rings = merged_rings(mol)
    return [m for m in motifs if m and not _is_lone_ring_atom(mol, m)] + rings


def _is_lone_ring_atom(mol: Chem.Mol, motif: set[int]) -> bool:
    return len(motif) == 1 and mol.GetAtomWithIdx(next(iter(motif))).IsInRing()


def merged_rings(mol: Chem.Mol, *, max_shared: int = _MAX_SHARED_ATOMS) -> list[set[int]]:
    """Bridged rings as one; fused rings, which share a bond, stay apart."""
    rings = [set(ring) for ring in mol.GetRingInfo().AtomRings()]
    merged = True
    while merged:
        merged = False
        for first, second in combinations(range(len(rings)), 2):
            if len(rings[first] & rings[second]) > max_shared:
                rings[first] |= rings[second]
                rings[second] = set()
                merged = True
    return [ring for ring in rings if ring]


def _with_neighbours(mol: Chem.Mol, atoms: set[int]) -> set[int]:
    around = {n.GetIdx() for i in atoms for n in mol.GetAtomWithIdx(i).GetNeighbors()}
    return atoms | around


def connected(mol: Chem.Mol, atoms: set[int]) -> list[set[int]]:
    """Splits a set of atoms into its connected parts, lowest atom first."""
    parts: list[set[int]] = []
    left = set(atoms)
    while left:
        part, frontier = set(), [min(left)]
        while frontier:
            atom = frontier.pop()
            if atom in left:
                left.remove(atom)
                part.add(atom)
                frontier += [n.GetIdx() for n in mol.GetAtomWithIdx(atom).GetNeighbors()]
        parts.append(part)
    return parts


def _rows(mol: Chem.Mol, motifs: Sequence[set[int]]) -> MotifRows:
    symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
    bonds = [
        (b.GetBeginAtomIdx(), b.GetEndAtomIdx(), b.GetBondType(), b.IsInRing())
        for b in mol.GetBonds()
    ]
    rows = np.zeros((len(motifs), N_MOTIF_FEATURES), dtype=np.uint8)
    for row, motif in zip(rows, motifs, strict=True):
        inside = [(kind, ring) for i, j, kind, ring in bonds if i in motif and j in motif]
        row[:] = _row([symbols[i] for i in motif], inside)
    return rows


def _row(symbols: Iterable[str], bonds: Sequence[tuple[Chem.BondType, bool]]) -> list[int]:
    elements = Counter(symbols)
    named = {symbol for symbol, _ in _ELEMENT_SLOTS}
    kinds = Counter(kind for kind, _ in bonds)
    row: list[int] = []
    for symbol, size in _ELEMENT_SLOTS:
        row += _one_hot(elements[symbol], size)
    row.append(int(bool(_HALOGENS & elements.keys())))
    row.append(int(bool(elements.keys() - named - _HALOGENS)))
    for kind, size in _BOND_SLOTS:
        row += _one_hot(kinds[kind], size)
    return [*row, int(any(in_ring for _, in_ring in bonds))]


def _one_hot(count: int, size: int) -> list[int]:
    return [int(place == min(count, size - 1)) for place in range(size)]


@cache
def _marking_patterns() -> tuple[Chem.Mol, ...]:
    return tuple(Chem.MolFromSmarts(smarts) for smarts in _MARKING_SMARTS)
