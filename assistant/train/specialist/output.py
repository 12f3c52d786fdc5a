"""Writes a finished specialist: language model in NF4, tokenizer, what it answers, loss, card."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from assistant.bundle import SPECIALIST, Bundle
from assistant.checkpoint import copy_into_place
from assistant.errors import AssistantError
from assistant.specialist.directory import LLM, SpecialistInfo
from assistant.train import nf4
from assistant.train.curves import read_log, save_small
from assistant.train.export import save_nf4
from assistant.train.specialist.run import SpecialistRun

_CARD = Template((Path(__file__).parent / "card_template.md").read_text(encoding="utf-8"))


def write_specialist(run: SpecialistRun, *, command: str) -> Path:
    """Writes what a run has trained into its directory.

    Args:
        run: Its time is used.
        command: The exact command, for the card.
    """
    directory = run.directory / SPECIALIST
    directory.mkdir(parents=True, exist_ok=True)
    llm = run.llm.cpu()
    nf4.round_to_nf4(llm)
    save_nf4(llm, run.tokenizer, directory / LLM)
    SpecialistInfo(tasks=tuple(task.name for task in run.recipe.tasks)).write(directory)
    rows = read_log(run.directory / "log.jsonl", "step")
    draw_loss(rows, directory / "loss.png")
    (directory / "README.md").write_text(card_text(run, rows, command), encoding="utf-8")
    return directory


def put_into(bundle: Path, specialist: Path) -> Path:
    """Copies a specialist into a bundle, in the place of an older one, and names it there.

    Args:
        bundle: Directory of a bundle.
        specialist: What `write_specialist` wrote.

    Raises:
        BundleError: There is no such bundle, or something else stands in that place.
    """
    known = Bundle.read(bundle)
    place = bundle / SPECIALIST
    copy_into_place(specialist, place, mark=f"{LLM}/config.json")
    known.with_component(SPECIALIST, SPECIALIST)
    return place


def draw_loss(rows: Sequence[Mapping], picture: Path) -> None:
    """Training loss and held-out losses over training tokens."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    steps = [row for row in rows if "loss" in row]
    axes.plot([r["tokens"] / 1e6 for r in steps], [r["loss"] for r in steps], lw=0.8, label="loss")
    measured = [row for row in rows if "held_out" in row]
    for name in measured[-1]["held_out"]:
        own = [(r["tokens"] / 1e6, r["held_out"][name]) for r in measured]
        axes.plot(*zip(*own, strict=True), "o-", label=f"held out, {name}")
    axes.set(xlabel="training tokens (millions)", ylabel="cross-entropy of the answers")
    axes.set_ylim(0, None)
    axes.legend()
    save_small(figure, picture)


def card_text(run: SpecialistRun, rows: Sequence[Mapping], command: str) -> str:
    """The card of a specialist.

    Raises:
        AssistantError: The run has measured nothing.
    """
    measured = [row["held_out"] for row in rows if "held_out" in row]
    if not measured:
        raise AssistantError(f"{run.directory} has no held-out figures; train it to its end.")
    figures = (
        f"| {name} | {len(run.data.learned[name]):,} | {len(run.data.held_out[name])} | {loss} |"
        for name, loss in measured[-1].items()
    )
    return _CARD.substitute(
        parameters=f"{sum(p.numel() for p in run.llm.parameters()):,}",
        tasks=" and ".join(task.name for task in run.recipe.tasks),
        command=command,
        date=datetime.now(UTC).date().isoformat(),
        minutes=f"{run.seconds / 60:.1f}",
        steps=f"{run.step:,}",
        tokens=f"{run.tokens / 1e6:.1f}",
        figures="\n".join(figures),
        sources="\n".join(f"- {line}" for line in run.data.lines),
    )
