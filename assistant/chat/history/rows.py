"""The rows of the history: one connection behind one lock, and how a row is read and written."""

import json
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from assistant.chat.conversation import Conversation, Message
from assistant.chat.history.records import molecule_from_json, node_from_json, node_to_json
from assistant.chat.history.tree import Node, StoredConversation, Tree
from assistant.errors import HistoryError

logger = logging.getLogger(__name__)

MAX_TITLE = 120
GONE = "That conversation is no longer there."


class Rows:
    """Whatever reads goes through `read`, whatever writes happens inside `writing`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self._is_writing = False

    def close(self) -> None:
        """Ends the connection; calling again does nothing."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, or a part of the one that is under way; all of it or nothing.

        Raises:
            HistoryError: It could not be written.
        """
        with self._lock:
            if self._is_writing:
                yield
                return
            self.run("BEGIN IMMEDIATE")
            self._is_writing = True
            try:
                yield
                self.run("COMMIT")
            finally:
                self._is_writing = False
                with suppress(sqlite3.Error):  # the first error is the one to tell
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")

    def run(self, statement: str, *values: object) -> sqlite3.Cursor:
        """One statement that writes.

        Raises:
            HistoryError: The disk is full, say.
        """
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            logger.error("the history could not be written: %s", error)
            raise HistoryError(
                f"This could not be saved in the history: {error}. Free some space on the disk, or "
                "start with --no-history."
            ) from error

    def read(self, query: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a query.

        Raises:
            HistoryError: The file cannot be read.
        """
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                logger.error("the history could not be read: %s", error)
                raise HistoryError(f"The history could not be read: {error}.") from error

    def own(self, visitor: str, conversation: str) -> sqlite3.Row:
        """The row of a visitor's conversation: the one place where access is decided.

        Raises:
            HistoryError: This visitor has no such conversation.
        """
        found = self.read(
            "SELECT * FROM conversation WHERE id = ? AND visitor = ?", conversation, visitor
        )
        if not found:
            raise HistoryError(GONE)
        return found[0]

    def load(self, visitor: str, conversation: str) -> StoredConversation:
        """A whole conversation with all branches."""
        with self._lock:
            row = self.own(visitor, conversation)
            nodes = self.read(
                "SELECT id, text, record FROM message WHERE conversation = ? ORDER BY id",
                conversation,
            )
            chosen = self.read(
                "SELECT parent, child FROM chosen WHERE conversation = ?", conversation
            )
            molecules = self.read(
                "SELECT * FROM molecule WHERE conversation = ? ORDER BY number", conversation
            )
        return StoredConversation(
            id=conversation,
            title=row["title"],
            created=row["created"],
            updated=row["updated"],
            tree=Tree(
                tuple(node_of(entry) for entry in nodes),
                row["head"],
                {entry["parent"]: entry["child"] for entry in chosen},
            ),
            molecules=tuple(molecule_from_json(dict(entry)) for entry in molecules),
            next_number=row["next_number"],
        )

    # -- writing, inside a transaction -------------------------------------------------------

    def create(self, visitor: str, title: str, created: float) -> str:
        """A new empty conversation; its id cannot be guessed."""
        conversation = secrets.token_urlsafe(12)
        self.run(
            "INSERT INTO conversation VALUES (?, ?, ?, ?, ?, NULL, NULL, 1)",
            conversation, visitor, title[:MAX_TITLE], created, created,
        )  # fmt: skip
        return conversation

    def insert(self, conversation: str, node: Node) -> int:
        """A new message; the number it got."""
        node = replace(node, created=node.created or time.time())
        done = self.run(
            "INSERT INTO message (conversation, parent, state, created, text, record)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            conversation, node.parent, node.state, node.created, node.message.text, _record(node),
        )  # fmt: skip
        return int(done.lastrowid)

    def update(self, conversation: str, node: Node, *, seen: bool = True) -> None:
        """A message in the place of the one with its number."""
        self.run(
            "UPDATE message SET state = ?, text = ?, record = ?, seen = ?"
            " WHERE id = ? AND conversation = ?",
            node.state, node.message.text, _record(node), seen, node.id, conversation,
        )  # fmt: skip

    def touch(self, conversation: str) -> None:
        """The conversation was written to just now."""
        self.run("UPDATE conversation SET updated = ? WHERE id = ?", time.time(), conversation)

    def choose(self, conversation: str, before: Mapping[int, int], after: Tree) -> None:
        """The head, and which followers are shown where that changed."""
        self.run("UPDATE conversation SET head = ? WHERE id = ?", after.head, conversation)
        for parent, child in after.chosen.items():
            if before.get(parent) != child:
                self.run(
                    "INSERT OR REPLACE INTO chosen VALUES (?, ?, ?)", conversation, parent, child
                )

    def write_molecules(self, conversation: str, now: Conversation) -> None:
        """The molecules and the next number, in the place of those before."""
        self.run("DELETE FROM molecule WHERE conversation = ?", conversation)
        for entry in now.molecules:
            molecule = entry.molecule
            self.run(
                "INSERT INTO molecule VALUES (?, ?, ?, ?, ?)",
                conversation, entry.number, molecule.smiles, molecule.name, entry.role,
            )  # fmt: skip
        self.run(
            "UPDATE conversation SET next_number = ? WHERE id = ?", now.next_number, conversation
        )


def running_answer(question: int) -> Node:
    """An answer of which there is nothing yet."""
    return Node(0, question, Message("assistant", ""), "running", created=time.time())


def _record(node: Node) -> str:
    """What a row holds beside its columns."""
    record = node_to_json(node)
    del record["id"], record["message"]["text"]
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def node_of(row: Mapping[str, object]) -> Node:
    """The message of a row."""
    record = json.loads(row["record"])
    record["message"]["text"] = row["text"]
    return node_from_json({**record, "id": row["id"]})
