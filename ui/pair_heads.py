"""The pair heads of the bundle for the page: read once, when the Pair tab is first opened."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.pairing.bench import PairBench


class PairHeads:
    """Reads the heads in a thread; who asks waits a moment and asks again.

    Args:
        bundle: Directory of the bundle; None where the page has none.
    """

    def __init__(self, bundle: Path | None) -> None:
        self._bundle = bundle
        self._lock = threading.Lock()
        self._started = False
        self._done = threading.Event()
        self._bench: PairBench | None = None

    def wait(self, seconds: float) -> bool:
        """Starts reading if nobody did; whether it is done after at most so many seconds."""
        with self._lock:
            if not self._started:
                self._started = True
                threading.Thread(target=self._load, name="load-pair-heads", daemon=True).start()
        return self._done.wait(seconds)

    def get(self) -> "PairBench":
        """The heads.

        Raises:
            AssistantError: They are still being read, or could not be.
        """
        if not self._done.is_set():
            raise AssistantError("The pair models are still being read. Try again in a moment.")
        if self._bench is None:
            raise AssistantError("The pair models could not be read; the log says why.")
        return self._bench

    def _load(self) -> None:
        # torch is imported here and not with the page, which has to be there at once
        try:
            from assistant.pairing.bench import PairBench

            self._bench = PairBench.load(self._bundle)
        finally:
            self._done.set()
