r"""Imports a released LLaMo checkpoint as a bundle.

    python -m assistant.importers.llamo LLaMo.ckpt --out checkpoints/llamo \
        --llm meta-llama/Llama-2-7b-chat-hf
    python launch.py --bundle checkpoints/llamo

    LLaMo.ckpt ─► encoder/  projector/  lora/ (PEFT's format)  embeddings/  bundle.json

Only tensors are read, by a restricted reader; foreign objects of the training run stay inert. Keys
and shapes are strict: one error names every difference with what was expected. The frozen weights
of the language model in the file are not copied (Llama 2's licence); they come from --llm.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from assistant.adapters.peft_format import CONFIG as PEFT_CONFIG
from assistant.adapters.peft_format import WEIGHTS as PEFT_WEIGHTS
from assistant.checkpoint import (
    CONFIG,
    FORMAT_VERSION,
    ComponentInfo,
    refuse_to_replace,
    save_component,
    write_json,
)
from assistant.commands import exit_status
from assistant.errors import BundleError
from assistant.importers import keys
from assistant.importers.bundle_files import base_model_of, width_of, write_bundle
from assistant.importers.llamo_parts import LlamoParts, parts_from, wanted
from assistant.importers.torch_file import TorchFile, state_dict_of
from assistant.llm.embeddings import COMPONENT as EMBEDDINGS
from assistant.llm.embeddings import EmbeddingsConfig

LORA_ALPHA = 32.0  # a constant of the published training script; no tensor shows it


def read_llamo(path: Path, *, n_heads: int = 4, motifs_first: bool = True) -> LlamoParts:
    """The parts in a Lightning checkpoint.

    Raises:
        BundleError: The file cannot be read, or keys or shapes differ.
    """
    with TorchFile(path) as file:
        refs = state_dict_of(file)
        state = keys.load_keys(file, refs, wanted)
        return parts_from(state, refs, source=str(path), n_heads=n_heads, motifs_first=motifs_first)


def write_llamo(
    parts: LlamoParts, out: Path, *, llm: str, source: str, lora_alpha: float = LORA_ALPHA
) -> None:
    """Writes the bundle.

    Args:
        parts: What `read_llamo` gives.
        out: Directory of the bundle.
        llm: The language model it was trained with: hub id or directory.
        source: Name of the file, for the components' notes.
        lora_alpha: LoRA's alpha.

    Raises:
        BundleError: The language model has another width, or a part's directory holds other files;
            nothing is written then.
    """
    for name in ("encoder", "projector", EMBEDDINGS, "lora"):
        refuse_to_replace(out / name)
    base_model, width = base_model_of(llm), width_of(llm)
    d_llm = parts.projector.config.d_llm
    if width is not None and width != d_llm:
        raise BundleError(
            f"{source} was trained with a language model of width {d_llm}; {llm} has {width}."
        )

    def info(component: str, model: str = base_model) -> ComponentInfo:
        return ComponentInfo(component, model, notes=f"imported from {source} (LLaMo)")

    save_component(out / "encoder", parts.encoder, parts.encoder.config, info("encoder", ""))
    projector = parts.projector
    save_component(out / "projector", projector, projector.config, info("projector"))
    names = ["encoder", "projector"]
    if parts.embeddings is not None:
        n_tokens = parts.embeddings.shape[0]
        table = nn.Embedding(n_tokens, d_llm, _weight=parts.embeddings)
        config = EmbeddingsConfig(n_tokens, d_llm)
        save_component(out / EMBEDDINGS, table, config, info(EMBEDDINGS))
        names.append(EMBEDDINGS)
    if parts.lora:
        write_lora(out / "lora", parts.lora, info("lora"), llm=llm, alpha=lora_alpha)
        names.append("lora")
    write_bundle(out, out.resolve().name, names, llm)


def write_lora(
    directory: Path,
    factors: Mapping[str, tuple[Tensor, Tensor]],
    info: ComponentInfo,
    *,
    llm: str,
    alpha: float,
) -> None:
    """A LoRA directory as PEFT writes it, with this project's `config.json` beside it.

    Args:
        directory: Where it goes.
        factors: By module name of the LLM its A (r, in) and B (out, r).
        info: What `config.json` says.
        llm: What `adapter_config.json` names as the base model.
        alpha: LoRA's alpha, for all modules.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": llm,
        "r": next(iter(factors.values()))[0].shape[0],
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({name.rpartition(".")[2] for name in factors}),
        "inference_mode": True,
    }
    (directory / PEFT_CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tensors = {
        f"base_model.model.{name}.lora_{letter}.weight": factor.contiguous()
        for name, pair in factors.items()
        for letter, factor in zip("AB", pair, strict=True)
    }
    save_file(tensors, directory / PEFT_WEIGHTS)
    values = {"format_version": FORMAT_VERSION, **vars(info), "config": {}}
    write_json(directory / CONFIG, values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's first lines."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.importers.llamo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path, help="Lightning checkpoint, stage 1 or 2")
    parser.add_argument("--out", type=Path, required=True, help="directory of the bundle")
    parser.add_argument(
        "--llm", required=True, help="the LLM it was trained with: hub id or local directory"
    )
    parser.add_argument("--heads", type=int, default=4, help="heads of the projector (default 4)")
    parser.add_argument("--lora-alpha", type=float, default=LORA_ALPHA, help="default 32")
    parser.add_argument(
        "--motifs",
        choices=("first", "last"),
        default="first",
        help="token order: first in released checkpoints, last in the first release of the code",
    )
    options = parser.parse_args(arguments)
    return exit_status(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    parts = read_llamo(
        options.checkpoint, n_heads=options.heads, motifs_first=options.motifs == "first"
    )
    write_llamo(
        parts,
        options.out,
        llm=options.llm,
        source=options.checkpoint.name,
        lora_alpha=options.lora_alpha,
    )
    sys.stdout.write(_report(parts, options.out))
    return 0


def _report(parts: LlamoParts, out: Path) -> str:
    encoder, projector = parts.encoder.config, parts.projector.config
    n_values = sum(parameter.numel() for parameter in parts.projector.parameters())
    lines = (
        f"encoder     width {encoder.d_model}, {encoder.n_layers} layers, chirality table of"
        f" {encoder.atom_classes[1]} rows",
        f"projector   {projector.n_tokens} tokens of width {projector.d_llm},"
        f" {n_values:,} parameters",
        *(f"note        {remark}" for remark in parts.remarks),
        f"bundle      {out}; start it with: python launch.py --bundle {out}",
    )
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
