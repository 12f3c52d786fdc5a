"""Chemistry of untrusted input, run in children that can be killed.

RDKit has no wall limit that holds (an embedding asked to stop after 2 s took 20) and hostile input
can exhaust memory, so every task runs in a child process under a time and a memory limit:

    call ─► idle child ─► JSON line down the pipe ─► JSON line back ─► dict, or the same error
                 └─ too slow or dead: killed, a new child started at once, ChemistryTimeoutError

The tasks themselves are in `worker`. Calls come from any thread.
"""

import atexit
import contextlib
import functools
import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TypeAlias

import assistant
from assistant import errors
from assistant.errors import AssistantError, ChemistryTimeoutError, QueueFullError

logger = logging.getLogger(__name__)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

DEFAULT_SECONDS = 2.0
TASK_SECONDS = {
    "canonical": 10.0,
    "conformers": 10.0,
    "file": 10.0,
    "lines": 30.0,
    "outcomes": 4.0,
    "rows": 10.0,
}
HEAVY_TASKS = frozenset(
    {"canonical", "conformer", "conformers", "file", "find", "lines", "outcomes", "rows"}
)  # never on all children at once: facts stay quick
DEFAULT_MEMORY_BYTES = 2 * 2**30
START_SECONDS = 60.0
START_POLL_SECONDS = 0.02
PATIENCE_SECONDS = 15.0
PACKAGE_ROOT = Path(assistant.__file__).resolve().parents[1]


class ChemWorker:
    """One child process, replaced whenever it was killed or died.

    Args:
        seconds: Default wall limit of a call.
        memory_bytes: Address space of the child (Linux only; elsewhere there is no such limit).
        names: Extra name table, as `NameTable.load` takes it.
    """

    def __init__(
        self,
        *,
        seconds: float = DEFAULT_SECONDS,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        names: Path | None = None,
    ) -> None:
        self._seconds = seconds
        self._command = [sys.executable, "-P", "-m", "assistant.chem.worker"]
        self._command += ["--memory-bytes", str(memory_bytes)]
        self._command += ["--names", str(Path(names).resolve())] if names is not None else []
        self._lock = threading.Lock()
        self._closed = False
        self._start()

    def call(self, task: str, *, seconds: float | None = None, **payload: Json) -> dict[str, Json]:
        """Runs one task of `worker` and returns its answer.

        Raises:
            AssistantError: Whatever the task raised, as the same class with the same fields.
            ChemistryTimeoutError: The child was ended at its time or memory limit.
            ValueError: There is no such task.
        """
        if task not in _TASK_TITLES:
            raise ValueError(f"no task {task!r}; there are {', '.join(_TASK_TITLES)}")
        limit = seconds if seconds is not None else TASK_SECONDS.get(task, self._seconds)
        with self._lock:
            self._ensure_ready()
            answer = self._exchange({"task": task, "payload": payload}, limit, task)
        if "error" in answer:
            raise error_from_json(answer["error"])
        return answer["result"]

    def close(self) -> None:
        """Ends the child; calling again does nothing."""
        self._closed = True
        self._kill()

    @property
    def pid(self) -> int:
        """Process id of the present child."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether the child has loaded, so that a call is answered at once."""
        return self._is_ready or not self._lines.empty()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._is_ready = False
        for target, stream, sink in (
            (_pump, self._process.stdout, self._lines.put),
            (_pump, self._process.stderr, _log_line),
        ):
            threading.Thread(target=target, args=(stream, sink), daemon=True).start()

    def _ensure_ready(self) -> None:
        """Waits for the child's first line; start-up does not count against a task's limit."""
        if self._closed:
            raise ChemistryTimeoutError("The chemistry part has been shut down.")
        if self._process.poll() is not None:
            self._replace()
        if self._is_ready:
            return
        try:
            line = self._lines.get(timeout=START_SECONDS)
        except queue.Empty:
            line = b""
        if not line:
            self._replace()
            raise ChemistryTimeoutError(
                "The chemistry part did not start; the log says why. Try again."
            )
        self._is_ready = True

    def _exchange(self, request: Mapping[str, Json], limit: float, task: str) -> dict[str, Json]:
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=limit)
        except queue.Empty:
            self._replace()
            raise ChemistryTimeoutError(
                f"{_TASK_TITLES[task]} took more than {limit:g} s and was stopped."
                " A smaller molecule will work."
            ) from None
        except OSError:
            line = b""
        if not line:
            self._replace()
            raise ChemistryTimeoutError(
                f"{_TASK_TITLES[task]} needed too much memory or failed, and was"
                " stopped. A smaller molecule may work."
            )
        return json.loads(line)

    def _replace(self) -> None:
        self._kill()
        if not self._closed:
            logger.warning(
                "chemistry child ended (code %s); starting another", self._process.poll()
            )
            self._start()

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # what was not yet sent has nowhere to go
            self._process.stdin.close()


