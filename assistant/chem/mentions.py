"""Molecules that a sentence is about: "What is the logP of caffeine?", "Is CCO heavier than CCC?".

    words ─► names of the table, SMILES, CAS numbers ─► less those that are something else there

A name is not always a subject: "soluble in water" names a medium, "a phenol" and "the pyridine
ring" a group, "water solubility" a property. Rather one too few than one too many: what is not
found stays a word, and can be put into the box above the sketcher.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.chem.group_questions import asks_for_groups
from assistant.chem.limits import MAX_SMILES_CHARS
from assistant.chem.mention_words import (
    AMOUNT,
    AMOUNTS,
    AND_COUNTS_AS,
    ASKED_BY_A_RULE,
    ASKED_OF_ANY,
    BESIDE,
    COMPARES,
    COUNTED,
    COUNTS_AS,
    EXCHANGED,
    EXCHANGES,
    GROUP_WORDS,
    HOLDS,
    KINDS,
    LESS_OR_MORE,
    MEDIA,
    MORE_OF_A_NAME,
    NOUN_BEHIND,
    OF_MEDIA,
    OR_WATER,
    OWNERS,
    PARTITIONED,
    PARTS,
    PLACES,
    POINTER,
    PRONOUN,
    STATES,
    THAN,
    WATER_BEFORE,
    WATER_BEHIND,
)
from assistant.chem.molecule import Molecule
from assistant.chem.names import CAS_NUMBER, NameEntry, NameTable
from assistant.errors import AssistantError

MAX_MENTIONS = 12
_MAX_WORDS = 5  # of a name
_SHORTEST_NAME = 5  # shorter ones must be written letter by letter: CAN is a reagent, can is not
_LEAST_ATOMS = 3  # of a SMILES: C=C and N-H are bonds that are spoken of
_SMALLEST = 3  # heavy atoms: hydrogen, water and HCl are mostly something else than the subject

_WORD = re.compile(r"\S+")
_QUOTES, _MARKS = "\"'“”‘’`*", "\"'“”‘’`*?!.,;:®™"
_OWNER = re.compile(r"['’]s?$")
_SIGNS = re.compile(r"[\[\]()=#@\\/]|[A-Za-z]\d+[A-Za-z(=#]")
_CHAIN = re.compile(r"(?:Cl|Br|[CNO])(?:Br|Cl|[BCNOPSFI])*")


@dataclass(frozen=True)
class Mention:
    """A molecule that is named in a text.

    Attributes:
        start: Its first character.
        end: Behind its last one.
        molecule: Which one, with its name where it was named.
    """

    start: int
    end: int
    molecule: Molecule


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    text: str
    ends_part: bool
    """Whether a comma or a full stop stands behind it."""


def mentions_in(
    text: str, names: NameTable, *, has_subject: bool = False, after_group: bool = False
) -> tuple[Mention, ...]:
    """The molecules a sentence is about, in order, at most `MAX_MENTIONS`.

    Args:
        text: What a person wrote.
        names: Of molecules.
        has_subject: Whether there is a molecule that "it" can mean. Then one that is named after
            it, without a comparison, is what it reacts with or dissolves in, and "quinoline?" asks
            whether the ring is in it.
        after_group: Whether the question before asked for a group; then "and pyridine?" does, too.
    """
    sentence = _Sentence(text, names, has_subject=has_subject)
    found: list[Mention] = []
    skipped_at = -2  # a list goes on as it begins: "in water or ethanol"
    place = 0
    while place < len(sentence.tokens) and len(found) < MAX_MENTIONS:
        read = sentence.read_at(place)
        if read is None:
            place += 1
            continue
        last = place + read.n_words - 1
        goes_on = sentence.goes_on(place, skipped_at)
        if goes_on or sentence.is_something_else(read, place, is_first=not found):
            skipped_at = last
        else:
            found.append(read.mention)
        place = last + 1
    spans = [(mention.start, mention.end) for mention in found]
    asks = has_subject and asks_for_groups(text, spans, after_group=after_group)
    return () if asks else tuple(found)


def refers(text: str) -> bool:
    """Whether a sentence points at a molecule that it does not name."""
    return bool(PRONOUN.search(text) or POINTER.search(text))


def is_only_about(text: str, mentions: Sequence[Mention]) -> bool:
    """Whether a sentence is about the molecules it names and no other: it refers to none.

    "Is it heavier than caffeine?" and "Compare with caffeine" are about another one too.
    """
    if not mentions:
        return False
    rest = text
    for mention in reversed(mentions):
        noun = NOUN_BEHIND.match(rest, mention.end)
        rest = rest[: mention.start] + "·" + rest[noun.end() if noun else mention.end :]
    if PRONOUN.search(text[: mentions[0].start]) or POINTER.search(rest):
        return False
    alone = len(mentions) == 1
    return not (alone and (COMPARES.search(rest) or THAN.search(rest)))


@dataclass(frozen=True)
class _Read:
    """What stands at a word: a molecule, the words it takes, and whether it is mostly a medium."""

    mention: Mention
    n_words: int
    is_reagent: bool


class _Sentence:
    """One text and its words."""

    def __init__(self, text: str, names: NameTable, *, has_subject: bool) -> None:
        self.text, self._names = text, names
        self.tokens = list(_tokens(text))
        self._compares = COMPARES.search(text) is not None
        self._is_beside = has_subject and not self._compares and not THAN.search(text)

    def before(self, place: int, steps: int = 1) -> str:
        """The word before a place in small letters; none across a comma or full stop."""
        if place < steps or any(t.ends_part for t in self.tokens[place - steps : place]):
            return ""
        return self.tokens[place - steps].text.lower()

    def after(self, place: int) -> str:
        """The word behind a place, likewise."""
        if place + 1 >= len(self.tokens) or self.tokens[place].ends_part:
            return ""
        return self.tokens[place + 1].text.lower()

    def read_at(self, place: int) -> _Read | None:
        """The longest name at a word, or the structure that it is."""
        first = self.tokens[place]
        for n_words in range(min(_MAX_WORDS, len(self.tokens) - place), 0, -1):
            some = self.tokens[place : place + n_words]
            if any(token.ends_part for token in some[:-1]):
                continue
            end = some[-1].end
            entry = _named(self.text[first.start : end], self._names)
            if entry is not None:
                is_reagent = entry[0].kind in ("reagent", "solvent")
                return _Read(Mention(first.start, end, entry[1]), n_words, is_reagent)
        is_property = self.after(place) in ("of", "value", "values")  # "the CCS of"
        molecule = None if is_property else _structure(first.text)
        return molecule and _Read(Mention(first.start, first.end, molecule), 1, False)

    def goes_on(self, place: int, skipped_at: int) -> bool:
        """Whether a list goes on here whose member before was something else."""
        if skipped_at < 0:
            return False
        joined = self.tokens[place - 1].text.lower() in ("and", "or", "nor")
        if joined and skipped_at == place - 2:
            return True
        return skipped_at == place - 1 and self.tokens[place - 1].ends_part

    def is_something_else(self, read: _Read, place: int, *, is_first: bool) -> bool:
        """Whether a name stands for a medium, a group or a part of a word, not for a subject."""
        last = place + read.n_words - 1
        before, after = self.before(place), self.after(last)
        n_atoms = read.mention.molecule.rdmol().GetNumHeavyAtoms()
        is_tiny, is_medium = n_atoms < _SMALLEST, read.is_reagent or n_atoms <= _SMALLEST
        if AMOUNT.fullmatch(before):
            return True
        if before in KINDS | MEDIA | OWNERS | AMOUNTS | MORE_OF_A_NAME | EXCHANGED:
            return True
        if self._is_exchanged(place) or (is_medium and before in LESS_OR_MORE):
            return True
        if after in PARTS | MORE_OF_A_NAME or self._is_a_group(place, last):
            return True
        if is_medium and (before in PLACES | STATES or after in OF_MEDIA):
            return True
        if before == "of" and self.before(place, 2) in COUNTED:
            return True
        if self._is_of_a_rule(place, read.mention):
            return True
        if is_medium and self._is_phase(read.mention, before):
            return True
        if before in BESIDE and not self._compares:
            return True
        is_asked_of = self._compares or THAN.search(self.text) or ASKED_OF_ANY.search(self.text)
        if is_tiny and is_first and (before == "the" or not is_asked_of):
            return True
        start = read.mention.start
        line = self.text.rfind("\n", 0, start) + 1
        is_whole = read.is_reagent or (n_atoms <= _SMALLEST and before != "of")
        referred = self.text[line:] if is_whole else self.text[line:start]
        return self._is_beside and is_first and refers(referred)

    def _is_of_a_rule(self, place: int, mention: Mention) -> bool:
        """As in "atoms heavier than hydrogen", "if naphthalene counts as two rings, …"."""
        before = self.before(place)
        if self.tokens[place].text.lower() == "hydrogen" and before == "than":
            return True
        if not self._is_beside or not ASKED_BY_A_RULE.search(self.text, mention.end):
            return False
        joined = before == "and" and AND_COUNTS_AS.match(self.text, mention.end)
        return bool(joined or COUNTS_AS.match(self.text, mention.end))

    def _is_exchanged(self, place: int) -> bool:
        """As in "loss of water", "removing the acetic acid"."""
        before, earlier = self.before(place), self.before(place, 2)
        return (before == "of" and earlier in EXCHANGES) or (
            before == "the" and earlier in EXCHANGED
        )

    def _is_phase(self, mention: Mention, before: str) -> bool:
        """Whether a name is a phase that something is shared with: "octanol/water log P"."""
        in_front, behind = self.text[: mention.start], self.text[mention.end :]
        if WATER_BEFORE.search(in_front) or WATER_BEHIND.match(behind):
            return True
        if before == "of" or not PARTITIONED.search(self.text):
            return False
        return (
            before == "between" or before.endswith("octanol") or OR_WATER.match(behind) is not None
        )

    def _is_a_group(self, place: int, last: int) -> bool:
        """Whether a word that is also a group's name stands for the group."""
        said = self.text[self.tokens[place].start : self.tokens[last].end].lower()
        if said not in GROUP_WORDS:
            return False
        joined = {"or", "and"}
        beside = {self.before(place, 2) if self.before(place) in joined else ""}
        if self.after(last) in joined and last + 2 < len(self.tokens):
            beside.add(self.tokens[last + 2].text.lower())
        return self.before(place) in HOLDS | {"the"} or bool(beside & GROUP_WORDS)


