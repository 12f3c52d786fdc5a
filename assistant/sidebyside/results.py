"""What is known of each column so far: its words, its figures, its answer or why there is none."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from assistant.chat.conversation import Message
from assistant.chat.events import Finished, Measured, Notice, Queued, TextDelta
from assistant.chat.figures import Figures
from assistant.sidebyside.claims import Compared, compare_claims
from assistant.sidebyside.columns import Column
from assistant.sidebyside.running import ColumnEvent, Failed, NoPlace, Replying, run_columns


@dataclass(frozen=True)
class Result:
    """One column so far.

    Attributes:
        text: Words of the answer.
        queued: Its place in the queue, while it waits.
        no_place: Why it cannot even wait yet.
        notices: What the person should know.
        figures: The latest.
        peak_bytes: Most memory of the program while the column was answered; of the GPU where
            there is one.
        answer: The finished answer with its checks.
        seconds: From the question to the end.
        failed: Why there is no answer.
    """

    text: str = ""
    queued: Queued | None = None
    no_place: str = ""
    notices: tuple[str, ...] = ()
    figures: Figures | None = None
    peak_bytes: int = 0
    answer: Message | None = None
    seconds: float | None = None
    failed: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self.answer is not None or bool(self.failed)

    def after(self, event: ColumnEvent) -> "Result":
        """What is known after an event."""
        if isinstance(event, TextDelta):
            return replace(self, text=self.text + event.text, queued=None, no_place="")
        if isinstance(event, Queued):
            return replace(self, queued=event, no_place="")
        if isinstance(event, NoPlace):
            return replace(self, no_place=event.reason)
        if isinstance(event, Notice):
            return replace(self, notices=(*self.notices, event.text))
        if isinstance(event, Measured):
            return self._measured(event.figures)
        if isinstance(event, Failed):
            return replace(self, failed=event.reason, queued=None, no_place="")
        # Columns take first attempts: nothing in them is written again.
        return self._finished(event) if isinstance(event, Finished) else self

    def _measured(self, figures: Figures | None) -> "Result":
        if figures is None:
            return self
        held = figures.memory_bytes if figures.gpu_bytes is None else figures.gpu_bytes
        return replace(self, figures=figures, peak_bytes=max(self.peak_bytes, held))

    def _finished(self, event: Finished) -> "Result":
        return replace(
            self._measured(event.figures),
            text=event.message.text,
            answer=event.message,
            seconds=event.seconds,
            queued=None,
            no_place="",
        )


@dataclass
class Comparison:
    """A question in several columns, with what has come of them.

    Attributes:
        kind: "adapters", "molecules" or "spellings".
        question: Its words.
        columns: What is asked.
        results: What came of it; changes while the comparison runs.
        stop: Set it to end all columns.
    """

    kind: str
    question: str
    columns: tuple[Column, ...]
    results: list[Result] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.results = self.results or [Result() for _ in self.columns]

    @property
    def is_done(self) -> bool:
        """Whether every column that is on has an answer or a reason."""
        return all(
            column.off or result.is_done
            for column, result in zip(self.columns, self.results, strict=True)
        )

    @property
    def answers(self) -> Sequence[Message | None]:
        """Of each column, as far as there are."""
        return [result.answer for result in self.results]

    def compared(self) -> Compared:
        """What the answers claim, and where they differ."""
        return compare_claims(self.answers, across=self.kind == "molecules")

    def run(self, assistant: Replying) -> Iterator[int]:
        """Asks all columns at the same time; yields the index of each that has news."""
        for place, event in run_columns(assistant, self.columns, self.stop):
            self.results[place] = self.results[place].after(event)
            yield place