class ChemPool:
    """A few children behind one thread-safe `call`.

    Args:
        n_workers: Number of children. They are started one after the other, each when the one
            before is ready, so that with the program itself they keep two cores busy, not three.
        seconds: Default wall limit of a call.
        memory_bytes: Address space of each child (Linux only).
        names: Extra name table, as `NameTable.load` takes it.
    """

    def __init__(
        self,
        n_workers: int = 2,
        *,
        seconds: float = DEFAULT_SECONDS,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        names: Path | None = None,
    ) -> None:
        if n_workers < 1:
            raise ValueError(f"n_workers must be at least 1, not {n_workers}")
        self._make_worker = functools.partial(
            ChemWorker, seconds=seconds, memory_bytes=memory_bytes, names=names
        )
        self._workers = [self._make_worker()]
        self._idle = list(self._workers)
        self._freed = threading.Condition()
        self._closed = threading.Event()
        self._heavy = threading.BoundedSemaphore(max(1, n_workers - 1))
        threading.Thread(target=self._start_others, args=(n_workers - 1,), daemon=True).start()
        atexit.register(self.close)

    def call(self, task: str, *, seconds: float | None = None, **payload: Json) -> dict[str, Json]:
        """Runs a task on the next free child; see `ChemWorker.call`.

        Raises:
            QueueFullError: No child was free for a quarter of a minute.
        """
        if task in HEAVY_TASKS:
            if not self._heavy.acquire(timeout=PATIENCE_SECONDS):
                raise QueueFullError(_BUSY)
            try:
                return self._call_idle(task, seconds, payload)
            finally:
                self._heavy.release()
        return self._call_idle(task, seconds, payload)

    def close(self) -> None:
        """Ends all children; calling again does nothing."""
        with self._freed:
            self._closed.set()
            for worker in self._workers:
                worker.close()
        atexit.unregister(self.close)

    def __enter__(self) -> "ChemPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_others(self, n_others: int) -> None:
        for _ in range(n_others):
            while not (self._workers[-1].is_ready or self._closed.wait(START_POLL_SECONDS)):
                pass
            with self._freed:
                if self._closed.is_set():
                    return
                worker = self._make_worker()
                self._workers.append(worker)
                self._idle.append(worker)
                self._freed.notify()

    def _call_idle(
        self, task: str, seconds: float | None, payload: Mapping[str, Json]
    ) -> dict[str, Json]:
        with self._freed:
            if not self._freed.wait_for(lambda: self._idle, timeout=PATIENCE_SECONDS):
                raise QueueFullError(_BUSY)
            # one that was just replaced is still loading: take it last
            worker = next((w for w in self._idle if w.is_ready), self._idle[0])
            self._idle.remove(worker)
        try:
            return worker.call(task, seconds=seconds, **payload)
        finally:
            with self._freed:
                self._idle.append(worker)
                self._freed.notify()


_BUSY = "The chemistry part is busy with other people's molecules. Try again in a moment."
_TASK_TITLES = {
    "canonical": "Reading the structures",
    "conformer": "The 3D shape",
    "conformers": "Finding the 3D shapes",
    "draw": "The drawing",
    "file": "Reading the file",
    "find": "The search for structures",
    "inspect": "Computing the facts",
    "lines": "Reading the list",
    "molblock": "Reading the drawing",
    "outcomes": "Applying reaction templates",
    "recognise": "Reading the text",
    "mentions": "Looking for molecules in the text",
    "slip": "Looking for a name",
    "rows": "Computing the facts",
}


def error_to_json(error: AssistantError) -> dict[str, Json]:
    """An error as it crosses the pipe."""
    fields = {name: getattr(error, name, None) for name in ("source", "position", "fix")}
    return {"kind": type(error).__name__, "message": str(error), **fields}


def error_from_json(fields: Mapping[str, Json]) -> AssistantError:
    """The error that `error_to_json` wrote; an unknown kind becomes a plain `AssistantError`."""
    if fields["kind"] == "InvalidMoleculeError":
        return errors.InvalidMoleculeError(
            fields["message"],
            source=fields.get("source") or "",
            position=fields.get("position"),
            fix=fields.get("fix"),
        )
    kind = getattr(errors, str(fields["kind"]), AssistantError)
    if not (isinstance(kind, type) and issubclass(kind, AssistantError)):
        kind = AssistantError
    return kind(fields["message"])


def child_environment() -> dict[str, str]:
    """The environment of a child: this project on its path, one thread."""
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(PACKAGE_ROOT), *([inherited] if inherited else [])])
    # one thread each: the children must not take the cores that the model decodes on
    return {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _pump(stream: IO[bytes], sink: Callable[[bytes], None]) -> None:
    """Hands each line to the sink and an empty one at the end of the stream."""
    with stream:
        for line in stream:
            sink(line)
    sink(b"")


def _log_line(line: bytes) -> None:
    if line:  # may name a structure, so DEBUG
        logger.debug("chemistry child: %s", line.decode(errors="replace").rstrip())
