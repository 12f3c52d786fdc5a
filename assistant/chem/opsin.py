"""Systematic names to structures by OPSIN, where `py2opsin` and a Java runtime are installed.

OPSIN's own program (py2opsin ships it) is kept running and fed one name per line: starting Java
takes 0.6 s, an answer then 5 ms. py2opsin's own function starts Java for every call, writes a file
into the working directory and has no time limit.
"""

import atexit
import contextlib
import importlib.util
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import IO

from assistant.chem.limits import MAX_NAME_CHARS

SECONDS = 1.6  # under the wall limit of the sandbox, so that a slow Java does not cost a child
SECONDS_WHEN_BEHIND = 0.02  # it is still starting: do not wait again for each of many lines
_PLAUSIBLE = re.compile(r"[\w ,'’\-+().\[\]{}^]*[a-z]{3}[\w ,'’\-+().\[\]{}^]*", re.IGNORECASE)


@dataclass(frozen=True)
class SystematicName:
    """OPSIN's reading; `smiles` is None where it has none (`is_late`: not yet)."""

    smiles: str | None
    is_ambiguous: bool = False
    ignored_stereo: bool = False
    is_late: bool = False


def read_systematic_name(name: str) -> SystematicName:
    """The structure of a systematic name; without one when OPSIN is absent, too slow or lost."""
    if opsin_command() is None or len(name) > MAX_NAME_CHARS or not _PLAUSIBLE.fullmatch(name):
        return SystematicName(None)
    try:
        return _read(name)
    except TimeoutError:
        return SystematicName(None, is_late=True)
    except OSError:
        return SystematicName(None)


@cache
def opsin_command() -> tuple[str, ...] | None:
    """The command that reads names from its input, or None where a part is missing."""
    java = shutil.which("java")
    package = importlib.util.find_spec("py2opsin")
    if java is None or package is None or package.origin is None:
        return None
    jars = sorted(Path(package.origin).parent.glob("opsin-cli-*.jar"))
    options = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    return (java, *options, "-jar", str(jars[-1]), "-osmi") if jars else None


class OpsinProcess:
    """OPSIN running; it ends by itself when this process does, because its input closes."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._owed = 0  # answers to earlier names that came too late and must be passed over

    def read(self, name: str) -> SystematicName:
        """One name.

        Raises:
            TimeoutError: No answer in `SECONDS`; the process goes on starting for the next name.
            OSError: The process died.
        """
        with self._lock:
            process = self._running()
            deadline = time.monotonic() + (SECONDS_WHEN_BEHIND if self._owed else SECONDS)
            process.stdin.write(name + "\n")
            process.stdin.flush()
            self._owed += 1
            while True:
                notes, smiles = self._next_answer(deadline)
                self._owed -= 1
                if self._owed == 0:
                    return SystematicName(
                        None if "APPEARS_AMBIGUOUS" in notes else smiles or None,
                        is_ambiguous="APPEARS_AMBIGUOUS" in notes,
                        ignored_stereo="STEREOCHEMISTRY_IGNORED" in notes,
                    )

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            with contextlib.suppress(OSError):  # what was not yet sent has nowhere to go
                self._process.stdin.close()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._lines, self._owed = queue.SimpleQueue(), 0
            with _unlimited_memory():
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,  # warnings come just before their answer
                    encoding="utf-8",
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            reader = (self._process.stdout, self._lines)
            threading.Thread(target=_pump, args=reader, daemon=True).start()
        return self._process

    def _next_answer(self, deadline: float) -> tuple[str, str]:
        """Notes are sentences; the answer is the first line without a space (may be empty)."""
        notes = ""
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError from None
            if not line:
                raise OSError("OPSIN ended")
            if " " not in line.strip():
                return notes, line.strip()
            notes += line


@lru_cache(maxsize=512)
def _read(name: str) -> SystematicName:
    return _shared_process().read(name)


@cache
def _shared_process() -> OpsinProcess:
    process = OpsinProcess(opsin_command() or ())
    atexit.register(process.close)
    return process


def _pump(stream: IO[str], lines: "queue.SimpleQueue[str]") -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put("")


@contextlib.contextmanager
def _unlimited_memory() -> Iterator[None]:
    """Java reserves more address space than the sandbox allows; it gets its own limit by -Xmx."""
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
