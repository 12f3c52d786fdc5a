"""One molecule against a list: the partners, the work, and how the table leaves as CSV."""

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PairTask
from assistant.errors import AssistantError
from assistant.export.cells import csv_cell
from assistant.pairing.lists import LISTS, molecules_of
from ui.molecules import Chemistry
from ui.pair_error import column_name, measured_on, plus_minus, short_amount
from ui.pair_near import is_same
from ui.pair_state import Sweep, SweptRow
from ui.pair_words import name_of, number

if TYPE_CHECKING:
    from assistant.pairing.figures import TaskFigures
    from assistant.pairing.predictor import Judged, PairPredictor

MAX_PARTNERS = 300


def partners_of(
    which: str, text: str, numbered: Sequence[Molecule], chemistry: Chemistry
) -> tuple[list[Molecule], list[str]]:
    """The molecules of a list and what of it could not be read.

    Args:
        which: "solvents", "drugs", "conversation" or "pasted".
        text: What was pasted.
        numbered: Molecules of the conversation.
        chemistry: Reads what was pasted.

    Raises:
        AssistantError: The list is empty, unknown or too long.
    """
    problems: list[str] = []
    if which in LISTS:
        found = list(molecules_of(which))
    elif which == "conversation":
        found = list(numbered)
        if not found:
            raise AssistantError("The conversation has no molecules yet. Choose another list.")
    elif which == "pasted":
        if not text.strip():
            raise AssistantError("Paste the molecules first, one on each line.")
        report = chemistry.call("lines", text=text)
        found = [
            Molecule(str(one["smiles"]), str(one["name"]) if one.get("name") else None)
            for one in report.get("molecules") or ()
        ]
        problems = [str(problem) for problem in report.get("problems") or ()]
    else:
        raise AssistantError("There is no such list.")
    if len(found) > MAX_PARTNERS:
        raise AssistantError(
            f"The list has {len(found):,} molecules; at most {MAX_PARTNERS} are swept. Split it."
        )
    return found, problems


def work_off(sweep: Sweep, predictor: "PairPredictor") -> None:
    """Asks every partner, one after the other, until the end or until it is stopped."""
    try:
        for index, row in enumerate(sweep.rows):
            if sweep.stop.is_set():
                return
            sweep.rows[index] = _asked(sweep, row, predictor)
            sweep.done += 1
    finally:
        sweep.running = False


def _asked(sweep: Sweep, row: SweptRow, predictor: "PairPredictor") -> SweptRow:
    pair = (sweep.fixed, row.molecule) if sweep.vary else (row.molecule, sweep.fixed)
    try:
        judged = predictor.judged(*pair, sweep.task.name)
    except AssistantError as error:
        return SweptRow(row.molecule, problem=str(error))
    measured, near = None, judged.nearest
    if near is not None and is_same(near, pair):
        measured = near.values.get(sweep.task.name)
    return SweptRow(row.molecule, judged, measured)


def sweep_value(sweep: Sweep, figures: "TaskFigures") -> dict[str, object]:
    """The sweep as JSON for the table and the plot."""
    rows = [
        _row_value(i, row, row.judged, sweep.task, figures)
        for i, row in enumerate(sweep.rows)
        if row.judged is not None
    ]
    failed = [
        {
            "i": i,
            "name": name_of(row.molecule),
            "smiles": row.molecule.smiles,
            "problem": row.problem,
        }
        for i, row in enumerate(sweep.rows)
        if row.problem
    ]
    is_score = sweep.task.answer == "yes_no"
    return {
        "task": sweep.task.name,
        "rows": sorted([*rows, *failed], key=lambda row: row["i"]),
        "done": sweep.done,
        "total": len(sweep.rows),
        "running": sweep.running,
        "stopped": sweep.stop.is_set() and sweep.done < len(sweep.rows),
        "problems": sweep.problems,
        "fixed": name_of(sweep.fixed),
        "vary": sweep.vary,
        "axis": "interaction score (0 to 1)"
        if is_score
        else f"{sweep.task.quantity} ({sweep.task.unit})",
        "unit": "" if is_score else sweep.task.unit,
        "errorName": column_name(sweep.task, figures),
        "base": figures.base,
        "baseName": "base rate" if is_score else "training mean",
    }


def _row_value(
    i: int, row: SweptRow, judged: "Judged", task: PairTask, figures: "TaskFigures"
) -> dict[str, object]:
    return {
        "i": i,
        "name": name_of(row.molecule),
        "smiles": row.molecule.smiles,
        "value": judged.value,
        "text": number(task, judged.value),
        "error": None if judged.expected is None else judged.expected.error,
        "around": plus_minus(task, figures, judged.expected),
        "off": short_amount(task, figures, judged.expected),
        "measured": row.measured,
        "known": "" if row.measured is None else number(task, row.measured),
        "similarity": judged.similarity,
        "warnings": list(judged.warnings),
        "problem": row.problem,
    }


def to_pair_csv(sweep: Sweep, figures: "TaskFigures", order: Sequence[int]) -> str:
    """The table in the order of the page; every line says what made the number."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    task = sweep.task
    first, second = task.roles if task.roles[0] != task.roles[1] else ("drug 1", "drug 2")
    quantity = task.quantity or "interaction score"
    writer.writerow(
        [
            first,
            f"{first} SMILES",
            second,
            f"{second} SMILES",
            f"{quantity} ({task.unit})" if task.unit else quantity,
            _error_head(task, figures),
            "error measured on",
            "measured (training pair)",
            "similarity to nearest training pair",
            "outside of training",
            "problem",
            "method",
        ]
    )
    for index in order:
        row = sweep.rows[index]
        if row.judged is None and not row.problem:
            continue
        pair = (sweep.fixed, row.molecule) if sweep.vary else (row.molecule, sweep.fixed)
        molecules = [cell for m in pair for cell in (name_of(m), m.smiles)]
        cells = [*molecules, *_numbers(row), row.problem, "pair model head"]
        writer.writerow([csv_cell(cell) for cell in cells])
    return out.getvalue()


def _error_head(task: PairTask, figures: "TaskFigures") -> str:
    if task.answer == "yes_no":
        return "share of wrong test answers"
    return "test MAE of log10" if figures.logarithmic else f"test MAE ({task.unit})"


def _numbers(row: SweptRow) -> list[str]:
    """Value, error, what that was measured on, measured value, similarity, warnings."""
    judged = row.judged
    if judged is None:
        return [""] * 6
    expected = judged.expected
    return [
        f"{judged.value:.4g}",
        "" if expected is None else f"{expected.error:.4g}",
        "" if expected is None else measured_on(expected, judged.similarity),
        "" if row.measured is None else f"{row.measured:g}",
        "" if judged.similarity is None else f"{judged.similarity:.3f}",
        "; ".join(judged.warnings),
    ]
