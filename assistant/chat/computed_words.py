"""Questions for what RDKit computes and no card holds: the program answers them itself.

    "Give me the InChIKey"   ─►   InChIKey: BSYNRYMUTXBXSQ-UHFFFAOYSA-N

A language model would have to invent these letters. Only a question that asks for one of them and
nothing else is taken; what an InChIKey is, or a ring count "for my DBE", is the model's to answer.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rdkit import Chem

from assistant.chat.asked_words import plain_text
from assistant.chat.check import Check
from assistant.chat.conversation import Conversation, referred_numbers
from assistant.chat.other_species import other_species
from assistant.chem.composition import degrees_of_unsaturation, mass_percentages
from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit

_MOST = 20
_BY_RDKIT = "computed by RDKit"
_OPEN = "not defined for a structure with an open place"
_INEXPRESSIBLE = "InChI cannot express this structure"
_ASK = (
    r"(?:(?:hi|hello|please|ok|and|now|so)\W+)*"
    r"(?:(?:(?P<what>what(?:'s| is| are)|whats)|give(?: me)?|tell me|show(?: me)?|i (?:also )?need"
    r"|i want|(?:can|could|may) i (?:have|get|see)|(?:can|could|would) you (?:please )?(?:give|tell"
    r"|show|compute|calculate|provide)(?: me)?|compute|calculate|provide|return|print|copy"
    r"|how many) )?(?P<whose>the |its |their |(?:molecule|compound) @?(?P<owner>\d+)'s )?"
    r"(?:standard |calculated |computed |theoretical |expected )?"
)
_OF = (
    r"(?P<of>(?:(?:,? (?:of|for|in|from)|'s)? (?:it|this|that|these|them|both|here"
    r"|(?:the |this |these |my )?(?:molecules?|compounds?|drug|structures?|substance)))?"
    r"(?P<numbers>(?: of| for)? @?\d+(?:(?:,| and|, and| &) (?:molecule )?@?\d+)*)?)"
)
_END = r"(?:\W+(?:please|thanks|thank you))?\W*"
_ELEMENT = (
    r"(?:carbon|hydrogen|nitrogen|oxygen|sulfur|sulphur|phosphorus|fluorine|chlorine|bromine"
    r"|iodine|silicon|boron|[chnos]|each element)"
)
_MASS = r"(?:the |its )?(?:molecular |molar |total )?(?:mass|weight)"


def _inchi(molecule: Molecule) -> str:
    with quiet_rdkit():
        return Chem.MolToInchi(molecule.rdmol()) or _INEXPRESSIBLE


def _inchikey(molecule: Molecule) -> str:
    return molecule.inchikey or _INEXPRESSIBLE


def _is_open(molecule: Molecule) -> bool:
    return any(atom.GetAtomicNum() == 0 for atom in molecule.rdmol().GetAtoms())


def _percentages(molecule: Molecule) -> str:
    if _is_open(molecule):
        return _OPEN
    shares = mass_percentages(molecule)
    return ", ".join(f"{symbol} {share:.2f} %" for symbol, share in shares.items())


def _unsaturation(molecule: Molecule) -> str:
    if _is_open(molecule):
        return _OPEN
    return f"{degrees_of_unsaturation(molecule)} (rings and π bonds)"


_COMPUTED: Mapping[str, tuple[str, Callable[[Molecule], str]]] = {
    "InChIKey": (r"inchi ?-?keys?(?: strings?)?", _inchikey),
    "InChI": (r"inchis?(?: (?:strings?|codes?|identifiers?))?", _inchi),
    "degrees of unsaturation": (
        r"(?:degrees? of unsaturations?|double[ -]bond equivalents?(?: \(?dbe\)?)?|dbe"
        r"|index of hydrogen deficiency|ihd|unsaturation (?:number|index|degree))"
        r"(?: (?:does|do|are there|has|have))?",
        _unsaturation,
    ),
    "composition by mass": (
        r"(?:elemental analysis(?: values?)?|chn(?:so?)?(?: analysis| values?)?"
        r"|(?:mass |weight )?percent(?:age)?s?(?: (?:composition|by (?:mass|weight)))"
        r"|(?:mass|weight) percent(?:age)?s?|composition (?:in|by) (?:mass|weight)(?: percent)?"
        rf"|(?:(?:mass|weight) )?percent(?:age)? of (?:{_MASS} is )?{_ELEMENT}(?: by mass)?"
        rf"|{_ELEMENT} content(?: (?:in|by) (?:mass|weight|percent))?)",
        _percentages,
    ),
}
_WHICH_SHARE = re.compile(
    r"(?:what|which|how much) (?:mass |weight )?(?:percent(?:age)?|fraction|share|part)? ?of "
    rf"{_MASS}(?: of (?:it|molecule @?\d+))? (?:is|comes from) {_ELEMENT}{_END}"
)
_QUESTIONS = {
    name: re.compile(f"{_ASK}{pattern}{_OF}(?: have| has)?{_END}")
    for name, (pattern, _) in _COMPUTED.items()
}

_SEVERAL = re.compile(
    r"\b(?:these|them|both|their|molecules|compounds|structures|inchi ?-?keys|inchis)\b"
)


@dataclass(frozen=True)
class AskedComputed:
    """What a question asks for.

    Attributes:
        name: Of what is computed.
        numbers: Of the molecules that it names.
        of_several: Whether it is asked of more than one.
    """

    name: str
    numbers: tuple[int, ...] = ()
    of_several: bool = False


def asked_computed(question: str) -> AskedComputed | None:
    """What a question asks for; None where it asks for something else, or for more."""
    plain = " ".join(plain_text(question).split())
    if _WHICH_SHARE.fullmatch(plain):
        return AskedComputed("composition by mass", referred_numbers(question))
    for name, form in _QUESTIONS.items():
        found = form.fullmatch(plain)
        # "What is InChI?" asks what it is.
        if found and not (found["what"] and not found["whose"] and not found["of"]):
            told = f"{found['owner'] or ''} {found['numbers'] or ''}"
            numbers = tuple(int(n) for n in re.findall(r"\d+", told))
            return AskedComputed(name, numbers, _SEVERAL.search(plain) is not None)
    return None


def computed_answer(conversation: Conversation) -> tuple[str, tuple[Check, ...]]:
    """The answer to the last question, where it asks for what is computed here.

    Args:
        conversation: Ends with a question.

    Returns:
        Its text with a mark on each value; "" and none where it asks for something else.
    """
    question = conversation.messages[-1]
    asked = None if question.pair is not None else asked_computed(question.asked)
    if asked is None or other_species(question.text, mentions=question.mentions):
        return "", ()
    focus = conversation.focus(conversation.n_turns - 1)
    numbers = dict.fromkeys(asked.numbers or max(question.attached, focus, key=len))
    known = {entry.number for entry in conversation.molecules}
    if not numbers or len(numbers) > _MOST or set(numbers) - known:
        return "", ()
    if asked.of_several and len(numbers) == 1 < len(known):
        return "", ()  # which the others are is not said
    _, value = _COMPUTED[asked.name]
    name = f"{asked.name[0].upper()}{asked.name[1:]}"
    values = {n: value(conversation.molecule(n).molecule) for n in numbers}
    text, checks = "", []
    for n, told in values.items():
        text += "\n" if text else ""
        text += f"{name}: " if len(known) == 1 else f"{name} of molecule {n}: "
        end = len(text) + len(told)
        checks.append(Check(len(text), end, "confirmed", asked.name, told, _BY_RDKIT, n))
        text += told
    return text, tuple(checks)
