"""What the answers of several columns claim, quantity by quantity, and where they differ.

A quantity is what a check is about: the rings of molecule 1, its ester groups, its cLogP. What an
answer says of it is "confirmed" (the computed value, however it is rounded), or else the number it
states and its verdict. Answers agree when they say the same of what they both speak of.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from assistant.chat.check import Check
from assistant.chat.claims.values import NUMBER_WORDS
from assistant.chat.conversation import Message

_NUMBER = re.compile(r"(?<![A-Za-z\d])[+\-−]?\d+(?:\.\d+)?")
_COUNTS = {**NUMBER_WORDS, "no": 0, "a": 1, "an": 1, "both": 2}
_GROUP = re.compile(r"(?:no )?(?P<name>.+?)(?: group)?(?:: .*| in the structure)?")
_ELEMENT = re.compile(r"(?:no|\d+) (?P<symbol>[A-Z][a-z]?) atoms?")
_RING_SIZE = re.compile(r"\d+-membered(?: aromatic)? ring")
_MEASURES = re.compile(r"molecule \d+: (?P<what>\D*)")
_TITLES = {
    "logp": "cLogP",
    "tpsa": "TPSA",
    "fsp3": "Fsp3",
    "qed": "QED",
    "hbd": "H-bond donors",
    "hba": "H-bond acceptors",
    "smiles": "structure",
    "inchi": "structure",
    "inchikey": "structure",
    "name": "name",
}
_STRUCTURES = ("smiles", "inchi", "inchikey")

Said = tuple[str, object]
"""What an answer says of a quantity, so that two that say the same are equal."""


@dataclass(frozen=True)
class ClaimRow:
    """One quantity.

    Attributes:
        quantity: What it is called.
        molecule: Number of its molecule; None where the columns are of different ones.
        cells: Per column the checks that are about it.
        differs: Whether two columns say something else of it.
        partial: Whether a column that has an answer says nothing of it.
    """

    quantity: str
    molecule: int | None
    cells: tuple[tuple[Check, ...], ...]
    differs: bool
    partial: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether a column is contradicted here."""
        return any(check.verdict == "contradicted" for cell in self.cells for check in cell)

    @property
    def truth(self) -> str:
        """The computed value, where there is one and it is the same for all."""
        found = {check.truth for cell in self.cells for check in cell if check.truth}
        return found.pop() if len(found) == 1 else ""


@dataclass(frozen=True)
class Agreement:
    """How many answers say the same.

    Attributes:
        members: Columns of the largest group that agrees.
        n: Columns that have an answer.
        comparable: Columns that claim something others claim too, or are the same text.
        n_wrong: Quantities in which the group is contradicted: to agree is not to be right.
    """

    members: tuple[int, ...]
    n: int
    comparable: tuple[int, ...]
    n_wrong: int

    @property
    def words(self) -> str:
        """For the page: "agree 3/4", or why nothing can be said."""
        if self.n < 2:
            return ""
        if not self.comparable:
            return "nothing to compare: no two answers make a claim about the same thing"
        claims = "claim" if self.n_wrong == 1 else "claims"
        wrong = f", with {self.n_wrong} contradicted {claims}" if self.n_wrong else ""
        return f"agree {len(self.members)}/{self.n}{wrong}"


@dataclass(frozen=True)
class Compared:
    """The claims of several answers.

    Attributes:
        rows: Differing quantities first, then contradicted ones, then those that a column leaves
            out, then in the order of the texts.
        agreement: How many answers say the same.
    """

    rows: tuple[ClaimRow, ...]
    agreement: Agreement

    def differing(self, column: int) -> frozenset[tuple[int, int]]:
        """Where in a column's text the differing claims are, as offsets."""
        return frozenset(
            (check.start, check.end)
            for row in self.rows
            if row.differs
            for check in row.cells[column]
        )


def compare_claims(answers: Sequence[Message | None], *, across: bool = False) -> Compared:
    """Compares answers to the same question.

    Args:
        answers: Per column; None where there is none (yet).
        across: The columns are about different molecules, so that numbers do not matter.
    """
    found: dict[tuple[str, int | None], list[list[Check]]] = {}
    for column, answer in enumerate(answers):
        for check in answer.checks if answer else ():
            quantity = quantity_of(check)
            if quantity:
                key = (quantity, None if across else check.molecule)
                cells = found.setdefault(key, [[] for _ in answers])
                cells[column].append(check)
    rows = [
        ClaimRow(
            quantity,
            number,
            tuple(map(tuple, cells)),
            _differ(cells, across),
            any(answer and not cell for answer, cell in zip(answers, cells, strict=True)),
        )
        for (quantity, number), cells in found.items()
    ]
    rows.sort(key=lambda row: (not row.differs, not row.is_wrong, not row.partial))
    return Compared(tuple(rows), _agreement(answers, rows))


