"""The nouns claims are about, and a matcher that finds the longest of them at each token.

A `Term` says what kind of thing was named; the readers of `numbers`, `groups`, … turn terms with
their
surroundings into claims. Hyphens between words are ignored: "hydrogen-bond donor" is three words.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from assistant.chat.claims.text import Token
from assistant.chat.claims.trie import PhraseTrie
from assistant.chem.groups import GROUPS

Family = Literal["scalar", "count", "formula", "group", "element", "opaque", "skip"]


@dataclass(frozen=True, slots=True)
class Term:
    """What a word or phrase names: a family of claims and a key inside it."""

    family: Family
    key: str


@dataclass(frozen=True, slots=True)
class TermMatch:
    """A term at tokens `first` up to, not including, `behind`."""

    term: Term
    first: int
    behind: int


ELEMENTS: dict[str, str] = {
    "hydrogen": "H",
    "carbon": "C",
    "nitrogen": "N",
    "oxygen": "O",
    "sulfur": "S",
    "sulphur": "S",
    "phosphorus": "P",
    "fluorine": "F",
    "chlorine": "Cl",
    "bromine": "Br",
    "iodine": "I",
    "silicon": "Si",
    "boron": "B",
    "selenium": "Se",
    "platinum": "Pt",
    "sodium": "Na",
    "potassium": "K",
    "lithium": "Li",
    "magnesium": "Mg",
    "calcium": "Ca",
    "zinc": "Zn",
    "iron": "Fe",
    "copper": "Cu",
    "tin": "Sn",
    "arsenic": "As",
    "palladium": "Pd",
    "gold": "Au",
    "mercury": "Hg",
    "aluminium": "Al",
    "aluminum": "Al",
    "cobalt": "Co",
    "nickel": "Ni",
    "deuterium": "D",
}

# Words for broader things than one row of the table of groups; `groups` says how they are tested.
BROAD: dict[str, str] = {
    "halogen": "halogen~|halogen atom~|halogen substituent~|halide~|halo group~|organohalogen~",
    "carbonyl": "carbonyl~|carbonyl group~|c=o|c=o group~|c=o bond~|c=o double bond~"
    "|carbonyl function~",
    "hydroxyl": "hydroxyl~|hydroxyl group~|hydroxy group~|hydroxy~|hydroxy substituent~"
    "|hydroxyl substituent~|oh group~"
    "|oh~|hydroxyl functionality|hydroxyl function~|hydroxyl moiety/moieties",
    "benzene ring": "benzene ring~|phenyl ring~|benzene~|benzenoid ring~|benzene nucleus"
    "|aryl group~"
    "|phenylene ring~"
    "|benzene moiety|benzene core|benzene unit~",
    "phenyl": "phenyl group~|phenyl~|phenyl substituent~|phenyl unit~|phenyl moiety/moieties",
    "heteroatom": "heteroatom~|hetero atom~",
    "metal": "metal~|metal atom~|metal ion~|transition metal~|metal centre~|metal center~",
    "alkene": "olefin~|alkene~|olefinic double bond~|alkene double bond~|alkene group~"
    "|olefinic bond~",
    "C=C double bond": "carbon carbon double bond~|c=c|c=c double bond~|c=c bond~",
    "triple bond": "triple bond~",
    "heterocycle": "heterocycle~|heterocyclic ring~|heterocyclic system~|hetero ring~",
    "heteroaromatic ring": "heteroaromatic ring~|aromatic heterocycle~|heteroaryl ring~"
    "|heteroarene~"
    "|heteroaryl group~"
    "|heteroaromatic system~|heteroaryl~|heteroaromatic~",
    "methyl": "methyl group~|methyl~|methyl substituent~|ch3 group~|ch3",
    "saturated ring": "saturated ring~|fully saturated ring~",
    "aliphatic ring": "aliphatic ring~|alicyclic ring~|non aromatic ring~|nonaromatic ring~",
    "amine": "amine~|amine group~|amine functionality|amine function~|basic amine~"
    "|amine moiety|amine nitrogen~|amine substituent~",
    "primary amine": "primary amine~|primary amino group~|primary amine group~"
    "|primary amine function",
    "secondary amine": "secondary amine~|secondary amino group~|secondary amine group~",
    "tertiary amine": "tertiary amine~|tertiary amino group~|tertiary amine group~"
    "|tertiary amine nitrogen~",
    "methoxy": "methoxy group~|methoxy~|methoxy substituent~|och3 group~|methyl ether~"
    "|methoxyl group~",
    "acetyl": "acetyl group~|acetyl~|acetyl moiety",
    "tert-butyl": "tert butyl group~|tert butyl|t butyl group~",
    "isopropyl": "isopropyl group~|isopropyl|i propyl group~",
}

_APART = re.compile(r"([,=])")
_SUFFIXES = (
    "",
    " group~",
    " moiety",
    " moieties",
    " function",
    " functionality",
    " functionalities",
    " unit~",
    " functional group~",
    " linkage~",
    " bond~",
    " substituent~",
    " residue~",
    " ring~",
    " nucleus",
    " core",
    " ring system~",
    " scaffold",
    " skeleton",
    " system",
    " oxygen",
    " nitrogen",
)


def _expand(pattern: str) -> Iterable[tuple[str, ...]]:
    """All word sequences of one phrase pattern."""
    sequences: list[tuple[str, ...]] = [()]
    for piece in pattern.replace("=", " = ").split():
        options = [piece] if piece == "/" else [o for o in piece.split("/") if o]
        options = [
            form for o in options for form in ((o[:-1], o[:-1] + "s") if o.endswith("~") else (o,))
        ]
        sequences = [(*s, o) for s in sequences for o in options]
    return sequences


def _words_of(phrase: str) -> tuple[str, ...]:
    """A name of the table of groups as tokens: lower case, hyphens and commas apart."""
    return tuple(_APART.sub(r" \1 ", phrase.lower().replace("-", " ")).split())


@cache
def terms() -> PhraseTrie[Term]:
    """The matcher of all phrases."""
    return PhraseTrie(phrases().items())


@cache
def phrases() -> Mapping[tuple[str, ...], Term]:
    """All phrases; more special families come later and replace equal phrases of earlier ones."""
    found: dict[tuple[str, ...], Term] = {}
    for words, group in _group_phrases():
        found.setdefault(words, Term("group", group))
    for name, symbol in ELEMENTS.items():
        for tail in ("", " atom~", " substituent~"):
            for words in _expand(f"{name}{'~' if not tail else ''}{tail}"):
                found[words] = Term("element", symbol)
    for key, patterns in BROAD.items():
        found |= dict.fromkeys(word_sequences(patterns), Term("group", key))
    for family, entries in _tables().items():
        for key, patterns in entries.items():
            term = Term("element", "C") if key == "carbons" else Term(family, key)
            for pattern in patterns:
                found |= dict.fromkeys(word_sequences(pattern), term)
    return found


def _tables() -> Mapping[Family, Mapping[str, Sequence[str]]]:
    path = Path(__file__).with_name("terms.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def word_sequences(patterns: str) -> list[tuple[str, ...]]:
    """The word sequences of phrase patterns, as the tables here have them."""
    return [words for pattern in patterns.split("|") for words in _expand(pattern)]


def _group_phrases() -> Iterable[tuple[tuple[str, ...], str]]:
    """Every word of the table of groups, wide words too, with and without "group", "moiety", …."""
    for group in GROUPS:
        wide = (*group.kind_of, *group.sometimes)
        for phrase in (group.name, group.plural, *group.synonyms, *wide):
            words = _words_of(phrase)
            if not words or words == ("acid",):
                continue
            for suffix in _SUFFIXES:
                for tail in _expand(suffix) if suffix else [()]:
                    yield (*words, *tail), phrase.lower()
            if words[-1].endswith("s"):
                continue
            yield (*words[:-1], words[-1] + "s"), phrase.lower()


def find_terms(tokens: Sequence[Token], known: PhraseTrie[Term] | None = None) -> list[TermMatch]:
    """The longest terms, of these here or of `known`, left to right, without overlap."""
    trie = known or terms()
    found: list[TermMatch] = []
    i = 0
    while i < len(tokens):
        match = trie.longest(tokens, i)
        if match is None:
            i += 1
        else:
            found.append(TermMatch(match[0], i, match[1]))
            i = match[1]
    return found


def match_words(tokens: Sequence[Token], start: int, words: Sequence[str]) -> int:
    """Index behind `words` when they stand at `start` (hyphens between them ignored), else 0."""
    i = start
    for word in words:
        while i > start and i < len(tokens) and tokens[i].text == "-":
            i += 1
        if i >= len(tokens) or tokens[i].text != word:
            return 0
        i += 1
    return i
