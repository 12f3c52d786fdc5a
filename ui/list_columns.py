"""The columns of a person's file in a list: under names that no computed column has.

A list shows, filters and saves them beside what is computed, so a file that was saved here and is
opened again must not have two columns "clogp" of which nobody knows whose they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.chem.own_columns import distinct

MARK = "(file)"
FACT_HEADS = (
    "inchikey",
    "formula",
    "average_mass",
    "exact_mass",
    "charge",
    "heavy_atoms",
    "clogp",
    "tpsa",
    "hbd",
    "hba",
    "rotatable_bonds",
    "rings",
    "ring_systems",
    "aromatic_rings",
    "fsp3",
    "qed",
    "stereocentres_set",
    "stereocentres",
    "double_bonds_set",
    "double_bonds",
    "fragments",
)
"""Facts of a saved list, in its order."""
_ON_THE_PAGE = ("#", "drawing", "answer", "mass", "rot.", "stereo", "alerts")
_SAVED = ("number", "name", "smiles", "rule_of_five", "problem", "same_as")
COMPUTED_HEADS = frozenset((*FACT_HEADS, *_ON_THE_PAGE, *_SAVED))
"""What columns of the page and of the files that leave it are called, in lower case."""


@dataclass(frozen=True)
class FileColumns:
    """The own columns of a file.

    Attributes:
        heads: Their names in the list, in its order: those that look like computed ones are last.
        rows: The cells of each molecule in the order of the heads; "" where there is none.
        notices: A sentence for each cap that cut something, and what is to be said of molecules.
    """

    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notices: tuple[str, ...] = ()

    @classmethod
    def of_report(cls, report: Mapping[str, object]) -> "FileColumns":
        """The columns of what a worker read."""
        written = [str(head) for head in report.get("columns") or ()]
        order = sorted(range(len(written)), key=lambda k: written[k].casefold() in COMPUTED_HEADS)
        heads = distinct((_marked(written[k]) for k in order), taken=COMPUTED_HEADS)
        rows = tuple(tuple(str(row[k]) for k in order) for row in report.get("cells") or ())
        said = (*(report.get("remarks") or ()), *(report.get("notices") or ()))
        notices = tuple(str(notice) for notice in said)
        return cls(tuple(heads), rows, notices)

    def row(self, index: int) -> tuple[str, ...]:
        """The cells of one molecule."""
        return self.rows[index] if self.heads else ()


def _marked(head: str) -> str:
    return f"{head} {MARK}" if head.casefold() in COMPUTED_HEADS else head


def first_of_each(structures: Sequence[str]) -> list[int | None]:
    """For each structure the index of the first one that is the same; None where it is that one."""
    first: dict[str, int] = {}
    found: list[int | None] = []
    for index, structure in enumerate(structures):
        earlier = first.setdefault(structure, index)
        found.append(None if earlier == index else earlier)
    return found