def _tokens(text: str) -> Iterator[_Token]:
    for match in _WORD.finditer(text):
        start, end = match.span()
        for part in _split(match[0]):
            at = text.index(part, start, end)
            bare = _bare(part)
            if bare:
                begin = at + part.index(bare)
                stop = begin + len(bare)
                behind = text[stop : at + len(part) + 1]
                yield _Token(begin, stop, bare, any(c in ",;.:?!/\n" for c in behind))
            start = at + len(part)


def _split(word: str) -> list[str]:
    """Two names with a slash between them as two; in a SMILES it stands beside other signs."""
    parts = word.split("/")
    is_two_names = len(parts) == 2 and all(part.strip(_MARKS).isalpha() for part in parts)
    return [part for part in parts if len(part) > 3] if is_two_names else [word]


def _bare(word: str) -> str:
    """Without quotes, marks and the 's of an owner; brackets that belong to it stay."""
    bare = word.lstrip(_QUOTES).rstrip(_MARKS)
    while bare.count("(") != bare.count(")") or _is_enclosed(bare):
        shorter = bare[1:] if bare.startswith("(") else bare
        if bare.endswith(")"):
            shorter = shorter[:-1]
        if shorter == bare:
            break
        bare = shorter.lstrip(_QUOTES).rstrip(_MARKS)
    return _OWNER.sub("", bare)


