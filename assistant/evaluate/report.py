"""A report: rows of one task side by side, with what is needed to get them again.

Files: `--json` writes everything, single answers included, for the person who asked; `--record`
writes the numbers alone, which may be published where the tables may not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from assistant import __version__
from assistant.commands import exit_status
from assistant.errors import UnreadableFileError
from assistant.evaluate.metrics.interval import Metric

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class ReportRow:
    """One method: the language model in an arm, a baseline, another system's answers.

    Attributes:
        method: Its name.
        kind: What wrote the answers.
        metrics: Its numbers.
        n: Questions.
        failures: Questions without a readable answer; they count as wrong.
        failed_to_ask: Of those, the ones that could not be put (too long, over a limit).
    """

    method: str
    kind: str
    metrics: Sequence[Metric]
    n: int
    failures: int = 0
    failed_to_ask: int = 0

    def to_json(self) -> dict[str, object]:
        """JSON types."""
        metrics = [metric.to_json() for metric in self.metrics]
        return {**vars(self), "metrics": metrics}


@dataclass(frozen=True)
class Report:
    """All rows of one run.

    Attributes:
        task: Full name.
        table: Name of the file that was asked.
        rows: Methods.
        command: What was typed, without directories.
        seed: Of the choice of rows and of the bootstrap.
        bundle: Name and hash of the bundle; empty without a model.
        arm: What was shown of a molecule.
        retrieval: Whether neighbours were put into the prompt.
        n_train: Rows the baselines learned from.
        seconds: Of asking.
        head: Name of the pair model head that was measured; "" without.
        outcomes: Every single answer; not in a published record.
    """

    task: str
    table: str
    rows: Sequence[ReportRow]
    command: str
    seed: int
    bundle: dict[str, str] = field(default_factory=dict)
    arm: str = "full"
    retrieval: bool = False
    n_train: int = 0
    seconds: float = 0.0
    head: str = ""
    outcomes: Sequence[dict[str, object]] = ()

    def to_json(self, *, with_outcomes: bool) -> dict[str, object]:
        """JSON types, with date and commit."""
        record = {
            **vars(self),
            "rows": [row.to_json() for row in self.rows],
            "date": datetime.now(UTC).date().isoformat(),
            "commit": commit(),
            "version": __version__,
            "outcomes": list(self.outcomes),
        }
        if not with_outcomes:
            del record["outcomes"]
        return record

    @property
    def file_name(self) -> str:
        """A name for the record that no other run of another kind has."""
        what = self.bundle.get("name") or ("pair_head" if self.head else "baselines")
        parts = [self.task.replace(":", "-"), what, self.arm]
        parts += ["retrieval"] if self.retrieval else []
        return "__".join([*parts, f"n{self.rows[0].n}", f"s{self.seed}"]) + ".json"


def write_report(report: Report, path: Path, *, with_outcomes: bool) -> None:
    """Writes a report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_json(with_outcomes=with_outcomes), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def commit() -> str:
    """The commit of this checkout, marked when tracked files differ from it; "" without git."""
    try:
        named = _git("rev-parse", "--short=10", "HEAD").strip()
        changed = _git("status", "--porcelain", "--untracked-files=no").strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{named} with changes" if changed else named


def _git(*arguments: str) -> str:
    found = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return found.stdout


def table_text(report: Report) -> str:
    """The report for a terminal: one block per method, a line per number."""
    lines = [f"{report.task}, {report.table}, seed {report.seed}, arm {report.arm}"]
    for row in report.rows:
        failed = f", {row.failures} failed" if row.failures else ""
        failed += f" ({row.failed_to_ask} could not be asked)" if row.failed_to_ask else ""
        lines += ["", f"{row.method} ({row.kind}), n = {row.n}{failed}"]
        lines += [f"  {m.name:<36} {interval_text(m)}" for m in row.metrics]
    return "\n".join(lines) + "\n"


def interval_text(metric: Metric) -> str:
    """Value with its interval, n where it is not that of the row."""
    numbers = (metric.value, metric.low, metric.high)
    value, low, high = (number_text(None if x != x else x) for x in numbers)
    return f"{value}  [{low}, {high}]  n = {metric.n}"


def number_text(value: float | None) -> str:
    """Four digits or so; a dash for what is not defined."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if 0.001 <= abs(value) < 1:
        return f"{value:.4f}"
    if abs(value) < 0.001:
        return f"{value:.2g}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def add_publishing_options(parser: argparse.ArgumentParser) -> None:
    """Options that `publish` reads."""
    add = parser.add_argument
    add("--json", type=Path, help="write the report with every answer here")
    add("--record", type=Path, help="write the numbers alone into this directory")
    add("--plots", type=Path, help="draw the report into this directory (PNG; extra: train)")


def make_writable(directory: Path) -> None:
    """Makes a directory if there is none yet.

    Raises:
        UnreadableFileError: Nothing can be written into it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise UnreadableFileError(
            f"Nothing can be written into {directory}: {error.strerror}. Name another directory."
        ) from error


def refuse_file(path: Path) -> None:
    """Refuses a place for `--json` where no file can be written; makes its directory.

    Raises:
        UnreadableFileError: It is a directory, or nothing can be written into its own.
    """
    if path.is_dir():
        raise UnreadableFileError(f"{path} is a directory; name a file with --json.")
    make_writable(path.parent)


def publish(report_of: Callable[[argparse.Namespace], Report], args: argparse.Namespace) -> int:
    """Makes a report, prints it and writes it where the options say; 1 when it cannot be made.

    Where it cannot be written is said before hours of measuring, not after them.
    """
    return exit_status(lambda: _publish(report_of, args), after_stop="stopped; no report is made")


def _publish(report_of: Callable[[argparse.Namespace], Report], args: argparse.Namespace) -> int:
    for directory in (args.record, args.plots):
        if directory is not None:
            make_writable(directory)
    if args.json is not None:
        refuse_file(args.json)
    report = report_of(args)
    sys.stdout.write(table_text(report))
    if args.json is not None:
        write_report(report, args.json, with_outcomes=True)
    if args.record is not None:
        write_report(report, args.record / report.file_name, with_outcomes=False)
    if args.plots is not None:
        from assistant.evaluate.plots import draw_report

        draw_report(report, args.plots)
    return 0
