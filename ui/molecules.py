"""How a molecule gets into a session: typed, drawn, from a file, from an answer, from a question.

All chemistry of what a person sent runs in the killable workers; this file only decides what the
result means for the session.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Protocol

from assistant.chat.asked_words import asked_group, plain_text
from assistant.chat.conversation import MAX_FOCUS, Conversation, Message
from assistant.chat.species_words import is_ion
from assistant.chat.unknown_names import named_in
from assistant.chem.diagnose import is_unfinished
from assistant.chem.limits import clean_name
from assistant.chem.sandbox import error_from_json
from assistant.errors import AssistantError, InvalidMoleculeError
from ui.arrivals import MAX_MOLECULES, Arrival, molecule_of, number_all
from ui.session import Session
from ui.shown import Current

DRAWING_SIZE = {"width": 420, "height": 280}

LONGEST_WORD = 60
MAX_SENTENCE_CHARS = 2000  # in which molecules are looked for

_WORD = re.compile(r"[A-Za-z][A-Za-z' -]*")
_STRUCTURE_SIGNS = re.compile(r"[\[\]()=#@\\/]|[A-Za-z]\d+[A-Za-z(=#]")


class Chemistry(Protocol):
    """The pool of chemistry workers (`assistant.chem.sandbox.ChemPool`)."""

    def call(
        self, task: str, *, seconds: float | None = None, **payload: object
    ) -> dict[str, object]:
        """Runs one task under its time limit (`seconds`, else the task's own) and memory limit."""


def inspect_smiles(chemistry: Chemistry, smiles: str) -> dict[str, object]:
    """Facts, drawing and molblock of a structure."""
    return chemistry.call("inspect", smiles=smiles, **DRAWING_SIZE)


def is_half_typed(text: str) -> bool:
    """Whether to wait before calling the text wrong: an open ring, or the start of a name."""
    return is_unfinished(text) or bool(_WORD.fullmatch(text.strip()))


def look_up_text(chemistry: Chemistry, text: str) -> dict[str, object]:
    """What the box's text holds.

    Raises:
        AssistantError: It is no molecule; a question is told where questions go.
    """
    try:
        return chemistry.call("inspect", text=text, **DRAWING_SIZE)
    except InvalidMoleculeError:
        if text.strip().endswith("?") and " " in text.strip():
            raise AssistantError(
                "This box takes molecules. Ask in the question box of the conversation."
            ) from None
        raise


def look_up_drawing(
    chemistry: Chemistry, drawing: Mapping[str, object]
) -> dict[str, object] | None:
    """What the sketcher's drawing holds, None when it is empty. The molfile, not SMILES: stereo."""
    block = str(drawing.get("rxn") or drawing.get("molfile") or "")
    if not block.strip() or _is_empty_block(block):
        return None
    return chemistry.call("molblock", block=block, **DRAWING_SIZE)


def _is_empty_block(block: str) -> bool:
    lines = block.splitlines()
    counts = next((line for line in lines if "V2000" in line or "COUNTS" in line), "")
    if "COUNTS" in counts:
        return counts.split("COUNTS")[1].split()[:1] == ["0"]
    return counts[:3].strip() == "0"


def take_in(session: Session, found: Mapping[str, object], chemistry: Chemistry) -> Arrival:
    """Makes what was found current; several molecules and reactions are numbered as well."""
    entries: Sequence[Mapping[str, object]] = found.get("recognised") or (found,)
    if len(entries) == 1 and entries[0].get("reaction") is None:
        session.show(Current(molecule_of(found), dict(found)))
        return Arrival()
    conversation, arrival = number_all(session.conversation, entries)
    added = arrival.added
    session.keep_molecules(conversation)
    session.chosen |= set(added)
    if found.get("smiles"):
        session.show(Current(molecule_of(found), dict(found)))
    elif added:
        first = conversation.molecule(added[0]).molecule
        reaction = str((found.get("reaction") or {}).get("smiles") or "")
        found = inspect_smiles(chemistry, first.smiles)
        session.show(Current(first, found, reaction=reaction if len(entries) == 1 else ""))
    return arrival


def take_in_file(session: Session, report: Mapping[str, object], chemistry: Chemistry) -> Arrival:
    """Numbers the molecules of a file, shows the first one, keeps the list of bad records."""
    entries = [*(report.get("molecules") or ())]
    entries += [{"reaction": reaction} for reaction in report.get("reactions") or ()]
    conversation, arrival = number_all(session.conversation, entries)
    added = arrival.added
    session.keep_molecules(conversation)
    if added:
        session.chosen = {added[0]}
        first = conversation.molecule(added[0]).molecule
        session.show(Current(first, inspect_smiles(chemistry, first.smiles)))
    unread = tuple(str(problem) for problem in report.get("problems") or ())
    remarks = tuple(str(remark) for remark in report.get("remarks") or ())
    return replace(arrival, problems=(*unread, *arrival.problems, *remarks))


def load(session: Session, smiles: str, chemistry: Chemistry, *, name: str | None = None) -> int:
    """Opens a structure under its number (a new one if it has none) and returns the number.

    Args:
        session: Whose conversation it is.
        smiles: The structure.
        chemistry: Reads it.
        name: What the person calls it, where it comes in from a list of theirs.
    """
    found = inspect_smiles(chemistry, smiles)
    molecule = molecule_of(found)
    if called := clean_name(name):
        molecule = replace(molecule, name=called)
    conversation, number = session.conversation.with_molecule(molecule)
    session.keep_molecules(conversation)
    session.show(Current(conversation.molecule(number).molecule, found))
    return number


@dataclass(frozen=True)
class Extracted:
    """A question whose molecules have numbers.

    Attributes:
        words: The question, "molecule 2" in the place of each line that was a molecule.
        conversation: With the molecules.
        entered: Numbers of the lines that were molecules.
        mentions: Where the words name molecules, see `Message`.
        is_all: Whether it is about those it names and no other: it refers to none.
    """

    words: str
    conversation: Conversation
    entered: tuple[int, ...] = ()
    mentions: tuple[tuple[int, int, int], ...] = ()
    is_all: bool = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of all its molecules, each once."""
        return tuple(dict.fromkeys((*self.entered, *(number for *_, number in self.mentions))))

    def question(self, about: Iterable[int]) -> Message:
        """As it is asked, beside the molecules that it is about anyway."""
        kept = () if self.is_all else about
        attached = tuple(sorted({*kept, *self.numbers}))
        return Message("user", self.words, attached=attached, mentions=self.mentions)

    @property
    def is_only_molecules(self) -> bool:
        """Whether nothing is asked: it is a list of molecules, by structure or name."""
        rest, end = "", 0
        for start, behind, _ in self.mentions:
            rest, end = rest + self.words[end:start], behind
        rest += self.words[end:]
        listed = rest.strip() == ", ".join(f"molecule {n}" for n in self.entered)
        return bool(self.numbers) and listed


def extract_from_question(
    text: str, conversation: Conversation, chemistry: Chemistry, *, has_subject: bool
) -> Extracted:
    """Numbers the molecules of a question: lines that are nothing else, and what sentences name.

    Args:
        text: What a person wrote.
        conversation: So far.
        chemistry: Reads structures and names.
        has_subject: Whether there is a molecule that "it" can mean.

    Raises:
        AssistantError: The whole text is one structure with a mistake in it, it names more
            molecules than a question can be about, or nobody could look for them.
    """
    if "M  END" in text:
        head, _, tail = text.rpartition("M  END")
        pieces = [head + "M  END", tail.strip()]
    else:
        pieces = text.split("\n")
    kept: list[str] = []
    entered: list[int] = []
    for piece in pieces:
        entries = _molecules_in(piece, alone=len(pieces) == 1, chemistry=chemistry)
        if not entries:
            kept.append(piece)
            continue
        conversation, arrival = number_all(conversation, entries)
        entered += arrival.added
        kept.append(", ".join(f"molecule {n}" for n in arrival.added))
    words, numbers = "\n".join(kept).strip(), tuple(dict.fromkeys(entered))
    if not words or len(words) > MAX_SENTENCE_CHARS or len(entered) == len(pieces):
        return Extracted(words, conversation, numbers)
    found = chemistry.call(
        "mentions",
        text=words,
        has_subject=has_subject or bool(entered),
        after_group=_asked_for_a_group(conversation),
    )
    mentions: list[tuple[int, int, int]] = []
    for entry in found["mentions"]:
        conversation, number = conversation.with_molecule(molecule_of(entry))
        mentions.append((int(entry["start"]), int(entry["end"]), number))
    if not mentions and not entered:
        _refuse_unknown(words, chemistry)
    _refuse_too_many(conversation, {number for *_, number in mentions})
    return Extracted(words, conversation, numbers, tuple(mentions), bool(found["is_all"]))


def _asked_for_a_group(conversation: Conversation) -> bool:
    """Whether the question before asked for a group, which "and pyridine?" goes on with."""
    before = conversation.questions[-1:]
    return bool(before) and asked_group(plain_text(before[0].text)) is not None


def _refuse_unknown(words: str, chemistry: Chemistry) -> None:
    """A molecule that nobody knows; the question would be answered of another one.

    Raises:
        AssistantError: The question names one.
    """
    named = named_in(words)
    if named is None:
        return
    meant = chemistry.call("slip", word=named.text)["name"]
    said = f" Did you mean {meant}?" if meant else ""
    if named.kind != "word":
        mistake = _mistake_in(named.text, chemistry)
        said = said or (f" {mistake}" if named.kind == "structure" and mistake else "")
        if not mistake:
            return
    elif not meant:
        return
    raise AssistantError(
        f"“{named.text}” is not known here, so nothing was asked.{said} Correct it, or draw it or"
        " enter its SMILES above; for the molecule that is shown, write “it”."
    )


def _mistake_in(text: str, chemistry: Chemistry) -> str:
    """Why a structure or name cannot be read; empty when it can."""
    try:
        entries = chemistry.call("recognise", text=text)["recognised"]
    except InvalidMoleculeError as error:
        return str(error)
    errors = [entry["error"] for entry in entries if isinstance(entry.get("error"), Mapping)]
    return str(error_from_json(errors[0])) if errors else ""


def _refuse_too_many(conversation: Conversation, named: Set[int]) -> None:
    if len(named) > MAX_FOCUS:
        raise AssistantError(
            f"The question names {len(named)} molecules; ask about at most {MAX_FOCUS} at a time."
        )
    if named and len(conversation.molecules) > MAX_MOLECULES:
        raise AssistantError(f"A chat holds {MAX_MOLECULES} molecules; start a new one for more.")


def _molecules_in(
    piece: str, *, alone: bool, chemistry: Chemistry
) -> Sequence[Mapping[str, object]]:
    """The worker's entries if the line is a molecule and nothing else."""
    line = piece.strip()
    is_block = "M  END" in line
    if not line or (not is_block and (" " in line or line[-1] in "?!:" or is_ion(line))):
        return ()
    if alone and _WORD.fullmatch(line) and len(line) < 3:  # "I", "No": words before they are atoms
        return ()
    try:
        entries: Sequence[Mapping[str, object]] = chemistry.call("recognise", text=piece)[
            "recognised"
        ]
    except InvalidMoleculeError:
        return ()
    error = entries[0].get("error")
    if alone and isinstance(error, Mapping) and looks_like_structure(line):
        raise error_from_json(error)
    good = [e for e in entries if e.get("smiles") or e.get("reaction")]
    return good if len(good) == len(entries) else ()


def looks_like_structure(line: str) -> bool:
    """Whether a word can only be a structure: no other has such signs or such a length."""
    is_long = len(line) > LONGEST_WORD
    if is_long or line.startswith("InChI="):
        return True
    has_letter = any(letter.isalpha() for letter in line)  # ":-)" is a smile
    return has_letter and bool(_STRUCTURE_SIGNS.search(line.lstrip("#")))
