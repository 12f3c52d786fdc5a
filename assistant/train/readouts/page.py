"""Writes the page of the study from its record; every number on it is the record's."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template

from assistant.evaluate.report import number_text
from assistant.train.readouts.costs import N_ATOMS
from assistant.train.readouts.measure import Record
from assistant.train.readouts.recipe import BASELINE
from assistant.train.readouts.run import OWN

_PAGE = Template((Path(__file__).parent / "page_template.md").read_text(encoding="utf-8"))

WHAT = {
    "all": "LLaMo's projector: 4 queries and an attention for each level, 4 queries for the motifs",
    "last": "the same projector, the last level in all places",
    "first": "the same projector, the atom embedding (h0) in all places",
    "mean": "the same projector, the mean of the levels in all places",
    "skip": "the same projector, h1, h3 and h5, each in two places",
    "last, short": "the last level in one place",
    "no motifs": "without the motif queries",
    "shared attention": "one attention for all levels, as LLaMo's published code has it",
    "mlp, first": "h0's mean over the atoms, two linear maps",
    "mlp, last": "the last level's mean over the atoms, two linear maps",
    "mlp, all": "all levels' means over the atoms side by side, two linear maps",
    "q-former": "28 queries, two layers; the first looks at the atoms of all levels; no motifs",
}


def page_text(record: Record, *, variants_picture: str, layers_picture: str) -> str:
    """The whole page.

    Args:
        record: As the command writes it.
        variants_picture: File name of the picture of the errors, beside the page.
        layers_picture: File name of the picture over the levels.
    """
    questions = record["questions"]
    n_compared = sum(len(question["differences"]) for question in questions)
    rows = [row for question in questions for row in question["rows"]]
    smoothed = {entry["task"]: entry["n"] for entry in record["smoothing"]}
    hashes = (f"{name} `{digest}`" for name, digest in record["encoders"].items())
    return _PAGE.substitute(
        command=record["command"],
        date=record["date"],
        commit=record["commit"],
        trained_commit=", ".join(sorted({c for row in rows for c in row.get("commits", ())})),
        file=record["file"],
        encoders=", ".join(hashes),
        main=record["main"],
        batch=record["batch"],
        lr=f"{record['lr']:g}",
        n_compared=n_compared,
        n_chance=f"{0.05 * n_compared:.1f}",
        in_short="\n".join(_in_short(question, record) for question in questions),
        variants_picture=variants_picture,
        layers_picture=layers_picture,
        n_atoms=N_ATOMS,
        readers=_table(_readers(record)),
        questions="\n".join(_question(question, record) for question in questions),
        n_smoothed=", ".join(f"{task} {n:,}" for task, n in smoothed.items()),
        smoothing=_table(_smoothing(record["smoothing"])),
        generators=_table(_generators(record["generators"])),
    )


def _in_short(question: Record, record: Record) -> str:
    main = record["main"]
    base = next(
        row["metrics"][0]
        for row in question["rows"]
        if _is_own(row, main) and row["variant"] == BASELINE
    )
    said: dict[str, list[str]] = {"better": [], "worse": [], "no difference shown": []}
    for entry in question["differences"]:
        if _is_own(entry, main):
            change = f"{100 * (entry['a'] / entry['b'] - 1):+.1f} %"
            change += ", one seed" if len(entry["seeds"]) == 1 else ""
            said[entry["verdict"]].append(f"*{entry['variant']}* ({change})")
    texts = [f"{verdict}: {', '.join(names)}" for verdict, names in said.items() if names]
    against = f" Against it, {'; '.join(texts)}." if texts else ""
    beside = [
        f"{row['control']} {number_text(row['metrics'][0]['value'])}"
        for row in question["rows"]
        if row["encoder"] == main and row["control"] != OWN
    ]
    beside += [
        f"{entry['method']} {number_text(entry['metrics'][0]['value'])}"
        for entry in question["baselines"]
    ]
    return (
        f"- `{question['task']}`: {base['name']} of *{BASELINE}* {_value(base)}.{against} Beside:"
        f" {', '.join(beside)}. Linear probes of the last level's mean, and of all levels':"
        f" {'; '.join(_probes(question, record))}."
    )


def _probes(question: Record, record: Record) -> Iterator[str]:
    """Errors of the last level and of all, an encoder after the other."""
    for entry in record["smoothing"]:
        if entry["task"] == question["task"]:
            probes = (entry["levels"][-1]["probe"][0], entry["probe"][0])
            last, everything = (number_text(probe["value"]) for probe in probes)
            yield f"*{entry['encoder']}* {last}, {everything}"


def _is_own(row: Record, encoder: str) -> bool:
    return row["encoder"] == encoder and row["control"] == OWN


def _readers(record: Record) -> Iterator[Sequence[str]]:
    yield "variant", "what it is", "parameters", "tokens", "step, ms", "molecule, ms", "kept, MB"
    for cost in record["costs"]:
        yield (
            cost["variant"],
            WHAT[cost["variant"]],
            f"{cost['parameters']:,}",
            str(cost["tokens"]),
            f"{1000 * cost['step_seconds']:.0f}",
            f"{1000 * cost['forward_seconds']:.2f}",
            f"{cost['kept_bytes'] / 1e6:.1f}",
        )


def _question(question: Record, record: Record) -> str:
    unread = f", {question['unread']} unreadable rows left out" if question["unread"] else ""
    text = (
        f"\n## {question['task']}\n{question['n_train']:,} training rows, {question['n_test']:,}"
        f" test rows{unread}; {question['steps']:,} steps. Deviation of the training values"
        f" {number_text(question['deviation'])}. Differences are to *{BASELINE}* on the same"
        " encoder with the same seeds, paired over rows; below 0 is better. *step* is the mean of a"
        " training step on these rows in processor time.\n\n"
    )
    return text + _table(_errors(question, record))


def _errors(question: Record, record: Record) -> Iterator[Sequence[str]]:
    names = [metric["name"] for metric in question["rows"][0]["metrics"]]
    yield (
        "variant",
        "encoder",
        "seeds",
        *names,
        f"difference of {names[0]}",
        "single seeds",
        "verdict",
        "step, ms",
    )
    differences = {_key(entry): entry for entry in question["differences"]}
    for row in question["rows"]:
        yield _error_row(row, differences.get(_key(row)))
    for entry in record["smoothing"]:
        if entry["task"] == question["task"]:
            yield _plain_row("linear probe, all levels", entry["encoder"], entry["probe"])
    for baseline in question["baselines"]:
        yield _plain_row(baseline["method"], "–", baseline["metrics"])


def _key(row: Record) -> tuple[str, str, str]:
    return row["encoder"], row["variant"], row["control"]


def _error_row(row: Record, difference: Record | None) -> Sequence[str]:
    name = row["variant"] if row["control"] == OWN else f"{row['variant']}, {row['control']}"
    seconds = row.get("seconds_per_step")
    compared = ("", "", "")
    if difference is not None:
        change = {**difference, "value": difference["a"] - difference["b"]}
        single = ", ".join(map(number_text, difference["single"]))
        compared = (_value(change), single, difference["verdict"])
    step = f"{1000 * seconds:.0f}" if seconds else ""
    seeds = ", ".join(map(str, row["seeds"]))
    return name, row["encoder"], seeds, *map(_value, row["metrics"]), *compared, step


def _plain_row(name: str, encoder: str, metrics: Sequence[Record]) -> Sequence[str]:
    return name, encoder, "", *map(_value, metrics), "", "", "", ""


def _smoothing(entries: Sequence[Record]) -> Iterator[Sequence[str]]:
    name = entries[0]["probe"][0]["name"].partition(" ")[0]
    yield "task", "encoder", "level", "MAD", "cosine", "within", f"probe, {name}"
    for entry in entries:
        for level, values in enumerate(entry["levels"]):
            numbers = (f"{values[key]:.3f}" for key in ("mad", "cosine", "within"))
            probe = _value(values["probe"][0])
            yield entry["task"], entry["encoder"], f"h{level}", *numbers, probe


def _generators(entries: Sequence[Record]) -> Iterator[Sequence[str]]:
    yield "for", "rank", "every", "parameters", "parameters, MB", "A, MB", "molecule, s"
    for entry in entries:
        yield (
            f"{entry['shape']} (D {entry['d_model']}, {entry['n_blocks']} blocks)",
            str(entry["rank"]),
            str(entry["every"]),
            f"{entry['parameters']:,}",
            f"{4 * entry['parameters'] / 1e6:.1f}",
            f"{entry['bytes_per_molecule'] / 1e6:.2f}",
            f"{entry['seconds']:.3f}",
        )


def _value(metric: Record) -> str:
    value, low, high = (number_text(metric[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _table(rows: Iterator[Sequence[str]]) -> str:
    """Markdown of a head and its rows."""
    head = list(next(rows))
    return "\n".join(map(_cells, [head, ["---"] * len(head), *rows]))


def _cells(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"
