"""What parts of the page keep of each tab that is open."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Tab = tuple[str, str]
"""A visitor and the random id of their tab."""

T = TypeVar("T")


class TabStore(Generic[T]):
    """A value for each tab; the longest unused give way beyond a limit.

    Args:
        limit: How many tabs are kept.
        end: Ends the work of a value that gives way, or that another takes the place of.

    Attributes:
        lock: Held by every method; whoever needs several of them at once holds it meanwhile.
    """

    def __init__(self, limit: int, end: Callable[[T], None]) -> None:
        self.lock = threading.RLock()
        self._limit, self._end = limit, end
        self._values: OrderedDict[Tab, T] = OrderedDict()

    def get(self, key: Tab) -> T | None:
        """The value of a tab, if it has one."""
        with self.lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Tab, value: T) -> None:
        """Gives a tab another value."""
        with self.lock:
            gone = [self._values.pop(key)] if key in self._values else []
            self._values[key] = value
            while len(self._values) > self._limit:
                gone.append(self._values.popitem(last=False)[1])
        for one in gone:
            self._end(one)

    def end(self, key: Tab) -> None:
        """Ends the work of a tab's value, which stays where it is: nobody has used it."""
        with self.lock:
            value = self._values.get(key)
        if value is not None:
            self._end(value)

    def others(self, key: Tab) -> list[T]:
        """The values of the same visitor's other tabs."""
        with self.lock:
            return [one for tab, one in self._values.items() if tab[0] == key[0] and tab != key]

    def __len__(self) -> int:
        return len(self._values)
