"""How long a person waits: `python -m assistant.evaluate.startup [--runs 3]`.

Each run starts `launch.py` afresh in a process of its own, on a free port and without a browser,
and measures from the start of that process, as a page would see it:

    page served   first byte of the page
    first token   a question sent as soon as the page is there; its first streamed word
    answer        the same question, finished

The question is sent over the page's own streaming route, while the model is still loading.
"""

import argparse
import json
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from assistant.errors import AssistantError

if TYPE_CHECKING:
    import httpx

ROOT = Path(__file__).resolve().parents[2]
QUESTION = "Describe CC(=O)Oc1ccccc1C(=O)O"
PATIENCE_S = 180.0


@dataclass(frozen=True)
class Times:
    """Seconds since the process was started."""

    page_served: float
    first_token: float
    answer: float


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def measure(arguments: list[str]) -> Times:
    """Start the assistant once and ask it one question.

    Raises:
        AssistantError: It ended, or did not answer in time.
    """
    import httpx

    port = free_port()
    command = [sys.executable, str(ROOT / "launch.py"), "--no-browser", "--port", str(port)]
    moments = {"first": 0.0, "last": 0.0}
    with tempfile.TemporaryFile() as log:
        start = time.perf_counter()
        process = subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=log, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
                wait_for_page(client, process, log)
                served = time.perf_counter() - start
                for has_text in stream_answer(client, QUESTION):
                    moments["last"] = time.perf_counter() - start
                    if has_text and not moments["first"]:
                        moments["first"] = moments["last"]
        finally:
            process.terminate()
            process.wait(timeout=20)
    if not moments["first"]:
        raise AssistantError(
            "No word of an answer arrived. Start launch.py --log-level info by hand to see why."
        )
    return Times(served, moments["first"], moments["last"])


def wait_for_page(client: "httpx.Client", process: subprocess.Popen, log: IO[bytes]) -> None:
    """Ask for the page until it is there."""
    import httpx

    deadline = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            log.seek(0)
            said = log.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise AssistantError(f"launch.py ended with code {process.returncode}: {said}")
        try:
            if client.get("/").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.01)
    raise AssistantError(f"No page after {PATIENCE_S:.0f} s.")


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
        return bool(live.get("blocks") or live.get("tail"))
    if isinstance(value, list):  # operations: [name, path, new value]
        return any(
            bool({"blocks", "tail"} & {str(step) for step in path}) and bool(new)
            for _, path, new in value
        )
    return False


def main() -> int:
    """Measure and print the medians."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.startup", description=__doc__
    )
    parser.add_argument("--runs", type=int, default=3, help="fresh starts (default: 3)")
    parser.add_argument("--json", action="store_true", help="print every run as JSON")
    options, arguments = parser.parse_known_args()
    emit = sys.stdout.write
    try:
        runs = [measure(arguments) for _ in range(options.runs)]
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.json:
        emit(json.dumps([asdict(run) for run in runs], indent=2) + "\n")
        return 0
    emit(f"median of {len(runs)} fresh starts, seconds (all runs)\n")
    for name in ("page_served", "first_token", "answer"):
        values = [getattr(run, name) for run in runs]
        shown = ", ".join(f"{value:.2f}" for value in values)
        emit(f"{name.replace('_', ' '):<12} {statistics.median(values):6.2f}   ({shown})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
