"""A trained run as small files that can travel, and back: 4-bit codes instead of fp32 weights.

    python -m assistant.train.carry pack --run RUN --out DIR
    python -m assistant.train.carry unpack --out DIR --run RUN

The body of the language model is packed exactly: its NF4 codes, two per byte, and one fp32 scale
per block of 64 weights. Everything else travels in bf16, or in fp32 where it has few values.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from assistant.train import nf4
from assistant.train.state import STATE, write_state

_SHARD_BYTES = 15 * 2**20
_SMALL = 4096
_CODES, _SCALES = ".nf4_codes", ".nf4_scales"
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
    """Writes `part-*.safetensors` of at most 15 MiB, `shapes.json` and the run's logs."""
    state = torch.load(run / STATE, weights_only=True, map_location="cpu")
    tensors, shapes = _packed(state["model"], state["progress"]["quantised"])
    generator = run / "generator.pt"
    if generator.is_file():
        weights = torch.load(generator, weights_only=True, map_location="cpu")
        tensors |= {f"generator/{name}": _light(value) for name, value in weights.items()}
    out.mkdir(parents=True, exist_ok=True)
    for index, part in enumerate(_shards(tensors)):
        save_file(part, out / f"part-{index}.safetensors")
    about = {"shapes": shapes, "progress": state["progress"], "recipe": state["recipe"]}
    for name in _LOGS:
        if (run / name).is_file():
            about[name] = (run / name).read_text(encoding="utf-8")
    (out / "about.json").write_text(json.dumps(about), encoding="utf-8")


def unpack(out: Path, run: Path) -> None:
    """Writes what `pack` wrote into a run directory, which keeps its tokenizer and molecules."""
    about = json.loads((out / "about.json").read_text(encoding="utf-8"))
    packed: dict[str, Tensor] = {}
    for part in sorted(out.glob("part-*.safetensors")):
        packed |= load_file(part)
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


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("pack", "unpack"))
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.action == "pack":
        shutil.rmtree(args.out, ignore_errors=True)
        pack(args.run, args.out)
    else:
        unpack(args.out, args.run)


if __name__ == "__main__":
    main()
