"""A trained run as small files that can travel, and back: 4-bit codes instead of fp32 weights.

    python -m assistant.train.carry pack --run RUN --out DIR
    python -m assistant.train.carry unpack --out DIR --run RUN

The body of the language model is packed exactly: its NF4 codes, two per byte, and one fp32 scale
per block of 64 weights. Everything else travels in bf16, or in fp32 where it has few values.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from assistant.checkpoint import refuse_to_replace, replace_directory
from assistant.commands import exit_status
from assistant.errors import AssistantError
from assistant.train import nf4
from assistant.train.state import STATE, read_state, write_state

_SHARD_BYTES = 15 * 2**20
_SMALL = 4096
_CODES, _SCALES = ".nf4_codes", ".nf4_scales"
_ABOUT = "about.json"
_LOGS = ("log.jsonl", "generator.jsonl", "recipe.json", "generator.json")


def pack_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (n / 2,) uint8 and scales (n / 64,) fp32 of a weight with n elements."""
    values = torch.tensor(nf4.NF4_VALUES, device=weight.device)
    blocks = weight.detach().float().reshape(-1, nf4.BLOCK)
    scales = blocks.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
    codes = torch.bucketize(blocks / scales, (values[1:] + values[:-1]) / 2).flatten().byte()
    return codes[0::2] * 16 + codes[1::2], scales.flatten()


def unpack_weight(codes: Tensor, scales: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The NF4 values of a packed weight, fp32."""
    pairs = torch.stack([codes // 16, codes % 16], dim=1).flatten().long()
    values = torch.tensor(nf4.NF4_VALUES)[pairs].reshape(-1, nf4.BLOCK)
    return (values * scales[:, None]).reshape(shape)


def pack(run: Path, out: Path) -> None:
    """Writes `part-*.safetensors` of at most 15 MiB and `about.json` with the run's logs.

    Raises:
        AssistantError: `run` is no run of `assistant.train.base`, or `out` holds other files.
    """
    state = read_state(run, "model", "progress", "recipe")
    refuse_to_replace(out, _ABOUT)
    tensors, shapes = _packed(state["model"], state["progress"]["quantised"])
    generator = run / "generator.pt"
    if generator.is_file():
        weights = torch.load(generator, weights_only=True, map_location="cpu")
        tensors |= {f"generator/{name}": _light(value) for name, value in weights.items()}
    about = {"shapes": shapes, "progress": state["progress"], "recipe": state["recipe"]}
    for name in _LOGS:
        if (run / name).is_file():
            about[name] = (run / name).read_text(encoding="utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        for index, part in enumerate(_shards(tensors)):
            save_file(part, fresh / f"part-{index}.safetensors")
        (fresh / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        fresh.chmod(0o755)
        replace_directory(out, fresh, mark=_ABOUT)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def unpack(out: Path, run: Path) -> None:
    """Writes what `pack` wrote into a run directory, which keeps its tokenizer and molecules.

    Raises:
        AssistantError: `out` does not hold what `pack` writes, or `run` has weights already.
    """
    if (run / STATE).is_file():
        raise AssistantError(
            f"{run} has weights already, which would be lost; move its {STATE} away, or name"
            " another directory with --run."
        )
    about, packed = _carried(out)
    model, generator = {}, {}
    for name, value in packed.items():
        if name.startswith("generator/"):
            generator[name.removeprefix("generator/")] = value.float()
        elif name.endswith(_CODES):
            plain = name.removesuffix(_CODES)
            shape = tuple(about["shapes"][plain])
            model[plain] = unpack_weight(value, packed[plain + _SCALES], shape)
        elif not name.endswith(_SCALES):
            model[name] = value.float() if value.is_floating_point() else value
    run.mkdir(parents=True, exist_ok=True)
    state = {"model": model, "progress": about["progress"], "recipe": about["recipe"]}
    write_state(run, state)
    if generator:
        torch.save(generator, run / "generator.pt")
    for name in _LOGS:
        if name in about:
            (run / name).write_text(about[name], encoding="utf-8")


def _carried(out: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """`about.json` and the tensors of all parts.

    Raises:
        AssistantError: Something is missing or damaged.
    """
    if not (out / _ABOUT).is_file():
        raise AssistantError(f"There is no {out / _ABOUT}: name what pack wrote with --out.")
    packed: dict[str, Tensor] = {}
    try:
        about = json.loads((out / _ABOUT).read_text(encoding="utf-8"))
        for part in sorted(out.glob("part-*.safetensors")):
            packed |= load_file(part)
    except (ValueError, SafetensorError) as error:
        raise AssistantError(f"{out} is damaged ({error}); carry it again.") from error
    needed = ("shapes", "progress", "recipe")
    if not packed or not isinstance(about, dict) or any(name not in about for name in needed):
        raise AssistantError(f"{out} holds no whole run that pack wrote; carry it again.")
    return about, packed


def _packed(
    model: dict[str, Tensor], quantised: bool
) -> tuple[dict[str, Tensor], dict[str, list[int]]]:
    tensors: dict[str, Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for name, value in model.items():
        if quantised and name.startswith("llm.") and name.endswith("_proj.weight"):
            tensors[name + _CODES], tensors[name + _SCALES] = pack_weight(value)
            shapes[name] = list(value.shape)
        else:
            tensors[name] = _light(value)
    return tensors, shapes


def _light(value: Tensor) -> Tensor:
    large = value.is_floating_point() and value.numel() > _SMALL
    return (value.bfloat16() if large else value).contiguous().clone()


def _shards(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in sorted(tensors.items(), key=lambda item: -item[1].nbytes):
        if size and size + value.nbytes > _SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = value
        size += value.nbytes
    return shards


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.carry",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("action", choices=("pack", "unpack"))
    add("--run", type=Path, required=True, help="directory of the run: packed, or made anew")
    add("--out", type=Path, required=True, help="directory of the small files, new or packed once")
    args = parser.parse_args(arguments)

    def work() -> int:
        if args.action == "pack":
            pack(args.run, args.out)
        else:
            unpack(args.out, args.run)
        sys.stdout.write(f"wrote {args.out if args.action == 'pack' else args.run}\n")
        return 0

    return exit_status(work)


if __name__ == "__main__":
    raise SystemExit(main())
