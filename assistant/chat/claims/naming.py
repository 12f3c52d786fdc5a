"""Claims about the name of a molecule: "Molecule 1 is caffeine", "Its name is aspirin".

A name is right when the person gave it to this structure or when the name table has it for it; it
is wrong when the table or the person has it for another structure. Any other name may be a synonym,
and may be invented: nobody can tell, and the mark says so. "I know no name" is wrong where there is
one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from assistant.chat.claims.mentions import NOUNS
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.wholes import TESTS
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule
from assistant.chem.names import built_in_names
from assistant.errors import AssistantError

_CONNECTIVITY = 14
"""Letters of an InChIKey that stand for the skeleton, without stereo, isotopes and charge."""
# "The ring is benzene" says what a part is called.
_SUBJECT = (
    r"(?:(?:molecule|compound|structure) ?\d+|@\d+|it|this"
    rf"|(?:this|the) (?:{'|'.join(sorted(NOUNS))})\b)"
)
_FRAME = re.compile(
    rf"\s*(?:[-*•] )?(?:(?P<said>(?:the|its) (?:common |trivial |chemical )?name"
    rf"(?: (?:of|for) {_SUBJECT})? is"
    rf"|{_SUBJECT} is (?:called|named|(?:also )?known as))|{_SUBJECT} is) +",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"[\"“'*]*(?P<name>[^\s;:\"”*]+?(?: [^\s;:\"”*]+?){0,3}?)[\"”'*]*"
    r"(?=,\s|[.;]?\s*$|[.;]\s| \(|;| (?:with|and|which|whose|for|by|in|whereas|while|but)\b)"
)
_NONE = re.compile(
    r"(?:do not|don't|cannot) (?:know (?:a|any|the) name|name) \b|no name is known|"
    r"not (?:in|hold) (?:my|the) name table|name table does not hold",
    re.IGNORECASE,
)
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*){2,}[+-]?\d*")
_FORMULA_FOLLOWS = re.compile(r"[\"”'*]*,? \(?(?:[A-Z][a-z]?\d*)*\d\w*(?:[,).]|$)")
_NO_NAMES = words(
    "a an the not no more less shown one also only likely very too both neither either larger "
    "smaller heavier lighter higher lower unknown possible clear given drawn named called known "
    "unnamed missing"
)


def read_names(reading: Reading, given: Mapping[str, str]) -> Iterator[Claim]:
    """The claim of a sentence that says what a molecule is called.

    Args:
        reading: The sentence.
        given: What people call the molecules of the conversation, by canonical SMILES.
    """
    sentence = reading.text[reading.sentence.start : reading.sentence.end]
    if (none := _NONE.search(sentence)) is not None:
        yield from _no_name(reading, none)
        return
    frame = _FRAME.match(sentence)
    found = _NAME.match(sentence, frame.end()) if frame else None
    if frame is None or found is None:
        return
    name = found["name"]
    if _FORMULA.fullmatch(name) or name.split()[0].lower() in _NO_NAMES | TESTS.keys():
        return
    start, end = (reading.sentence.start + offset for offset in found.span("name"))
    inside = [i for i, t in enumerate(reading.tokens) if start <= t.start < end]
    if not inside or reading.is_silent(inside[0]):
        return
    is_known = _in_table(name) is not None or _key(name) in map(_key, given.values())
    if is_known or frame["said"] or _FORMULA_FOLLOWS.match(sentence, found.end("name")):
        # "It is benzene with an ester" tells how it is built.
        is_described = not frame["said"] and sentence.startswith(" with", found.end())
        test = _test(name, given, is_described=is_described)
        yield reading.claim(inside[0], inside[-1] + 1, "name", test, end=end)


def _no_name(reading: Reading, said: re.Match[str]) -> Iterator[Claim]:
    start, end = (reading.sentence.start + offset for offset in said.span())
    inside = [i for i, t in enumerate(reading.tokens) if start <= t.start < end]
    if inside and not reading.is_silent(inside[0]):
        yield reading.claim(inside[0], inside[-1] + 1, "name", _is_nameless)


def _is_nameless(facts: Facts) -> Finding:
    called = _name_of(facts.smiles)
    return Finding(called is None, f"called {called} in the name table" if called else "no name")


def _test(name: str, given: Mapping[str, str], *, is_described: bool) -> Callable[[Facts], Finding]:
    others = [smiles for smiles, own in given.items() if _key(own) == _key(name)]
    entry = _in_table(name)

    def test(facts: Facts) -> Finding:
        called = given.get(facts.smiles) or _name_of(facts.smiles)
        if facts.smiles in others:
            return Finding(True, f"the name it was given: {given[facts.smiles]}")
        if entry == facts.smiles:
            return Finding(True, f"{name} in the name table")
        if entry is None and not others:
            return Finding(None, f"called {called} here" if called else "no name is known here")
        if entry is not None and facts.inchikey[:_CONNECTIVITY] in _skeleton(entry):
            return Finding(None, "another form of it, by the name table")
        other = entry or others[0]
        truth = f"{name} is {_formula(other)}, another structure"
        return Finding(
            None if is_described else False, f"called {called}; {truth}" if called else truth
        )

    return test


def is_in_table(name: str) -> bool:
    """Whether the name table has a name, for whichever structure."""
    return _in_table(name) is not None


def _key(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


@lru_cache(maxsize=1024)
def _in_table(name: str) -> str | None:
    """Canonical SMILES of a name."""
    entry = built_in_names().find(name)
    try:
        return entry.molecule().smiles if entry else None
    except AssistantError:
        return None


@lru_cache(maxsize=1024)
def _name_of(smiles: str) -> str | None:
    return built_in_names().name_of(Molecule.parse(smiles))


@lru_cache(maxsize=1024)
def _skeleton(smiles: str) -> frozenset[str]:
    """Skeletons of a structure and of its parts: a salt is another form of its drug."""
    parts = (smiles, *smiles.split("."))
    return frozenset(Molecule.parse(part).inchikey[:_CONNECTIVITY] for part in parts)


@lru_cache(maxsize=1024)
def _formula(smiles: str) -> str:
    return CalcMolFormula(Molecule.parse(smiles).rdmol())
