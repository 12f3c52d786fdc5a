"""Questions for what RDKit computes and no card holds: the program answers them itself.

    "Give me the InChIKey"   ─►   InChIKey: BSYNRYMUTXBXSQ-UHFFFAOYSA-N

A language model would have to invent these letters. Only a question that asks for one of them and
nothing else is taken; what an InChIKey is, or a ring count "for my DBE", is the model's to answer.
"""

import re
from collections.abc import Callable, Mapping

from rdkit import Chem

from assistant.chat.asked_words import plain_text
from assistant.chat.conversation import Conversation, referred_numbers
from assistant.chat.other_species import other_species
from assistant.chem.composition import degrees_of_unsaturation, mass_percentages
from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit

_MOST = 20
_ASK = (
    r"(?:(?:hi|hello|please|ok|and|now|so)\W+)*"
    r"(?:(?:what(?:'s| is| are)|whats|give(?: me)?|tell me|show(?: me)?|i (?:also )?need|i want"
    r"|(?:can|could|may) i (?:have|get|see)|(?:can|could|would) you (?:please )?(?:give|tell|show"
    r"|compute|calculate|provide)(?: me)?|compute|calculate|provide|return|print|copy|how many) )?"
    r"(?:the |its |their |(?:molecule|compound) @?\d+'s )?"
    r"(?:standard |calculated |computed |theoretical |expected )?"
)
_OF = (
    r"(?:(?:,? (?:of|for|in|from)|'s)? (?:it|this|that|these|them|both|here"
    r"|(?:the |this |these |my )?(?:molecules?|compounds?|drug|structures?|substance)))?"
    r"(?:(?: of| for)? @?\d+(?:(?:,| and|, and| &) (?:molecule )?@?\d+)*)?"
)
_END = r"(?:\W+(?:please|thanks|thank you))?\W*"
_ELEMENT = (
    r"(?:carbon|hydrogen|nitrogen|oxygen|sulfur|sulphur|phosphorus|fluorine|chlorine|bromine"
    r"|iodine|silicon|boron|[chnos]|each element)"
)
_MASS = r"(?:the |its )?(?:molecular |molar |total )?(?:mass|weight)"


_INEXPRESSIBLE = "InChI cannot express this structure"


def _inchi(molecule: Molecule) -> str:
    with quiet_rdkit():
        return Chem.MolToInchi(molecule.rdmol()) or _INEXPRESSIBLE


def _inchikey(molecule: Molecule) -> str:
    return molecule.inchikey or _INEXPRESSIBLE


def _percentages(molecule: Molecule) -> str:
    shares = mass_percentages(molecule)
    return ", ".join(f"{symbol} {share:.2f} %" for symbol, share in shares.items())


def _unsaturation(molecule: Molecule) -> str:
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
    rf"{_MASS}"
    rf"(?: of (?:it|molecule @?\d+))? (?:is|comes from) {_ELEMENT}{_END}"
)
_QUESTIONS = {
    name: re.compile(f"{_ASK}{pattern}{_OF}(?: have| has)?{_END}")
    for name, (pattern, _) in _COMPUTED.items()
}


def asked_computed(question: str) -> str:
    """What a question asks for, by its name; "" where it asks for something else, or for more."""
    plain = " ".join(plain_text(question).split())
    if _WHICH_SHARE.fullmatch(plain):
        return "composition by mass"
    return next((name for name, form in _QUESTIONS.items() if form.fullmatch(plain)), "")


def computed_answer(conversation: Conversation) -> str:
    """The answer to the last question, where it asks for what is computed here; else "".

    Args:
        conversation: Ends with a question.
    """
    question = conversation.messages[-1]
    name = "" if question.pair is not None else asked_computed(question.asked)
    if not name or other_species(question.text, mentions=question.mentions):
        return ""
    focus = conversation.focus(conversation.n_turns - 1)
    numbers = referred_numbers(question.asked) or max(question.attached, focus, key=len)
    known = {entry.number for entry in conversation.molecules}
    if not numbers or len(numbers) > _MOST or set(numbers) - known:
        return ""
    _, value = _COMPUTED[name]
    values = {n: value(conversation.molecule(n).molecule) for n in dict.fromkeys(numbers)}
    if len(values) == 1:
        (only,) = values.values()
        return f"{name[0].upper()}{name[1:]}: {only}"
    return "\n".join(f"{name[0].upper()}{name[1:]} of molecule {n}: {v}" for n, v in values.items())
