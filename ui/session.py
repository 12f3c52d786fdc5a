"""What one browser tab holds: conversation, current molecule, what the next question attaches.

Kept on the server under Gradio's random session hash, never in module globals; a `Session` is
changed only while its lock is held; its `Conversation` is an immutable value, so undo is a list.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from assistant.chat.conversation import Conversation, Message, referred_numbers
from assistant.chem.molecule import Molecule

MAX_SESSIONS = 500
MAX_UNDO = 50


@dataclass(frozen=True)
class Current:
    """The molecule that sketcher, box and facts show.

    Attributes:
        molecule: What is drawn.
        inspection: What the chemistry worker said about it (facts, drawing, normalisation).
        before: The molecule it was before "use the parent", to go back to.
        reaction: Reaction SMILES, when this is the first molecule of a drawn or typed reaction.
    """

    molecule: Molecule
    inspection: dict[str, object] = field(default_factory=dict, compare=False)
    before: str | None = None
    reaction: str = ""

    @property
    def text(self) -> str:
        """What the box shows when the molecule did not come from there."""
        return self.reaction or self.molecule.smiles


@dataclass
class Run:
    """An answer being written."""

    turn: int
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class FailedTurn:
    """A question that got no answer, kept on the page with its reason."""

    question: Message
    reason: str
    stopped: bool = False


class Session:
    """The state of one tab; hold `lock` to change it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.conversation = Conversation()
        self.current: Current | None = None
        self.use_current = True
        self.chosen: set[int] = set()
        self.run: Run | None = None
        self.failed: FailedTurn | None = None
        self.last_problem = ""
        self.votes: dict[str, str] = {}
        self.last_input = 0
        self.last_edit = 0  # the newest edit of the sketcher that was taken in
        self._past: list[Conversation] = []
        self._future: list[Conversation] = []
        self._shelf: tuple[Conversation, list[Conversation], list[Conversation]] | None = None
        self.last_used = time.monotonic()

    # -- molecules ---------------------------------------------------------------------------

    def show(self, current: Current | None) -> None:
        """Makes a molecule the current one; the next question is about it unless taken off."""
        if current is None or self.current is None or current.molecule != self.current.molecule:
            self.use_current = True
        self.current = current

    def number_of(self, molecule: Molecule) -> int | None:
        """The number a structure has in this conversation."""
        for entry in self.conversation.molecules:
            if entry.molecule == molecule:
                return entry.number
        return None

    @property
    def current_number(self) -> int | None:
        """The current molecule's number, None when it has none yet (or there is none)."""
        return self.number_of(self.current.molecule) if self.current else None

    @property
    def attached(self) -> frozenset[int]:
        """Numbers the next question will carry; a new current molecule joins when it is sent."""
        number = self.current_number
        implied = {number} if self.use_current and number is not None else set()
        return frozenset(self.chosen | implied)

    @property
    def pending_number(self) -> int | None:
        """The number the current drawing will get with the next question, if it gets a new one."""
        if self.current is None or not self.use_current or self.current_number is not None:
            return None
        return self.conversation.next_number

    def attach(self, number: int, on: bool) -> None:
        """Puts a numbered molecule on the next question, or takes it off."""
        if on:
            self.chosen.add(self.conversation.molecule(number).number)
        else:
            self.chosen.discard(number)
        if number == self.current_number:
            self.use_current = on

    def question(self, text: str) -> tuple[Conversation, Message]:
        """The conversation with the current drawing numbered, and the question as it is sent."""
        conversation, numbers = self.conversation, set(self.chosen)
        if self.current is not None and self.use_current:
            conversation, number = conversation.with_molecule(self.current.molecule)
            numbers.add(number)
        known = {entry.number for entry in conversation.molecules}
        numbers |= {n for n in referred_numbers(text) if n in known}
        return conversation, Message("user", text, attached=tuple(sorted(numbers & known)))

    def abandon(self) -> None:
        """Lets go of the answer being written: it ends soon and is not kept."""
        if self.run is not None:
            self.run.stop.set()
            self.run = None

    # -- undo --------------------------------------------------------------------------------

    def commit(self, conversation: Conversation) -> None:
        """Takes a new conversation, remembering the one before it for undo."""
        self._past = [*self._past[-MAX_UNDO:], self.conversation]
        self._future, self._shelf = [], None
        self.conversation = conversation

    def undo(self) -> bool:
        """Goes back one step (the step may be "new chat"); False when there is none."""
        if not self._past and self._shelf is not None:
            self.conversation, self._past, self._future = self._shelf
            self._shelf = None
            self._settle()
            return True
        return self._step(self._past, self._future)

    def redo(self) -> bool:
        """Takes an undo back; False when there is none."""
        return self._step(self._future, self._past)

    def start_anew(self) -> None:
        """Empties the conversation; undo brings it back until the first new question."""
        if self.conversation.messages or self.conversation.molecules:
            self._shelf = (self.conversation, self._past, self._future)
        self.conversation, self._past, self._future = Conversation(), [], []
        self._settle()

    def _step(self, source: list[Conversation], target: list[Conversation]) -> bool:
        if not source:
            return False
        now, then = self.conversation, source.pop()
        target.append(now)
        # A number once given stays with its molecule, whatever is undone.
        molecules = {m.number: m for m in (*now.molecules, *then.molecules)}
        self.conversation = replace(
            then,
            molecules=tuple(molecules[n] for n in sorted(molecules)),
            next_number=max(now.next_number, then.next_number),
        )
        self._settle()
        return True

    def _settle(self) -> None:
        self.failed = None
        self.chosen &= {entry.number for entry in self.conversation.molecules}

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to go back."""
        return bool(self._past) or self._shelf is not None

    @property
    def can_redo(self) -> bool:
        """Whether an undo can be taken back."""
        return bool(self._future)


class SessionStore:
    """All open tabs, by Gradio's session hash; the longest unused give way beyond a limit."""

    def __init__(self, limit: int = MAX_SESSIONS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def get(self, key: str) -> Session:
        """The session of a tab, new on its first call."""
        with self._lock:
            session = self._sessions.pop(key, None) or Session()
            self._sessions[key] = session
            while len(self._sessions) > self._limit:
                _, dropped = self._sessions.popitem(last=False)
                stop(dropped)
            session.last_used = time.monotonic()
            return session

    @contextmanager
    def locked(self, key: str) -> Iterator[Session]:
        """The session of a tab with its lock held."""
        session = self.get(key)
        with session.lock:
            yield session

    def drop(self, key: str) -> None:
        """Forgets a closed tab and stops what it was waiting for."""
        with self._lock:
            session = self._sessions.pop(key, None)
        if session is not None:
            stop(session)

    def __len__(self) -> int:
        return len(self._sessions)


def stop(session: Session) -> None:
    """Asks the answer being written to end; it stops within one token."""
    run = session.run
    if run is not None:
        run.stop.set()
