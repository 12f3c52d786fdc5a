"""Molecules that come in together: each gets a number once, and what became of the rest is said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from assistant.chat.conversation import MAX_FOCUS, Conversation, Role
from assistant.chem.molecule import Molecule

ROLES: tuple[tuple[str, Role], ...] = (
    ("reactants", "reactant"),
    ("agents", "agent"),
    ("products", "product"),
)
MAX_CHIPS = 40
MAX_MOLECULES = 80
OFFER_FROM = 9
"""So many molecules of a file or a pasted text are no chips before somebody says so."""

_TOLD = 5  # records whose reasons are spelled out
_NAMED = 20  # further ones that are named
_RECORD = re.compile(r"(?:Line|Record|Drawing|Reaction) \d+(?: \('.*?'\))?(?=: )")


class Offer(NamedTuple):
    """A question to the person: are so many molecules a list, or part of the chat?

    Attributes:
        id: What the page calls what it has sent, a file or a text.
        name: Of the file; empty for a text.
        total: How many molecules there are.
        unreadable: How many records could not be read.
        room: How many of them the chat can take; repeats and those it has take no room.
    """

    id: str
    name: str
    total: int
    unreadable: int
    room: int


@dataclass(frozen=True)
class Arrival:
    """What came of something a person typed, drew or dropped.

    Attributes:
        added: Numbers given to molecules.
        problems: What could not be read, one sentence each.
        removed: Number that was taken off the list; 0 for none.
        repeated: For each row that was the same as an earlier one, the number it is merged with.
        known: Numbers of those that were in the chat before.
        offer: What is asked of the person instead of taking anything in.
    """

    added: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()
    removed: int = 0
    repeated: tuple[int, ...] = ()
    known: tuple[int, ...] = ()
    offer: Offer | None = None


def molecule_of(entry: Mapping[str, object]) -> Molecule:
    """The molecule of a worker's entry, which is canonical already."""
    name = entry.get("name")
    return Molecule(str(entry["smiles"]), name=str(name) if name else None)


def number_all(
    conversation: Conversation, entries: Sequence[Mapping[str, object]]
) -> tuple[Conversation, Arrival]:
    """Numbers every molecule of the entries; a reaction gives its molecules their roles."""
    problems: list[str] = []
    rows: list[tuple[Molecule, Role | None]] = []
    before = {known.number for known in conversation.molecules}
    numbers: list[int] = []
    repeated: list[int] = []
    for entry in entries:
        error = entry.get("error")
        if isinstance(error, Mapping):
            problems.append(str(error["message"]))
        elif isinstance(entry.get("reaction"), Mapping):
            rows += _with_roles(entry["reaction"])
        elif entry.get("smiles"):
            rows.append((molecule_of(entry), None))
    room = room_in(conversation)
    n_left_out = 0
    for molecule, role in rows:
        grown, number = conversation.with_molecule(molecule, role)
        is_new = len(grown.molecules) > len(conversation.molecules)
        if is_new and not room:
            n_left_out += 1
            continue
        room -= is_new
        conversation = grown
        if number in numbers and role is None:
            repeated.append(number)
        numbers.append(number)
    if n_left_out:
        problems.append(
            f"{len(rows) - n_left_out} of {len(rows)} molecules were taken: a chat holds"
            f" {MAX_MOLECULES}, and takes {MAX_CHIPS} at a time."
        )
    added = tuple(dict.fromkeys(numbers))
    known = tuple(number for number in added if number in before)
    return conversation, Arrival(added, tuple(problems), repeated=tuple(repeated), known=known)


def _with_roles(reaction: Mapping[str, object]) -> list[tuple[Molecule, Role | None]]:
    return [(molecule_of(m), role) for key, role in ROLES for m in reaction.get(key) or ()]


def room_in(conversation: Conversation) -> int:
    """How many new molecules a conversation takes at once."""
    return max(0, min(MAX_CHIPS, MAX_MOLECULES - len(conversation.molecules)))


def offer_of(
    report: Mapping[str, object], conversation: Conversation, *, sent: str, name: str = ""
) -> Offer | None:
    """What to ask of the person about the molecules that a worker read; None where they are few.

    Args:
        report: What a worker read.
        conversation: Where they would come in.
        sent: What the page calls what it has sent.
        name: Name of the file.
    """
    total = len(report["molecules"])
    if total < OFFER_FROM:
        return None
    has = {entry.molecule.smiles for entry in conversation.molecules}
    n_new = len({str(entry["smiles"]) for entry in report["molecules"]} - has)
    room = room_in(conversation)
    unreadable = len(report.get("problems") or ())
    return Offer(sent, name, total, unreadable, total if n_new <= room else room)


def in_words(arrival: Arrival) -> tuple[str, Literal["warning", "info"]] | None:
    """What there is to say of an arrival, and its tone; None where all went as expected."""
    said: list[str] = []
    if n := len(arrival.repeated):
        what = (
            "row is the same as an earlier one" if n == 1 else "rows are the same as earlier ones"
        )
        where = _listed([f"molecule {number}" for number in dict.fromkeys(arrival.repeated)])
        said.append(f"{n} {what} and merged: {where}.")
    if n := len(arrival.known):
        where = _listed([f"molecule {number}" for number in arrival.known])
        said.append(f"{n} {'was' if n == 1 else 'were'} in this chat before: {where}.")
    said += _problems_in_words(arrival.problems)
    n_added = len(arrival.added)
    if n_added >= OFFER_FROM:
        said.append(f"○ attaches a molecule; a question is about up to {MAX_FOCUS} at a time.")
    if not said:
        return None
    good = [f"{n_added} read."] if n_added else []
    return " ".join([*good, *said]), "warning" if arrival.problems else "info"


def _problems_in_words(problems: Sequence[str]) -> list[str]:
    """The first ones with their reasons; of the others which records they are."""
    further = [found[0] for one in problems[_TOLD:] if (found := _RECORD.match(one))]
    others = [one for one in problems[_TOLD:] if not _RECORD.match(one)]
    named = [f"Could not be read either: {_listed(further)}."] if further else []
    return [*problems[:_TOLD], *named, *others]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
