"""Writes a run as a component: encoder as safetensors, its card and sources, the loss curve."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from assistant.checkpoint import ComponentInfo, save_component
from assistant.train import licences
from assistant.train.curves import read_log
from assistant.train.encoder.run import EncoderRun
from assistant.train.encoder.targets import DESCRIPTORS
from assistant.train.provenance import Provenance

_CARD = Template((Path(__file__).parent / "card_template.md").read_text(encoding="utf-8"))


def write_encoder(run: EncoderRun, directory: Path, *, command: str) -> None:
    """Writes the encoder with its card; an older one is replaced as a whole.

    Args:
        run: As far as it was trained.
        directory: Of the component.
        command: The exact command, for the card.
    """
    encoder = run.model.encoder.eval()
    info = ComponentInfo("encoder", notes=f"pre-trained, {run.step} steps; command: {command}")
    rows = read_log(run.directory / "log.jsonl", "step")
    sources = _sources(run)
    card = _card(run, rows, command, sources)
    save_component(directory, encoder, encoder.config, info, card=card)
    Provenance(run.recipe.licensed_only, tuple(sources)).write(directory)
    draw_loss(rows, directory / "loss.png")


def draw_loss(rows: Sequence[dict], picture: Path) -> None:
    """Every part of the loss over the steps: lines in training, points held out."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(n for row in rows for n in row.get("held_out", {})))
    for place, name in enumerate(names):
        training = [(r["step"], r[name]) for r in rows if name in r]
        held_out = [(r["step"], r["held_out"][name]) for r in rows if name in r.get("held_out", {})]
        if training:
            axes.plot(*zip(*training, strict=True), lw=0.8, color=f"C{place}")
        axes.plot(*zip(*held_out, strict=True), "o", ms=4, color=f"C{place}", label=name)
    axes.set(xlabel="step", ylabel="loss (points: held out)", yscale="log")
    axes.legend()
    figure.savefig(picture, dpi=110)


def _sources(run: EncoderRun) -> list[str]:
    """What the run was trained on, with licences."""
    tags = list(licences.known("corpus"))
    if run.recipe.licensed_only:
        tags = licences.clear_names("corpus", tags)
    return [
        *licences.source_lines("labels", (target.table for target in run.molecules.targets)),
        *(f"{line} (structures only)" for line in licences.source_lines("corpus", tags)),
    ]


def _card(run: EncoderRun, rows: Sequence[dict], command: str, sources: Sequence[str]) -> str:
    recipe, molecules = run.recipe, run.molecules
    held_out = [row for row in rows if "held_out" in row]
    first, last = held_out[0]["held_out"], held_out[-1]["held_out"]
    figures = [f"| {n} | {first.get(n, '–')} | {value} |" for n, value in last.items()]
    counts = [f"| {name} | {n:,} |" for name, n in sorted(molecules.counts.items())]
    tables = dict.fromkeys(t.table for t in molecules.targets)
    rate = run.step * recipe.batch / max(run.seconds, 1e-9)
    return _CARD.substitute(
        n_layers=recipe.sizes.n_layers,
        width=recipe.sizes.d_model,
        n_parameters=f"{sum(p.numel() for p in run.model.encoder.parameters()):,}",
        date=datetime.now(UTC).date().isoformat(),
        command=command,
        steps=f"{run.step:,}",
        batch=recipe.batch,
        minutes=f"{run.seconds / 60:.1f}",
        rate=f"{rate:.0f}",
        masked=f"{recipe.masked:.0%}",
        mask_rate=f"{recipe.mask_rate:.0%}",
        n_descriptors=len(DESCRIPTORS),
        n_targets=len(molecules.targets),
        n_tables=len(tables),
        n_held_out=f"{len(run.lessons.held_out_places):,}",
        licensed="yes" if recipe.licensed_only else "no",
        counts="\n".join(counts),
        figures="\n".join(figures),
        sources="\n".join(f"- {line}" for line in sources),
    )
