"""Which atom of a product comes from which atom of the reactants.

A reaction changes a few atoms and leaves the rest as it was, so atoms with the same surroundings
are taken for the same atom: first those that agree far around (Weisfeiler-Lehman levels of the
elements and bonds, orders left out), from there along the bonds to their neighbours, then with an
ever smaller radius up to the reaction centre. A pair that would break a bond to an atom which is
mapped already, or make an atom aromatic, waits until all others are found. Single atoms are matched
by their element only where there is no choice. Each reactant that gives atoms is left out for
trial, and is so for good if the map loses no atom and keeps more bonds or needs fewer reactants:
else triethylamine takes the place of an amine that is alkylated.

This is a heuristic: it knows no mechanism. A map is to be accepted only if the template that it
gives reproduces the reaction, see `templates`.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from rdkit import Chem

from assistant.chem.quiet import quiet_rdkit
from assistant.errors import InvalidMoleculeError

_RADIUS = 10  # bonds

Pair: TypeAlias = tuple[int, int]  # atom of the product, atom of the reactants


def atom_map(product: Chem.Mol, reactants: Chem.Mol) -> dict[int, int]:
    """Product atom → reactant atom; no atom twice, atoms that have no counterpart are left out."""
    made, given = _Surroundings(product), _Surroundings(reactants)
    parts = Chem.GetMolFrags(reactants)
    best = _grown(made, given, set())
    unused: set[int] = set()
    for part in _giving_least_first(parts, best):
        other = _grown(made, given, unused.union(part))
        if _worth(other, made, given, parts) > _worth(best, made, given, parts):
            best = other
            unused.update(part)
    return best


def mapped_reaction(reactants: str, product: str) -> str:
    """Reaction SMILES "reactants>>product" whose map numbers are the product's atoms (index + 1).

    Reactants that give no atom are left out.

    Raises:
        InvalidMoleculeError: One of the two is no SMILES.
    """
    made, given = _parsed(product), _parsed(reactants)
    for atom, origin in atom_map(made, given).items():
        made.GetAtomWithIdx(atom).SetAtomMapNum(atom + 1)
        given.GetAtomWithIdx(origin).SetAtomMapNum(atom + 1)
    parts = Chem.GetMolFrags(given, asMols=True)
    giving = sorted(Chem.MolToSmiles(part) for part in parts if _is_mapped(part))
    return f"{'.'.join(giving)}>>{Chem.MolToSmiles(made)}"


def _grown(made: "_Surroundings", given: "_Surroundings", unused: set[int]) -> dict[int, int]:
    """The map that needs none of the unused atoms of the reactants."""
    growing = _GrowingMap(made, given, unused)
    for is_careful in (True, False):
        for radius in range(_RADIUS, -1, -1):
            growing.extend(radius, is_careful=is_careful)
    return growing.reactant_of


def _giving_least_first(
    parts: Sequence[tuple[int, ...]], found: dict[int, int]
) -> list[tuple[int, ...]]:
    """The reactants that give atoms, unless it is only one."""
    origins = set(found.values())
    giving = [part for part in parts if not origins.isdisjoint(part)]
    if len(giving) < 2:
        return []
    return sorted(giving, key=lambda part: len(origins.intersection(part)))


def _worth(
    found: dict[int, int],
    made: "_Surroundings",
    given: "_Surroundings",
    parts: Sequence[tuple[int, ...]],
) -> tuple[int, int, int]:
    """By what maps are compared: atoms, then bonds that stay, then few reactants."""
    origins = set(found.values())
    n_kept = sum((found.get(a), found.get(b)) in given.bond_types for a, b in made.bond_types)
    n_giving = sum(not origins.isdisjoint(part) for part in parts)
    return len(found), n_kept, -n_giving


class _Surroundings:
    """What is compared of the atoms of one side.

    `levels[r][atom]` is equal for two atoms whose surroundings are equal up to `r` bonds away.
    """

    def __init__(self, mol: Chem.Mol) -> None:
        self.neighbours = [[n.GetIdx() for n in atom.GetNeighbors()] for atom in mol.GetAtoms()]
        self.is_aromatic = [atom.GetIsAromatic() for atom in mol.GetAtoms()]
        self.details = [_detail(atom) for atom in mol.GetAtoms()]
        self.bond_types: dict[Pair, Chem.BondType] = {}
        for bond in mol.GetBonds():
            begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            self.bond_types[begin, end] = self.bond_types[end, begin] = bond.GetBondType()
        # Python's hash of integers, unlike that of text, is the same in every process.
        level = [hash((atom.GetAtomicNum(), atom.GetIsotope())) for atom in mol.GetAtoms()]
        self.levels = [level]
        for _ in range(_RADIUS):
            level = [
                hash((level[atom], tuple(sorted(level[n] for n in around))))
                for atom, around in enumerate(self.neighbours)
            ]
            self.levels.append(level)


class _Fit(NamedTuple):
    """How well a pair suits the map; the greater the better."""

    kept: int  # bonds to atoms that are mapped already
    lost: int  # such bonds which the reactants do not have, negative
    is_as_aromatic: bool
    is_alike: bool  # hydrogens, charge, rings

    @property
    def is_harmless(self) -> bool:
        """Whether no bond is broken and no aromatic ring made or opened by it."""
        return self.lost == 0 and self.is_as_aromatic


class _GrowingMap:
    """The map as it is built; see the module."""

    def __init__(self, product: _Surroundings, reactants: _Surroundings, unused: set[int]) -> None:
        self.reactant_of: dict[int, int] = {}
        self._product = product
        self._reactants = reactants
        self._taken = set(unused)

    def extend(self, radius: int, *, is_careful: bool) -> None:
        """Adds the pairs that agree within the radius: next to known ones first, then others."""
        for pair in list(self.reactant_of.items()):
            self._grow(pair, radius)
        while (pair := self._seed(radius, is_careful)) is not None:
            self._add(pair)
            self._grow(pair, radius)

    def _add(self, pair: Pair) -> None:
        atom, origin = pair
        self.reactant_of[atom] = origin
        self._taken.add(origin)

    def _grow(self, pair: Pair, radius: int) -> None:
        """Follows the bonds from a pair, as long as the atoms at their ends agree."""
        frontier = [pair]
        while frontier:
            for candidate in self._next_to(frontier.pop(), radius):
                atom, origin = candidate
                if atom not in self.reactant_of and origin not in self._taken:
                    self._add(candidate)
                    frontier.append(candidate)

    def _next_to(self, pair: Pair, radius: int) -> list[Pair]:
        """Pairs of free neighbours which agree, the best first."""
        atom, origin = pair
        levels, origin_levels = self._product.levels[radius], self._reactants.levels[radius]
        free = [n for n in self._product.neighbours[atom] if n not in self.reactant_of]
        free_origins = [n for n in self._reactants.neighbours[origin] if n not in self._taken]
        bonds, origin_bonds = self._product.bond_types, self._reactants.bond_types
        ranked = [
            (*self._fit(n, m), bonds[atom, n] == origin_bonds[origin, m], -n, -m)
            for n in free
            for m in free_origins
            if levels[n] == origin_levels[m]
        ]
        return [(-n, -m) for *_, n, m in sorted(ranked, reverse=True)]

    def _fit(self, atom: int, origin: int) -> _Fit:
        mapped = [self.reactant_of.get(n) for n in self._product.neighbours[atom]]
        around = self._reactants.neighbours[origin]
        n_kept = sum(n in around for n in mapped if n is not None)
        n_lost = sum(n not in around for n in mapped if n is not None)
        is_alike = self._product.details[atom] == self._reactants.details[origin]
        is_as_aromatic = self._product.is_aromatic[atom] == self._reactants.is_aromatic[origin]
        return _Fit(n_kept, -n_lost, is_as_aromatic, is_alike)

    def _seed(self, radius: int, is_careful: bool) -> Pair | None:
        """The best pair among the atoms that have the fewest counterparts, if any are left."""
        for n_most, atoms, origins in sorted(self._free_classes(radius)):
            if radius == 0 and n_most > 1:
                return None  # the element alone does not tell one atom from another
            fits = [(self._fit(a, o), -a, -o) for a in atoms for o in origins]
            allowed = [one for one in fits if one[0].is_harmless or not is_careful]
            if allowed:
                _, atom, origin = max(allowed)
                return -atom, -origin
        return None

    def _free_classes(self, radius: int) -> list[tuple[int, list[int], list[int]]]:
        """Free atoms of both sides that agree within the radius, with the larger of the numbers."""
        classes: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for atom, level in enumerate(self._product.levels[radius]):
            if atom not in self.reactant_of:
                classes[level][0].append(atom)
        for origin, level in enumerate(self._reactants.levels[radius]):
            if origin not in self._taken:
                classes[level][1].append(origin)
        return [
            (max(len(atoms), len(origins)), atoms, origins)
            for atoms, origins in classes.values()
            if atoms and origins
        ]


def _detail(atom: Chem.Atom) -> tuple[int, int, int, bool, bool]:
    return (
        atom.GetDegree(),
        atom.GetTotalNumHs(),
        atom.GetFormalCharge(),
        atom.GetIsAromatic(),
        atom.IsInRing(),
    )


def _parsed(smiles: str) -> Chem.Mol:
    with quiet_rdkit():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise InvalidMoleculeError("No SMILES that RDKit reads.", source=smiles)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)  # the numbers of others are no evidence
    return mol


def _is_mapped(part: Chem.Mol) -> bool:
    return any(atom.GetAtomMapNum() for atom in part.GetAtoms())
