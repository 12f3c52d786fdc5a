"""Which value of the fact card, or which other property, the words of a question ask for.

Only a question counts that names one value of the card and says nothing else: "QED of this
compound, two decimals", "mw?", "for my report, how flexible is it". What a value may be called is
in `asking.terms`, what may stand around it in `asking.around`, so that "the measured logP" or "the
mass spectrum" ask for no value of the card. Of 3,700 questions of the training generator that no
fact answers none is taken for one that asks for a value (`tests/chat/test_wanted.py`).
"""

import re
from collections.abc import Callable

from assistant.chat.asking.around import (
    asks_for_value,
    group_words,
    says_nothing_else,
)
from assistant.chat.asking.reasons import without_surroundings
from assistant.chat.asking.spelling import plain_text
from assistant.chat.asking.terms import AROUND, ELSE, asked_terms, value_key
from assistant.chat.asking.usual import asks_most_likely
from assistant.chat.claims.bounds import plain_limits
from assistant.chat.claims.lexicon import find_terms
from assistant.chat.claims.text import Token, split_sentences
from assistant.chat.claims.wordlist import words
from assistant.chem.groups import GROUPS

_MOST_TOKENS = 64
_MOST_WORDS = 32
"""Without what says nothing."""
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
CARD_KEYS_OF = {"logp": "clogp", "mass": "average_mass"}
"""Keys of the card's lines that are not those of values."""
_EXPLAINS = re.compile(
    r"\b(?:why|explain|chang\w+|depend\w*|affect\w*|influenc\w*|improv\w*|increas\w*"
    r"|lower|rais\w+|compar\w*)\b"
)
_WHY = re.compile(r"\b(?:why|explain)\b")
_HOW = re.compile(
    r"\bhow\b(?! (?:toxic|poisonous|safe|soluble|stable|reactive|acidic|volatile|potent"
    r"|expensive)\b| does (?:it|this|that|the) (?:\w+ )?work\b)"
)
"""But "how toxic is it" asks for the toxicity."""
_COMPARES_VALUES = re.compile(
    r"\b(?:heav|light|larg|small|bigg?|bulk|long|short|greas|flopp|stiff|rich|poor)(?:er|ier|est|iest)\b"
    r"|\b(?:lipophilic|hydrophobic|hydrophilic|polar|flexible|rigid|chiral|aromatic|charged|saturated"
    r"|drug-?like|greasy)\b"
)
"""Ends of comparisons that computed values decide: who asks for these too wants more than one."""
_NUMBER = (
    r"(?:-?\d+(?:[.,]\d+)?|(?:one|two|three|four|five|six|ten|zwei|drei|vier|fünf|deux|trois|quatre"
    r"|cinq|dos|tres|cuatro|cinco|due|tre|quattro|cinque|dois|três|quatro)\b)"
)
_BOUND = r"(?:above|below|over|under|at least|at most|equal to)"
_LIMIT = re.compile(
    rf"\b(?:{_BOUND}|(?:more|less|greater|higher|lower|smaller|larger|fewer|bigger|heavier|lighter)"
    r" than|exceed(?:s|ing)?|beyond"
    r"|(?:größer|kleiner|höher|niedriger|mehr|weniger) als|(?:plus|moins) d[eu]"
    r"|(?:supér|infér)ieur\w* à"
    r"|más de|menos de|(?:mayor|menor) (?:que|de)|più di|meno di|(?:maggiore|minore) di|mais de)"
    rf" ?{_NUMBER}(?: ?(?:g/mol|da|daltons?|amu|å2|a2|å\^2|%)(?![a-z]))?"
    rf"(?: (?:and|but|or) *{_BOUND}? ?{_NUMBER})?"
)
"""In the words of `plain_limits`, and those of other languages."""
_OF_A_SYMBOL = re.compile(
    r"(?:(?i:how many|number of|no\.? of|nb\.? of|nr\.? of|count of|count the|any|#)(?: of)?) "
    r"(?P<symbol>C|H|N|O|F|S|P|Cl|Br|I|B|Si|Se)(?:'?s|(?i: atoms?))?"
    r"(?i:(?: (?:are|is)(?: there)?| does it have"
    r"| in (?:it|here|there|(?:the|this)(?: molecule)?))?)"
    r"\W*"
)
_TURNING_AWAY = words("not never forget skip ignore drop leave")
_TURNED_AWAY_WITHIN = 4
"""Words from one of these to what is turned away: "never mind about the"."""
_COUNTS_ATOMS = re.compile(
    r"(?:\bhow many|\b(?:number|no \.|no|nb|nr|count|total) of(?: the)?|#|\bcount(?: the)?|\bany"
    r"|\bis there(?: an?)?|\bare there|\bcontains?(?: an?)?|\bha(?:s|ve)(?: got)?(?: an?)?)$"
)
_BEHIND_ATOMS = words(
    "in it its this that the molecule compound structure drug does do did has have contain contains"
    " are is there present total all altogether please pls here atom atoms"
)
_NUMBER_OF_GROUPS = re.compile(
    r"\b(?:(?:exactly|at least|only) )?(?:\d|one|two|three|four|five|six)(?= [a-z])"
)
"""A number of groups that is asked about: all groups are counted in the answer."""
MEASURED = "measured logP"
_MEASURED = re.compile(
    r"\b(?:experiment\w*|measured|literature|reported|observed|shake flask|shake-flask)\b"
)
_TURNS_AWAY = re.compile(
    r"\b(?:no|not|never|missing|without|before|instead|aside|apart|just|only|but)\b|n't\b"
)
"""Words of a question that names a property and asks for another value."""
_NAME = "IUPAC name"  # the page knows some
_ACID = re.compile(
    r"(?:is|does|has) (?:it|this|that|@?\d|(?:the |this )?(?:molecule|compound|drug)(?: \d+)?)"
    r"(?: (?:have|contain|an|a)\b)*+ (?:organic )?acid(?: group)?\W*"
)
"""Of any kind: which one it is, its groups say."""
_CLASS = re.compile(
    r"(?:is|are) (?:it|this|that|@?\d|(?:the |this )?(?:molecule|compound|drug)(?: \d+)?) (?:an? )?"
    r"(?:kind of |sort of |type of )?(?P<name>peptides?|proteins?|sugars?|carbohydrates?"
    r"|(?:mono|di|poly)?saccharides?|lipids?|fats?|fatty acids?|amino acids?|terpen(?:e|oid)s?"
    r"|alkaloids?|flavonoids?|nucleosides?|nucleotides?|heterocycl(?:e|es|ic compound))\W*"
)
"""What no fact decides, and groups tell something of."""
_COMPUTED = re.compile(r"\b(?:comput|calculat|predict|estimat)\w+")
_WIDE_NAMES = {group.name: (*group.kind_of, *group.sometimes) for group in GROUPS}


