"""What is found in the history: the newest conversations, by molecule, by words, by structure."""

from dataclasses import dataclass

from assistant.chat.history.rows import Rows

MAX_WORDS = 8
MAX_STRUCTURES = 5000


@dataclass(frozen=True)
class Summary:
    """One line of the list.

    Attributes:
        id: The conversation.
        title: What it is called.
        updated: Seconds since the epoch.
        smiles: Its first molecule, "" where it has none.
        molecules: Names of its molecules, as far as they have some, in order.
        n_molecules: How many there are.
        running: Whether an answer is being written.
        unseen: Whether an answer came while nobody looked.
    """

    id: str
    title: str
    updated: float
    smiles: str = ""
    molecules: tuple[str, ...] = ()
    n_molecules: int = 0
    running: bool = False
    unseen: bool = False


@dataclass(frozen=True)
class MoleculeGroup:
    """A molecule and the conversations it is in, newest first."""

    smiles: str
    name: str
    conversations: tuple[Summary, ...]


_SUMMARY = """
SELECT c.id, c.title, c.updated,
    (SELECT smiles FROM molecule WHERE conversation = c.id ORDER BY number LIMIT 1) AS smiles,
    (SELECT group_concat(name, char(10)) FROM
        (SELECT name FROM molecule WHERE conversation = c.id AND name > '' ORDER BY number LIMIT 3)
    ) AS names,
    (SELECT count(*) FROM molecule WHERE conversation = c.id) AS n_molecules,
    EXISTS (SELECT 1 FROM message WHERE state = 'running' AND conversation = c.id) AS running,
    EXISTS (SELECT 1 FROM message WHERE seen = 0 AND conversation = c.id) AS unseen
FROM conversation c
"""
_MINE = "c.visitor = ? AND c.deleted IS NULL"
_NEWEST = "ORDER BY c.updated DESC, c.id DESC LIMIT ?"


class Lists:
    """Queries over one visitor's conversations; deleted ones are never among them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def newest(
        self, visitor: str, *, limit: int = 50, before: tuple[float, str] | None = None
    ) -> list[Summary]:
        """The conversations last written to.

        Args:
            visitor: Whose.
            limit: Most entries.
            before: `updated` and id of the last entry so far, to go on after it.
        """
        after_that = "AND (c.updated, c.id) < (?, ?)" if before else ""
        return self._summaries(f"{_MINE} {after_that} {_NEWEST}", visitor, *(before or ()), limit)

    def count(self, visitor: str) -> int:
        """How many conversations there are."""
        found = self._rows.read(f"SELECT count(*) FROM conversation c WHERE {_MINE}", visitor)
        return int(found[0][0])

    def one(self, visitor: str, conversation: str) -> Summary | None:
        """The line of one conversation, None when it is not listed."""
        found = self._summaries(f"{_MINE} AND c.id = ?", visitor, conversation)
        return found[0] if found else None

    def unseen(self, visitor: str) -> str:
        """The conversation to which an answer came while nobody looked, or ""."""
        found = self._rows.read(
            "SELECT c.id FROM message m JOIN conversation c ON c.id = m.conversation"
            f" WHERE m.seen = 0 AND {_MINE}"
            " ORDER BY c.updated DESC LIMIT 1",
            visitor,
        )
        return str(found[0][0]) if found else ""

    def with_words(self, visitor: str, words: str, *, limit: int = 50) -> list[Summary]:
        """Conversations with all of the words, in the title, a message or a molecule's name."""
        wanted = [word.casefold() for word in words.split()[:MAX_WORDS]]
        if not wanted:
            return []
        somewhere = (
            "(instr(fold(c.title), ?) OR EXISTS (SELECT 1 FROM message WHERE conversation = c.id"
            " AND instr(fold(text), ?)) OR EXISTS (SELECT 1 FROM molecule WHERE conversation = c.id"
            " AND instr(fold(coalesce(name, '')), ?)))"
        )
        condition = " AND ".join([_MINE, *[somewhere] * len(wanted)])
        values = [word for word in wanted for _ in range(3)]
        return self._summaries(f"{condition} {_NEWEST}", visitor, *values, limit)

    def structures(self, visitor: str) -> list[str]:
        """Canonical SMILES of all molecules, each once, those last talked about first."""
        found = self._rows.read(
            "SELECT m.smiles FROM conversation c JOIN molecule m ON m.conversation = c.id"
            f" WHERE {_MINE} GROUP BY m.smiles ORDER BY max(c.updated) DESC LIMIT ?",
            visitor,
            MAX_STRUCTURES,
        )
        return [str(row[0]) for row in found]

    def with_structure(self, visitor: str, smiles: list[str], *, limit: int = 50) -> list[Summary]:
        """Conversations about any of these molecules."""
        marks = ", ".join("?" * len(smiles))
        about = f"EXISTS (SELECT 1 FROM molecule WHERE conversation = c.id AND smiles IN ({marks}))"
        return self._summaries(f"{_MINE} AND {about} {_NEWEST}", visitor, *smiles, limit)

    def by_molecule(self, visitor: str, *, limit: int = 50) -> list[MoleculeGroup]:
        """The molecules last talked about, each with its conversations."""
        found = self._rows.read(
            "SELECT m.smiles, max(m.name) AS name FROM conversation c"
            f" JOIN molecule m ON m.conversation = c.id WHERE {_MINE}"
            " GROUP BY m.smiles ORDER BY max(c.updated) DESC, m.smiles LIMIT ?",
            visitor,
            limit,
        )
        return [
            MoleculeGroup(
                smiles=row["smiles"],
                name=row["name"] or "",
                conversations=tuple(self.with_structure(visitor, [row["smiles"]])),
            )
            for row in found
        ]

    def _summaries(self, condition: str, *values: object) -> list[Summary]:
        return [
            Summary(
                id=row["id"],
                title=row["title"],
                updated=row["updated"],
                smiles=row["smiles"] or "",
                molecules=tuple((row["names"] or "").split("\n")) if row["names"] else (),
                n_molecules=row["n_molecules"],
                running=bool(row["running"]),
                unseen=bool(row["unseen"]),
            )
            for row in self._rows.read(f"{_SUMMARY} WHERE {condition}", *values)
        ]
