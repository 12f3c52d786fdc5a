"""Molecules that are pasted into a question or compared, and the copies of drawings."""

import re
from collections.abc import Mapping

import gradio as gr

from assistant.errors import AssistantError
from ui import arrivals, molecules, turns
from ui.arrivals import OFFER_FROM, Arrival
from ui.events import SKIP, EventHandlers, Notice, Payload, Values, key_of, payload_of
from ui.molecules import Chemistry
from ui.session import Session

MAX_CHARS = 200_000
COPY_SIZE = {"width": 420, "height": 300}
MIN_READABLE = 0.8  # of the lines; below that it is no list of molecules
_BLOCK_END = re.compile(r"^M  END", re.MULTILINE)


def take_pasted(session: Session, text: str, chemistry: Chemistry, *, alone: bool) -> str | None:
    """Numbers and attaches the molecules of a pasted text that holds nothing else.

    Args:
        session: Whose conversation it is.
        text: What was pasted.
        chemistry: Reads it.
        alone: The question has no other words. Beside some, only what cannot be a word is a
            molecule: “water” in the middle of a sentence stays a word.

    Returns:
        What stands for it in the question (“molecule 2”; nothing when it is alone), or None when
        the text is no molecule and stays as it is.
    """
    stripped = text.strip()
    is_one_line = "\n" not in stripped
    if not stripped or len(stripped) > MAX_CHARS or (is_one_line and len(stripped) < 3):
        return None
    if is_one_line and not alone and not molecules.looks_like_structure(stripped):
        return None
    if is_one_line and stripped[-1] in "?!:":
        return None
    try:
        found = chemistry.call("recognise", text=text)["recognised"]
    except AssistantError:
        return None
    if not all(entry.get("smiles") or entry.get("reaction") for entry in found):
        return None
    conversation, arrival = molecules.number_all(session.conversation, found)
    numbers = arrival.added
    if not numbers:
        return None
    turns.attach_and_show(session, conversation, numbers, chemistry)
    return "" if alone else ", ".join(f"molecule {n}" for n in numbers)


def read_many(text: str, chemistry: Chemistry) -> Mapping[str, object] | None:
    """What a worker reads in a long text that is a table, an SD file or a list of molecules.

    None where it is too short for an offer, or where most of its lines are no molecules.
    """
    blocks = len(_BLOCK_END.findall(text))
    n = blocks or sum(1 for line in text.splitlines() if line.strip())
    if n < OFFER_FROM or len(text) > MAX_CHARS:
        return None
    try:
        report = chemistry.call("lines", text=text)
    except AssistantError:
        return None
    good, bad = len(report["molecules"]), len(report["problems"])
    return report if good >= OFFER_FROM and good >= MIN_READABLE * (good + bad) else None


def number_beside(session: Session, smiles: str, chemistry: Chemistry) -> tuple[int, ...]:
    """Numbers a molecule, and finds the one that the next or else the last question is about.

    Args:
        session: Whose conversation it is.
        smiles: The molecule; it gets a number if it has none, and so does the drawing.
        chemistry: Reads it.

    Returns:
        The numbers to compare: two, or the molecule's alone where there is no other.
    """
    molecule = molecules.molecule_of(molecules.inspect_smiles(chemistry, smiles))
    conversation, question = session.question("")
    conversation, number = conversation.with_molecule(molecule)
    session.keep_molecules(conversation)
    turn = conversation.n_turns - 1
    about = question.attached or (conversation.focus(turn) if turn >= 0 else ())
    others = [n for n in about if n != number][:1]
    return (*others, number)


class PasteHandlers(EventHandlers):
    """What pasting into the question and copying of drawings do."""

    def pasted(self, event: gr.EventData, request: gr.Request) -> Values:
        """Text pasted into a question; values for `composer, bench, sketcher, facts`.

        Many molecules are an offer first; one that was not pasted into the question (`box`) and
        is no offer is left to the molecule box.
        """
        data = payload_of(event)
        text, alone = str(data.get("text") or ""), bool(data.get("alone"))
        sent = str(data.get("id") or "")
        report = read_many(text, self._chemistry)
        with self._store.locked(*key_of(request)) as session:
            if report is not None:
                offer = arrivals.offer_of(report, session.conversation, sent=sent)
                if offer is not None and not data.get("all"):
                    return self._offered(session, offer)
                return self._taken_in(session, report, data)
            if data.get("box"):
                return {**self._views.composer(session), "declined": sent}, SKIP, SKIP, SKIP
            words = take_pasted(session, text, self._chemistry, alone=alone)
            if words is None:
                return (SKIP,) * 4
            n = len(session.attached)
            said = "Attached." if n == 1 else f"{n} molecules are attached."
            return self._pasted(session, data, words, Notice(f"{said} Now ask.", "info"))

    def _taken_in(self, session: Session, report: Mapping[str, object], data: Payload) -> Values:
        """The molecules of a long text become numbered ones, as those of a file."""
        try:
            arrival = molecules.take_in_file(session, report, self._chemistry)
        except AssistantError as error:
            arrival = Arrival(problems=(str(error),))
        said = arrivals.in_words(arrival)
        words = "" if data.get("alone") else ", ".join(f"molecule {n}" for n in arrival.added)
        return self._pasted(session, data, words, None if said is None else Notice(*said))

    def _pasted(self, session: Session, data: Payload, words: str, notice: Notice | None) -> Values:
        composer = self._views.composer(session, notice=notice)
        pasted = {"text": str(data.get("text") or ""), "words": words}
        return (
            {**composer, "pasted": pasted},
            self._views.bench(session, by_hand=False),
            self._views.sketch(session),
            self._views.facts(session),
        )

    def compared(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """A molecule goes on the next question beside another one; value for `composer`.

        The box writes the words, unless somebody has `typed` some: then it joins what is attached.
        """
        data = payload_of(event)
        smiles = str(data.get("smiles") or "")
        with self._store.locked(*key_of(request)) as session:
            try:
                numbers = number_beside(session, smiles, self._chemistry)
            except AssistantError as error:
                return self._views.composer(session, notice=Notice(str(error)))
            if data.get("typed"):
                session.chosen = set(session.attached | {numbers[-1]})
                notice = Notice("Attached to your question.", "info")
                return self._views.composer(session, notice=notice)
            session.chosen = set(numbers)
            if session.current is not None:
                session.use_current = session.current_number in numbers
            return {**self._views.composer(session), "compare": list(numbers)}

    def copied(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """A structure as other programs take it: molfile and SVG, for the clipboard."""
        data = payload_of(event)
        smiles, kind = str(data.get("smiles") or ""), str(data.get("kind") or "")
        try:
            found = self._chemistry.call("inspect", smiles=smiles, **COPY_SIZE)
        except AssistantError as error:
            return self._problem(error, kind=kind)
        return {
            "rev": self._views.rev(),
            "kind": kind,
            "smiles": str(found["smiles"]),
            "molfile": str(found["molblock"]),
            "svg": str(found["svg"]),
            "problem": "",
        }
