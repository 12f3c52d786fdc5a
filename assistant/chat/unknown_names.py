"""Molecules that a question names and nobody knows: "logP of asprin", "mass of c1ccccc1(".

Such a question would be answered of the molecule that happens to be attached, with right values of
the wrong molecule. What stands where a molecule is named ("of …", "does … have") is looked at, and
is one when it is written like a structure or a systematic name, or is nearly a known name.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from assistant.chat.asking.terms import asked_phrases, word_lists
from assistant.chat.claims.lexicon import phrases
from assistant.chat.claims.wordlist import words
from assistant.chat.species_words import is_ion
from assistant.chem.scan import ELEMENTS

_WORD = r"[^\s,;?!\"“”]+"
_SALT = r"(?:hydrochloride|hydrobromide|sodium|potassium|mesylate|tartrate|citrate|maleate|hcl)"
_OBJECT = re.compile(
    rf"\b(?:of|for|about|than|describe|versus|vs)\s+(?P<determined>(?:the|a|an|this|that|its|my|our"
    rf"|your|their|any|some)\s+)?(?P<what>{_WORD}(?:\s+{_SALT})?)[\s?!.]*$",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    rf"\b(?:does|do|is|are|has)\s+(?P<determined>(?:the|a|an|this)\s+)?(?P<what>{_WORD})\s+\w",
    re.IGNORECASE,
)
_STRUCTURE = re.compile(r"[A-Za-z0-9@+\-\[\]()=#%/\\.*]{4,}")
_SIGNS = re.compile(r"[\[\]=#]|[cnos]\d|[A-Za-z]\(.+\)")
_ATOM = re.compile(r"[BCNOPSFIcnops]")
_SP = re.compile(r"sp[23]?\d?", re.IGNORECASE)
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*)+")
_SHIFTS = re.compile(r"\b(?:nmr|ppm|shifts?)\b", re.IGNORECASE)
"""Shifts are told against a reference: "19F NMR of it vs CFCl3"."""
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_SYSTEMATIC = re.compile(
    r"\b\d+(?:,\d+)*'?-(?!(?:bits?|folds?|electrons?|membered|letters?|steps?|points?|dimensional"
    r"|days?|hours?|minutes?|years?|carbons?|atoms?|rings?|digits?|decimals?|coordinate|components?"
    r"|lines?|words?|sentences?|photons?|phases?|parts?|ways?|d)\b)[A-Za-z(\[]{3,}",
    re.IGNORECASE,
)
_ENDINGS = re.compile(
    r"(?:anol|enol|anone|amine|azole|azine|idine|oxide|amide|oate|benzene|toluene|phenol|pyridine"
    r"|statin|pril|sartan|mycin|cillin|oxacin|prazole|tidine|glutide|mab|nib|caine|barbital|azepam"
    r"|olone|terol|dronate|setron|triptan|gliptin|gliflozin|profen)$"
)
_LETTERS = re.compile(r"[A-Za-z]{5,}(?:-[A-Za-z]+)?")
_LEAST_ENDING = 7
_PRONOUNS = words(
    "either neither both each other others another whether one ones any none these those"
)
"""Words that point at molecules; "either" is no slip of ether."""
_ORDINARY = words(
    """ability aldol ambient approve beach catching clarity covers create creating creation creator
    dilation fluoresce hydrochloride hydrogel italian liquids marine methylene nsaid oxidant pampa
    pipeline restore reversed ribosome singular sorts sublime tetracyclic vitamin"""
)
"""Words that are nearly a name in the table and no slip of it: "sorts" (Sortis)."""

Kind = Literal["structure", "name", "word"]


@dataclass(frozen=True)
class Named:
    """What a question seems to name.

    Attributes:
        text: As it was written.
        kind: Written like a structure, like a chemical name, or a word that may be a slip of one.
    """

    text: str
    kind: Kind


def named_in(question: str) -> Named | None:
    """What stands in a question where a molecule is named, if it can be one.

    Args:
        question: Without a molecule that is known.
    """
    for pattern in (_OBJECT, _SUBJECT):
        found = pattern.search(question)
        if found is None:
            continue
        text = found["what"].strip("'`").rstrip(".:")
        if _is_formula(text) and _SHIFTS.search(question):
            continue
        kind = _kind_of(text, is_determined=bool(found["determined"]))
        if kind is not None:
            return Named(text, kind)
    return None


def _kind_of(text: str, *, is_determined: bool) -> Kind | None:
    plain = text.lower()
    if plain in _PRONOUNS or plain in _ORDINARY or is_ion(text):
        return None
    if plain in _known_words() or plain.rstrip("s") in _known_words():
        return None
    if _is_structure(text) or _is_formula(text):
        return "structure"
    if _SYSTEMATIC.search(text) or re.search(rf"\s{_SALT}$", plain):
        return "name"
    if not _LETTERS.fullmatch(text) or is_determined:
        return None
    return "name" if len(text) >= _LEAST_ENDING and _ENDINGS.search(plain) else "word"


def _is_structure(text: str) -> bool:
    """Whether a word is written like a SMILES, right or wrong."""
    bare = _SP.sub("", text)
    return bool(_STRUCTURE.fullmatch(text) and _SIGNS.search(bare) and _ATOM.search(bare))


def _is_formula(text: str) -> bool:
    """As in "H2SO4": symbols of several elements with numbers."""
    if not _FORMULA.fullmatch(text) or not any(letter.isdigit() for letter in text):
        return False
    symbols = set(_SYMBOL.findall(text))
    return len(symbols) > 1 and symbols <= set(ELEMENTS)


@cache
def _known_words() -> frozenset[str]:
    """Words of properties, of groups, and of what people say around them."""
    known = {word for phrase in (*phrases(), *asked_phrases()) for word in phrase}
    for table in ("words", "words_with", "shapes"):
        for text in word_lists()[table].values():
            known.update(text.split())
    return frozenset(known)
