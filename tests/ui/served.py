"""The whole page as it is served to people, on this machine, behind the same layers.

`python -m tests.ui.served DIRECTORY PORT` serves it from a process of its own, with a history in
DIRECTORY, until it is killed.
"""

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from assistant.chat.history import History
from tests.ui.browser import free_port
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from ui.app import build_app
from ui.handle import AssistantHandle
from ui.molecules import Chemistry
from ui.page_look import launch_kwargs
from ui.passcode import protection
from ui.reach import Reach
from ui.runs import Runs


@contextlib.contextmanager
def served(
    handle: AssistantHandle,
    chemistry: Chemistry,
    *,
    history: History | None = None,
    port: int | None = None,
    bundle: Path | None = None,
) -> Iterator[str]:
    """The address of the page, closed at the end; with a bundle its Pair tab has heads."""
    runs = Runs(history, handle) if history is not None else None
    reach = Reach("this computer only")
    app = build_app(handle, chemistry=chemistry, reach=reach, runs=runs, bundle=bundle)
    _, address, _ = app.launch(
        server_name="127.0.0.1",
        server_port=port or free_port(),
        prevent_thread_lock=True,
        quiet=True,
        app_kwargs={"middleware": protection(None, local_only=True)},
        **launch_kwargs(),
    )
    try:
        yield address
    finally:
        app.close(verbose=False)


def main(directory: str, port: str) -> None:
    fake, history = FakeAssistant(delay=0.1), History.open(Path(directory))
    with served(AssistantHandle.ready(fake), InProcessChemistry(), history=history, port=int(port)):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:3])
