"""How long a person waits: `python -m assistant.evaluate.startup [--runs 3] [--load]`.

Each run starts `launch.py` afresh in a process of its own, on a free port and without a browser,
and measures from the start of that process, as a page would see it:

    page served   first byte of the page
    first token   a question sent as soon as the page is there; its first streamed word
    answer        the same question, finished
    processor     processor seconds of the assistant and its chemistry workers until then; other
                  work on the machine lengthens the waits, but hardly these

The question is sent over the page's own streaming route, while the model is still loading.

`--load` measures the bundle alone, in a fresh process without a page:

    imports       torch, transformers, bitsandbytes and our own modules
    bundle load   reading the bundle, choosing how it computes, ready to answer
    processor     processor seconds of both
"""

import argparse
import gc
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import AssistantError
from assistant.evaluate.serving import PATIENCE_S, ROOT, running

if TYPE_CHECKING:
    import httpx

DEFAULT_BUNDLE = ROOT / "checkpoints" / "default"
QUESTION = "Describe CC(=O)Oc1ccccc1C(=O)O"


@dataclass(frozen=True)
class Times:
    """Seconds since the process was started."""

    page_served: float
    first_token: float
    answer: float
    processor: float


@dataclass(frozen=True)
class LoadTimes:
    """Seconds that the parts of loading take; `processor` is for both together."""

    imports: float
    bundle_load: float
    processor: float


def measure(arguments: list[str]) -> Times:
    """Start the assistant once and ask it one question.

    Raises:
        AssistantError: It ended, or did not answer in time.
    """
    import httpx

    first = last = processor = 0.0
    start = time.perf_counter()
    with (
        running(arguments) as served,
        httpx.Client(base_url=served.address, timeout=PATIENCE_S) as client,
    ):
        served.wait_for_page(client)
        page_served = time.perf_counter() - start
        for has_text in stream_answer(client, QUESTION):
            last = time.perf_counter() - start
            if has_text and not first:
                first, processor = last, processor_seconds(served.process.pid)
    if not first:
        raise AssistantError(
            "No word of an answer arrived. Start launch.py --log-level info by hand to see why."
        )
    return Times(page_served, first, last, processor)


def processor_seconds(pid: int) -> float:
    """User and system time of a process and its children so far."""
    import psutil

    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def measure_load(bundle: Path) -> LoadTimes:
    """Load a bundle once in a fresh process.

    Raises:
        AssistantError: It could not be loaded.
    """
    code = "from assistant.evaluate.startup import load_here; load_here(__import__('sys').argv[1])"
    command = [sys.executable, "-c", code, str(bundle)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise AssistantError(f"The bundle {bundle} could not be loaded: {last}")
    return LoadTimes(**json.loads(done.stdout.splitlines()[-1]))


def load_here(bundle: str) -> None:
    """Load a bundle as `launch.py` does and write the seconds as JSON; for a fresh process."""
    gc.disable()  # as launch.py does
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ["HF_HUB_OFFLINE"] = "1"
    start = time.perf_counter()
    from assistant.imports import quick_imports

    with quick_imports():
        import bitsandbytes  # noqa: F401
        from transformers import LlamaForCausalLM  # noqa: F401  imports what all models share

        from assistant.assistant import Assistant

        imported = time.perf_counter()
        Assistant.load(Path(bundle))
    ready = time.perf_counter()
    times = LoadTimes(imported - start, ready - imported, time.process_time())
    sys.stdout.write(json.dumps(asdict(times)) + "\n")


def stream_answer(client: "httpx.Client", question: str) -> Iterator[bool]:
    """Ask as the page does; gives for each message of the stream whether it holds answer text."""
    config = client.get("/config").raise_for_status().json()
    session = secrets.token_hex(8)
    event, component = turn_event(config)
    body = {
        "data": [],
        "event_data": {"kind": "ask", "text": question},
        "fn_index": event,
        "trigger_id": component,
        "session_hash": session,
    }
    client.post("/gradio_api/queue/join", json=body).raise_for_status()
    route = "/gradio_api/queue/data"
    with client.stream("GET", route, params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if not line.startswith("data:"):
                continue
            message = json.loads(line.removeprefix("data:"))
            kind = message.get("msg")
            if kind == "process_generating":
                yield holds_text(message["output"]["data"][0])
            elif kind == "process_completed":
                yield False
                return


def turn_event(config: dict) -> tuple[int, int]:
    """The page's event that asks a question, and a component that triggers it."""
    for dependency in config["dependencies"]:
        for component, name in dependency["targets"]:
            if name == "turn":
                return dependency["id"], component
    raise AssistantError("The page has no event named “turn”.")


def holds_text(value: object) -> bool:
    """Whether a value of the transcript, or a difference to the one before, brings answer text."""
    if isinstance(value, dict):
        live = value.get("live") or {}
        return bool(live.get("blocks") or live.get("tail")) or is_answer(value.get("turns"))
    if isinstance(value, list):  # operations: [name, path, new value]
        return any(
            (bool({"blocks", "tail"} & {str(step) for step in path}) and bool(new))
            or ("turns" in path and is_answer(new))
            for _, path, new in value
        )
    return False


def is_answer(turns: object) -> bool:
    """Whether turns, as the page gets them, hold a finished answer: a short one comes whole."""
    return "prose-answer" in json.dumps(turns)


def main() -> int:
    """Measure and print the medians."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.startup",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=3, help="fresh starts (default: 3)")
    parser.add_argument("--load", action="store_true", help="measure the bundle alone")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE, help="bundle directory")
    parser.add_argument("--json", action="store_true", help="print every run as JSON")
    options, arguments = parser.parse_known_args()
    try:
        if options.load:
            runs = [measure_load(options.bundle.resolve()) for _ in range(options.runs)]
        else:
            arguments += ["--bundle", str(options.bundle.resolve())]
            runs = [measure(arguments) for _ in range(options.runs)]
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(report(runs, as_json=options.json))
    return 0


def report(runs: Sequence[Times | LoadTimes], *, as_json: bool) -> str:
    """Every run as JSON, or the medians with all runs behind them."""
    rows = [asdict(run) for run in runs]
    if as_json:
        return json.dumps(rows, indent=2) + "\n"
    lines = [f"median of {len(runs)} fresh starts, seconds (all runs)"]
    for name in rows[0]:
        values = [row[name] for row in rows]
        shown = ", ".join(f"{value:.2f}" for value in values)
        lines.append(f"{name.replace('_', ' '):<12} {statistics.median(values):6.2f}   ({shown})")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
