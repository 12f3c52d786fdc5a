"""The history: conversations of many visitors in one database, each only for its own visitor.

Every method takes the visitor and touches nothing of another one's. All of them may be called from
any thread; one lock makes one writer. A turn is written in two commits: the question with an answer
that is running, then the answer. So what `kill -9` takes is at most the answer under way, of which
the words that `note_progress` wrote last are kept.
"""

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.chat.conversation import Conversation, Message
from assistant.chat.history.database import open_file, open_memory
from assistant.chat.history.lists import Lists
from assistant.chat.history.rows import MAX_TITLE, Rows, node_of, running_answer
from assistant.chat.history.tree import Node, State, StoredConversation
from assistant.errors import HistoryError

logger = logging.getLogger(__name__)

KEEP_DELETED_SECONDS = 24 * 3600.0
TITLE_CHARS = 80
INTERRUPTED = "The assistant was ended before the answer was. Ask again with retry."


@dataclass(frozen=True)
class Place:
    """Where an answer belongs."""

    visitor: str
    conversation: str
    question: int
    answer: int


class History:
    """The conversations; `open` one in a folder or `in_memory` one that ends with the program.

    Attributes:
        lists: What is found in it: the newest, by molecule, by words, by structure.
        is_kept: Whether it is on a disk.
        notice: What had to be done to open it, for the person; usually empty.
    """

    def __init__(self, rows: Rows, *, is_kept: bool, notice: str = "") -> None:
        self._rows = rows
        self.lists = Lists(rows)
        self.is_kept = is_kept
        self.notice = notice

    @classmethod
    def open(cls, directory: Path) -> "History":
        """The history in a folder; answers that were running when it was last used are settled.

        Raises:
            HistoryError: The folder cannot be used, or another assistant uses it.
        """
        connection, notice = open_file(directory)
        history = cls(Rows(connection), is_kept=True, notice=notice)
        history._settle_interrupted()
        history.purge(older_than=KEEP_DELETED_SECONDS)
        return history

    @classmethod
    def in_memory(cls) -> "History":
        """A history that is gone when the program ends."""
        return cls(Rows(open_memory()), is_kept=False)

    def close(self) -> None:
        """Ends the connection; calling again does nothing."""
        self._rows.close()

    # -- turns -------------------------------------------------------------------------------

    def begin_turn(
        self,
        visitor: str,
        conversation: str,
        after: int | None,
        question: Message,
        now: Conversation,
    ) -> Place:
        """Writes a question and an answer that is running, and shows them.

        Args:
            visitor: Whose it is.
            conversation: Its id; "" makes a new one, called after the question.
            after: The answer that the question follows, None for a first question.
            question: What was asked.
            now: Gives the molecules and the next number.
        """
        rows = self._rows
        with rows.writing():
            if not conversation:
                conversation = rows.create(visitor, title_of(question.text), time.time())
            before = rows.load(visitor, conversation).tree
            if after is not None:
                before.node(after)
            asked = rows.insert(conversation, Node(0, after, question))
            answer = rows.insert(conversation, running_answer(asked))
            rows.write_molecules(conversation, now)
            grown = before.with_node(Node(asked, after, question))
            grown = grown.with_node(replace(running_answer(asked), id=answer))
            rows.choose(conversation, before.chosen, grown.at(answer))
            rows.touch(conversation)
        return Place(visitor, conversation, asked, answer)

    def begin_answer(self, visitor: str, conversation: str, question: int) -> Place:
        """Writes another running answer to a question and shows it.

        An earlier one that failed without a word gives its place: nobody would go back to it.
        """
        rows = self._rows
        with rows.writing():
            tree = rows.load(visitor, conversation).tree
            if tree.node(question).message.role != "user":
                raise HistoryError("That is no question; reload the page.")
            failed = [n.id for n in tree.nodes if n.parent == question and n.state == "failed"]
            new = running_answer(question)
            answer = failed[0] if failed else rows.insert(conversation, new)
            new = replace(new, id=answer)
            if failed:
                rows.update(conversation, new)
            rows.choose(conversation, tree.chosen, tree.with_node(new).at(answer))
            rows.touch(conversation)
        return Place(visitor, conversation, question, answer)

    def note_progress(self, place: Place, text: str) -> None:
        """The words of a running answer so far: what is left of it if the program is killed."""
        with self._rows.writing():
            self._rows.run(
                "UPDATE message SET text = ? WHERE id = ? AND conversation = ?"
                " AND state = 'running'",
                text, place.answer, place.conversation,
            )  # fmt: skip

    def finish(self, place: Place, message: Message, *, seen: bool = True) -> Node:
        """The answer is done (or stopped); `seen` says whether anybody was looking."""
        return self._end(place, message, "done", "", seen=seen)

    def fail(self, place: Place, reason: str, *, stopped: bool, seen: bool = True) -> Node:
        """There is no answer, and why; its question stays."""
        message = Message("assistant", "", stopped=stopped)
        return self._end(place, message, "failed", reason, seen=seen)

    def _end(
        self, place: Place, message: Message, state: State, reason: str, *, seen: bool
    ) -> Node:
        node = Node(place.answer, place.question, message, state, reason, time.time())
        with self._rows.writing():
            self._rows.own(place.visitor, place.conversation)
            self._rows.update(place.conversation, node, seen=seen)
            self._rows.touch(place.conversation)
        return node

    # -- one conversation --------------------------------------------------------------------

    def load(self, visitor: str, conversation: str) -> StoredConversation:
        """A whole conversation with all branches; `records.conversation_to_json` exports it.

        Raises:
            HistoryError: This visitor has no such conversation.
        """
        return self._rows.load(visitor, conversation)

    def add(self, visitor: str, stored: StoredConversation) -> str:
        """Takes in a whole conversation, an imported one say, under a new id, which it returns."""
        rows, tree = self._rows, stored.tree
        with rows.writing():
            conversation = rows.create(visitor, stored.title, stored.created)
            new: dict[int | None, int | None] = {None: None, 0: 0}
            for node in tree.nodes:
                new[node.id] = rows.insert(conversation, replace(node, parent=new[node.parent]))
            rows.write_molecules(conversation, stored.shown)
            chosen = {new[parent]: new[child] for parent, child in tree.chosen.items()}
            rows.choose(conversation, {}, replace(tree, head=new[tree.head], chosen=chosen))
            rows.run(
                "UPDATE conversation SET updated = ? WHERE id = ?", stored.updated, conversation
            )
        return conversation

    def show(self, visitor: str, conversation: str, head: int | None) -> None:
        """Remembers which branch is shown; nothing else changes."""
        with self._rows.writing():
            tree = self._rows.load(visitor, conversation).tree
            self._rows.choose(conversation, tree.chosen, tree.at(head))

    def keep_molecules(self, visitor: str, conversation: str, now: Conversation) -> None:
        """Molecules that were added or taken off since the last question."""
        with self._rows.writing():
            self._rows.own(visitor, conversation)
            self._rows.write_molecules(conversation, now)

    def vote(self, visitor: str, conversation: str, answer: int, vote: str) -> None:
        """A judgement of an answer: "up", "down", or "" to take it back."""
        with self._rows.writing():
            node = self._rows.load(visitor, conversation).tree.node(answer)
            self._rows.update(conversation, replace(node, vote=vote))

    def rename(self, visitor: str, conversation: str, title: str) -> None:
        """Gives a title; an empty one is refused."""
        wanted = " ".join(title.split())[:MAX_TITLE]
        if not wanted:
            raise HistoryError("A conversation needs a title; the old one was kept.")
        self._set(visitor, conversation, "title", wanted)

    def delete(self, visitor: str, conversation: str) -> None:
        """Takes a conversation off the list; `restore` brings it back until it is purged."""
        self._set(visitor, conversation, "deleted", time.time())

    def restore(self, visitor: str, conversation: str) -> None:
        """Takes `delete` back."""
        self._set(visitor, conversation, "deleted", None)

    def _set(self, visitor: str, conversation: str, column: str, value: object) -> None:
        with self._rows.writing():
            self._rows.own(visitor, conversation)
            self._rows.run(
                f"UPDATE conversation SET {column} = ? WHERE id = ?", value, conversation
            )

    def mark_seen(self, visitor: str, conversation: str) -> None:
        """Somebody is looking at its answers now."""
        with self._rows.writing():
            self._rows.own(visitor, conversation)
            self._rows.run(
                "UPDATE message SET seen = 1 WHERE conversation = ? AND seen = 0", conversation
            )

    def purge(self, *, older_than: float) -> int:
        """Removes for good what was deleted so many seconds ago; returns how many there were."""
        with self._rows.writing():
            limit = time.time() - older_than
            return self._rows.run("DELETE FROM conversation WHERE deleted < ?", limit).rowcount

    def _settle_interrupted(self) -> None:
        """Answers that nobody writes any more: their last words are kept, else the reason."""
        with self._rows.writing():
            left = self._rows.read("SELECT * FROM message WHERE state = 'running'")
            for row in left:
                node = node_of(row)
                message = replace(node.message, stopped=True)
                if message.text.strip():
                    node = replace(node, message=message, state="done")
                else:
                    node = replace(node, message=message, state="failed", reason=INTERRUPTED)
                self._rows.update(row["conversation"], node, seen=False)
        if left:
            logger.info("%d answers were cut short when the program last ended", len(left))


def title_of(question: str) -> str:
    """What a conversation is called after its first question: the first line, cut at a word."""
    line = next((" ".join(line.split()) for line in question.splitlines() if line.strip()), "")
    if len(line) <= TITLE_CHARS:
        return line or "untitled"
    return f"{line[: TITLE_CHARS - 1].rsplit(' ', 1)[0]}…"
