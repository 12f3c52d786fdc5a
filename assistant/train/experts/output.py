"""Writes a run as a bundle: the base's parts where they lie, the experts beside them, a card."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from assistant.bundle import Bundle
from assistant.train.curves import read_log
from assistant.train.experts.data import Family
from assistant.train.experts.model import GATE, ExpertsModel
from assistant.train.experts.run import ExpertsRun

EXPERTS = "experts"

_CARD = Template((Path(__file__).parent / "card_template.md").read_text(encoding="utf-8"))


def write_bundle(run: ExpertsRun, base: Bundle, *, command: str) -> Bundle:
    """Writes what a finished run has trained as a bundle in its directory.

    Args:
        run: All phases done.
        base: The bundle it was trained beside; its parts are named, not copied.
        command: The exact command, for the card.
    """
    directory = run.directory / "bundle"
    directory.mkdir(parents=True, exist_ok=True)
    model: ExpertsModel = run.model.cpu()
    model.experts.write(directory / EXPERTS)
    rows = read_log(run.directory / "log.jsonl", "phase", "step")
    draw_loss(rows, directory / "loss.png")
    (directory / "README.md").write_text(card_text(run, rows, base, command), encoding="utf-8")
    places = {name: str(path.resolve()) for name, path in base.components.items()}
    return Bundle.write(
        directory,
        f"{base.name} with experts",
        places | {EXPERTS: EXPERTS},
        hub_llm=base.hub_llm,
        reads_names=base.reads_names,
        most_molecules=base.most_molecules,
        cannot=base.cannot,
    )


def draw_loss(rows: Sequence[Mapping], picture: Path) -> None:
    """Training loss of each phase over its steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for phase in dict.fromkeys(row["phase"] for row in rows):
        own = [row for row in rows if row["phase"] == phase and "loss" in row]
        smooth = _smoothed([row["loss"] for row in own])
        axes.plot([row["step"] for row in own], smooth, label=phase)
    axes.set(xlabel="step of the phase", ylabel="cross-entropy of the answers", ylim=(0, None))
    axes.legend()
    figure.savefig(picture, dpi=110)


def _smoothed(losses: Sequence[float], keep: float = 0.9) -> list[float]:
    """An exponential mean, for steps of few conversations scatter."""
    smooth: list[float] = []
    for loss in losses:
        smooth.append(loss if not smooth else keep * smooth[-1] + (1 - keep) * loss)
    return smooth


def card_text(run: ExpertsRun, rows: Sequence[Mapping], base: Bundle, command: str) -> str:
    """The card of a run's bundle."""
    held_out = {row["phase"]: row["held_out"] for row in rows if "held_out" in row}
    recipe, experts = run.recipe, run.model.experts
    return _CARD.substitute(
        base=base.name,
        base_sha256=base.digest(),
        date=datetime.now(UTC).date().isoformat(),
        command=command,
        minutes=f"{run.seconds / 60:.1f}",
        rank=recipe.lora.rank,
        targets=", ".join(recipe.lora.targets),
        parameters=f"{sum(p.numel() for p in experts.loras.parameters()):,}",
        gate_parameters=f"{sum(p.numel() for p in experts.gate.parameters()):,}",
        gate_steps=recipe.gate_steps,
        held_out=recipe.held_out,
        batch=recipe.batch,
        families="\n".join(_family_row(family) for family in run.families),
        figures="\n".join(_figure_row(name, held_out) for name in experts.loras),
    )


def _family_row(family: Family) -> str:
    read = "; ".join(family.lines)
    return f"| {family.expert.name} | {len(family.records):,} | {family.expert.steps} | {read} |"


def _figure_row(name: str, held_out: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    own, mixed = held_out.get(name, {}).get(name, {}), held_out.get(GATE, {}).get(name, {})
    figures = [own.get("without", "–"), own.get(name, "–"), mixed.get(GATE, "–")]
    return f"| {name} | {' | '.join(str(figure) for figure in figures)} |"
