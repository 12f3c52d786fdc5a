"""Which named functional groups and ring systems a molecule has, and at which atoms.

The names and patterns are in `data/groups.tsv`; this module has the rule of who gets an atom:

- functional layer: a match is dropped if an earlier, more specific group already owns one of its
  atoms, or if it shares more than one atom with a match of its own kind (two phosphates may share
  their bridging oxygen)
- ring layer: fused systems come first; a match is dropped if it lies inside a kept one or shares more
  than three atoms with it, so indole is not also pyrrole and benzene, and an unnamed fusion gives
  both its rings
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
SUFFIX = re.compile(r"(?: functional)?(?: (?:group|moiety|functionality|substituent|unit)s?)$")


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
    """The groups a word covers: "lactams" gives lactam and beta-lactam, and where some say so imide."""
    return tuple(group for group, _ in _index().get(_normal(term), ()))


def count_range(term: str, groups: Iterable[GroupMatch]) -> tuple[int, int] | None:
    """The least and the most of `term` that a chemist may count; None for a word not in the table.

    The two differ where usage does: an imide is an amide to some, so succinimide has 0 to 1 amides.
    """
    covered = _index().get(_normal(term))
    if covered is None:
        return None
    counts = {group.name: group.count for group in groups}
    present = [(counts.get(group.name, 0), times) for group, times in covered]
    return sum(n * times for n, times in present), sum(n * max(times, 1) for n, times in present)


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
    """Whether the match is whole small rings, not a round trip over a cage (cubane has no hexagon)."""
    if len(atoms) == 1:
        return True
    inside = [ring for ring in rings if ring <= atoms]
    in_any_ring = atoms & set().union(*rings)
    return in_any_ring == set().union(*inside)


@functools.cache
def _patterns() -> tuple[tuple[FunctionalGroup, Chem.Mol], ...]:
    return tuple((group, Chem.MolFromSmarts(group.smarts)) for group in GROUPS)


@functools.cache
def _index() -> dict[str, tuple[tuple[FunctionalGroup, int], ...]]:
    """Normalised word -> the groups it covers, and how often each counts (0: to some only)."""
    index: dict[str, dict[FunctionalGroup, int]] = defaultdict(dict)
    for group in GROUPS:
        for word in group.sometimes:
            index[_normal(word)].setdefault(group, 0)
        for word, times in Counter(map(_normal, group.kind_of)).items():
            index[word][group] = times
        for word in (group.name, group.plural, *group.synonyms):
            index[_normal(word)][group] = 1
    return {word: tuple(groups.items()) for word, groups in index.items()}


def _normal(term: str) -> str:
    """Lower case, singular, without a trailing "group", "moiety" and the like."""
    word = " ".join(term.lower().split())
    return SUFFIX.sub("", word).removesuffix("s")
