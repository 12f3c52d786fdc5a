"""A list of molecules: its rows, what was asked of them, and the log that a page follows.

Everything a page has to be told is an entry of one growing log, so a page that missed some (its tab
slept, say) asks for the rest from where it is. Changed from several threads, under one lock.
"""

import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assistant.chat.check import Check
from assistant.errors import AssistantError
from ui.list_columns import FileColumns, first_of_each
from ui.render import answer_html, drawing, escape

Update = dict[str, object]

COLUMNS = (
    "formula",
    "average_mass",
    "clogp",
    "tpsa",
    "hbd",
    "hba",
    "rotatable_bonds",
    "rings",
    "qed",
)
"""Facts a page shows, sorts and filters by."""
_NO_COLUMNS = FileColumns()


@dataclass
class Answer:
    """What came of the question for one molecule: words, or the reason why there are none."""

    text: str = ""
    checks: tuple[Check, ...] = ()
    problem: str = ""

    def summary(self) -> str:
        """How many claims were checked, in words."""
        if not self.checks:
            return ""
        n_checked = sum(c.verdict != "unverifiable" for c in self.checks)
        wrong = self.n_wrong
        return f"{n_checked} of {len(self.checks)} checked" + (f", {wrong} wrong" if wrong else "")

    @property
    def n_wrong(self) -> int:
        """How many claims contradict the structure."""
        return sum(check.verdict == "contradicted" for check in self.checks)


@dataclass
class Row:
    """A molecule of the list; facts, drawing and molfile arrive later, or the reason why not.

    Attributes:
        own: Its cells of the file's own columns.
        same_as: Index of the first row with the same structure; None where this is that one.
    """

    smiles: str
    name: str = ""
    own: tuple[str, ...] = ()
    same_as: int | None = None
    facts: Mapping[str, object] | None = None
    svg: str = ""
    molblock: str = ""
    problem: str = ""


@dataclass
class Question:
    """One question asked of every molecule, and the answers there are."""

    text: str
    rows: tuple[int, ...]
    answers: dict[int, Answer] = field(default_factory=dict)

    @property
    def open_rows(self) -> list[int]:
        """Rows that still wait for an answer."""
        return [i for i in self.rows if i not in self.answers]


class ListTable:
    """The rows of one list.

    Args:
        title: Name of the file it came from.
        entries: SMILES and name of each molecule.
        problems: A sentence for each record that could not be read.
        columns: The columns of the file that are neither structure nor name.
    """

    def __init__(
        self,
        title: str,
        entries: Sequence[tuple[str, str]],
        problems: Sequence[str] = (),
        columns: FileColumns = _NO_COLUMNS,
    ) -> None:
        self.key = secrets.token_urlsafe(12)
        self.title = title
        self.problems = tuple(problems)
        self.lock = threading.Lock()
        self.columns = columns
        same = first_of_each([smiles for smiles, _ in entries])
        self.rows = [
            Row(smiles, name, columns.row(i), same[i]) for i, (smiles, name) in enumerate(entries)
        ]
        self.n_same = sum(first is not None for first in same)
        self.questions: list[Question] = []
        self.closed = threading.Event()
        self.stop_asking = threading.Event()
        self.computing = False
        self.asking = False
        self.followers = 0  # events that streamed this table so far; only the last one goes on
        self._log: list[Update] = [_row_update(i, row) for i, row in enumerate(self.rows)]

    # -- what jobs write ---------------------------------------------------------------------

    def set_facts(self, index: int, found: Mapping[str, object]) -> None:
        """Facts, drawing and molfile of a row, or its error, as a worker gives them."""
        row = self.rows[index]
        with self.lock:
            if error := found.get("error"):
                row.problem = str(error["message"] if isinstance(error, Mapping) else error)
                self._log.append({"i": index, "problem": row.problem})
                return
            row.facts = found["facts"]
            row.svg, row.molblock = str(found["svg"]), str(found["molblock"])
            self._log.append(_facts_update(index, row))

    def ask(self, text: str, rows: Sequence[int]) -> Question:
        """Begins to ask: the last question again where it is the same, else a new one.

        Raises:
            AssistantError: One is being asked already.
        """
        with self.lock:
            if self.asking:
                raise AssistantError("A question is being asked of this list. Cancel it first.")
            self.asking = True
            self.stop_asking.clear()
            last = self.questions[-1] if self.questions else None
            wanted = tuple(i for i in dict.fromkeys(rows) if 0 <= i < len(self.rows))
            if last is not None and last.text == text:
                last.rows = tuple(dict.fromkeys((*wanted, *last.rows)))
                for i in [i for i, answer in last.answers.items() if answer.problem]:
                    del last.answers[i]  # what failed is tried again
                return last
            question = Question(text, wanted)
            self.questions.append(question)
            return question

    def set_answer(self, question: Question, index: int, answer: Answer) -> None:
        """An answer is complete."""
        with self.lock:
            question.answers[index] = answer
            number = self.questions.index(question)
            self._log.append(_answer_update(index, number, answer))

    # -- what a page reads -------------------------------------------------------------------

    def news(self, start: int, most: int) -> tuple[list[Update], int]:
        """Entries of the log from `start` on, at most `most`, and the length of the log."""
        with self.lock:
            return self._log[start : start + most], len(self._log)

    @property
    def n_done(self) -> int:
        """Rows whose facts are there, or never will be."""
        return sum(row.facts is not None or bool(row.problem) for row in self.rows)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing works on this list."""
        return not (self.computing or self.asking)

    def state(self) -> dict[str, object]:
        """How far everything is."""
        with self.lock:
            question = self.questions[-1] if self.questions else None
            asked = None
            if question is not None:
                asked = {
                    "number": len(self.questions) - 1,
                    "text": question.text,
                    "done": len(question.answers),
                    "total": len(question.rows),
                    "running": self.asking,
                }
            return {
                "title": self.title,
                "total": len(self.rows),
                "facts": self.n_done,
                "computing": self.computing,
                "problems": list(self.problems),
                "notices": list(self.columns.notices),
                "columns": list(self.columns.heads),
                "same": self.n_same,
                "asked": asked,
            }

    def close(self) -> None:
        """Ends everything that works on this list."""
        self.closed.set()
        self.stop_asking.set()


def _row_update(index: int, row: Row) -> Update:
    update: Update = {"i": index, "smiles": row.smiles, "name": row.name}
    if row.own:
        update["own"] = list(row.own)
    if row.same_as is not None:
        update["same"] = row.same_as
    return update


def _facts_update(index: int, row: Row) -> Update:
    facts = row.facts or {}
    alerts = dict.fromkeys(f"{a['catalogue']}: {a['name']}" for a in facts["alerts"])
    stereo = f"{facts['stereocentres_set']}/{facts['stereocentres']}"
    return {
        "i": index,
        "facts": [facts[key] for key in COLUMNS],
        "stereo": stereo if facts["stereocentres"] else "",
        "alerts": list(alerts),
        "groups": " ".join(str(group["name"]) for group in facts["groups"]),
        "svg": drawing(row.svg, row.name or row.smiles),
    }


def _answer_update(index: int, number: int, answer: Answer) -> Update:
    if answer.problem:
        html = f'<p class="problem">{escape(answer.problem)}</p>'
    else:
        html = answer_html(answer.text, answer.checks, {})
    return {
        "i": index,
        "question": number,
        "text": answer.text or answer.problem,
        "html": html,
        "checked": answer.summary(),
        "wrong": answer.n_wrong,
        "failed": bool(answer.problem),
    }
