"""Averages the language models of two base runs, one of which went on from the other.

    python -m assistant.train.average --first RUN1 --second RUN2 --share 0.8 --run RUN

A model that went on to other tasks forgets some of what it did before. Between its weights and
those it began with lies one that keeps both (WiSE-FT, Wortsman et al. 2022, arXiv 2109.01903):

    W = (1 - s) W1 + s W2

Encoder and projector are the second run's, for they may have begun anew; the language model has to
read their tokens. The result is a run of its own, which `assistant.train.export` and
`assistant.train.generator` take.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from assistant.commands import exit_status
from assistant.errors import AssistantError
from assistant.train.provenance import NOTE
from assistant.train.start import take_over
from assistant.train.state import STATE, read_state, write_state

_AVERAGED = "average.json"
"""Of a run's directory: the share of the second run, where it is an average."""
_LANGUAGE_MODEL = "llm."
_COPIED = ("recipe.json", "log.jsonl", NOTE)


def average(first: Path, second: Path, run: Path, *, share: float) -> None:
    """Writes a run whose language model lies between those of two.

    Args:
        first: Directory of the run that the second one went on from.
        second: Directory of a finished run.
        run: New directory.
        share: Of the second run's weights, 0 to 1.

    Raises:
        AssistantError: A run is missing, the two have other tokenizers or shapes, the share is
            impossible, or `run` has weights already.
    """
    if not 0 <= share <= 1:
        raise AssistantError(f"--share {share} is not in 0…1.")
    if (run / STATE).is_file():
        raise AssistantError(f"{run} has weights already; name a new directory with --run.")
    before, after = (read_state(one, "model", "progress", "recipe") for one in (first, second))
    if _tokens(first) != _tokens(second):
        raise AssistantError(f"{first} and {second} have other tokenizers; they are no one model.")
    model = _between(before["model"], after["model"], share)
    run.mkdir(parents=True, exist_ok=True)
    take_over(second, run)
    for name in _COPIED:
        if (second / name).is_file():
            shutil.copy2(second / name, run / name)
    (run / _AVERAGED).write_text(json.dumps({"share": share}), encoding="utf-8")
    kept = {name: after[name] for name in ("progress", "recipe")}
    write_state(run, {"model": model, "optimizers": [], **kept})


def averaged_share(run: Path) -> float | None:
    """The share of the second run in an average; None where the run is none."""
    noted = run / _AVERAGED
    return json.loads(noted.read_text(encoding="utf-8"))["share"] if noted.is_file() else None


def _between(
    before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    found = {}
    for name, weight in after.items():
        other = before.get(name)
        if name.startswith(_LANGUAGE_MODEL) and weight.is_floating_point():
            if other is None or other.shape != weight.shape:
                raise AssistantError(f"{name} has another shape in the first run.")
            weight = torch.lerp(other.float(), weight.float(), share)
        found[name] = weight
    return found


def _tokens(run: Path) -> bytes:
    path = run / "tokenizer" / "tokenizer.json"
    if not path.is_file():
        raise AssistantError(f"There is no {path}: copy the tokenizer of the run there.")
    return path.read_bytes()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.average",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--first", type=Path, required=True, help="run that the other went on from")
    parser.add_argument("--second", type=Path, required=True, help="run that went on")
    parser.add_argument("--share", type=float, required=True, help="of the second run, 0 to 1")
    parser.add_argument("--run", type=Path, required=True, help="new directory of the average")
    args = parser.parse_args(arguments)

    def work() -> int:
        average(args.first, args.second, args.run, share=args.share)
        sys.stdout.write(f"wrote {args.run}\n")
        return 0

    return exit_status(work)


if __name__ == "__main__":
    raise SystemExit(main())
