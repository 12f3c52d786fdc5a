"""Facts beside answers: `python -m assistant.evaluate.facts_load [--conversations 8] [--runs 100]`.

Starts `launch.py` in a process of its own and asks its `facts` endpoint for one molecule after the
other, first with nothing else to do, then while so many conversations are being answered without a
break. What is measured is a whole request over HTTP: parsing, all facts, and the way there and
back. Options that are not known here go to `launch.py`.
"""

import argparse
import itertools
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.errors import AssistantError
from assistant.evaluate.serving import PATIENCE_S, percentile, print_measured, running
from assistant.evaluate.startup import stream_answer

if TYPE_CHECKING:
    import httpx

MOLECULES = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",
    "C[C@]12CC[C@H]3[C@@H](CCc4cc(O)ccc43)[C@@H]1CC[C@@H]2O",
)
QUESTION = "Describe {} , its groups and every number you know of it"
PAUSE_S = 0.05  # between two requests, as a person who types


@dataclass(frozen=True)
class Waits:
    """Seconds from asking for facts to having them.

    Attributes:
        phase: What else the assistant was doing.
        seconds: One per request.
        answers: Answers that were finished meanwhile.
    """

    phase: str
    seconds: tuple[float, ...]
    answers: int = 0

    @property
    def p95(self) -> float:
        """What 95 of 100 requests do not exceed."""
        return percentile(self.seconds, 95)


def facts(client: "httpx.Client", smiles: str) -> float:
    """Seconds of one request.

    Raises:
        AssistantError: The answer holds no facts.
    """
    begin = time.perf_counter()
    answer = client.post("/gradio_api/run/facts", json={"data": [smiles]}).raise_for_status()
    seconds = time.perf_counter() - begin
    found = answer.json()["data"][0]
    if "formula" not in found:
        raise AssistantError(f"No facts of {smiles}: {found}")
    return seconds


@contextmanager
def conversations(address: str, n: int) -> Iterator[list[int]]:
    """So many questions are being answered all the time; gives the lengths of finished answers."""
    import httpx

    ended = threading.Event()
    finished: list[int] = []

    def ask(number: int) -> None:
        with httpx.Client(base_url=address, timeout=PATIENCE_S) as client:
            for smiles in itertools.cycle(MOLECULES[number % len(MOLECULES) :]):
                n_messages = 0
                for _ in stream_answer(client, QUESTION.format(smiles)):
                    n_messages += 1
                    if ended.is_set():
                        return
                finished.append(n_messages)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(n)]
    for thread in threads:
        thread.start()
    try:
        yield finished
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def measure(arguments: list[str], n_conversations: int, n_runs: int) -> list[Waits]:
    """Start the assistant and measure both phases.

    Raises:
        AssistantError: It did not start, or gave no facts or no answers.
    """
    import httpx

    with (
        running(arguments) as served,
        httpx.Client(base_url=served.address, timeout=PATIENCE_S) as client,
    ):
        served.wait_for_page(client)
        for _ in stream_answer(client, QUESTION.format(MOLECULES[0])):
            pass  # the model is loaded, and every molecule was read once
        return [
            phase(client, "alone", n_runs),
            under_load(client, served.address, n_conversations, n_runs),
        ]


def under_load(client: "httpx.Client", address: str, n: int, n_runs: int) -> Waits:
    """Facts while so many conversations are answered."""
    with conversations(address, n) as finished:
        deadline = time.monotonic() + PATIENCE_S
        while not finished and time.monotonic() < deadline:
            time.sleep(0.1)
        if not finished:
            raise AssistantError("No answer was finished; see launch.py --log-level info.")
        waits = phase(client, f"{n} answering", n_runs)
        return Waits(waits.phase, waits.seconds, len(finished))


def phase(client: "httpx.Client", name: str, n_runs: int) -> Waits:
    """Facts of one molecule after the other."""
    seconds = []
    for smiles in itertools.islice(itertools.cycle(MOLECULES), n_runs):
        seconds.append(facts(client, smiles))
        time.sleep(PAUSE_S)
    return Waits(name, tuple(seconds))


def report(found: list[Waits]) -> str:
    """Median, 95th percentile and worst per phase."""
    lines = ["facts over HTTP, ms: median, p95, worst, runs; answers finished meanwhile"]
    for waits in found:
        figures = (statistics.median(waits.seconds), waits.p95, max(waits.seconds))
        columns = " ".join(f"{seconds * 1000:6.0f}" for seconds in figures)
        lines.append(f"{waits.phase:<14} {columns} {len(waits.seconds):5} {waits.answers:5}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.facts_load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--conversations", type=int, default=8, help="at a time (default: 8)")
    parser.add_argument("--runs", type=int, default=100, help="requests a phase (default: 100)")
    return print_measured(
        parser, lambda options, rest: measure(rest, options.conversations, options.runs), report
    )


if __name__ == "__main__":
    sys.exit(main())