def asked_key(plain: str) -> str | None:
    """The value of the card that a text (of `plain_text`) asks for; a key of `PLAIN_QUESTIONS`."""
    return _key_of(plain, asks_for_value)


def likely_key(plain: str) -> str | None:
    """The value that a text most likely asks for: it names no other, in words usual for that.

    A limit is passed over: who asks whether the mass is above 500 is served by the mass. So is a
    value that is turned away: "not logD, just the clogP".
    """
    if says_measured(plain) or _EXPLAINS.search(plain):
        return None
    without_limit = _LIMIT.sub(" ", plain_limits(plain))
    return _key_of(_without_turned_away(without_limit), asks_most_likely)


def _without_turned_away(plain: str) -> str:
    """A text without the values and properties that it turns away, and the words that do so."""
    pieces, behind = [], 0
    for sentence in split_sentences(plain, []):
        tokens = sentence.tokens
        for match in asked_terms(tokens):
            ahead = range(max(0, match.first - _TURNED_AWAY_WITHIN), match.first)
            at = next((i for i in ahead if tokens[i].text in _TURNING_AWAY), None)
            if at is not None and all(t.kind == "word" for t in tokens[at : match.first]):
                pieces.append(plain[behind : tokens[at].start])
                behind = tokens[match.behind - 1].end
    return " ".join((*pieces, plain[behind:]))


def asked_element(question: str) -> str | None:
    """The symbol of the element whose atoms a question asks for: "how many F", "any sulfur?"."""
    if found := _OF_A_SYMBOL.fullmatch(question.strip()):
        return found["symbol"]
    tokens = _tokens(without_surroundings(plain_text(question)))
    found_terms = [match for match in asked_terms(tokens) if match.term != AROUND]
    if len(found_terms) != 1 or found_terms[0].term.family != "element":
        return None
    (match,) = found_terms
    before = " ".join(token.text for token in tokens[: match.first])
    behind = {token.text for token in tokens[match.behind :] if token.kind == "word"}
    is_counted = _COUNTS_ATOMS.search(before) and _BEHIND_ATOMS.issuperset(behind)
    return match.term.key if is_counted else None


