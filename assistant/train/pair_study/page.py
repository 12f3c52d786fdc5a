"""The study as Markdown: a table per question, costs, verdicts, and what does not follow."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from assistant.evaluate.metrics.interval import Metric
from assistant.evaluate.report import number_text
from assistant.train.pair_study.measure import Measured, Scores
from assistant.train.pair_study.recipe import StudyRecipe, StudyTask, Variant
from assistant.train.pair_study.rows import StudyRows

_MIB = 2**20
SIMPLE = "simple methods"

_LIMITS = (
    "- Small heads trained for a short time on a part of the rows; no language model takes part."
    " What a variant reaches here is less than a head that is trained out, and a part that needs"
    " more rows or more steps than these is at a disadvantage.",
    "- Steps, learning rate, widths and dropout are the recipe's for every variant, whichever they"
    " suit best, and parameters differ as the tables say. Nothing was chosen on test rows.",
    "- Intervals of a number are drawn over rows, as `assistant.evaluate.run` does, and are too"
    " narrow for it: rows of one molecule rise and fall together. Those of a difference are drawn"
    " over the molecules that make a row new; that pairs share their known partners is not in them."
    " A verdict also needs every seed to say the same. Nothing is corrected for the"
    " number of comparisons: of twenty true nulls one may look like a difference.",
    "- *No difference shown* is not *no difference*: the interval says how large one may still be.",
)


def page_text(
    study: StudyRecipe,
    found: Mapping[str, Sequence[Measured]],
    rows: Mapping[str, StudyRows],
    seeds: Sequence[int],
    *,
    command: str,
    picture: str,
) -> str:
    """The page.

    Args:
        study: What was asked for.
        found: Lines by task.
        rows: Rows by task.
        seeds: Those that are complete.
        command: What was typed, without directories.
        picture: File name of the plot, beside the page.
    """
    cells = [cell for lines in found.values() for line in lines for cell in line.cells]
    commits = ", ".join(f"`{name}`" for name in sorted({cell.commit for cell in cells}))
    parts = [
        "# What does a pair model need?",
        "",
        f"`{command}`, trained {_span(cell.date for cell in cells)} from commit {commits}. Variants"
        " of one recipe, each trained apart by the code of `assistant.train.pairs` on the same"
        " rows, for the same steps in the same order; seeds"
        f" {', '.join(map(str, seeds))}. Numbers: mean over the seeds with a 95 % bootstrap"
        " interval over test rows. Differences: variant minus what it is compared with, on the same"
        " rows. *With another's second molecule*: the trained variant reads another row's in the"
        " test alone; what that changes is what the pair's own one is worth to it.",
        "",
        f"![numbers of all variants with their intervals]({picture})",
    ]
    for task in study.tasks:
        parts += _task(study, task, found[task.name], rows[task.name])
    said = [*_LIMITS, *(f"- {remark}" for remark in study.remarks)]
    return "\n".join([*parts, "", "## What this can and cannot say", *said]) + "\n"


def _span(dates: Iterable[str]) -> str:
    ends = sorted(set(dates))
    return ends[0] if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"


def _task(
    study: StudyRecipe, task: StudyTask, lines: Sequence[Measured], rows: StudyRows
) -> list[str]:
    variants = {variant.name: variant for variant in study.variants_of(task)}
    groups = list(dict.fromkeys(variant.group for variant in variants.values()))
    parts = ["", f"## {task.name}", _said_of_rows(task, rows)]
    for group in (*groups, SIMPLE):
        chosen = [line for line in lines if _group(line, variants) == group]
        if all(line.name != task.baseline for line in chosen):
            chosen = [*(line for line in lines if line.name == task.baseline), *chosen]
        parts += ["", f"### {group[0].upper()}{group[1:]}", *_table(chosen, variants)]
    parts += ["", "### What it cost", *_costs([line for line in lines if line.cells])]
    return [*parts, "", "### In short", *_verdicts(lines)]


def _group(line: Measured, variants: Mapping[str, Variant]) -> str:
    return variants[line.name].group if line.name in variants else SIMPLE


def _said_of_rows(task: StudyTask, rows: StudyRows) -> str:
    table, recipe = rows.table, task.recipe
    train, test = (table.rows(split) for split in ("train", "test"))
    new = Scores(task, table).n_molecules
    order = "rows" if recipe.by_rows else "drugs" if recipe.is_symmetric else "first molecules"
    said = (
        f"{recipe.source.path}, split `{recipe.source.split}`: {len(train):,} training rows of"
        f" {_n_first(table.pairs[train], recipe.is_symmetric):,}"
        f" {'drugs' if recipe.is_symmetric else 'first molecules'}, {len(test):,} test rows with"
        f" {new:,} molecules that training never saw. Molecules of at most {task.max_atoms} heavy"
        f" atoms ({rows.n_large:,} training and test rows left out); {recipe.epochs} epochs of"
        f" steps of {recipe.batch} {order}, learning rate {recipe.lr:g}."
    )
    if not rows.n_molecules:
        return said
    plural = "s" if task.n_conformers > 1 else ""
    return (
        f"{said} RDKit found {task.n_conformers} conformer{plural} (ETKDGv3, MMFF94s) for all but"
        f" {rows.n_shapeless} of {rows.n_molecules:,} molecules"
        f" ({rows.n_shapeless / rows.n_molecules:.2%}); the {rows.n_shapeless_rows:,} rows with one"
        f" of those are left out for every variant. A conformer search took"
        f" {1000 * rows.seconds_per_shape:.0f} ms of processor time a molecule, all views together"
        f" {1000 * rows.seconds_of_views:.1f} ms; both once, not counted below."
    )


def _n_first(pairs: np.ndarray, is_symmetric: bool) -> int:
    return len(np.unique(pairs if is_symmetric else pairs[:, 0]))


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(lines: Sequence[Measured], variants: Mapping[str, Variant]) -> list[str]:
    names = [metric.name for metric in lines[0].metrics]
    head = ["variant", "what it is", *names, "with another's second molecule"]
    head += ["compared with", "difference", "95 %", "single seeds", "verdict"]
    table = [_row(head), _row(["---"] * len(head))]
    for line in lines:
        says = variants[line.name].says if line.name in variants else ""
        numbers = map(_cell, line.metrics)
        table.append(_row([line.name, says, *numbers, _other_cell(line), *_difference_cells(line)]))
    return table


def _cell(metric: Metric) -> str:
    value, low, high = map(_text, (metric.value, metric.low, metric.high))
    return f"{value} [{low}, {high}]"


def _other_cell(line: Measured) -> str:
    """What becomes of the first number, and by how much it changes."""
    d = line.other
    if d is None:
        return "–"
    return f"{_text(d.a)}: {_signed(d.a - d.b)} [{_signed(d.low)}, {_signed(d.high)}]"


def _signed(value: float) -> str:
    return f"+{_text(value)}" if value > 0 else _text(value)


def _text(value: float) -> str:
    return number_text(None if value != value else value)


def _difference_cells(line: Measured) -> list[str]:
    d = line.difference
    if d is None:
        return ["–"] * 5
    singles = ", ".join(map(_signed, d.single))
    change = (_signed(d.a - d.b), f"[{_signed(d.low)}, {_signed(d.high)}]")
    return [line.against, *change, singles, line.verdict]


def _costs(lines: Sequence[Measured]) -> list[str]:
    head = ["variant", "trained parameters", "ms a step", "ms a pair", "MiB kept by a step"]
    table = [_row(head), _row(["---"] * len(head))]
    slowest = 1.0
    for line in lines:
        steps, pairs = (
            [getattr(cell, name) for cell in line.cells]
            for name in ("seconds_per_step", "seconds_per_pair")
        )
        slowest = max(slowest, *(max(times) / min(times) for times in (steps, pairs)))
        times = (_text(1000 * min(steps)), _text(1000 * min(pairs)))
        kept = _text(np.mean([cell.kept_bytes for cell in line.cells]) / _MIB)
        table.append(_row([line.name, f"{line.cells[0].parameters:,}", *times, kept]))
    n_steps = lines[0].cells[0].steps
    return [
        *table,
        "",
        f"Trainings of {n_steps:,} steps each. Time is processor time of one thread, the fastest of"
        " the seeds since the machine was shared (the slowest took up to"
        f" {slowest:.1f} times as long): a step with its backward pass, update and its"
        " share of settling the head once; a pair"
        " when all test pairs are predicted together and each molecule is encoded once, its graph,"
        " views and conformers at hand. Memory is what the tensors of the first step's forward pass"
        " keep for the backward pass, counted tensor by tensor, parameters apart (weights,"
        " gradients, AdamW's two moments, the running mean and its copy are 24 bytes a parameter);"
        " it is the peak of a step but for what single operations need in passing.",
    ]


def _verdicts(lines: Sequence[Measured]) -> list[str]:
    said = []
    for verdict in ("better", "worse", "no difference shown"):
        chosen = [line for line in lines if line.verdict == verdict]
        by_known: dict[str, list[str]] = {}
        for line in chosen:
            by_known.setdefault(line.against, []).append(line.name)
        for known, names in by_known.items():
            words = {"better": f"Better than {known}", "worse": f"Worse than {known}"}
            begun = words.get(verdict, f"No difference from {known} shown")
            said.append(f"- {begun}: {'; '.join(names)}.")
    return said
