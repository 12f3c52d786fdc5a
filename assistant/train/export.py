"""Writes a training run as a bundle: NF4 language model, tokenizer, encoder, projector, card.

python -m assistant.train.export --run runs/default --bundle checkpoints/default

Pair heads that the bundle has need no language model and stay in it. What `bundle.json` says of
names, of the most molecules and of tasks that the model cannot do stays too, unless --names,
--no-names, --most-molecules or --cannot is given.
"""

import argparse
import json
import logging
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import BitsAndBytesConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.bundle import PAIR_HEADS, PREDICTED, Bundle
from assistant.chat.prompts import menu_tasks
from assistant.checkpoint import ComponentInfo, refuse_to_replace, save_component
from assistant.commands import exit_status
from assistant.errors import AssistantError
from assistant.llm.load import load_llm
from assistant.train import nf4
from assistant.train.card import sources_of
from assistant.train.curves import require_matplotlib, save_small
from assistant.train.model import GroundedModel, ModelSizes
from assistant.train.provenance import Provenance
from assistant.train.state import read_state
from assistant.train.tokenizer import save_tokenizer

log = logging.getLogger(__name__)


def trained_model(run: Path) -> tuple[GroundedModel, PreTrainedTokenizerFast, dict[str, float]]:
    """The model of a run with its NF4 values as plain weights, and how far it was trained.

    Raises:
        AssistantError: `run` holds no state of a training.
    """
    state = read_state(run, "model", "progress", "recipe")
    recipe = json.loads(state["recipe"])
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run / "tokenizer")
    model = GroundedModel.build(ModelSizes(**recipe["sizes"]), tokenizer)
    model.load_state_dict(state["model"])
    if state["progress"]["quantised"]:
        nf4.round_to_nf4(model.llm)
    return model.eval(), tokenizer, state["progress"]


def save_nf4(llm: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, directory: Path) -> None:
    """Stores the language model in NF4 with double quantisation, as bitsandbytes loads it."""
    fresh = Path(tempfile.mkdtemp(prefix=".llm-", dir=directory.parent))
    try:
        plain = fresh / "plain"
        llm.to(torch.bfloat16).save_pretrained(plain)
        quantised = LlamaForCausalLM.from_pretrained(
            plain,
            dtype=torch.bfloat16,
            device_map={"": "cpu"},
            quantization_config=BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16,
            ),
        )
        packed = fresh / "llm"
        quantised.save_pretrained(packed)
        save_tokenizer(tokenizer, packed)
        packed.chmod(0o755)
        shutil.rmtree(directory, ignore_errors=True)
        packed.rename(directory)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def export(
    run: Path,
    bundle: Path,
    *,
    context: int | None = None,
    reads_names: bool | None = None,
    most_molecules: int | None = None,
    cannot: Sequence[str] | None = None,
) -> None:
    """Writes the bundle, with the run's generator, if any, and the pair heads the bundle has.

    Args:
        run: Directory of a training run.
        bundle: Directory to write.
        context: Longest sequence the model may be given, when it was trained on shorter ones than
            its shape allows.
        reads_names: Whether the model can copy a molecule's name (`Bundle.reads_names`); None keeps
            what the bundle says, and a new one says that it can.
        most_molecules: The highest number of a molecule that the model has learned to speak of
            (`Bundle.most_molecules`), 0 for any; None keeps what the bundle says, 0 in a new one.
        cannot: Tasks of the question menu that the model was not trained for (`Bundle.cannot`);
            None keeps what the bundle says, none in a new one.

    Raises:
        AssistantError: There is no matplotlib to draw the curve with, `run` is no run,
            `context` is not positive, `most_molecules` is negative, the question menu has no such
            task, or `bundle` holds other files.
    """
    require_matplotlib()
    if context is not None and context < 1:
        raise AssistantError(f"--context {context} must be positive: tokens of the longest text.")
    refuse_to_replace(bundle, "bundle.json")
    said = _said_of_model(bundle, reads_names, most_molecules, cannot)
    model, tokenizer, progress = trained_model(run)
    if context is not None:
        model.llm.config.max_position_embeddings = context
        tokenizer.model_max_length = context
    bundle.mkdir(parents=True, exist_ok=True)
    save_nf4(model.llm, tokenizer, bundle / "llm")
    fingerprint = load_llm(bundle / "llm", pick_fastest=False, device="cpu").fingerprint
    notes = f"trained jointly with the language model: {json.dumps(progress)}"
    for name, module in (("encoder", model.encoder), ("projector", model.projector)):
        info = ComponentInfo(name, base_model=fingerprint, notes=notes)
        save_component(bundle / name, module.to(torch.bfloat16), module.config, info)
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    sources = tuple(sources_of(recipe, run))
    Provenance(Provenance.of(run).licensed_only, sources).write(bundle / "encoder")
    for of_another_model in ("generator", PREDICTED):
        shutil.rmtree(bundle / of_another_model, ignore_errors=True)
    components = {name: name for name in ("llm", "encoder", "projector")}
    if (run / "generator.pt").is_file():
        _add_generator(run, bundle, fingerprint)
        components["generator"] = "generator"
    if (bundle / PAIR_HEADS).is_dir():
        components[PAIR_HEADS] = PAIR_HEADS
    # The corpus and the dialogues of `train.base` are English.
    Bundle.write(bundle, bundle.name, components, english_only=True, **said)
    draw_loss_curve(run / "log.jsonl", bundle / "loss.png")
    log.info("wrote %s", bundle)