def _key_of(plain: str, asks: Callable[..., bool]) -> str | None:
    tokens = _tokens(without_surroundings(plain))
    if len(tokens) > _MOST_TOKENS:
        return None
    terms = asked_terms(tokens)
    keys = {value_key(match.term) for match in terms if match.term != AROUND}
    n_passed_over = sum(match.behind - match.first for match in terms if match.term == AROUND)
    if len(keys) != 1 or len(tokens) - n_passed_over > _MOST_WORDS:
        return None
    (key,) = keys
    return key if key in PLAIN_QUESTIONS and asks(key, tokens, terms, plain) else None


def asked_unknown(plain: str) -> str | None:
    """The one property that a text asks for and that is not computed, as checks call it."""
    tokens = _tokens(plain)
    terms = asked_terms(tokens)
    keys = {match.term.key for match in terms if match.term.family != "skip"}
    if len(keys) != 1 or len(tokens) > _MOST_WORDS or _TURNS_AWAY.search(plain):
        return None
    if _EXPLAINS.search(plain) or _HOW.search(plain):
        return None
    term = next(match.term for match in terms if match.term.family != "skip")
    if term.key in ("logp", "clogp") and says_measured(plain) and not _COMPUTED.search(plain):
        return MEASURED
    return term.key if term.family == "opaque" and term.key != _NAME else None


def unknown_of_several(plain: str) -> str | None:
    """The one property that a text asks of several molecules and that is not computed."""
    tokens = _tokens(plain)
    named = {m.term for m in asked_terms(tokens) if m.term.family != "skip"}
    if len(named) != 1 or len(tokens) > _MOST_WORDS or _WHY.search(plain):
        return None
    if _TURNS_AWAY.search(plain) or _COMPARES_VALUES.search(plain):
        return None
    (term,) = named
    return term.key if term.family == "opaque" and term.key != _NAME else None


def asked_group(plain: str) -> str | None:
    """The one functional group that a text asks for: whether it is there, or how many."""
    if _ACID.fullmatch(plain.strip()):
        return "acid"
    tokens = _tokens(without_surroundings(_NUMBER_OF_GROUPS.sub(" ", plain)))
    if len(tokens) > _MOST_WORDS:
        return None
    terms = asked_terms(tokens)
    named = {match.term for match in terms if match.term != AROUND}
    if len(named) != 1 or not says_nothing_else(tokens, terms, group_words()):
        return None
    (group,) = named
    return group.key if group.family == "group" else None


def asked_class(plain: str) -> str | None:
    """The class of compounds that a text asks whether something belongs to."""
    found = _CLASS.fullmatch(plain.strip())
    return found["name"] if found else None


def groups_in(text: str) -> set[str]:
    """The functional groups that a text names."""
    terms = find_terms(_tokens(plain_text(text)))
    return {match.term.key for match in terms if match.term.family == "group"}


def are_related(asked: str, named: str) -> bool:
    """Whether one name of a group is a kind of the other: "amide", "secondary amide"."""
    if asked in _WIDE_NAMES.get(named, ()) or named in _WIDE_NAMES.get(asked, ()):
        return True
    return _head(asked) == _head(named)


def _head(group: str) -> str:
    """Its last word that says something: "piperazine" of "piperazine ring"."""
    words_of_it = group.split()
    while len(words_of_it) > 1 and words_of_it[-1].rstrip("s") in ("ring", "group", "ion"):
        words_of_it.pop()
    return words_of_it[-1].rstrip("s")


def properties_in(text: str) -> set[str]:
    """The properties, computed or not, that a text speaks of."""
    plain = plain_text(text)
    terms = asked_terms(_tokens(plain))
    keys = {match.term.key for match in terms if match.term not in (AROUND, ELSE)}
    return keys | ({MEASURED} if says_measured(plain) else set())


def values_in(text: str) -> set[str]:
    """The values of the card that a text speaks of; keys of `PLAIN_QUESTIONS`."""
    terms = asked_terms(_tokens(plain_text(text)))
    return {value_key(match.term) for match in terms}.intersection(PLAIN_QUESTIONS)


def says_measured(plain: str) -> bool:
    """Whether a text is on something measured."""
    return _MEASURED.search(plain) is not None


def _tokens(plain: str) -> list[Token]:
    return [token for sentence in split_sentences(plain, []) for token in sentence.tokens]
