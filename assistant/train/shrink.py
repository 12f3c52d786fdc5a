"""Stores components of a bundle in 8 bit, in the place of 16: half the bytes in git.

    python -m assistant.train.shrink --bundle checkpoints/default encoder projector pair_heads

Language models are in 4 bit already and stay. What changes a component changes answers a little:
measure them again.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from assistant.bundle import PAIR_HEADS, Bundle
from assistant.checkpoint import WEIGHTS, store_in_eight_bit
from assistant.commands import exit_status, near
from assistant.errors import AssistantError

_OTHERWISE_STORED = ("llm", "experts", "lora", "specialist", "predicted")


def shrink(bundle: Bundle, name: str) -> tuple[int, int]:
    """Stores one component in 8 bit; one that is so already stays as it is.

    Args:
        bundle: Names it.
        name: "encoder", "projector", "pair_heads" (all of them), …

    Returns:
        Bytes of its weights before and after.

    Raises:
        AssistantError: The bundle has no such component, or it is stored in another way.
    """
    parts = [part for part in bundle.components if part not in _OTHERWISE_STORED]
    if name not in parts:
        raise AssistantError(
            f"{bundle.directory} has no component {name!r} that can be stored in 8 bit; there are"
            f" {', '.join(parts)}.{near(name, parts)}"
        )
    place = bundle.components[name]
    files = sorted(place.glob(f"*/{WEIGHTS}")) if name == PAIR_HEADS else [place / WEIGHTS]
    sizes = [store_in_eight_bit(file) for file in files]
    return sum(before for before, _ in sizes), sum(after for _, after in sizes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.shrink",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bundle", type=Path, required=True, help="directory of the bundle")
    parser.add_argument("components", nargs="+", metavar="COMPONENT", help="encoder, projector, …")
    args = parser.parse_args(arguments)

    def work() -> int:
        bundle = Bundle.read(args.bundle)
        for name in args.components:
            before, after = shrink(bundle, name)
            sys.stdout.write(f"{name}: {before / 1e6:.2f} -> {after / 1e6:.2f} MB\n")
        return 0

    return exit_status(work)


if __name__ == "__main__":
    raise SystemExit(main())
