"""Comparisons that run, one a tab: each in a thread of its own, followed by the page."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from assistant.errors import AssistantError
from assistant.sidebyside.results import Comparison
from ui.handle import Replying
from ui.side_by_side_plan import Planned
from ui.tab_store import Tab, TabStore

FLUSH_SECONDS = 0.12
POLL_SECONDS = 1.0
MAX_BENCHES = 100
MAX_RUNNING = 2  # of one visitor, in all their tabs


@dataclass
class Bench:
    """A comparison that runs, or has run, in a tab.

    Attributes:
        planned: What is compared.
        changed: Tells whoever shows it that there is news.
        writing: The thread that runs it.
        n_news: How often something came; for whoever shows it.
    """

    planned: Planned
    changed: threading.Condition = field(default_factory=threading.Condition)
    writing: threading.Thread | None = None
    n_news: int = 0

    @property
    def comparison(self) -> Comparison:
        """What is compared."""
        return self.planned.comparison

    @property
    def is_running(self) -> bool:
        """Whether more will come."""
        return self.writing is not None and self.writing.is_alive()

    def start(self, assistant: Replying) -> None:
        """Asks all columns, in a thread of its own."""
        self.writing = threading.Thread(
            target=self._write, args=(assistant,), name="side-by-side", daemon=True
        )
        self.writing.start()

    def stop(self) -> None:
        """Ends all columns within a token."""
        self.comparison.stop.set()

    def _write(self, assistant: Replying) -> None:
        for _ in self.comparison.run(assistant):
            with self.changed:
                self.n_news += 1
                self.changed.notify_all()

    def follow(self) -> Iterator[None]:
        """Yields when there is something new, until all columns are done.

        Words come together for a moment, for longer where showing them takes longer: a page that
        cannot keep up is told less often.
        """
        known = -1
        while self.is_running and not self.comparison.is_done:
            if self.n_news != known:
                known, began = self.n_news, time.monotonic()
                yield
                self._wait(max(FLUSH_SECONDS, time.monotonic() - began), until_news=False)
            else:
                self._wait(POLL_SECONDS, until_news=True)

    def _wait(self, seconds: float, *, until_news: bool) -> None:
        known = self.n_news
        with self.changed:
            self.changed.wait_for(
                lambda: self.comparison.is_done or (until_news and self.n_news != known),
                timeout=seconds,
            )


class BenchStore(TabStore[Bench]):
    """The comparison of each tab; one that gives way is stopped."""

    def __init__(self, limit: int = MAX_BENCHES) -> None:
        super().__init__(limit, Bench.stop)

    def put(self, key: Tab, value: Bench) -> None:
        """Shows another comparison in a tab; the one before is stopped.

        Raises:
            AssistantError: The visitor has enough of them running in other tabs.
        """
        with self.lock:
            if sum(other.is_running for other in self.others(key)) >= MAX_RUNNING:
                raise AssistantError(
                    f"{MAX_RUNNING} comparisons are running for you in other tabs."
                    " Stop one of them first."
                )
            super().put(key, value)
