"""How fast the assistant is: `python -m assistant.evaluate.speed [--device cpu] [--json OUT]`.

    python -m assistant.evaluate.speed --write docs/performance.md     table and picture

With `--device cuda` it is the rows of `speed_gpu`, on a randomly initialised 8B model.

Each row times two ways to the same result alternately in one run, with the same weights, and prints
their medians and ratio beside the bar. Run it on a quiet machine: `--only C1 C2` takes some rows.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from assistant.bundle import Bundle
from assistant.errors import AssistantError
from assistant.evaluate import speed_experts, speed_features, speed_peft, speed_rows
from assistant.evaluate.speed_bench import Bench, Format
from assistant.evaluate.speed_figures import HEADER, Figure, Measured
from assistant.evaluate.speed_report import read_parts, write_report
from assistant.evaluate.speed_rows import Pair
from assistant.llm.load import LoadedLLM, load_llm

ROOT = Path(__file__).resolve().parents[2]
_LEAST_REPEATS = 5


FIGURES: dict[Figure, Callable[[Bench, int], Pair]] = {
    Figure(
        "C1", "decode, one conversation / stock generate", "tokens/s", bar=1.5
    ): speed_rows.decode_against_stock,
    Figure(
        "C2", "decode with graph tokens and ΔW / base", "tokens/s", bar=0.85
    ): speed_rows.decode_with_delta,
    Figure(
        "C3a", "8 molecules in a batch, NF4 kernel / peft mixed batch", "tokens/s", bar=2.0
    ): lambda bench, repeats: speed_peft.mixed_batch(bench, repeats, "nf4"),
    Figure(
        "C3b", "8 molecules in a batch, fp32 / peft mixed batch", "tokens/s", bar=2.0
    ): lambda bench, repeats: speed_peft.mixed_batch(bench, repeats, "fp32"),
    Figure(
        "C4", "8 conversations, 8 molecules / one", "tokens/s", bar=2.5
    ): speed_rows.eight_together,
    Figure(
        "C5", "first token of a 2nd turn, kept cache / none", "s", less_is_better=True, bar=10.0
    ): speed_rows.second_turn,
    Figure(
        "C6a",
        "X-LoRA token at 256 in fp32, two caches / two full passes",
        "s",
        less_is_better=True,
        bar=8.0,
    ): lambda bench, repeats: speed_experts.exact_against_two_passes(bench, repeats, 256),
    Figure(
        "C6b", "X-LoRA at 1,024 tokens, caches / two full passes", "s", less_is_better=True
    ): lambda bench, repeats: speed_experts.exact_against_two_passes(bench, repeats, 1024),
    Figure(
        "C6c", "X-LoRA token at 256, two caches / peft, fp32", "s", less_is_better=True
    ): lambda bench, repeats: speed_experts.exact_against_peft(bench, repeats, 256),
    Figure(
        "C7", "first token with a 2nd molecule, kept / none", "s", less_is_better=True, bar=8.0
    ): speed_rows.second_molecule,
    Figure(
        "C8", "decode beside a busy process / alone", "tokens/s", bar=0.4
    ): speed_rows.beside_a_neighbour,
    Figure(
        "C9",
        "graph tokens and ΔW, known molecule / new",
        "s",
        less_is_better=True,
        limits=(0.001, 0.015),
    ): speed_rows.encode,
    Figure(
        "C10a", "graph from text / PyG from_smiles", "molecules/s", bar=4.0
    ): lambda _, repeats: speed_features.from_text(repeats),
    Figure(
        "C10b", "graph from a parsed molecule / PyG from_smiles", "molecules/s", bar=10.0
    ): lambda _, repeats: speed_features.from_parsed(repeats),
    Figure(
        "C10c", "graph of what a person wrote, with identity / PyG from_smiles", "molecules/s"
    ): lambda _, repeats: speed_features.by_identity(repeats),
    Figure("C10d", "RDKit's parse alone / PyG from_smiles", "molecules/s"): lambda _, repeats: (
        speed_features.bare_parse(repeats)
    ),
}


def measure(bench: Bench, repeats: int, only: Sequence[str] = ()) -> Iterator[Measured]:
    """Times the rows one after the other.

    Args:
        bench: The model.
        repeats: Pairs per row.
        only: Ids, or their beginnings; all rows when empty.
    """
    for figure, run in FIGURES.items():
        if not only or any(figure.id.rstrip("abcd") == name or figure.id == name for name in only):
            yield Measured(figure, run(bench, repeats))


def machine(bench: Bench) -> dict[str, object]:
    """Where and with what it was measured."""
    llm = bench.llm
    return {
        "model": llm.name,
        "quantisation": llm.quantisation,
        "compute": llm.compute_format,
        "device": str(llm.device),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _device(arguments: Sequence[str]) -> str:
    """The device asked for."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", default="auto")
    return parser.parse_known_args(arguments)[0].device


def _load_as(source: str | Path, form: Format, device: str) -> LoadedLLM:
    if form == "nf4":
        return load_llm(source, device=device, pick_fastest=False)
    return load_llm(source, device=device, compute=form)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 when every row reached its bar."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if _device(given).startswith("cuda"):
        from assistant.evaluate import speed_gpu

        return speed_gpu.main(given)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=ROOT / "checkpoints" / "default")
    parser.add_argument("--llm", help="another model, hub id or directory")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=[], metavar="ID")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put all rows and a picture into this document"
    )
    options = parser.parse_args(arguments)
    if options.repeats < _LEAST_REPEATS:
        parser.error(f"--repeats {options.repeats}: medians of at least {_LEAST_REPEATS} are told")
    if options.write and options.only:
        parser.error("--write takes all rows; leave out --only")
    try:
        if options.write:
            read_parts(options.write)  # now, not after all the rows
        source = options.llm or Bundle.read(options.bundle).components["llm"]
        bench = Bench(
            load_llm(source, device=options.device),
            lambda form: _load_as(source, form, options.device),
        )
        described = machine(bench)
        sys.stdout.write(f"{described}\n{HEADER}\n")
        rows = []
        for row in measure(bench, options.repeats, options.only):
            sys.stdout.write(row.line() + "\n")
            sys.stdout.flush()
            rows.append(row)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.json:
        values = [
            {**asdict(r.figure), **asdict(r.pair), "ratio": r.ratio, "reached": r.reached}
            for r in rows
        ]
        text = json.dumps({"machine": described, "rows": values}, indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    if options.write:
        write_report(options.write, rows, described)
    return 0 if all(row.reached for row in rows) else 1


if __name__ == "__main__":
    if "OMP_WAIT_POLICY" not in os.environ:  # as `launch.py` does; torch reads it when it loads
        os.environ["OMP_WAIT_POLICY"] = "passive"
        os.execv(sys.executable, [sys.executable, "-m", "assistant.evaluate.speed", *sys.argv[1:]])
    sys.exit(main())
