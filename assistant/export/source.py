"""What every format is written from: the conversation, and of each molecule facts and drawing."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from assistant.chat.conversation import Conversation, Message, NumberedMolecule
from assistant.chat.other_species import values_elsewhere
from assistant.chem.draw import draw_svg, to_molblock
from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule

WIDTH, HEIGHT = 300, 200
MAX_SLUG = 40


@dataclass(frozen=True)
class Look:
    """What is computed of a structure for an export: facts, drawing (SVG) and molfile."""

    facts: Facts
    svg: str
    molblock: str


def look_at(molecule: Molecule) -> Look:
    """Computed here; a page passes what its killable workers computed instead."""
    svg = draw_svg(molecule, width=WIDTH, height=HEIGHT)
    return Look(compute_facts(molecule), svg, to_molblock(molecule))


@dataclass(frozen=True)
class MoleculeRecord:
    """A numbered molecule with what was computed of it."""

    entry: NumberedMolecule
    look: Look

    @property
    def number(self) -> int:
        """Its number in the conversation."""
        return self.entry.number

    @property
    def title(self) -> str:
        """Its name, or its formula where it has none."""
        return self.entry.molecule.name or self.look.facts.formula


@dataclass(frozen=True)
class Turn:
    """A question and its answer, if it has one."""

    number: int
    question: Message
    answer: Message | None


@dataclass(frozen=True)
class Export:
    """One conversation, ready to be written in any format.

    Attributes:
        conversation: The branch that is shown.
        records: Its molecules in their order.
        written: When; in the file and in its name.
        drawings: SVG by canonical SMILES of structures that answers write out.
    """

    conversation: Conversation
    records: tuple[MoleculeRecord, ...]
    written: datetime
    drawings: Mapping[str, str] = field(default_factory=dict)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Questions with their answers, counted from 1."""
        turns: list[Turn] = []
        for message in self.conversation.messages:
            if message.role == "user":
                turns.append(Turn(len(turns) + 1, message, None))
            elif turns:
                turns[-1] = Turn(turns[-1].number, turns[-1].question, message)
        return tuple(turns)

    def elsewhere_line(self, turn: Turn) -> str:
        """Says of which molecules the values of an answer are, where others were asked for."""
        facts = {record.number: record.look.facts for record in self.records}
        if turn.answer is None:
            return ""
        found = values_elsewhere(self.conversation, turn.number - 1, turn.answer, facts.__getitem__)
        return f"≠ {found.line}" if found else ""

    @property
    def title(self) -> str:
        """What the document is called: its first molecule, or its first question."""
        if self.records:
            return self.records[0].title
        questions = self.conversation.questions
        return " ".join(questions[0].text.split())[:60] if questions else "Empty conversation"

    def file_name(self, extension: str) -> str:
        """Date and first molecule, in characters that every file system takes."""
        slug = slug_of(self.title)
        return f"{self.written:%Y-%m-%d}{f'-{slug}' if slug else ''}.{extension}"


def export_of(
    conversation: Conversation,
    written: datetime,
    *,
    look: Callable[[Molecule], Look] = look_at,
    draw: Callable[[str], str] | None = None,
) -> Export:
    """Looks at every molecule of a conversation.

    Args:
        conversation: What is exported.
        written: The time that goes into it.
        look: Computes facts, drawing and molfile of a molecule.
        draw: Draws a structure that an answer writes out, by SMILES; "" where it cannot.
    """
    draw = draw or (lambda smiles: draw_svg(Molecule.parse(smiles), width=WIDTH, height=HEIGHT))
    records = tuple(MoleculeRecord(m, look(m.molecule)) for m in conversation.molecules)
    numbered = {record.entry.molecule.smiles for record in records}
    structures = (c.smiles for m in conversation.messages for c in m.checks if c.smiles)
    found = {smiles: draw(smiles) for smiles in dict.fromkeys(structures) if smiles not in numbered}
    return Export(
        conversation, records, written, {smiles: svg for smiles, svg in found.items() if svg}
    )


def checked_line(answer: Message) -> str:
    """How many claims of an answer were checked, in words; "" without claims."""
    checks = answer.checks
    if not checks:
        return ""
    n_checked = sum(check.verdict != "unverifiable" for check in checks)
    n_wrong = sum(check.verdict == "contradicted" for check in checks)
    claims = "claim" if len(checks) == 1 else "claims"
    wrong = f", {n_wrong} contradicted" if n_wrong else ""
    return f"{n_checked} of {len(checks)} {claims} checked{wrong}"


def slug_of(text: str) -> str:
    """Letters, digits and hyphens of a text, lower case."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower())[:MAX_SLUG].strip("-")
