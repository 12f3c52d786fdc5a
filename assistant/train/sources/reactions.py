"""Reactions of USPTO: reaction SMILES a line, or a table of reactants and products.

reactants>reagents>product   and anything behind a blank (edits, patent number) is passed over
product, reactants [, reagents]    or    reactants_with_reagents, product
"""

from collections.abc import Iterator
from pathlib import Path

from assistant.chem.molecule import Molecule
from assistant.chem.reaction import ARROW
from assistant.rows import Row, first_line, read_lines, read_table
from assistant.train.sources.records import (
    Reaction,
    Skipped,
    in_split,
    molecule_in,
    parsed,
    usable,
)


def read_uspto(
    path: Path, *, split: str = "train", skipped: Skipped | None = None
) -> Iterator[Reaction]:
    """Reactions of a USPTO file of either form; atom maps are dropped."""
    first = first_line(path)
    if is_reaction_line(first) or "reactionsmiles" in first.lower().replace("_", ""):
        return usable(_lines(path), _from_line, skipped)
    rows = read_table(path, required=("product", "reactants|reactants_with_reagents"))

    def read(row: Row) -> Iterator[Reaction]:
        if in_split(row, split):
            yield _from_columns(row)

    return usable(rows, read, skipped)


def is_reaction_line(line: str) -> bool:
    """Whether a line begins with a reaction SMILES."""
    words = line.split()
    return bool(words) and len(ARROW.findall(words[0])) == 2


def _lines(path: Path) -> Iterator[Row]:
    for number, line in read_lines(path):
        is_header = number == 1 and not is_reaction_line(line)
        if line.strip() and not is_header:
            yield Row({"reaction": line.split()[0]}, number, path)


def _from_line(row: Row) -> Iterator[Reaction]:
    sides = ARROW.split(row.needed("reaction"))
    if len(sides) != 3:
        raise row.error("no reaction SMILES: two '>' signs, reactants>reagents>product, are read")
    reactants, reagents, product = sides
    if not reactants or not product:
        raise row.error(f"the reaction has no {'product' if reactants else 'reactants'}")
    yield Reaction(
        parsed(row, reactants),
        parsed(row, reagents) if reagents else None,
        parsed(row, product),
        row.place,
    )


def _from_columns(row: Row) -> Reaction:
    product = molecule_in(row, "product")
    if row.text("role_split_ok") == "0" or not row.text("reactants"):
        mixture = molecule_in(row, "reactants_with_reagents")
        return Reaction(mixture, None, product, row.place, mixed=True)
    reagents: Molecule | None = molecule_in(row, "reagents") if row.text("reagents") else None
    return Reaction(molecule_in(row, "reactants"), reagents, product, row.place)
