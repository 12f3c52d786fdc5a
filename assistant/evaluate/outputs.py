"""Answers that another system wrote, in the order of the questions."""

from collections.abc import Sequence
from pathlib import Path

from assistant.errors import AssistantError
from assistant.evaluate.metrics.structures import read_structure
from assistant.evaluate.table import Row, read_table
from assistant.evaluate.tasks.base import Example


def read_outputs(file: Path, asked: Sequence[Example]) -> list[str]:
    """The column `output` of a table, a text per question.

    With a column `smiles` the rows may be in any order, and there may be more of them; without,
    they are in the order of the questions.

    Raises:
        AssistantError: A question has no row.
    """
    rows = read_table(file, ("output",))
    column = next((name for name in rows[0] if name.lower() == "smiles"), None)
    if column is None:
        return _by_order(file, rows, asked)
    return _by_structure(file, rows, column, asked)


def _by_order(file: Path, rows: Sequence[Row], asked: Sequence[Example]) -> list[str]:
    if len(rows) != len(asked):
        raise AssistantError(
            f"{file} has {len(rows)} rows for {len(asked)} questions; give it a column smiles, or"
            " the same rows in the same order."
        )
    return [row["output"] or "" for row in rows]


def _by_structure(
    file: Path, rows: Sequence[Row], column: str, asked: Sequence[Example]
) -> list[str]:
    outputs = {}
    for row in rows:
        structure = read_structure(row[column])
        if structure is not None:
            outputs[structure.smiles] = row["output"] or ""
    found = []
    for example in asked:
        structure = read_structure(".".join(example.molecules) or str(example.answer))
        if structure is None or structure.smiles not in outputs:
            raise AssistantError(f"{file} has no row for {'.'.join(example.molecules)!r}.")
        found.append(outputs[structure.smiles])
    return found
