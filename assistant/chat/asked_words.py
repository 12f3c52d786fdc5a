"""Which value of the fact card, or which other property, the words of a question ask for.

Only a question counts that names one value of the card and says nothing else: "QED of this
compound, two decimals", "mw?". Every word besides must be one of those that any such question may
have, so that "the measured logP" or "the mass spectrum" ask for no value of the card. Of 3,700
questions of the training generator that no fact answers none is taken for one that asks for a
value, of its questions for a value every second (`tests/chat/test_wanted.py`).
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache, lru_cache

from assistant.chat.claims.lexicon import TermMatch, find_terms, phrases
from assistant.chat.claims.text import Token, normalise, split_sentences
from assistant.chat.claims.wordlist import words
from assistant.chem.groups import GROUPS

_MOST_TOKENS = 32
_LONG, _ALIKE = 6, 0.87  # a letter more, less or in another place
_LONG_WORD = re.compile(rf"[a-z]{{{_LONG},}}")
PLAIN_QUESTIONS = {
    "formula": "What is the formula of {}?",
    "average_mass": "What is the average mass of {}?",
    "exact_mass": "What is the exact mass of {}?",
    "mass": "What is the average mass of {}?",  # either may be meant
    "charge": "What is the charge of {}?",
    "heavy_atoms": "How many heavy atoms does {} have?",
    "logp": "What is the cLogP of {}?",
    "tpsa": "What is the TPSA of {}?",
    "hbd": "How many H-bond donors does {} have?",
    "hba": "How many H-bond acceptors does {} have?",
    "rotatable_bonds": "How many rotatable bonds does {} have?",
    "rings": "How many rings does {} have?",
    "ring_systems": "How many ring systems does {} have?",
    "aromatic_rings": "How many aromatic rings does {} have?",
    "fsp3": "What is the Fsp3 of {}?",
    "qed": "What is the QED of {}?",
    "stereocentres": "How many stereocentres does {} have?",
    "double_bonds": "How many stereo double bonds does {} have?",
    "alerts": "Which PAINS or Brenk alerts does {} have?",
    "rule_of_five": "Does {} pass the rule of five?",
    "fragments": "How many fragments does {} have?",
}
"""Each value of the card in the plainest words."""
_OTHER_KEYS = {
    "clogp": "logp",
    "pains": "alerts",
    "brenk": "alerts",
    "ro5": "rule_of_five",
}
"""Keys of terms that are not those of values."""
_RULE = re.compile(
    r"\b(?:lipinski(?:'s)? )?rules? of (?:five|5)|\blipinski(?:'s)?(?: rules?)?|\bro5"
)
_DECIMALS = re.compile(
    r"\b(?:to |with |in )?(?:one|two|three|four|\d) (?:decimals?|decimal places?|digits?)\b"
    r"(?: (?:is|are) (?:fine|enough|ok))?"
)
_MOLECULE = re.compile(r"@\d+|\b(?:molecule|compound|structure)s? #?\d+\b")
_OF_A_MOLECULE = words(
    "the its it's many much of for in has have does do it this that here molecule compound "
    "structure drug substance salt entry record species cmpd cpd cmpds cpds mol one"
)
"""One of these stands in a question about a molecule, but for the shortest."""
_ASKS = words("what what's whats which how")
_HOW = words("many much high low large big heavy light polar lipophilic")
_PLAIN = _OF_A_MOLECULE | _ASKS | _HOW | words(
    "a an and also again now then so ok okay hi hello hey thanks thank please pls plz kindly just "
    "only is are was has had can could would will should shall may i me my we us our you your "
    "to at on with from by about give tell show list report state calculate compute determine find "
    "get say print read look up count check know need want see provide return briefly "
    "calculated computed rdkit value values number no nos amount figure score result total overall "
    "altogether there any all g da dalton daltons unit units rounded next question "
    "pass passes fail fails obey obeys follow follows violate violates break "
    "breaks satisfy satisfies"
)  # fmt: skip
_OF_GROUPS = words(
    "contain contains containing carry carries bear bears include includes group groups functional "
    "moiety moieties part present find see or"
)
_COUNTED = words(
    "rings ring_systems aromatic_rings stereocentres double_bonds hbd hba rotatable_bonds "
    "heavy_atoms fragments"
)
_WHICH_ONES = re.compile(r"\b(?:what|which)\b")
_HOW_MANY = re.compile(r"\b(?:many|number|no|count|amount|value|total)\b")
_EXPLAINS = re.compile(
    r"\b(?:how|why|explain|chang\w+|depend\w*|affect\w*|influenc\w*|improv\w*|increas\w*"
    r"|lower|rais\w+|compar\w*)\b"
)
MEASURED = "measured logP"
_MEASURED = re.compile(
    r"\b(?:experiment\w*|measured|literature|reported|observed|shake flask|shake-flask)\b"
)
_TURNS_AWAY = re.compile(
    r"\b(?:no|not|never|missing|without|before|instead|aside|apart|just|only|but)\b|n't\b"
)
"""Words of a question that names a property and asks for another value."""
_COMPUTED = re.compile(r"\b(?:comput|calculat|predict|estimat)\w+")
_NAMES = ("IUPAC name", "CAS number")  # the page knows some
_WIDE_NAMES = {group.name: (*group.kind_of, *group.sometimes) for group in GROUPS}
_SYMBOLS = frozenset("-,?.()':;/&!#²å\"")


def plain_text(question: str) -> str:
    """A question as the functions here read it: small letters, slips of the pen put right."""
    plain = normalise(question).lower().replace("³", "3")
    return _LONG_WORD.sub(lambda match: _spelled(match[0]), plain)


@lru_cache(maxsize=4096)
def _spelled(word: str) -> str:
    """A word of a term that was mistyped ("aceptors"), else the word."""
    if word in _PLAIN | _OF_GROUPS or word in _term_words():
        return word
    near = get_close_matches(word, _property_words(), n=1, cutoff=_ALIKE)
    return near[0] if near else word


@cache
def _term_words() -> frozenset[str]:
    return frozenset(word for phrase in phrases() for word in phrase)


@cache
def _property_words() -> tuple[str, ...]:
    """Long words of values and other properties; groups have too many names that are alike."""
    families = ("scalar", "count", "formula", "opaque")
    named = (phrase for phrase, term in phrases().items() if term.family in families)
    return tuple({word: None for phrase in named for word in phrase if len(word) >= _LONG})


def asked_key(plain: str) -> str | None:
    """The value of the card that a text (of `plain_text`) asks for; a key of `PLAIN_QUESTIONS`."""
    plain = _RULE.sub("rule of five violations", plain)
    plain = _DECIMALS.sub(" ", _MOLECULE.sub("it", plain))
    tokens = _tokens(plain)
    if len(tokens) > _MOST_TOKENS:
        return None
    terms = find_terms(tokens)
    keys = {_OTHER_KEYS.get(match.term.key, match.term.key) for match in terms}
    if len(keys) != 1 or not _says_nothing_else(tokens, terms):
        return None
    (key,) = keys
    if key in _COUNTED and _WHICH_ONES.search(plain) and not _HOW_MANY.search(plain):
        return None  # which rings, not how many
    return key if key in PLAIN_QUESTIONS else None


def asked_unknown(plain: str) -> str | None:
    """The one property that a text asks for and that is not computed, as checks call it."""
    tokens = _tokens(_RULE.sub("rule of five violations", plain))
    terms = find_terms(tokens)
    keys = {match.term.key for match in terms if match.term.family != "skip"}
    if len(keys) != 1 or len(tokens) > _MOST_TOKENS or _TURNS_AWAY.search(plain):
        return None
    if _EXPLAINS.search(plain):
        return None
    term = next(match.term for match in terms if match.term.family != "skip")
    if term.key in ("logp", "clogp") and says_measured(plain) and not _COMPUTED.search(plain):
        return MEASURED
    return term.key if term.family == "opaque" and term.key not in _NAMES else None


def asked_group(plain: str) -> str | None:
    """The one functional group that a text asks for: whether it is there, or how many."""
    tokens = _tokens(_MOLECULE.sub("it", plain))
    terms = find_terms(tokens)
    keys = {match.term.key for match in terms}
    if len(keys) != 1 or terms[0].term.family != "group" or len(tokens) > _MOST_TOKENS:
        return None
    if not _says_nothing_else(tokens, terms, _OF_GROUPS):
        return None
    return terms[0].term.key


def groups_in(text: str) -> set[str]:
    """The functional groups that a text names."""
    terms = find_terms(_tokens(plain_text(text)))
    return {match.term.key for match in terms if match.term.family == "group"}


def are_related(asked: str, named: str) -> bool:
    """Whether one name of a group is a kind of the other: "amide", "secondary amide"."""
    if asked in _WIDE_NAMES.get(named, ()) or named in _WIDE_NAMES.get(asked, ()):
        return True
    return asked.split()[-1].rstrip("s") == named.split()[-1].rstrip("s")


def properties_in(text: str) -> set[str]:
    """The properties, computed or not, that a text speaks of."""
    plain = plain_text(text)
    keys = {match.term.key for match in find_terms(_tokens(plain))}
    return keys | ({MEASURED} if says_measured(plain) else set())


def says_measured(plain: str) -> bool:
    """Whether a text is on something measured."""
    return _MEASURED.search(plain) is not None


def _tokens(plain: str) -> list[Token]:
    return [token for sentence in split_sentences(plain, []) for token in sentence.tokens]


def _says_nothing_else(
    tokens: Sequence[Token], terms: Sequence[TermMatch], more: frozenset[str] = frozenset()
) -> bool:
    """Whether every word beside the terms may stand in any question for a value of a molecule."""
    of_terms = {i for match in terms for i in range(match.first, match.behind)}
    rest = [token.text for i, token in enumerate(tokens) if i not in of_terms]
    if not all(text in _PLAIN | more or text in _SYMBOLS for text in rest):
        return False
    everything = [token.text for token in tokens]
    for text, after in zip(everything, [*everything[1:], ""], strict=True):
        if text == "how" and after not in _HOW:
            return False  # "how is it computed"
    return bool(_OF_A_MOLECULE.intersection(rest)) or not _ASKS.intersection(rest)
