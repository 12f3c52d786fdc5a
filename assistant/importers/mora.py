r"""Imports a MoRA generator as a bundle.

    python -m assistant.importers.mora non_lora_trainables.bin --stm molecule_model.pth \
        --out checkpoints/mora --llm lmsys/vicuna-7b-v1.3
    python launch.py --bundle checkpoints/mora

    non_lora_trainables.bin (model.mm_projector.*) ─► generator/   ΔW for the whole sequence
    config.json beside it   (mora_rank, skip_layers, …) ─┘
    molecule_model.pth      (MoleculeSTM)          ─► encoder/     MoRA's two columns

No MoRA weights were released (arXiv 2510.12245); these are the files its training script writes. It
saves only what was trained, so the graph encoder comes from MoleculeSTM's file. With OGB 1.3.6 that
script skipped the pre-trained chirality table and trained against a random one that it never saved;
weights from such a run see other chirality states here.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from torch import Tensor

from assistant.adapters.mora import MORA_COMPONENT, MoraConfig, MoraGenerator
from assistant.checkpoint import ComponentInfo, refuse_to_replace, save_component
from assistant.commands import exit_status
from assistant.errors import BundleError
from assistant.graph.encoder import GraphEncoder
from assistant.importers import keys
from assistant.importers.bundle_files import base_model_of, width_of, write_bundle
from assistant.importers.stm import read_encoder
from assistant.importers.torch_file import TorchFile, state_dict_of

PREFIX = "model.mm_projector."
_CONFIG_KEYS = {
    "rank": "mora_rank",
    "alpha": "mora_alpha",
    "every": "skip_layers",
    "llm_depth": "mora_llm_depth",
    "kinds": "mora_type",
}


@dataclass(frozen=True)
class MoraSettings:
    """What no tensor of a generator shows; the published scripts' values.

    Attributes:
        rank: Rank of the ΔW.
        alpha: LoRA's alpha.
        every: Every n-th layer of the LLM has ΔW.
        llm_depth: Layers of the LLM.
        kinds: Types in the order of the stored tensors.
        n_heads: Heads of the generator's attention, a constant of the published code.
    """

    rank: int = 64
    alpha: float = 64.0
    every: int = 4
    llm_depth: int = 32
    kinds: str = "qkvom"
    n_heads: int = 16

    @classmethod
    def read(cls, path: Path) -> "MoraSettings":
        """From the `config.json` of a training run; what it does not say stays as published.

        Raises:
            BundleError: The file is not JSON, or a value is of another type.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BundleError(f"{path} cannot be read ({error}); give --config.") from error
        found = {name: values[key] for name, key in _CONFIG_KEYS.items() if key in values}
        if found.get("alpha") is None:  # the published code then takes the rank
            found["alpha"] = found.get("rank", cls.rank)
        wrong = [
            f"{_CONFIG_KEYS[name]} {value!r}"
            for name, value in found.items()
            if not isinstance(value, str if name == "kinds" else int | float)
        ]
        if wrong:
            raise BundleError(f"{path}: {', '.join(wrong)} is of another type than expected.")
        return cls(**found)


def generator_from(
    state: Mapping[str, Tensor], *, source: str, settings: MoraSettings, prefix: str = ""
) -> MoraGenerator:
    """The published generator in a state dict, in the file's float type and `eval`.

    Raises:
        BundleError: Keys or shapes differ from what the settings ask for; every one is named.
    """
    part = {key: value for key, value in state.items() if key.startswith(prefix)}
    config = _config_of(part, prefix, source, settings)
    generator = MoraGenerator.without_memory(config)
    form = "separate sub-generators" if config.separate else "one joint sub-generator"
    keys.check_shapes(
        part,
        keys.shapes_of(generator, prefix),
        source=source,
        what=f"a MoRA generator of {form} for types {config.kinds}, {len(config.layers)} layers and"
        f" rank {config.rank}",
    )
    keys.fill(generator, part, prefix, as_float32=False)
    return generator


def _config_of(
    state: Mapping[str, Tensor], prefix: str, source: str, settings: MoraSettings
) -> MoraConfig:
    separate = any(key.startswith(f"{prefix}gen.0.") for key in state)
    first = f"{prefix}gen.{'0.' if separate else ''}"
    published = {
        f"{prefix}visual_proj.weight": (1024, 300),
        f"{prefix}Bs": (1, 40, 262144),
        f"{prefix}pos_embed": (1, 21, 1024),
        f"{first}decoders.0.linear1.weight": (4096, 1024),
    }
    absent = [f"{key} {shape}" for key, shape in published.items() if key not in state]
    if absent:
        raise BundleError(f"{source} has no MoRA generator. missing: {', '.join(absent)}.")
    projection, Bs, positions, ffn = (state[key].shape for key in published)
    d_model, n_values = projection[0], Bs[-1]
    if n_values % settings.rank:
        raise BundleError(
            f"{source}: {prefix}Bs {tuple(Bs)} is no multiple of rank {settings.rank}; give the"
            " rank it was trained with (--rank, or mora_rank in --config)."
        )
    try:
        return MoraConfig(
            d_graph=projection[1],
            d_llm=n_values // settings.rank,
            llm_depth=settings.llm_depth,
            every=settings.every,
            rank=settings.rank,
            alpha=settings.alpha,
            d_model=d_model,
            n_blocks=keys.count_numbered(state, f"{first}decoders.", 8),
            n_heads=settings.n_heads,
            ffn_factor=ffn[0] // d_model,
            kinds=settings.kinds,
            separate=separate,
            n_positions=positions[1],
        )
    except ValueError as error:
        raise BundleError(f"{source}: {error}.") from error