def quantity_of(check: Check) -> str:
    """What a check is about, in words; "" where two of them cannot be compared.

    That is a structure that is only mentioned, and a phrase without the value that it announces.
    """
    truth = check.truth or ""
    if check.verdict == "unverifiable" and not truth and not _numbers(check.claim):
        return _TITLES[check.kind] if check.kind == "name" else ""
    if check.kind in _STRUCTURES:
        claimed = check.molecule is not None or check.verdict == "contradicted"
        return _TITLES[check.kind] if claimed else ""
    if check.kind == "group" and truth:
        return _GROUP.fullmatch(truth)["name"]
    if check.kind == "element" and (match := _ELEMENT.match(truth)):
        return f"{match['symbol']} atoms"
    if check.kind == "mass":
        named = [word for word in ("average", "exact", "nominal") if f"{word} mass" in truth]
        return f"{named[0] if named else 'average'} mass"
    if check.kind == "comparison":
        named = sorted({match["what"].strip() for match in _MEASURES.finditer(truth)})
        return f"comparison of {named[0]}" if named else f"comparison: {check.claim.lower()}"
    if size := _RING_SIZE.search(truth):
        return f"{size[0]}s"
    return _TITLES.get(check.kind, check.kind.replace("_", " "))


def said_by(check: Check, *, across: bool = False) -> Said:
    """What a check's phrase says: that it is right, or else its own number.

    Args:
        check: The check.
        across: Of different molecules, so that two right values may be different ones.
    """
    if check.verdict == "confirmed":
        return "confirmed", _computed(check) if across else ""
    if check.kind in _STRUCTURES:
        return check.verdict, check.smiles or check.claim
    if check.kind == "formula":
        return check.verdict, check.claim
    if check.kind == "name":
        return check.verdict, "".join(c for c in check.claim.casefold() if c.isalnum())
    return check.verdict, _numbers(check.claim)


def _computed(check: Check) -> object:
    """The computed value; of masses the first, where both are named."""
    truth = check.truth or ""
    if check.kind in (*_STRUCTURES, "formula"):
        return truth
    numbers = _numbers(truth)
    return (numbers[:1] if check.kind == "mass" else numbers) or truth


def _numbers(phrase: str) -> tuple[float, ...]:
    """The numbers of a phrase, those written as words too."""
    digits = [float(text.replace("−", "-")) for text in _NUMBER.findall(phrase)]
    words = re.findall(r"[a-z]+", phrase.lower())
    return tuple(digits) or tuple(float(_COUNTS[w]) for w in words if w in _COUNTS)


def _differ(cells: Sequence[Sequence[Check]], across: bool) -> bool:
    said = {frozenset(said_by(check, across=across) for check in cell) for cell in cells if cell}
    return len(said) > 1


def _agreement(answers: Sequence[Message | None], rows: Sequence[ClaimRow]) -> Agreement:
    """The largest group of answers of which every two agree."""
    there = {column: answer for column, answer in enumerate(answers) if answer is not None}
    sayings = {
        column: {
            (row.quantity, row.molecule): frozenset(map(said_by, row.cells[column]))
            for row in rows
            if row.cells[column]
        }
        for column in there
    }

    pairs = {
        (first, second): there[first].text == there[second].text
        or _same(sayings[first], sayings[second])
        for first, second in combinations(there, 2)
    }
    speaking = {column for pair, same in pairs.items() if same is not None for column in pair}
    comparable = tuple(sorted(speaking))
    for size in range(len(there), 1, -1):
        for group in combinations(there, size):
            if all(pairs[pair] for pair in combinations(group, 2)):
                return Agreement(group, len(there), comparable, _n_wrong(group, rows))
    return Agreement(tuple(there)[:1], len(there), comparable, 0)


def _n_wrong(group: Sequence[int], rows: Sequence[ClaimRow]) -> int:
    """Quantities of which a member of the group says what is contradicted."""
    return sum(
        any(check.verdict == "contradicted" for column in group for check in row.cells[column])
        for row in rows
    )


def _same(
    first: Mapping[tuple[str, int | None], frozenset[Said]],
    second: Mapping[tuple[str, int | None], frozenset[Said]],
) -> bool | None:
    """Whether two answers say the same of what both speak of; None where that is nothing."""
    shared = first.keys() & second.keys()
    return all(first[key] == second[key] for key in shared) if shared else None
