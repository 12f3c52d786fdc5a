"""The assistant as people start it, in a process of its own, for measurements from outside."""

import argparse
import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from assistant.errors import AssistantError
from assistant.setup import NO_BROWSER, find_browser

if TYPE_CHECKING:
    import httpx
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 180.0

Found = TypeVar("Found")


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest value that so many of 100 values do not exceed."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * share // 100) - 1, 0)]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Served:
    """A running assistant; `log` holds what it printed."""

    process: subprocess.Popen
    address: str
    log: IO[bytes]

    def wait_for_page(self, client: "httpx.Client") -> None:
        """Ask for the page until it is there.

        Raises:
            AssistantError: The assistant ended, or there is no page in time.
        """
        import httpx

        deadline = time.perf_counter() + PATIENCE_S
        while time.perf_counter() < deadline:
            if self.process.poll() is not None:
                self.log.seek(0)
                said = self.log.read().decode("utf-8", "replace").strip().splitlines()[-1:]
                code = self.process.returncode
                raise AssistantError(f"launch.py ended with code {code}: {said}")
            try:
                if client.get("/").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.01)
        raise AssistantError(f"No page after {PATIENCE_S:.0f} s.")


@contextlib.contextmanager
def running(arguments: Sequence[str]) -> Iterator[Served]:
    """`launch.py` with these arguments, without a browser; ended afterwards."""
    port = free_port()
    command = [sys.executable, str(ROOT / "launch.py"), "--no-browser", "--port", str(port)]
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as history:
        command += ["--history", history]  # as usual, but not the person's own
        process = subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=log, stderr=log)
        try:
            yield Served(process, f"http://127.0.0.1:{port}", log)
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextlib.contextmanager
def open_browser() -> Iterator["Browser"]:
    """A headless browser without a GPU; closed afterwards.

    Raises:
        AssistantError: There is none.
    """
    path = find_browser()
    if path is None:
        raise AssistantError(NO_BROWSER)
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def print_measured(
    parser: argparse.ArgumentParser,
    measure: Callable[[argparse.Namespace, list[str]], Found],
    report: Callable[[Found], str],
) -> int:
    """A command: reads its options, measures, prints; 1 with one line when it cannot.

    Args:
        parser: Of the command's own options.
        measure: Takes them, and all other arguments, which are those of `launch.py`.
        report: What was found, in words.
    """
    options, arguments = parser.parse_known_args()
    try:
        found = measure(options, arguments)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(report(found))
    return 0
