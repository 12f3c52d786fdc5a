"""Writes a run as a bundle: encoder, projector, LoRA, generator, card, loss curve."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from torch import nn

from assistant.adapters.peft_format import write_peft_lora
from assistant.bundle import Bundle
from assistant.checkpoint import CONFIG, FORMAT_VERSION, ComponentInfo, save_component, write_json
from assistant.train.adapt.recipe import STAGES
from assistant.train.adapt.run import AdaptRun
from assistant.train.curves import read_log

_CARD = Template((Path(__file__).parent / "card_template.md").read_text(encoding="utf-8"))
_WHAT = {
    "encoder": "graph encoder (GIN), six levels",
    "projector": "multi-level projector: graph tokens",
    "lora": "LoRA of every token, PEFT's format",
    "generator": "generator of instance LoRA (MoRA, factorised head)",
}


def write_bundle(
    run: AdaptRun, directory: Path, *, llm: str, command: str, sources: Sequence[str]
) -> Bundle:
    """Writes what the run has trained so far.

    Args:
        run: With at least one stage done.
        directory: Of the bundle; an older one is replaced part by part.
        llm: As it was named: hub id or directory.
        command: The exact command, for the card.
        sources: One line per source of data, for the card.
    """
    directory.mkdir(parents=True, exist_ok=True)
    model, fingerprint = run.model, run.loaded.fingerprint
    notes = f"stages: {', '.join(run.done)}; command: {command}"

    def info(name: str) -> ComponentInfo:
        return ComponentInfo(name, base_model=fingerprint, notes=notes)

    parts: dict[str, nn.Module] = {"encoder": model.encoder, "projector": model.projector}
    if model.generator is not None and "generate" in run.done:
        parts["generator"] = model.generator
    for name, module in parts.items():
        save_component(directory / name, module, module.config, info(name))
    if model.lora is not None and "instruct" in run.done:
        parts["lora"] = model.lora
        write_peft_lora(directory / "lora", model.lora.weights(), base_model=llm)
        values = {"format_version": FORMAT_VERSION, **vars(info("lora")), "config": {}}
        write_json(directory / "lora" / CONFIG, values)
    for name in set(_WHAT) - set(parts):
        shutil.rmtree(directory / name, ignore_errors=True)
    rows = read_log(run.directory / "log.jsonl", "stage", "step")
    draw_loss(rows, directory / "loss.png")
    card = _card(run, parts, rows, directory, llm=llm, command=command, sources=sources)
    (directory / "README.md").write_text(card, encoding="utf-8")
    hub = "" if Path(llm).is_dir() else llm
    names = {name: name for name in _WHAT if name in parts}
    return Bundle.write(directory, directory.resolve().parent.name, names, hub_llm=hub)


def draw_loss(rows: Sequence[dict], picture: Path) -> None:
    """Training loss over the steps of all stages, and held-out figures at their ends."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    start = 0
    for stage in STAGES:
        own = [row for row in rows if row["stage"] == stage]
        losses = [row for row in own if "loss" in row]
        held_out = [row for row in own if row.get("held_out")]
        axes.plot([start + r["step"] for r in losses], [r["loss"] for r in losses], label=stage)
        axes.plot(
            [start + r["step"] for r in held_out],
            [r["held_out"]["own"] for r in held_out],
            "o",
            color="black",
            label="held out" if stage == STAGES[0] else None,
        )
        start += max((row["step"] for row in own), default=0)
    axes.set(xlabel="step", ylabel="cross-entropy of the answers", ylim=(0, None))
    axes.legend()
    figure.savefig(picture, dpi=110)


def _card(
    run: AdaptRun,
    parts: dict[str, nn.Module],
    rows: Sequence[dict],
    directory: Path,
    *,
    llm: str,
    command: str,
    sources: Sequence[str],
) -> str:
    recipe = run.recipe
    seconds = {row["stage"]: row["seconds"] for row in rows}
    begun, before = [], 0.0
    for stage in run.done:
        minutes = (seconds.get(stage, before) - before) / 60
        before = seconds.get(stage, before)
        begun.append(
            f"| {stage} | {run.n_steps(stage):,} | {recipe.batch} | {recipe.sequence} tokens"
            f" | {minutes:.1f} |"
        )
    figures = [
        f"| {row['stage']} | {'before' if row['step'] == 0 else 'after'} | {f['own']} |"
        f" {f['other_molecule']} | {f['without']} |"
        for row in rows
        if (f := row.get("held_out"))
    ]
    components = [
        f"| `{name}` | {what} | {sum(p.numel() for p in parts[name].parameters()):,} |"
        for name, what in _WHAT.items()
        if name in parts
    ]
    return _CARD.substitute(
        name=directory.resolve().parent.name,
        llm=llm,
        bundle=str(directory),
        date=datetime.now(UTC).date().isoformat(),
        fingerprint=run.loaded.fingerprint,
        command=command,
        components="\n".join(components),
        n_records=f"{len(run.records) + len(run.held_out):,}",
        n_held_out=len(run.held_out),
        sources="\n".join(f"- {line}" for line in sources),
        stages="\n".join(begun),
        figures="\n".join(figures) or "| – | – | – | – | – |",
    )
