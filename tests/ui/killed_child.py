"""A process that asks and answers without end, to be killed.

`python -m tests.ui.killed_child DIRECTORY` writes a line for each turn, after it
was committed.
"""

import sys
import time
from pathlib import Path

from assistant.chat.history import History
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from ui.handle import AssistantHandle
from ui.runs import Runs
from ui.session import Session
from ui.turns import Ask, begin


def main(directory: str) -> None:
    history = History.open(Path(directory))
    runs = Runs(history, AssistantHandle.ready(FakeAssistant(delay=0.002)))
    chemistry = InProcessChemistry()
    for n in range(1_000_000):
        session = Session(runs, "visitor")
        for turn in range(3):
            text = f"{time.time_ns()} question {n} {turn}"
            run = begin(session, Ask("ask", text), chemistry)
            sys.stdout.write(f"asked {run.place.conversation} {text}\n")
            sys.stdout.flush()
            list(run.follow())
            session.catch_up()
            sys.stdout.write(f"answered {run.place.conversation} {text}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