def _is_enclosed(word: str) -> bool:
    """Whether the first bracket closes at the end: "(glucose)", not "(R)-limonene (…)"."""
    if not (word.startswith("(") and word.endswith(")")):
        return False
    depth = 0
    for place, character in enumerate(word):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place == len(word) - 1
    return False


def _named(said: str, names: NameTable) -> tuple[NameEntry, Molecule] | None:
    if CAS_NUMBER.fullmatch(said):
        entry = names.find(said)
    elif len(said) < _SHORTEST_NAME or said.isupper():
        entry = None if said.islower() else names.find_exactly(said)
    else:
        entry = names.find(said)
    try:
        return entry and (entry, entry.molecule())
    except AssistantError:
        return None


def _structure(word: str) -> Molecule | None:
    """A SMILES that can be nothing else; an InChI stands on a line of its own."""
    is_chain = len(word) >= _LEAST_ATOMS and word.count("C") > 1 and _CHAIN.fullmatch(word)
    is_written = len(word) <= MAX_SMILES_CHARS and (_SIGNS.search(word) or is_chain)
    if not is_written or word.startswith("InChI="):
        return None
    try:
        molecule = Molecule.parse(word)
    except AssistantError:
        return None
    return molecule if molecule.rdmol().GetNumHeavyAtoms() >= _LEAST_ATOMS else None