def _said_of_model(
    bundle: Path,
    reads_names: bool | None,
    most_molecules: int | None,
    cannot: Sequence[str] | None,
) -> dict[str, bool | int | tuple[str, ...]]:
    """What the bundle is to say of its language model: what is given, else what it said before.

    Raises:
        AssistantError: Something that is given makes no sense.
    """
    if most_molecules is not None and most_molecules < 0:
        raise AssistantError(
            f"--most-molecules {most_molecules} is negative; give the highest number of a molecule,"
            " or 0 where there is none."
        )
    unknown = sorted(set(cannot or ()) - set(menu_tasks()))
    if unknown:
        raise AssistantError(
            f"--cannot {' '.join(unknown)}: the question menu has no such task; it has"
            f" {', '.join(menu_tasks())}."
        )
    said: dict[str, bool | int | tuple[str, ...]] = {}
    if (bundle / "bundle.json").is_file():
        older = Bundle.read(bundle)
        said["reads_names"], said["cannot"] = older.reads_names, older.cannot
        said["most_molecules"] = older.most_molecules
    said |= {} if reads_names is None else {"reads_names": reads_names}
    said |= {} if most_molecules is None else {"most_molecules": most_molecules}
    return said | ({} if cannot is None else {"cannot": tuple(cannot)})


def _add_generator(run: Path, bundle: Path, fingerprint: str) -> None:
    about = json.loads((run / "generator.json").read_text(encoding="utf-8"))
    generator = LoraGenerator(GeneratorConfig.from_dict(about["config"]))
    generator.load_state_dict(
        torch.load(run / "generator.pt", weights_only=True, map_location="cpu")
    )
    info = ComponentInfo(
        "generator", base_model=fingerprint, notes=json.dumps(about["held_out_losses"])
    )
    save_component(bundle / "generator", generator.to(torch.bfloat16), generator.config, info)
    draw_generator_curve(run / "generator.jsonl", bundle / "generator_loss.png")


def draw_loss_curve(log_file: Path, picture: Path) -> None:
    """Training loss, held-out loss and held-out digit accuracy over training tokens."""
    from matplotlib.figure import Figure

    rows = [json.loads(line) for line in log_file.read_text(encoding="utf-8").splitlines()]
    held_out = [row for row in rows if "held_out_loss" in row]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [r["tokens"] / 1e6 for r in rows], [r["loss"] for r in rows], lw=0.8, label="training loss"
    )
    tokens = [r["tokens"] / 1e6 for r in held_out]
    axes.plot(tokens, [r["held_out_loss"] for r in held_out], "o-", label="held-out loss")
    axes.set(xlabel="training tokens (millions)", ylabel="weighted cross-entropy", ylim=(0, None))
    second = axes.twinx()
    second.plot(
        tokens,
        [r["held_out_digits"] for r in held_out],
        "s--",
        color="tab:green",
        label="held-out digits right",
    )
    second.set(ylabel="share of answer digits right", ylim=(0, 1))
    lines = [*axes.get_lines(), *second.get_lines()]
    axes.legend(lines, [line.get_label() for line in lines], loc="center right")
    save_small(figure, picture)


def draw_generator_curve(log_file: Path, picture: Path) -> None:
    """Training loss of the generator over its tokens, with the held-out losses it ended at."""
    from matplotlib.figure import Figure

    rows = [json.loads(line) for line in log_file.read_text(encoding="utf-8").splitlines()]
    steps = [row for row in rows if "loss" in row]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [r["tokens"] / 1e6 for r in steps], [r["loss"] for r in steps], lw=0.8, label="training"
    )
    end = next((row for row in reversed(rows) if "own" in row), {})
    for name, style in (("blind_without", ":"), ("blind_other_molecule", "--"), ("blind_own", "-")):
        if name in end:
            label = f"held out, only ΔW shown: {name.removeprefix('blind_').replace('_', ' ')}"
            axes.axhline(end[name], ls=style, color="black", lw=1, label=label)
    axes.set(xlabel="training tokens (millions)", ylabel="answer loss", ylim=(0, None))
    axes.legend()
    save_small(figure, picture)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=Path, required=True, help="run of assistant.train.base")
    parser.add_argument("--bundle", type=Path, required=True, help="directory to write or renew")
    parser.add_argument("--context", type=int, help="longest sequence it was trained on")
    parser.add_argument(
        "--names",
        action=argparse.BooleanOptionalAction,
        help="whether it can copy a molecule's name from the prompt; one that cannot is shown none"
        " (default: as the bundle says, yes for a new one)",
    )
    parser.add_argument(
        "--most-molecules",
        type=int,
        metavar="N",
        help="highest number of a molecule that it has learned to speak of, 0 for any (default: as"
        " the bundle says, 0 for a new one)",
    )
    parser.add_argument(
        "--cannot",
        nargs="*",
        metavar="TASK",
        help="tasks of the question menu (prompts/menu) that it was not trained for; none after it"
        " for no such task (default: as the bundle says, none for a new one)",
    )
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)

    def work() -> int:
        export(
            args.run,
            args.bundle,
            context=args.context,
            reads_names=args.names,
            most_molecules=args.most_molecules,
            cannot=args.cannot,
        )
        return 0

    return exit_status(work)


if __name__ == "__main__":
    raise SystemExit(main())