def read_generator(path: Path, settings: MoraSettings) -> MoraGenerator:
    """The generator in `non_lora_trainables.bin`.

    Raises:
        BundleError: The file cannot be read or does not fit the settings.
    """
    with TorchFile(path) as file:
        refs = {_official(key): ref for key, ref in state_dict_of(file).items()}
        foreign = [f"{key} {ref.shape}" for key, ref in refs.items() if not key.startswith(PREFIX)]
        if foreign:
            raise BundleError(
                f"{path} holds tensors that are no part of a MoRA generator: {', '.join(foreign)}."
                f" Expected are keys under {PREFIX}*."
            )
        state = keys.load_keys(file, refs, lambda _: True)
    return generator_from(state, source=str(path), settings=settings, prefix=PREFIX)


def _official(key: str) -> str:
    """As the published loader renames keys of PEFT and DeepSpeed runs."""
    key = key.removeprefix("base_model.").replace(".base_layer", "")
    return key.removeprefix("model.") if key.startswith("model.model.") else key


def write_mora(
    generator: MoraGenerator, encoder: GraphEncoder, out: Path, *, llm: str, source: str
) -> None:
    """Writes the bundle.

    Raises:
        BundleError: Encoder, generator and language model are not of one width, or a part's
            directory holds other files; nothing is written then.
    """
    for name in ("encoder", "generator"):
        refuse_to_replace(out / name)
    config, base_model, width = generator.config, base_model_of(llm), width_of(llm)
    if width is not None and width != config.d_llm:
        raise BundleError(f"{source} writes for width {config.d_llm}; {llm} has {width}.")
    if encoder.config.d_model != config.d_graph:
        raise BundleError(
            f"{source} reads a graph encoder of width {config.d_graph}; --stm has"
            f" {encoder.config.d_model}."
        )
    notes = f"imported from {source} (MoRA)"
    save_component(out / "encoder", encoder, encoder.config, ComponentInfo("encoder", notes=notes))
    info = ComponentInfo(MORA_COMPONENT, base_model, notes=notes)
    save_component(out / "generator", generator, config, info)
    write_bundle(out, out.resolve().name, ["encoder", "generator"], llm)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's first lines."""
    options = _parser().parse_args(arguments)
    return exit_status(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    beside = options.file.parent / "config.json"
    path = options.config or (beside if beside.is_file() else None)
    settings = MoraSettings() if path is None else MoraSettings.read(path)
    given = {f.name: getattr(options, f.name) for f in fields(MoraSettings)}
    settings = replace(settings, **{k: v for k, v in given.items() if v is not None})
    encoder = read_encoder(options.stm, columns="mora")
    generator = read_generator(options.file, settings)
    write_mora(generator, encoder, options.out, llm=options.llm, source=options.file.name)
    config = generator.config
    n_values = sum(parameter.numel() for parameter in generator.parameters())
    sys.stdout.write(
        f"generator  {'separate' if config.separate else 'joint'}, types {config.kinds}, layers"
        f" {', '.join(map(str, config.layers))}, rank {config.rank}, alpha {config.alpha:g},"
        f" {n_values:,} parameters\n"
        f"bundle     {options.out}; start it with: python launch.py --bundle {options.out}\n"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m assistant.importers.mora",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="non_lora_trainables.bin")
    parser.add_argument("--stm", type=Path, required=True, help="MoleculeSTM's molecule_model.pth")
    parser.add_argument("--out", type=Path, required=True, help="directory of the bundle")
    parser.add_argument("--llm", required=True, help="the LLM it was trained with: hub id or path")
    parser.add_argument("--config", type=Path, help="config.json of the run, if not beside FILE")
    parser.add_argument("--rank", type=int, help="instead of mora_rank")
    parser.add_argument("--alpha", type=float, help="instead of mora_alpha")
    parser.add_argument("--every", type=int, help="instead of skip_layers")
    parser.add_argument("--llm-depth", type=int, help="instead of mora_llm_depth")
    parser.add_argument("--types", dest="kinds", help="instead of mora_type")
    parser.add_argument("--heads", dest="n_heads", type=int, help="of its attention (default 16)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
