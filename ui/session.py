"""What one browser tab holds: the conversation it shows, current molecule, what comes next.

The conversation itself is in the history, with all its branches; a session only knows which one it
shows and where it has been, so undo is a list of places. Kept on the server under the visitor and
Gradio's random id of the tab, never in module globals; changed only while its lock is held.
"""

import threading
import time
from dataclasses import replace

from assistant.chat.conversation import (
    Conversation,
    Message,
    NumberedMolecule,
    referred_numbers,
)
from assistant.chat.history import Node, StoredConversation
from assistant.chat.history.store import INTERRUPTED, Place
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, HistoryError
from ui.runs import Draw, Run, Runs
from ui.shown import Current, Listing

MAX_UNDO = 50


class Session:
    """The state of one tab; hold `lock` to change it.

    Args:
        runs: The answers being written, and the history they go to.
        visitor: Whose tab it is.
    """

    def __init__(self, runs: Runs, visitor: str) -> None:
        self.lock = threading.RLock()
        self.visitor = visitor
        self.stored = StoredConversation()
        self.current: Current | None = None
        self.use_current = True
        self.chosen: set[int] = set()
        self.run: Run | None = None
        self.untold: int | None = None  # the answer begun here whose end no stream has brought yet
        self.listing = Listing()
        self.removed: dict[int, NumberedMolecule] = {}  # taken off the list, to be put back
        self.second_thoughts = True
        self.last_problem = ""
        self.last_input = 0
        self.last_typed = 0  # the newest text of the molecule box that has arrived
        self.last_edit = 0  # the newest edit of the sketcher that was taken in
        self.last_used = time.monotonic()
        self._runs = runs
        self._history = runs.history
        self._past: list[StoredConversation] = []
        self._future: list[StoredConversation] = []

    # -- molecules ---------------------------------------------------------------------------

    @property
    def conversation(self) -> Conversation:
        """The branch that is shown, as models take it."""
        return self.stored.shown

    def keep_molecules(self, conversation: Conversation) -> None:
        """Takes the molecules of a value of this conversation."""
        before = (self.stored.molecules, self.stored.next_number)
        if (conversation.molecules, conversation.next_number) == before:
            return
        self.stored = self.stored.with_molecules_of(conversation)
        if self.stored.id:
            self._history.keep_molecules(self.visitor, self.stored.id, conversation)

    def remove_molecule(self, number: int) -> None:
        """Takes a molecule off the list; refused while a message in any branch is about it."""
        kept = self.conversation.without_molecule(number)
        for node in self.stored.tree.nodes:
            message = node.message
            named = message.named if message.role == "user" else ()
            if number in (*message.about, *named):
                raise AssistantError(
                    f"Molecule {number} is part of another branch of this conversation and stays."
                )
        self.removed[number] = self.conversation.molecule(number)
        self.keep_molecules(kept)
        self.chosen.discard(number)

    def restore_molecule(self, number: int) -> None:
        """Puts a molecule that was taken off back under its number, attached."""
        entry = self.removed.pop(number, None)
        if entry is None or self.number_of(entry.molecule) is not None:
            raise AssistantError(f"Molecule {number} is not among those that were taken off.")
        shown = self.conversation
        molecules = sorted((*shown.molecules, entry), key=lambda one: one.number)
        self.keep_molecules(replace(shown, molecules=tuple(molecules)))
        self.chosen.add(number)

    def show(self, current: Current | None) -> None:
        """Makes a molecule the current one; the next question is about it unless taken off."""
        if current is None or self.current is None or current.molecule != self.current.molecule:
            self.use_current = True
        self.current = current

    def number_of(self, molecule: Molecule) -> int | None:
        """The number a structure has in this conversation."""
        for entry in self.stored.molecules:
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
        return self.stored.next_number

    def attach(self, number: int, on: bool) -> None:
        """Puts a numbered molecule on the next question, or takes it off."""
        if on:
            self.chosen.add(self.conversation.molecule(number).number)
        else:
            self.chosen.discard(number)
        if number == self.current_number:
            self.use_current = on

    def question(
        self, text: str, mentions: tuple[tuple[int, int, int], ...] = ()
    ) -> tuple[Conversation, Message]:
        """The conversation with the current drawing numbered, and the question as it is sent.

        Args:
            text: Its words.
            mentions: Where they name molecules, see `Message`.
        """
        conversation, numbers = self.conversation, set(self.chosen)
        if self.current is not None and self.use_current:
            conversation, number = conversation.with_molecule(self.current.molecule)
            numbers.add(number)
        known = {entry.number for entry in conversation.molecules}
        numbers |= {n for n in referred_numbers(text) if n in known}
        attached = tuple(sorted(numbers & known))
        return conversation, Message("user", text, attached=attached, mentions=mentions)

    # -- turns and branches ------------------------------------------------------------------

    @property
    def questions(self) -> tuple[Node, ...]:
        """The questions shown, the unanswered one among them; turn i is opened by question i."""
        return self.stored.tree.path[::2]

    @property
    def end(self) -> int | None:
        """The answer that the next question follows: the last one that is one."""
        failed = self.stored.tree.unanswered()
        return self.stored.tree.head if failed is None else self.stored.tree.path[-2].parent

    def ask(self, question: Message, now: Conversation, *, after: int | None) -> Run:
        """Writes a question after an answer (None: at the start) and begins to answer it.

        Args:
            question: The question.
            now: A value of this conversation with all the molecules the question is about.
            after: Number of the answer it follows.
        """
        self._runs.refuse_too_many(self.visitor)
        place = self._history.begin_turn(self.visitor, self.stored.id, after, question, now)
        if not self.stored.id:
            self._past = []
            self.stored = replace(self.stored, id=place.conversation)
        self.chosen.clear()
        return self._begin(place, Draw())

    def answer_again(self, question: int, draw: Draw) -> Run:
        """Begins another answer to a question."""
        self._runs.refuse_too_many(self.visitor)
        place = self._history.begin_answer(self.visitor, self.stored.id, question)
        return self._begin(place, draw)

    def keep_answer(self, question: int, answer: Message) -> None:
        """Puts an answer that was made elsewhere beside those of a question, and shows it.

        Raises:
            AssistantError: The question is no longer there, or an answer is being written.
        """
        if self.run is not None:
            raise AssistantError("An answer is being written. Press Stop (Esc) first.")
        place = self._history.begin_answer(self.visitor, self.stored.id, question)
        self._history.finish(place, answer)
        self._remember()
        self.stored = self._history.load(self.visitor, self.stored.id)

    def _begin(self, place: Place, draw: Draw) -> Run:
        if place.answer != self.stored.tree.head:
            self._remember()
        self.stored = self._history.load(self.visitor, place.conversation)
        turn = len(self.questions) - 1
        draw = replace(draw, second_thoughts=self.second_thoughts)
        self.run = self._runs.start(place, turn, self.conversation, draw)
        self.untold = place.answer
        self.listing = replace(self.listing, deleted=None)  # time has gone on
        return self.run

    def catch_up(self) -> None:
        """Takes in an answer that was finished meanwhile."""
        run = self.run
        if run is None or run.outcome is None:
            return
        self.run = None
        self.last_problem = self.last_problem or run.problem
        if run.place.conversation == self.stored.id:
            tree = self.stored.tree.with_node(run.outcome)
            self.stored = replace(self.stored, tree=tree)

    def switch(self, node: int) -> None:
        """Shows another variant of a question or an answer."""
        self.stored = self._history.load(self.visitor, self.stored.id)
        self._go_to(self.stored.tree.switched(node).head)

    def _release(self) -> None:
        """Ends the answer being written; as far as it got it is kept."""
        if self.run is not None:
            self.run.stop.set()
            self.run = None

    def open(self, conversation: str) -> None:
        """Shows another conversation; an answer being written in this one goes on."""
        self.stored = self._history.load(self.visitor, conversation)
        self._past, self._future = [], []
        self.removed.clear()
        self.chosen.clear()
        self._attend()
        self.mark_seen()

    def mark_seen(self) -> None:
        """Somebody is looking at this conversation."""
        try:
            self._history.mark_seen(self.visitor, self.stored.id)
        except HistoryError as error:  # it is shown all the same
            self.last_problem = self.last_problem or str(error)

    def close(self) -> None:
        """Shows an empty conversation because the one shown was deleted."""
        self._past, self._future = [], []
        self.stored, self.run = StoredConversation(), None
        self.chosen.clear()

    def vote(self, answer: int, vote: str) -> None:
        """A judgement of an answer; the same one again takes it back."""
        node = self.stored.tree.node(answer)
        new = "" if node.vote == vote else vote
        self._history.vote(self.visitor, self.stored.id, answer, new)
        tree = self.stored.tree.with_node(replace(node, vote=new))
        self.stored = replace(self.stored, tree=tree)

    # -- undo --------------------------------------------------------------------------------

    def start_anew(self) -> None:
        """Shows an empty conversation; undo goes back until the first new question."""
        if self.stored.tree.path or self.stored.molecules:
            self._remember()
        self.stored = StoredConversation()
        self.run = None
        self.removed.clear()
        self.chosen.clear()

    def undo(self) -> bool:
        """Goes back one step (the step may be "new chat"); False when there is none.

        A conversation that was opened has no steps yet; its last question can be taken back all
        the same.
        """
        if not self._past and self.questions:
            tree = self.stored.tree.at(self.questions[-1].parent)
            self._past = [replace(self.stored, tree=tree)]
        return self._step(self._past, self._future)

    def redo(self) -> bool:
        """Takes an undo back; False when there is none."""
        return self._step(self._future, self._past)

    def _remember(self) -> None:
        self._past = [*self._past[-MAX_UNDO:], self.stored]
        self._future = []

    def _step(self, source: list[StoredConversation], target: list[StoredConversation]) -> bool:
        if not source:
            return False
        self._release()
        target.append(self.stored)
        then = source.pop()
        self.stored = self._history.load(self.visitor, then.id) if then.id else then
        self._go_to(then.tree.head)
        return True

    def _go_to(self, head: int | None) -> None:
        if self.stored.id:
            self._history.show(self.visitor, self.stored.id, head)
        self.stored = replace(self.stored, tree=self.stored.tree.at(head))
        self._attend()
        self.chosen &= {entry.number for entry in self.stored.molecules}

    def _attend(self) -> None:
        """Finds the run of the last answer shown, if it is being written.

        One that is not, though the history says so, was not brought to its end.
        """
        self.run = None
        head = self.stored.tree.path[-1] if self.stored.tree.path else None
        if head is None or head.state != "running":
            return
        self.run = self._runs.get(head.id)
        if self.run is None:  # finished just now, or lost
            tree = self._history.load(self.visitor, self.stored.id).tree.at(head.id)
            if tree.node(head.id).state == "running":
                place = Place(self.visitor, self.stored.id, head.parent or 0, head.id)
                tree = tree.with_node(self._history.fail(place, INTERRUPTED, stopped=True))
            self.stored = replace(self.stored, tree=tree)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to go back."""
        return bool(self._past) or bool(self.stored.tree.path)

    @property
    def can_redo(self) -> bool:
        """Whether an undo can be taken back."""
        return bool(self._future)
