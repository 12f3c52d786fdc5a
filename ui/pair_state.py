"""What the Pair tab of one browser tab holds: a task, two slots, the last sweep."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PAIR_TASKS, PairTask
from assistant.errors import AssistantError
from ui.tab_store import Tab, TabStore

if TYPE_CHECKING:
    from assistant.pairing.predictor import Judged

MAX_TABS = 50
FIRST_TASK = "absorption"


@dataclass(frozen=True)
class SweptRow:
    """One partner of a sweep.

    Attributes:
        molecule: The partner.
        judged: What came out; None while it is not there yet.
        measured: The value of exactly this pair among the training pairs.
        problem: Why there is none.
    """

    molecule: Molecule
    judged: "Judged | None" = None
    measured: float | None = None
    problem: str = ""


@dataclass
class Sweep:
    """One molecule against many.

    Attributes:
        task: What was asked.
        fixed: The molecule that stays.
        vary: Which slot changes (0, 1).
        rows: The partners in their order.
        problems: Lines that were not read.
        stop: Set to end it.
        done: Rows that are there.
        running: Whether it is being worked on.
    """

    task: PairTask
    fixed: Molecule
    vary: int
    rows: list[SweptRow]
    problems: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    done: int = 0
    running: bool = True

    @property
    def is_going_on(self) -> bool:
        """Whether more than the row that is being asked will come."""
        return self.running and not self.stop.is_set()


@dataclass
class PairState:
    """The state of one tab; hold `lock` to change it."""

    task: PairTask = PAIR_TASKS[FIRST_TASK]
    slots: list[Molecule | None] = field(default_factory=lambda: [None, None])
    sweep: Sweep | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def pair(self) -> tuple[Molecule, Molecule] | None:
        """Both molecules, once both are there."""
        first, second = self.slots
        return None if first is None or second is None else (first, second)

    def take(self, molecule: Molecule) -> tuple[int, Molecule | None]:
        """Puts a molecule into the first free slot, or else into the second.

        Returns:
            The slot where it is now, and the molecule that gave way.
        """
        if molecule in self.slots:
            return self.slots.index(molecule), None
        slot = self.slots.index(None) if None in self.slots else 1
        before, self.slots[slot] = self.slots[slot], molecule
        return slot, before

    def end_sweep(self) -> None:
        """Stops the sweep that runs, if one does."""
        if self.sweep is not None:
            self.sweep.stop.set()


class PairStore(TabStore[PairState]):
    """The state of every tab; one that gives way has its sweep ended."""

    def __init__(self, limit: int = MAX_TABS) -> None:
        super().__init__(limit, PairState.end_sweep)

    def ensure(self, key: Tab) -> PairState:
        """The state of a tab, made on its first call."""
        with self.lock:
            state = self.get(key)
            if state is None:
                state = PairState()
                self.put(key, state)
            return state

    def begin(self, key: Tab, sweep: Sweep) -> None:
        """Gives a tab its sweep; the one before is ended.

        Raises:
            AssistantError: One runs for the visitor in another tab.
        """
        with self.lock:
            others = [state.sweep for state in self.others(key)]
            if any(other.is_going_on for other in others if other is not None):
                raise AssistantError("A sweep runs for you in another tab. Cancel it there first.")
            state = self.ensure(key)
            state.end_sweep()
            state.sweep = sweep
