"""The GPU rows of the speed table: `python -m assistant.evaluate.speed_gpu [--json OUT]`.

    random 8B model in NF4 ─► G0 … G5, each in turn, each written to the file when it is there

G0 the captured steps are right; G1 decode against stock `generate`, and against the memory's
bandwidth; G2 what ΔW cost; G3 eight people at once; G4 memory at 4,096 tokens of context; G5 a new
molecule. A row that fails says why and the others go on; when the GPU itself no longer answers
after it, the rest runs in a process of its own, with the model's own 4-bit products.
"""

import argparse
import faulthandler
import logging
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from assistant.adapters.lora import unwrap, wrap
from assistant.adapters.sites import find_sites
from assistant.errors import AssistantError
from assistant.evaluate.gpu_bench import (
    SHAPES,
    GpuBench,
    Molecules,
    copy_bandwidth,
    graph_error,
    medians,
    random_llm,
    timed,
    weight_bytes,
)
from assistant.evaluate.guarded_run import SIMPLER, GuardedRun, LogToReport, Report, Row
from assistant.evaluate.speed_rows import stock_speed
from assistant.llm.graphed.capture import BATCHES, Products, graph_obstacle

_PROMPT = 64

ROWS = {
    "G0": "check",
    "G4": "memory",  # before others have conversations of theirs in the cache
    "G1": "decode",
    "G2": "deltas",
    "G3": "eight",
    "G5": "molecule",
}
SETUP_SECONDS, ROW_SECONDS = 90.0, 50.0


