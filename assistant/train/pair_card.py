"""The card of a pair head and the picture of its training."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from assistant.chem.pairs import pair_task
from assistant.graph.pairs.head import PairHead
from assistant.pairing.figures import HeadFigures, TaskFigures
from assistant.train.curves import read_log
from assistant.train.pair_recipe import PairRecipe, Sizes
from assistant.train.pair_tables import PairTable


def card_text(
    recipe: PairRecipe,
    table: PairTable,
    head: PairHead,
    figures: HeadFigures,
    best: dict[str, float],
    log: Path,
) -> str:
    """The card, Markdown; `log` is that of the training."""
    n_weights = sum(parameter.numel() for parameter in head.parameters())
    sizes = recipe.sizes
    first, second = head.config.roles
    counts = ", ".join(f"{len(table.rows(s)):,} {s}" for s in ("train", "valid", "test"))
    lines = [
        f"# Pair model head: {first} and {second}",
        "",
        f"Predicts {', '.join(pair_task(t).quantity or 'interaction' for t in recipe.tasks)}."
        " The numbers are a regression or classification head's, never the language model's text.",
        "",
        f"- Model: {_encoders(sizes)}; {sizes.n_tokens} tokens of width {sizes.d_model};"
        f" interaction {sizes.interaction}; head of two layers{_additive(sizes)}."
        f" {n_weights:,} weights, stored in 16 bit.",
        f"- Data: {recipe.licence}.",
        f"- Rows: {counts}; {table.n_unread} not read, {table.n_leaking} left out of training since"
        " they stand in validation or test too.",
        f"- Kept: the running mean of the weights at epoch {best.get('epoch', recipe.epochs)} of"
        f" {recipe.epochs}{_looked(read_log(log, 'epoch'))}.",
        f"- Command: `{figures.command}`",
        "",
        f"## Test rows, measured {figures.date}",
        "",
        "| task | unit | n | MAE | RMSE | MAE of the nearest pair's value | ROC-AUC"
        " | training pairs | mean of their values |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_line(name, one) for name, one in figures.tasks.items()),
        "",
        "Error by similarity to the nearest training pair (Tanimoto of Morgan fingerprints; a pair"
        " is as similar as the less similar of its molecules; n in brackets):",
        "",
        *_bins(figures),
        "",
        *(f"- {remark}" for remark in figures.remarks),
        "",
        "![loss](loss.png)",
    ]
    if not recipe.shipped:
        lines.insert(3, "\n**Not to be given away**: see the terms of the data below.")
    return "\n".join(lines) + "\n"


def _encoders(sizes: Sizes) -> str:
    found = []
    if sizes.encoder:
        found.append(
            f"{sizes.encoder} encoder, {sizes.n_layers} rounds, alignment {sizes.alignment}"
        )
    if sizes.views:
        found.append(f"views {', '.join(sizes.views)} to one state of {sizes.view_width}")
    return "; ".join(found)


def _additive(sizes: Sizes) -> str:
    if not sizes.additive:
        return ""
    views = ", ".join(sizes.additive)
    return f"; added to it what each molecule gives by ridge regression on its view {views}"


def _looked(rows: Sequence[Mapping[str, float]]) -> str:
    """How often the validation rows were looked at: the best of one look is no choice."""
    epochs = [row["epoch"] for row in rows if any(key.startswith("valid ") for key in row)]
    if len(epochs) > 1:
        shown = ", ".join(map(str, epochs))
        return f", the best of {len(epochs)} looks at the validation rows (epochs {shown})"
    return ", the only look at the validation rows" if epochs else ""


def _line(name: str, one: TaskFigures) -> str:
    task = pair_task(name)
    unit = f"log10 {task.unit}" if one.logarithmic else task.unit or "–"
    cells = [
        name,
        unit,
        f"{one.n_test:,}",
        *(_cell(v) for v in (one.mae, one.rmse, one.copied, one.auc)),
    ]
    # The mean is of the values themselves, also where their logarithm is learned.
    mean = f"{_cell(one.base)} {task.unit}".rstrip()
    return f"| {' | '.join([*cells, f'{one.n_train:,}', mean])} |"


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _bins(figures: HeadFigures) -> list[str]:
    edges = next(iter(figures.tasks.values())).bins
    head = ["task", *(f"{b.low:g}–{b.high:g}" for b in edges)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, one in figures.tasks.items():
        cells = [f"{b.error:.3g} ({b.n})" if b.n else "–" for b in one.bins]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return lines


def draw_curve(log: Path, picture: Path) -> None:
    """Training loss and the validation figure of the first task over epochs."""
    from matplotlib.figure import Figure

    rows = read_log(log, "epoch")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([r["epoch"] for r in rows], [r["loss"] for r in rows], lw=1, label="training loss")
    axes.set(xlabel="epoch", ylabel="loss (standardised)", ylim=(0, None))
    name = next((key for row in rows for key in row if key.startswith("valid ")), "")
    lines = axes.get_lines()
    if name:
        looked = [row for row in rows if name in row]
        second = axes.twinx()
        second.plot(
            [r["epoch"] for r in looked],
            [r[name] for r in looked],
            "o-",
            color="tab:green",
            label=name,
        )
        second.set_ylabel(name)
        lines = [*lines, *second.get_lines()]
    axes.legend(lines, [line.get_label() for line in lines])
    figure.savefig(picture, dpi=100)
