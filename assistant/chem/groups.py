"""Which named functional groups and ring systems a molecule has, and at which atoms.

The names and patterns are in `data/groups.tsv`; this module has the rule of who gets an atom:

- functional layer: a match is dropped if an earlier, more specific group already owns one of its
  atoms, or if it shares more than one atom with a match of its own kind (two phosphates may share
  their bridging oxygen)
- ring layer: fused systems come first; a match is dropped if it lies inside a kept one or shares
  more than three atoms with it, so indole is not also pyrrole and benzene, and an unnamed fusion
  gives both its rings
- feature layer: overlaps with everything (an enone is also a ketone and an alkene)
"""

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rdkit import Chem

from assistant.chem.group_table import FunctionalGroup, Layer, load_groups

__all__ = ["GROUPS", "FunctionalGroup", "GroupMatch", "count_range", "find_groups", "groups_called"]

GROUPS: tuple[FunctionalGroup, ...] = load_groups()
MAX_MATCHES = 2000
MAX_SHARED_RING_ATOMS = 3
# "amide bond", "ester functional group", "pyridine ring system": the name is in front.
SUFFIX = re.compile(
    r"(?: (?:functional|group|moiety|moietie|functionality|functionalitie|function|substituent|unit"
    r"|bond|linkage|bridge|atom|ring|nucleus|core|system|scaffold|skeleton)s?)+$"
)
SPELLING = {"α": "alpha", "β": "beta", "sulph": "sulf", "-": " ", "–": " ", "‑": " "}


@dataclass(frozen=True)
class GroupMatch:
    """All places of one group: `atoms` has one tuple of 1-based atom numbers per place."""

    name: str
    atoms: tuple[tuple[int, ...], ...]

    @property
    def count(self) -> int:
        """How many of this group there are."""
        return len(self.atoms)

    def to_dict(self) -> dict[str, object]:
        """JSON types only."""
        atoms = [list(place) for place in self.atoms]
        return {"name": self.name, "count": self.count, "atoms": atoms}


def find_groups(
    mol: Chem.Mol, *, layers: Sequence[Layer] = ("functional", "ring", "feature")
) -> tuple[GroupMatch, ...]:
    """The named groups of a molecule, in the order of the table (carbonyls first, rings last)."""
    found: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    kept: dict[Layer, list[tuple[str, set[int]]]] = defaultdict(list)
    rings = [set(ring) for ring in mol.GetRingInfo().AtomRings()]
    for group, pattern in _patterns():
        if group.layer not in layers:
            continue
        for match in mol.GetSubstructMatches(pattern, maxMatches=MAX_MATCHES):
            atoms = set(match)
            if group.layer == "ring" and not _is_made_of_rings(atoms, rings):
                continue
            if _is_free(group, atoms, kept[group.layer]):
                kept[group.layer].append((group.name, atoms))
                found[group.name].append(tuple(sorted(index + 1 for index in match)))
    return tuple(GroupMatch(name, tuple(sorted(places))) for name, places in found.items())


def groups_called(term: str) -> tuple[FunctionalGroup, ...]:
    """The groups a word covers: "lactams" gives lactam, beta-lactam and, as some say so, imide."""
    return tuple(covered.group for covered in _index().get(_normal(term), ()))


def count_range(term: str, groups: Iterable[GroupMatch]) -> tuple[int, int] | None:
    """The least and the most of `term` that a chemist may count; None for a word not in the table.

    The two differ where usage does: an imide is an amide to some, so succinimide has 0 to 1 amides.
    """
    covering = _index().get(_normal(term))
    if covering is None:
        return None
    counts = {group.name: group.count for group in groups}
    present = [(counts.get(c.group.name, 0), c) for c in covering]
    return sum(n * c.least for n, c in present), sum(n * c.most for n, c in present)


def _is_free(group: FunctionalGroup, atoms: set[int], kept: list[tuple[str, set[int]]]) -> bool:
    if group.layer == "feature":
        return True
    if group.layer == "ring":
        return all(
            len(atoms & owned) <= MAX_SHARED_RING_ATOMS and not atoms <= owned for _, owned in kept
        )
    return all(
        len(atoms & owned) <= (name == group.name) and not atoms <= owned for name, owned in kept
    )


def _is_made_of_rings(atoms: set[int], rings: Sequence[set[int]]) -> bool:
    """Whether the match is whole small rings, not a round trip over a cage like cubane."""
    if len(atoms) == 1:
        return True
    inside = [ring for ring in rings if ring <= atoms]
    in_any_ring = atoms & set().union(*rings)
    return in_any_ring == set().union(*inside)


@functools.cache
def _patterns() -> tuple[tuple[FunctionalGroup, Chem.Mol], ...]:
    return tuple((group, Chem.MolFromSmarts(group.smarts)) for group in GROUPS)


@dataclass(frozen=True)
class _Covered:
    """A group that a word covers, and how many of the word one such group is."""

    group: FunctionalGroup
    least: int
    most: int


@functools.cache
def _index() -> dict[str, tuple[_Covered, ...]]:
    """Normalised word -> the groups it covers."""
    index: dict[str, list[_Covered]] = defaultdict(list)
    for group in {group.name: group for group in GROUPS}.values():
        exact = {_normal(word) for word in (group.name, group.plural, *group.synonyms)}
        always = Counter(map(_normal, group.kind_of))
        at_most = Counter(map(_normal, group.sometimes)) | always
        for word in exact | at_most.keys():
            is_exact = int(word in exact)
            least, most = max(always[word], is_exact), max(at_most[word], is_exact)
            index[word].append(_Covered(group, least, most))
    return {word: tuple(groups) for word, groups in index.items()}


def _normal(term: str) -> str:
    """Lower case, singular, one spelling, without a trailing "group", "ring" and the like."""
    word = term.lower()
    for written, meant in SPELLING.items():
        word = word.replace(written, meant)
    return SUFFIX.sub("", " ".join(word.split())).removesuffix("s")
