"""Writes the model card of a bundle from its run's logs and its measured grounding.

python -m assistant.train.card --run RUN --bundle checkpoints/default --grounding OUT.json
"""

import argparse
import json
import pickle
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from assistant.bundle import PAIR_HEADS
from assistant.checkpoint import CONFIG
from assistant.errors import AssistantError
from assistant.train import licences
from assistant.train.corpus import question_sources
from assistant.train.provenance import encoder_sources
from assistant.train.stages import Stage, commands_of, pair_heads_of, read_or_tell
from assistant.train.task_mix import TaskRecords
from assistant.train.text import TEXT, text_sources

_CARD = Template((Path(__file__).parent / "card_template.md").read_text(encoding="utf-8"))


def megabytes(path: Path) -> str:
    """Size of a directory's files in MB, one decimal."""
    total = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return f"{total / 1e6:.1f}"


def write_card(
    run: Path,
    bundle: Path,
    grounding: Path,
    *,
    date: str,
    hardware: str,
    before: Sequence[Stage] = (),
    generator_hardware: str,
    weaknesses: str,
) -> None:
    """Fills the card from the run's last log row, its recipe, and the measured outcomes.

    Args:
        run: The last base run.
        bundle: Gets the card.
        grounding: What `assistant.evaluate.grounding` wrote.
        date: When that was measured.
        hardware: What the run ran on.
        before: The runs that it went on from, the first one first.
        generator_hardware: What the generator was trained on.
        weaknesses: Markdown list.

    Raises:
        AssistantError: A run is not finished, the bundle is not written, or nothing was measured.
    """
    stages = [*before, Stage(run, hardware)]
    recipe = stages[-1].recipe
    molecules = pickle.loads((run / "molecules.pkl").read_bytes())  # written by this run
    config = json.loads(
        read_or_tell(bundle / "llm" / CONFIG, "write the bundle by assistant.train.export")
    )
    report = json.loads(
        read_or_tell(grounding, "it is what assistant.evaluate.grounding --json writes")
    )
    generator, training, size = _generator(run, bundle, generator_hardware)
    sizes = recipe["sizes"]
    text = _CARD.substitute(
        **{k: sizes[k] for k in ("n_layers", "d_model", "n_heads", "n_kv_heads", "vocab_size")},
        context=config["max_position_embeddings"],
        llm_parameters=f"{_n_parameters(sizes) / 1e6:.1f}",
        **{f"{name}_size": megabytes(bundle / name) for name in ("llm", "encoder", "projector")},
        generator=generator,
        generator_size=size,
        generator_training=training,
        pair_heads=_pair_heads(bundle),
        commands=commands_of(stages, bundle),
        **_training(stages, run),
        n_molecules=f"{len(molecules):,}",
        n_named=sum(bool(molecule.name) for molecule, _ in molecules),
        date=date,
        **_measured(report),
        weaknesses=weaknesses,
    )
    (bundle / "README.md").write_text(text, encoding="utf-8")


def _training(stages: Sequence[Stage], run: Path) -> dict[str, str]:
    """What the weights went through, and on what."""
    recipe = stages[-1].recipe
    return {
        "stages": "; then ".join(stage.told for stage in stages),
        "text_share": _shares(stage.recipe["text_share"] for stage in stages),
        "text_tokens": _text_tokens(run),
        "tasks": _tasks(stages),
        "rounded": _shares(1 - stage.recipe["quantised_from"] for stage in stages),
        **{f"rate_{kind}": f"{rate:.0%}" for kind, rate in recipe["rates"].items()},
        "licensed": "yes" if recipe.get("licensed_only") else "no",
        "sources": "\n".join(f"- {line}" for line in sources_of(recipe, run)),
    }


def _measured(report: Mapping[str, Any]) -> dict[str, str]:
    """What the model reached on hand-written questions."""
    rows = report["summary"].items()
    table = "\n".join(f"| {name} | {row['share']:.1%} | {row['n']} |" for name, row in rows)
    return {"n": str(report["n"]), "table": table, **_thoughts(report)}


def _thoughts(report: Mapping[str, object]) -> dict[str, str]:
    """How the answers came about; reports of before there were second thoughts had none."""
    if "first_attempt" not in report:
        return {"first_attempt": "", "again": ""}
    if report["first_attempt"]:
        return {"first_attempt": " --first-attempt", "again": ", as first written"}
    again = "; what the structure contradicts was written again, as on the page"
    return {"first_attempt": "", "again": again}


def _n_parameters(sizes: Mapping[str, int]) -> int:
    """Matrices of the language model's body, its embeddings and its head."""
    d, n_heads = sizes["d_model"], sizes["n_heads"]
    attention = 2 * d**2 + 2 * d * d // n_heads * sizes["n_kv_heads"]
    return sizes["n_layers"] * (attention + 3 * d * sizes["d_ffn"]) + 2 * sizes["vocab_size"] * d


