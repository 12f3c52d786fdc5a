"""A pool of killable children for what few people ask for: it costs nothing until it is used."""

import threading

from assistant.chem.sandbox import ChemPool, Json


class PoolOnDemand:
    """A pool that is there from the first call on; safe to call from several threads.

    Args:
        pool: Children to use; one of its own is started when none is given.
    """

    def __init__(self, pool: ChemPool | None = None) -> None:
        self._pool = pool
        self._lock = threading.Lock()

    def call(self, task: str, **payload: Json) -> dict[str, Json]:
        """As `ChemPool.call`."""
        with self._lock:
            self._pool = self._pool or ChemPool(1)
        return self._pool.call(task, **payload)

    def close(self) -> None:
        """Ends the children, if there are any."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
