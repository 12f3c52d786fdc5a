"""How a command ends when it cannot go on: one line, an exit status, never a traceback."""

import difflib
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

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
