"""Writes `docs/results.md`: one table per task from the records in a directory.

    python -m assistant.evaluate.results [--records docs/results] [--page docs/results.md]

A record is what `run --record` wrote: numbers without a single row of data. Every line of a table
comes from one record and links to the command, date and commit that made it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from assistant.errors import AssistantError
from assistant.evaluate.report import ROOT, number_text

RECORDS, PAGE = ROOT / "docs" / "results", ROOT / "docs" / "results.md"

Record = dict[str, object]

_HEAD = """# Results

Written by `python -m assistant.evaluate.results` from the records in `docs/results`; change those,
not this page. A cell holds the value and its 95 % bootstrap interval over rows.

- Answers of a language model are its own text, greedy, from the prompt and engine of the page. What
  could not be read out of an answer counts as wrong and stands under *failed*: no structure, no
  similarity; no value, the training mean; no yes or no, a wrong one.
- A specialist for reactions (`docs/adr/0010`) answers as the page does in the arm full: it chooses
  among what reaction templates make and what a language model of its own writes, by what both say.
  Each of them chooses alone among what templates make in templates-alone and model-chooses; in
  no-templates that language model has written the structure by itself and chosen it among what it
  wrote to several spellings of the question, in one-draft to the canonical one alone. HOMO energies
  (`docs/adr/0011`) are written by it from graph tokens of an encoder of its own.
- A pair model head (`--head`) gives its number itself; no language model has written it.
- Baselines answer the same rows and have learned from the training rows only.
- The arm says what was shown of a molecule (`python -m assistant.evaluate.run --help`); retrieval,
  that the answers of the nearest training rows stood in the prompt.
- facts and abstain ask the hand-written questions of `tests/data/heldout` about the molecules of
  the table; the card of a bundle has them about hand-written molecules, so its shares are a few
  answers higher or lower.
- How each metric is defined: `assistant/evaluate/metrics`. Scores of texts name their tokens; those
  of different tokens cannot be compared.
- The tables are public data that is not in this repository; `--data` or `--file` names them.
"""


def read_records(directory: Path) -> list[Record]:
    """All records of a directory, by file name.

    Raises:
        AssistantError: There are none, or one is no record.
    """
    paths = sorted(directory.glob("*.json"))
    if not paths:
        raise AssistantError(
            f"No records in {directory}: write some with"
            " python -m assistant.evaluate.run --task T --record DIR."
        )
    records = []
    for path in paths:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict) or "rows" not in record or "task" not in record:
            raise AssistantError(f"{path} is no record of assistant.evaluate.run.")
        pictures = [path.with_suffix(".png"), path.with_name(f"{path.stem}__points.png")]
        record["pictures"] = [f"{directory.name}/{p.name}" for p in pictures if p.is_file()]
        records.append(record)
    return records


def page_text(records: Sequence[Record]) -> str:
    """The whole page."""
    names = sorted({record["task"] for record in records})
    sections = [_section(name, [r for r in records if r["task"] == name]) for name in names]
    return "\n".join([_HEAD, *sections])


def _section(task: str, records: Sequence[Record]) -> str:
    """A task: its table and where each line comes from."""
    columns = list(dict.fromkeys(m["name"] for r in records for m in _most(r)["metrics"]))
    head = ["method", "n", "failed", *columns, "run"]
    lines = [f"## {task}", "", _cells(head), _cells(["---"] * len(head))]
    sources = []
    for mark, record in enumerate(records, 1):
        lines += [_line(row, columns, record, mark) for row in record["rows"]]
        seconds = f", {record['seconds']:.0f} s of asking" if record["bundle"] else ""
        sources.append(
            f"{mark}. {record['date']}, commit {record['commit'] or 'unknown'}, {record['table']}"
            f"{seconds}{_trained(record)}: `{record['command']}`"
        )
    pictures = [f"![{task}]({name})" for r in records for name in r["pictures"]]
    return "\n".join([*lines, "", *sources, "", *([*pictures, ""] if pictures else [])])


def _most(record: Record) -> Record:
    """The row with the most numbers, which has the columns of all."""
    return max(record["rows"], key=lambda row: len(row["metrics"]))


def _line(row: Record, columns: Sequence[str], record: Record, mark: int) -> str:
    by_name = {metric["name"]: metric for metric in row["metrics"]}
    method = row["method"]
    if row["kind"] == "language model":
        retrieval = ", retrieval" if record["retrieval"] else ""
        bundle = record["bundle"]
        method = f"**{bundle['name']}** {bundle['sha256']}: {method}{retrieval}"
    cells = [_metric(by_name.get(name)) for name in columns]
    return _cells([method, f"{row['n']:,}", f"{row['failures']:,}", *cells, str(mark)])


def _metric(metric: Record | None) -> str:
    if metric is None:
        return ""
    value, low, high = (number_text(metric[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _trained(record: Record) -> str:
    return f", baselines from {record['n_train']:,} rows" if record["n_train"] else ""


def _cells(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.results", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--records", type=Path, default=RECORDS, help="directory of records")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    options = parser.parse_args(arguments)
    try:
        text = page_text(read_records(options.records))
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    options.page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
