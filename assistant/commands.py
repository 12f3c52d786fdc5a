"""How a command ends when it cannot go on: one line, an exit status, never a traceback."""

import difflib
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from assistant.errors import AssistantError

INTERRUPTED = 130
"""What a shell gives for a program that Ctrl+C ended."""


def exit_status(work: Callable[[], int], *, after_stop: str = "stopped") -> int:
    """Does the work of a command line.

    Args:
        work: Gives the exit status of a command that came to its end.
        after_stop: What is said when Ctrl+C ended it: whether the same command goes on from there.

    Returns:
        That of the work; 1 after an error of the person's own, `INTERRUPTED` after Ctrl+C.
    """
    try:
        with heard_ctrl_c():
            return work()
    except AssistantError as error:
        line, status = str(error), 1
    except OSError as error:
        if error.filename is None:  # not about a file that somebody named
            raise
        # Of a renaming it is the new name that was chosen.
        place = error.filename2 or error.filename
        line, status = f"{place} cannot be used: {error.strerror}. Name another place.", 1
    except KeyboardInterrupt:
        line, status = f"\n{after_stop}", INTERRUPTED
    sys.stderr.write(f"{line}\n")
    return status


def hold_ctrl_c() -> None:
    """Holds Ctrl+C back until `heard_ctrl_c`, or `exit_status` that does the work within it.

    RDKit takes the signal for itself while it matches substructures: the match then ends with a
    part of its result, and Python never hears of it; from two threads on RDKit keeps it for good.
    This is for the top of a program that matches much, since threads that numpy begins when it is
    imported would take the signal too.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@contextmanager
def heard_ctrl_c() -> Iterator[None]:
    """Within it a thread waits for a Ctrl+C that `hold_ctrl_c` holds back.

    It then sends the main thread another signal, which RDKit leaves alone; the handler of Ctrl+C is
    called there.
    """
    holds = hasattr(signal, "pthread_sigmask")
    if not holds or signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        yield
        return
    main, done = threading.get_ident(), threading.Event()

    def watch() -> None:
        while signal.sigwait({signal.SIGINT}) and not done.is_set():
            signal.pthread_kill(main, signal.SIGUSR1)

    def pass_on(_: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(signal.SIGINT, frame)

    before = signal.signal(signal.SIGUSR1, pass_on)
    watcher = threading.Thread(target=watch, name="Ctrl+C", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        signal.pthread_kill(watcher.ident, signal.SIGINT)
        watcher.join()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGUSR1, before)


@contextmanager
def ctrl_c_calls(stop: Callable[[], None]) -> Iterator[None]:
    """Within it Ctrl+C asks for an end in good order, in the place of ending the program."""
    before = signal.signal(signal.SIGINT, lambda *_: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def near(word: str, known: Iterable[str]) -> str:
    """Offers the known name that is nearest to an unknown one, to go on with; "" without one."""
    by_letters = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_letters, n=1, cutoff=0.7)
    return f" Did you mean {by_letters[found[0]]!r}?" if found else ""
