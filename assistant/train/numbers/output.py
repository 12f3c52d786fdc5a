"""Writes a finished run: encoder, projector, LoRA, which molecules they are for, curve and card."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from torch import nn

from assistant.adapters.peft_format import write_peft_lora
from assistant.adapters.weights import LoraWeights, LowRank
from assistant.checkpoint import (
    CONFIG,
    WEIGHTS,
    ComponentInfo,
    copy_into_place,
    save_component,
    store_in_eight_bit,
)
from assistant.errors import AssistantError
from assistant.specialist.number_files import ENCODER, LORA, NUMBERS, PROJECTOR
from assistant.train import licences
from assistant.train.curves import read_log, save_small
from assistant.train.numbers.run import READ, WRITE, NumbersRun

_CARD = Template((Path(__file__).parent / "card_template.md").read_text(encoding="utf-8"))
_PICTURE = "loss.png"


def write_numbers(run: NumbersRun, *, command: str) -> Path:
    """Writes what a run has trained into its directory.

    Args:
        run: Finished.
        command: The exact command, for the card.
    """
    directory = write_parts(run)
    rows = read_log(run.directory / "log.jsonl", "stage", "step")
    draw(rows, directory / _PICTURE)
    (directory / "README.md").write_text(card_text(run, rows, command), encoding="utf-8")
    return directory


def write_parts(run: NumbersRun) -> Path:
    """Writes what serving needs into a run's directory, without picture and card."""
    directory = run.directory / run.recipe.name
    llm = run.writer.llm.fingerprint
    for name, module in ((ENCODER, run.reader.encoder), (PROJECTOR, run.reader.projector)):
        _save(directory / name, name, module, llm)
    write_peft_lora(directory / LORA, _in_half(run.writer.lora.weights()), base_model=llm)
    run.info.write(directory)
    return directory


def _in_half(weights: LoraWeights) -> LoraWeights:
    return {
        name: LowRank(part.lora_A.bfloat16(), part.lora_B.bfloat16(), part.scaling)
        for name, part in weights.items()
    }


def _save(directory: Path, name: str, module: nn.Module, llm: str) -> None:
    save_component(directory, module, module.config, ComponentInfo(name, base_model=llm))
    store_in_eight_bit(directory / WEIGHTS)


def put_into(specialist: Path, numbers: Path) -> Path:
    """Copies what `write_numbers` wrote into a specialist, in the place of an older one.

    Raises:
        BundleError: Something else stands in that place.
    """
    place = specialist / NUMBERS / numbers.name
    place.parent.mkdir(exist_ok=True)
    copy_into_place(numbers, place, mark=CONFIG)
    return place


def draw(rows: Sequence[Mapping], picture: Path) -> None:
    """Errors of held-out molecules over the training's minutes, both stages."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    before = 0.0
    for stage, label in ((READ, "read by a linear head"), (WRITE, "written by the model")):
        own = [row for row in rows if row["stage"] == stage and "held_out" in row]
        minutes = [before + row["seconds"] / 60 for row in own]
        axes.plot(minutes, [row["held_out"] for row in own], "o-", label=label)
        before = minutes[-1] if minutes else before
    axes.set(xlabel="minutes", ylabel="mean absolute error, held out")
    axes.set_ylim(0, None)
    axes.legend()
    save_small(figure, picture)


def card_text(run: NumbersRun, rows: Sequence[Mapping], command: str) -> str:
    """The card.

    Raises:
        AssistantError: The run has measured nothing.
    """
    errors = {row["stage"]: row["held_out"] for row in rows if "held_out" in row}
    if len(errors) < 2:
        raise AssistantError(f"{run.directory} has no held-out figures; train it to its end.")
    value, reader = run.writer.value, run.reader
    others = run.error(run.data.held_out, shift=1)
    return _CARD.substitute(
        key=value.key,
        unit=value.unit,
        encoder=f"{_count(reader.encoder):,}",
        projector=f"{_count(reader.projector):,}",
        lora=f"{_count(run.writer.lora):,}",
        command=command,
        date=datetime.now(UTC).date().isoformat(),
        table=run.data.source,
        learned=f"{len(run.data.learned.values):,}",
        held_out=f"{len(run.data.held_out.values):,}",
        read_minutes=f"{run.seconds[READ] / 60:.0f}",
        write_minutes=f"{run.seconds[WRITE] / 60:.0f}",
        read_epochs=f"{run.recipe.read_epochs:g}",
        write_epochs=f"{run.recipe.write_epochs:g}",
        read_error=f"{errors[READ]:.4f}",
        own=f"{errors[WRITE]:.4f}",
        others=f"{others:.4f}",
        domain=run.data.domain.in_words,
        sources="\n".join(
            f"- {line}" for line in licences.source_lines("labels", [run.data.source])
        ),
    )


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
