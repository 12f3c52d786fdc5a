"""A list leaves as CSV or SDF, in the order and selection that the page shows."""

import csv
import io
from collections.abc import Mapping, Sequence

from assistant.chem.facts import Facts
from assistant.chem.own_columns import distinct
from assistant.export.cells import csv_cell
from assistant.export.sdf import fact_properties, sd_record
from ui.list_columns import FACT_HEADS
from ui.list_table import Answer, ListTable, Row

_NAMED = 5  # rows that a sentence spells out


def to_csv(table: ListTable, order: Sequence[int]) -> str:
    """One line a molecule: facts, alerts, the file's own columns, and the answers and checks."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    with table.lock:
        questions = list(table.questions)
        heads = [h for q in questions for h in (q.text, "checks", "computed instead")]
        fixed = ["number", "name", "smiles", *FACT_HEADS, "alerts", "rule_of_five", "problem"]
        head = [*fixed, "same_as", *table.columns.heads, *heads]
        writer.writerow([csv_cell(text) for text in head])
        for index in order:
            row = table.rows[index]
            answers = [_answer_cells(q.answers.get(index)) for q in questions]
            cells = [index + 1, row.name, row.smiles, *_fact_cells(row.facts), row.problem]
            cells += [_same_as(row), *row.own, *(c for a in answers for c in a)]
            writer.writerow([csv_cell(cell) for cell in cells])
    return out.getvalue()


def to_list_sdf(table: ListTable, order: Sequence[int]) -> str:
    """One record a molecule whose facts are there; the others are left out."""
    with table.lock:
        questions = list(table.questions)
        records: list[str] = []
        for index in order:
            row = table.rows[index]
            if row.facts is None:
                continue
            values = {"NUMBER": str(index + 1), "NAME": row.name, **_properties(row)}
            values["SAME_AS"] = _same_as(row)
            own = dict(zip(table.columns.heads, row.own, strict=True))
            for number, question in enumerate(questions, start=1):
                answer, checks, instead = _answer_cells(question.answers.get(index))
                values |= {
                    f"QUESTION_{number}": question.text,
                    f"ANSWER_{number}": answer,
                    f"CHECKS_{number}": checks,
                    f"COMPUTED_INSTEAD_{number}": instead,
                }
            values |= dict(zip(distinct(map(_sd_name, own), values), own.values(), strict=True))
            records.append(sd_record(row.molblock, row.name or row.smiles, values))
    return "".join(records)


def left_out_of_sdf(table: ListTable, order: Sequence[int]) -> str:
    """Which rows `to_list_sdf` leaves out, in words; "" where it has them all."""
    with table.lock:
        numbers = [index + 1 for index in order if table.rows[index].facts is None]
    if not numbers:
        return ""
    what = "row is" if len(numbers) == 1 else "rows are"
    more = f" and {len(numbers) - _NAMED:,} more" if len(numbers) > _NAMED else ""
    which = ", ".join(map(str, numbers[:_NAMED])) + more
    return (
        f"{len(numbers):,} {what} not in the SDF, as nothing is computed of them: {which}. The CSV"
        " has every row."
    )


def _properties(row: Row) -> dict[str, str]:
    return fact_properties(Facts.from_dict(row.facts or {}))


def _same_as(row: Row) -> str:
    """Number of the first row with the same structure; "" where it is the first."""
    return "" if row.same_as is None else str(row.same_as + 1)


def _sd_name(head: str) -> str:
    """The name of a data field, which stands between angle brackets."""
    return head.replace("<", "‹").replace(">", "›")


def _fact_cells(facts: Mapping[str, object] | None) -> list[object]:
    if facts is None:
        return [""] * (len(FACT_HEADS) + 2)
    values = [facts[key] for key in FACT_HEADS]
    rounded = [f"{v:.4f}" if isinstance(v, float) else "" if v is None else v for v in values]
    alerts = dict.fromkeys(f"{a['catalogue']}: {a['name']}" for a in facts["alerts"])
    return [*rounded, "; ".join(alerts), "; ".join(facts["rule_of_five_violations"])]


def _answer_cells(answer: Answer | None) -> tuple[str, str, str]:
    if answer is None:
        return "", "", ""
    if answer.problem:
        return answer.problem, "no answer", ""
    wrong = (c for c in answer.checks if c.verdict == "contradicted")
    instead = "; ".join(f"{c.claim}: {c.truth or 'wrong'}" for c in wrong)
    return answer.text, answer.summary(), instead