def sources_of(recipe: dict, run: Path) -> list[str]:
    """What a run, those before it and the encoder it began with were trained on, with licences.

    Plain text and tasks that the recipe has no share of were read by a run before, which leaves
    them here.

    Args:
        recipe: As the run noted it.
        run: Directory of the run.

    Returns:
        A line for each: what it is, its licence, and in brackets what was taken from it.
    """
    licensed_only = bool(recipe.get("licensed_only"))
    tags, questions = list(licences.known("corpus")), question_sources()
    if licensed_only:
        tags = licences.clear_names("corpus", tags)
        questions = licences.clear_names("text", questions)
    reads_text = recipe["text_share"] or (run / TEXT).is_file()
    texts = text_sources(licensed_only=licensed_only) if reads_text else []
    tasks = TaskRecords.kept(run)
    return [
        *(f"{line} (structures only)" for line in licences.source_lines("corpus", tags)),
        *(f"{line} (questions to decline)" for line in licences.source_lines("text", questions)),
        *(f"{line} (text, read as text)" for line in licences.source_lines("text", texts)),
        *(f"{line} (questions with answers)" for line in (tasks.lines if tasks else ())),
        *(f"pre-trained encoder: {line}" for line in encoder_sources(run, recipe)),
    ]


def _shares(values: Iterable[float]) -> str:
    """Percentages of one or several stages."""
    *some, last = (f"{value:.0%}" for value in values)
    return f"{', '.join(some)} and {last}" if some else last


def _pair_heads(bundle: Path) -> str:
    """The row of the pair heads with its line's end; nothing where there are none."""
    heads = pair_heads_of(bundle)
    if not heads:
        return ""
    names = ", ".join(f"[{h.name}]({PAIR_HEADS}/{h.name}/README.md)" for h in heads)
    size = megabytes(bundle / PAIR_HEADS)
    return (
        f"| `{PAIR_HEADS}` | numbers for two molecules, no language model: {names} | {size} MB |\n"
    )


def _tasks(stages: Sequence[Stage]) -> str:
    """A sentence on the tables that were asked about; empty where there were none."""
    shares = [stage.recipe.get("task_share", 0.0) for stage in stages]
    if not any(shares):
        return ""
    names = dict.fromkeys(f["name"] for s in stages for f in s.recipe.get("tasks", ()))
    told = ", ".join(names)
    return f" {_shares(shares)} are questions of public tables with their answers: {told}."


def _text_tokens(run: Path) -> str:
    kept = run / TEXT
    return f"{len(np.load(kept, mmap_mode='r')) / 1e6:.1f}" if kept.is_file() else "0"


def _generator(run: Path, bundle: Path, hardware: str) -> tuple[str, str, str]:
    log = run / "generator.jsonl"
    if not (bundle / "generator").is_dir() or not log.is_file():
        return "not trained yet: instance LoRA is off", "The generator was not trained.", "–"
    last = json.loads(log.read_text("utf-8").splitlines()[-1])
    told = (
        f"with the molecule's own {last['own']}, with another molecule's {last['other_molecule']}"
    )
    blind = f"{last['blind_without']}, {last['blind_own']} and {last['blind_other_molecule']}"
    training = (
        f"Generator: {last['step']} steps, {last['tokens'] / 1e6:.1f} M tokens in"
        f" {last['seconds'] / 60:.1f} minutes on {hardware}, on the frozen 4-bit model, with cards"
        f" and graph tokens left out more often. Held-out answer loss without ΔW {last['without']},"
        f" {told}; where nothing but ΔW tells of the molecule {blind}. Both losses are over answers"
        " of held-out molecules; the curve is `generator_loss.png`."
    )
    what = "instance LoRA (MoRA) with a factorised head: q, k, v, o and MLP bypass, rank 8"
    return what, training, f"{megabytes(bundle / 'generator')} MB"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--grounding", type=Path, required=True, help="JSON of evaluate.grounding")
    parser.add_argument("--date", required=True, help="when it was measured")
    parser.add_argument("--hardware", required=True, help="what it was trained on")
    parser.add_argument(
        "--before",
        nargs=2,
        action="append",
        default=[],
        metavar=("RUN", "HARDWARE"),
        help="a base run that this one went on from and what it ran on; the first one first",
    )
    parser.add_argument("--generator-hardware", help="what its generator was trained on, if other")
    parser.add_argument(
        "--weaknesses", type=Path, required=True, help="Markdown list, hand-written"
    )
    args = parser.parse_args(arguments)
    try:
        write_card(
            args.run,
            args.bundle,
            args.grounding,
            date=args.date,
            hardware=args.hardware,
            before=[Stage(Path(run), hardware) for run, hardware in args.before],
            generator_hardware=args.generator_hardware or args.hardware,
            weaknesses=read_or_tell(args.weaknesses, "write the list, it may be short").strip(),
        )
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