class Measurements:
    """The rows: what each measures and what it is measured with.

    Args:
        bench: The model and its engine.
        repeats: Runs per median.
        n_tokens: Tokens of an answer.
        context: Tokens of the long conversation of G4.
    """

    def __init__(self, bench: GpuBench, repeats: int, n_tokens: int, context: int) -> None:
        self.bench = bench
        self.device = bench.llm.device
        self.repeats = repeats
        self.n_tokens = n_tokens
        self.context = context

    def check(self) -> Row:
        """G0: captured steps against the packed pass, with a ΔW for each row."""
        row: Row = {}
        for n_rows in (1, 8):
            error, same = graph_error(self.bench, n_rows)
            row |= {f"error_{n_rows}": error, f"same_best_{n_rows}": same}
        graphs = self.bench.engine.graphs
        row["graphs"] = [
            f"{g.step.n_rows} rows{' with ΔW' if g.step.adapted else ''}: {g.name}, {g.ms:.3f} ms"
            for g in (graphs.graphs if graphs else [])
        ]
        return row

    def decode(self) -> Row:
        """G1: tokens per second of one conversation against `generate` and the bandwidth."""
        bench, prompt = self.bench, self.bench.prompt(_PROMPT)
        stock_tokens = max(8, self.n_tokens // 4)
        sites = find_sites(bench.llm.model)
        unwrap(bench.llm.model)  # `generate` as it comes; our step reads the bare layers anyway
        try:
            bench.ask(prompt, n_tokens=8)
            stock_speed(bench.llm, prompt, 8)
            ours, stock = medians(
                (
                    bench.ask(prompt, n_tokens=self.n_tokens).tokens_per_s,
                    stock_speed(bench.llm, prompt, stock_tokens),
                )
                for _ in range(self.repeats)
            )
        finally:
            wrap(bench.llm.model, sites)
        bandwidth = copy_bandwidth(self.device, self.repeats)
        n_bytes = weight_bytes(bench.llm.model)
        roofline = bandwidth / n_bytes
        graphs = bench.engine.graphs
        steps = [g.ms for g in graphs.graphs if g.step.n_rows == 1] if graphs else []
        return {
            **({"step_share_of_roofline": 1e3 / min(steps) / roofline} if steps else {}),
            "engine_tokens_per_s": ours,
            "stock_tokens_per_s": stock,
            "ratio": ours / stock,
            "copy_bandwidth_gb_per_s": bandwidth / 1e9,
            "weight_gb_per_token": n_bytes / 1e9,
            "roofline_tokens_per_s": roofline,
            "share_of_roofline": ours / roofline,
        }

    def deltas(self) -> Row:
        """G2: decode with ΔW against without, one row and eight rows of distinct molecules."""
        bench, n_tokens = self.bench, self.n_tokens
        one = bench.prompt(_PROMPT, bench.deltas[0]), bench.prompt(_PROMPT)
        eight = [bench.prompt(_PROMPT, d) for d in bench.deltas], [one[1]] * len(bench.deltas)
        for prompt in one:
            bench.ask(prompt, n_tokens=8)
        with_1, without_1 = medians(
            tuple(bench.ask(prompt, n_tokens=n_tokens).tokens_per_s for prompt in one)
            for _ in range(self.repeats)
        )
        for prompts in eight:
            for n_rows in BATCHES:  # they come one after the other: none is captured later
                bench.together(prompts[:n_rows], 24)
        with_8, without_8 = medians(
            tuple(self._decoding(prompts) for prompts in eight) for _ in range(self.repeats)
        )
        return {
            "batch_1_with": with_1,
            "batch_1_without": without_1,
            "batch_1_overhead": without_1 / with_1 - 1,
            "batch_8_with": with_8,
            "batch_8_without": without_8,
            "batch_8_overhead": without_8 / with_8 - 1,
        }

    def _decoding(self, prompts: list) -> float:
        """Tokens per second of all rows together once they decode."""
        _, heard = self.bench.together(prompts, self.n_tokens)
        return sum(h.done.tokens_per_s for h in heard)

    def eight(self) -> Row:
        """G3: tokens per second of eight people, each with a molecule, against one."""
        bench, firsts = self.bench, []
        prompts = [bench.prompt(2 * _PROMPT, delta) for delta in bench.deltas]

        def rate(some: list) -> float:
            total, heard = bench.together(some, 2 * self.n_tokens)
            if len(some) > 1:
                firsts.extend(h.first_token_s for h in heard)
            return total

        rate(prompts), rate(prompts[:1])
        firsts.clear()
        eight, one = medians((rate(prompts), rate(prompts[:1])) for _ in range(self.repeats))
        firsts.sort()
        return {
            "eight_tokens_per_s": eight,
            "one_tokens_per_s": one,
            "ratio": eight / one,
            "first_token_p50_s": statistics.median(firsts),
            "first_token_p95_s": firsts[min(len(firsts) - 1, int(0.95 * len(firsts)))],
            "first_tokens": len(firsts),
        }

    def memory(self) -> Row:
        """G4: peak memory of model, encoder, projector, generator and a long conversation."""
        bench = self.bench
        if self.device.type != "cuda":
            raise AssistantError("memory is counted on a CUDA device only")
        molecules = Molecules(bench.llm)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        molecules.next()
        heard = bench.hear(bench.prompt(self.context - 160, bench.deltas[0]), n_tokens=64)
        return {
            "peak_gb": torch.cuda.max_memory_allocated(self.device) / 1e9,
            "reserved_gb": torch.cuda.max_memory_reserved(self.device) / 1e9,
            "before_gb": before / 1e9,
            "context_tokens": self.context - 160 + len(heard.done.token_ids),
            "prefill_s": heard.first_token_s,
            "tokens_per_s": heard.done.tokens_per_s,
        }

    def molecule(self) -> Row:
        """G5: ms for a molecule that was never seen, from structure to tokens, ΔW and hashes."""
        molecules = Molecules(self.bench.llm)
        for _ in range(3):
            molecules.next()
        seconds = [timed(molecules.next, self.device) for _ in range(4 * self.repeats)]
        n_values = sum(p.numel() for p in molecules.encoder.generator.parameters())
        return {"ms": statistics.median(seconds) * 1e3, "generator_parameters": n_values}


def machine(device: torch.device, options: argparse.Namespace, obstacle: str) -> Row:
    """Where it was measured."""
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else "cpu",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "shape": options.shape,
        "products": options.products,
        "tokens": options.tokens,
        "repeats": options.repeats,
        "obstacle_to_graphs": obstacle,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 when every row was measured."""
    options = _options(arguments)
    faulthandler.enable(sys.__stderr__)
    begin = time.monotonic() - options.spent
    report = Report(options.json, resume=options.resume)
    handler = LogToReport(report)
    for name in ("assistant.llm.graphed", "assistant.llm.decode_loop"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    device, names = torch.device(options.device), options.only or list(ROWS)
    run = GuardedRun(report, device, options.products, begin, partial(_resumed, options))
    measured = run.guarded("setup", lambda: _set_up(options, report, run), SETUP_SECONDS, names)
    for name, rest in run.left(names, options.seconds):
        row = run.guarded(
            name, lambda name=name: getattr(measured, ROWS[name])(), ROW_SECONDS, rest
        )
        if row is not None:
            report.add(name, row)
    return 1 if any("failed" in row for row in report.values["rows"].values()) else 0


def _set_up(options: argparse.Namespace, report: Report, run: GuardedRun) -> Measurements:
    """The model, its engine and the captured graphs."""
    run.say("imported")
    device = torch.device(options.device)
    llm = random_llm(options.shape, device)
    report.values["machine"] = machine(device, options, graph_obstacle(llm.model))
    report.write()
    run.say(f"model made on {report.values['machine']}")
    bench = GpuBench(llm, n_tokens=options.tokens, products=options.products)
    run.say("engine ready")
    return Measurements(bench, options.repeats, options.tokens, options.context)


def _resumed(
    options: argparse.Namespace, products: Products, spent: float, rest: list[str]
) -> list[str]:
    """The command that measures the rest, with other products."""
    command = [sys.executable, "-m", "assistant.evaluate.speed_gpu", "--resume"]
    command += ["--device", options.device, "--shape", options.shape, "--products", products]
    command += ["--repeats", str(options.repeats), "--tokens", str(options.tokens)]
    command += ["--context", str(options.context), "--seconds", str(options.seconds)]
    command += ["--spent", f"{spent:.1f}", "--only", *rest]
    if options.json is not None:
        command += ["--json", str(options.json)]
    return command


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="OUT")
    default = "cuda:0" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="8b")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=96, help="of an answer")
    parser.add_argument("--context", type=int, default=4096, help="of the long conversation")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID")
    parser.add_argument("--products", choices=sorted(SIMPLER), default="auto")
    parser.add_argument("--seconds", type=float, default=140.0, help="no row begins after them")
    parser.add_argument("--spent", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
