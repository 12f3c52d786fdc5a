"""A comparison as Markdown and its figures as CSV, to leave the page."""

import csv
import io
from collections.abc import Sequence

from assistant.chat.answer_text import MARKS
from assistant.chat.check import Check
from assistant.chat.mixture import ExpertScalings
from assistant.export.cells import csv_cell
from assistant.export.markdown import code, literal
from assistant.export.source import checked_line
from assistant.sidebyside.claims import ClaimRow
from assistant.sidebyside.columns import Column
from assistant.sidebyside.heatmap import heat_map
from assistant.sidebyside.results import Comparison, Result

TITLES = {
    "adapters": "Adapters side by side",
    "molecules": "Two molecules side by side",
    "spellings": "One molecule, equivalent SMILES",
}
COLUMNS = (
    "column",
    "smiles",
    "state",
    "claims",
    "confirmed",
    "contradicted",
    "not_checkable",
    "seconds",
    "waited_s",
    "first_token_s",
    "tokens_per_s",
    "answer_tokens",
    "prompt_tokens",
    "cached_tokens",
    "own_bytes",
    "peak_program_bytes",
    "answer",
)


def to_markdown(comparison: Comparison) -> str:
    """Question, answers with their figures, claims side by side, scalings."""
    compared = comparison.compared()
    parts = [f"## {TITLES[comparison.kind]}", _quoted(comparison.question)]
    if compared.agreement.words and comparison.kind != "molecules":
        parts.append(f"**{compared.agreement.words}** by their checked claims")
    for column, result in zip(comparison.columns, comparison.results, strict=True):
        parts += _column(column, result)
    if compared.rows:
        parts += ["### Claims", _claims(comparison.columns, compared.rows)]
    return "\n\n".join(parts) + "\n"


def to_csv(comparison: Comparison) -> str:
    """One line a column, with all its figures; empty where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for column, result in zip(comparison.columns, comparison.results, strict=True):
        writer.writerow([csv_cell(value) for value in _figures(column, result)])
    return text.getvalue()


def state_of(column: Column, result: Result) -> str:
    """How a column stands, in words."""
    if column.off:
        return f"off: {column.off}"
    if result.failed:
        return f"failed: {result.failed}"
    if result.answer is None:
        return "not finished"
    return "stopped" if result.answer.stopped else "answered"


def smiles_of(column: Column) -> str:
    """The SMILES that was written, where the columns differ in their molecule or its spelling."""
    if column.number is None:
        return ""
    return column.spelling or column.conversation.molecule(column.number).molecule.smiles


def _figures(column: Column, result: Result) -> Sequence[object]:
    checks = result.answer.checks if result.answer else ()
    counts = [
        sum(c.verdict == verdict for c in checks)
        for verdict in ("confirmed", "contradicted", "unverifiable")
    ]
    values: list[object] = [column.label, smiles_of(column), state_of(column, result)]
    values += [len(checks), *counts] if result.answer else [""] * 4
    figures = result.figures.to_passport() if result.figures else {}
    values.append("" if result.seconds is None else round(result.seconds, 3))
    values += ["" if figures.get(key) is None else figures[key] for key in COLUMNS[8:15]]
    return [*values, result.peak_bytes or "", result.text]


def _column(column: Column, result: Result) -> list[str]:
    smiles = smiles_of(column)
    parts = [f"### {literal(column.label)}"]
    if smiles:
        parts.append(code(smiles))
    if column.off or result.failed:
        return [*parts, f"*{literal(state_of(column, result))}*"]
    if result.answer is None:
        return [*parts, _quoted(result.text), "*not finished*"]
    parts += [_quoted(result.text)]
    figures = result.figures
    said = [checked_line(result.answer) or "no claims"]
    if figures is not None and figures.first_token_s is not None:
        said.append(f"first token {figures.first_token_s:.2f} s")
    if figures is not None and figures.tokens_per_s is not None:
        said.append(f"{figures.tokens_per_s:.1f} tokens/s")
    if figures is not None:
        said.append(f"{figures.answer_tokens} tokens")
    if figures is not None and figures.own_bytes is not None:
        said.append(f"{figures.own_bytes / 1e6:.1f} MB of its own")
    parts.append(" · ".join(said))
    if result.answer.scalings is not None:
        parts.append(_scalings(result.answer.scalings))
    return parts


def _scalings(scalings: ExpertScalings) -> str:
    """The weights per layer; one of each adapted weight is in the answer's passport."""
    found = heat_map(scalings)
    rows = [
        f"| {literal(layer)} | {' | '.join(f'{weight:.3f}' for weight in row)} |"
        for layer, row in zip(found.layers, found.mean, strict=True)
    ]
    head = f"| scalings ({scalings.mode}) | {' | '.join(map(literal, found.experts))} |"
    return "\n".join([head, "|---" * (len(found.experts) + 1) + "|", *rows])


def _claims(columns: Sequence[Column], rows: Sequence[ClaimRow]) -> str:
    asked = [place for place, column in enumerate(columns) if not column.off]
    heads = [literal(columns[place].label) for place in asked]
    lines = [f"| | about | {' | '.join(heads)} | computed |"]
    lines.append("|---" * (len(asked) + 3) + "|")
    for row in rows:
        about = row.quantity if row.molecule is None else f"{row.quantity}, molecule {row.molecule}"
        cells = [_cell(row.cells[place]) for place in asked]
        sign = "≠" if row.differs else ""
        line = [sign, literal(about), *cells, literal(row.truth)]
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines)


def _cell(checks: Sequence[Check]) -> str:
    said = [f"{literal(' '.join(c.claim.split()))} {MARKS[c.verdict]}" for c in checks]
    return "; ".join(said) or "–"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in literal(text).split("\n"))
