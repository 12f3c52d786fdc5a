"""Claims about how many there are: rings, stereocentres, donors, atoms of an element, named groups.

A term is a count claim when it has a number ("two rings", "rings: 2"), a presence claim when the
sentence
says that the molecule has or lacks it. Truth comes as a range (least, most): the two differ where
chemists
count differently, and a number between them is left open.
"""

from collections.abc import Callable, Iterator, Sequence

from assistant.chat.claims.counted import Range, count_of
from assistant.chat.claims.denied import denial_before
from assistant.chat.claims.elsewhere import next_quantity
from assistant.chat.claims.lexicon import Term, TermMatch
from assistant.chat.claims.mentions import VERBS
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.phrases import (
    AFTER_NUMBER,
    NounPhrase,
    ends_cleanly,
    read_phrase,
    value_behind,
)
from assistant.chat.claims.presence import read_presence
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.stereo_set import SET, STEREO, set_and_all
from assistant.chat.claims.surroundings import in_part, kind_of, speaks_of_part, verb_behind
from assistant.chat.claims.values import Quantity, compare_count
from assistant.chat.claims.wordlist import words
from assistant.chat.claims.yardsticks import AUTHORS, OF_NO_MOLECULE
from assistant.chem.facts import Facts

_GLUED = words("type like based containing derived free rich bearing")
_RINGS = ("rings", "aromatic_rings")
_OF_A_RING = words(
    "atom atoms member members position positions carbon carbons nitrogen nitrogens oxygen oxygens "
    "hydrogen hydrogens substituent substituents bond bonds closure closures"
)
_RULED = words("would allowed permitted tolerated needed required")
_STATES_NUMBER = words(": = ( | is are isn't aren't count equals was wasn't number value")
_ENDS_A_COUNT = ("", ",", ";", ".", "(", "and", "so", "but", "while", "whereas", "for")
_SUPERLATIVES = ("most", "fewest", "least")
_SET = SET | {"fixed", "known"}
_UNSET = words("undefined unspecified unassigned unset undetermined unknown ambiguous")
_OF_DERIVED = words(
    "derivative derivatives analogue analog drug drugs antibiotic antibiotics acid prodrug "
    "mimic bioisostere isostere precursor surrogate"
)


def read_counts(reading: Reading) -> Iterator[Claim]:
    """All count and presence claims of the sentence."""
    taken = frozenset(i for t in reading.terms for i in range(t.first, t.behind)) | reading.labels
    for match in reading.terms:
        if match.term.family in ("count", "group", "element"):
            phrase = read_phrase(reading.tokens, match, taken)
            claim = _claim(reading, match, phrase)
            if claim is not None:
                yield claim
                yield from _for_other_molecules(reading, match, phrase, claim)


def _claim(reading: Reading, match: TermMatch, phrase: NounPhrase) -> Claim | None:
    if phrase.determiner == "other" or reading.is_silent_but_reacting(match.first):
        return None
    if match.term.family in ("group", "element") and reading.word(match.behind) in _OF_DERIVED:
        return None
    if match.term.family == "group" and any(t.first == match.behind for t in reading.terms):
        return None
    glued = reading.word(match.behind) == "-" and reading.word(match.behind + 1) in _GLUED
    if glued or (reading.word(match.first - 1) == "-" and reading.word(match.first - 2) in _GLUED):
        return None
    if phrase.stated is not None and not reading.is_silent(phrase.first):
        return _counted(reading, match, phrase, phrase.stated)
    listed = reading.word(match.behind) in (":", "=", "|")
    if phrase.determiner != "no" and (match.term.family != "group" or listed):
        behind = _behind_term(reading, match)
        if behind is not None:
            return behind
    if any(_is_superlative(reading, at) for at in (phrase.first - 1, phrase.first)):
        return None  # "(fewest rings: molecule 2)" does not say that there are any
    return read_presence(reading, match, phrase)


def _is_superlative(reading: Reading, at: int) -> bool:
    """As in "the least rings"; not "at least some rings"."""
    return reading.word(at) in _SUPERLATIVES and (
        (reading.word(at - 1), reading.word(at)) != ("at", "least")
    )


def _for_other_molecules(
    reading: Reading, match: TermMatch, phrase: NounPhrase, said: Claim
) -> Iterator[Claim]:
    """The same noun left out for the next molecules: "molecule 1 has 3 rings and molecule 2 has 5".

    What narrows it ("3 fused rings") narrows it for them as well. Each number needs a molecule of
    its own and nothing behind it that it might count instead. Stereo is left out: "2" may be how
    many there are or how many are set.
    """
    if match.term.family != "count" or match.term.key in STEREO:
        return
    if said.test is None or reading.context[match.first].negated:
        return
    at = match.behind
    while (found := next_quantity(reading, at)) is not None:
        stated, first, at = found
        if reading.word(at) not in _ENDS_A_COUNT:
            return
        test = count_test(match.term, stated, phrase.modifiers)
        yield reading.claim(first, at, kind_of(match.term), test)


# ------------------------------------------------------------------------------------- counted


def _counted(
    reading: Reading, match: TermMatch, phrase: NounPhrase, stated: Quantity
) -> Claim | None:
    """As in "two rings", "1 of 2 stereocentres set"."""
    first = phrase.first
    context = reading.context[first]
    if reading.is_label(first) or _is_generic_number(reading, first):
        return None
    if denial_before(reading, first) is not None:
        return None  # read in `denials`
    if match.term.key in _RINGS and reading.word(match.behind) in _OF_A_RING:
        return None  # "six ring atoms"
    if {reading.word(i) for i in range(match.behind, match.behind + 3)} & _RULED:
        return None  # "one violation is allowed"
    negated = context.negated and context.mode == "has"
    term = match.term
    behind = match.behind
    modifiers = phrase.modifiers
    if term.key in STEREO:
        qualifier, behind = _set_word(reading, match.behind, modifiers)
        if "of" in (reading.word(first - 1), reading.word(first - 2)):
            qualifier, behind = "", match.behind  # "none of its 2 stereocentres is undefined"
        modifiers = tuple(m for m in modifiers if m not in _SET | _UNSET)
        if phrase.part is not None:
            test = _part_test(term, phrase.part, stated, qualifier)
            return reading.claim(first, behind, term.key, test, negated=negated)
        if qualifier and phrase.stated is not None:
            test = _set_test(term, stated, qualifier)
            return reading.claim(first, behind, term.key, test, negated=negated)
    if phrase.part is not None:
        return None
    lookahead = verb_behind(reading, behind)
    if lookahead is False:
        negated = not negated
    if reading.word(behind) in ("less", "more", "fewer"):
        return None  # "one ring more than molecule 1"
    test = count_test(term, stated, modifiers)
    is_some = lookahead is None and context.verb < 0 and _is_said_of(reading, behind)
    if is_some or speaks_of_part(reading, first, behind):
        test = in_part(test, term, stated)
    return reading.claim(first, behind, kind_of(term), test, negated=negated)


def _is_said_of(reading: Reading, behind: int) -> bool:
    """As in "one ring is five-membered", "two oxygens accept …": there may be more of them."""
    word = reading.word(behind)
    is_word = behind < len(reading.tokens) and reading.tokens[behind].kind == "word"
    return word in VERBS or (is_word and word not in AFTER_NUMBER | {"present", "altogether"})


def _is_generic_number(reading: Reading, first: int) -> bool:
    """Limits ("the limit of 5 donors") and one-letter labels are not counts of this molecule."""
    before = {reading.word(i) for i in range(first - 3, first)}
    return bool(before & OF_NO_MOLECULE) or reading.word(first - 1) in AUTHORS


def _set_word(reading: Reading, behind: int, modifiers: Sequence[str]) -> tuple[str, int]:
    """Whether the stereocentres are said to be set or not, and where that phrase ends."""
    for modifier in modifiers:
        if modifier in _SET | _UNSET:
            return ("set" if modifier in _SET else "unset"), behind
    for i in range(behind, min(behind + 4, len(reading.tokens))):
        word = reading.word(i)
        if word in _SET | _UNSET:
            negated = any(reading.word(j) in ("not", "un") for j in range(behind, i))
            return ("unset" if (word in _UNSET) != negated else "set"), i + 1
        if word not in (
            "is",
            "are",
            "not",
            "(",
            "explicitly",
            "still",
            "stereochemically",
            "being",
            "left",
        ):
            break
    return "", behind


def _part_test(
    term: Term, part: Quantity, whole: Quantity, qualifier: str
) -> Callable[[Facts], Finding] | None:
    """As in "1 of 2 stereocentres set"."""

    def test(facts: Facts) -> Finding:
        n_set, n = set_and_all(term.key, facts)
        said = n - n_set if qualifier == "unset" else n_set
        holds = compare_count(part, said) and compare_count(whole, n)
        return Finding(holds, f"{n_set} of {n} set")

    return test if qualifier else None


def _set_test(term: Term, stated: Quantity, qualifier: str) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        n_set, n = set_and_all(term.key, facts)
        said = n - n_set if qualifier == "unset" else n_set
        return Finding(compare_count(stated, said), f"{n_set} of {n} set")

    return test


def count_test(
    term: Term, stated: Quantity, modifiers: Sequence[str]
) -> Callable[[Facts], Finding]:
    """Compares a stated count with the range that chemists may count."""

    def test(facts: Facts) -> Finding:
        counted = count_of(term, modifiers, facts)
        return Finding(_compare_range(stated, counted), counted.truth)

    return test


def _compare_range(stated: Quantity, counted: Range) -> bool | None:
    verdicts = {
        compare_count(stated, n)
        for n in range(counted.least, min(counted.most, counted.least + 30) + 1)
    }
    if counted.least == counted.most or verdicts == {False}:
        holds = verdicts.pop()
    elif verdicts == {True}:
        holds = True
    else:
        return None
    if holds is False and counted.other is not None and compare_count(stated, counted.other):
        return None
    if counted.narrowed and holds is not False:
        return None
    if counted.narrowed:
        # The unnarrowed count is only an upper bound for "two fused rings" and the like.
        return False if stated.low > counted.most else None
    return holds


# -------------------------------------------------------------------------------- "rings: 2"


def _behind_term(reading: Reading, match: TermMatch) -> Claim | None:
    """As in "rings: 2", "the number of stereocentres is zero", "stereocentres: 1 of 2 set"."""
    tokens = reading.tokens
    if reading.is_silent(match.first) or match.behind >= len(tokens):
        return None
    if not _may_state_number(reading, match):
        return None
    if tokens[match.behind].text == "of" and match.term.family == "element":
        return None
    none = _none_behind(reading, match.behind)
    if none is not None:
        test = count_test(match.term, Quantity(0, 0), ())
        return reading.claim(match.first, none, kind_of(match.term), test)
    read = value_behind(tokens, match.behind, reading.labels)
    if read is None or reading.is_label(read[1]):
        return None
    stated, _, behind, negated = read
    if match.term.key in STEREO and reading.word(behind) in ("of", "/"):
        whole = value_behind(tokens, behind + 1, reading.labels)
        if whole is not None:
            qualifier, end = _set_word(reading, whole[2], ())
            test = _part_test(match.term, stated, whole[0], qualifier or "set")
            return reading.claim(match.first, end, match.term.key, test)
    if not ends_cleanly(tokens, behind):
        return None
    test = count_test(match.term, stated, ())
    return reading.claim(match.first, behind, kind_of(match.term), test, negated=negated)


def _none_behind(reading: Reading, i: int) -> int | None:
    for j in range(i, min(i + 3, len(reading.tokens))):
        if reading.word(j) in ("none", "nil", "absent") and reading.word(i) in (
            ":",
            "=",
            "(",
            "|",
            "count",
        ):
            return j + 1
    return None


def _may_state_number(reading: Reading, match: TermMatch) -> bool:
    """Whether a number may follow: "rings: 2", "rings of molecule 1 is 2", "has heavy atoms 13"."""
    word, term = reading.word(match.behind), match.term
    if word in ("of", "for"):
        return term.family != "element" and match.behind + 1 in reading.labels
    if reading.tokens[match.behind].kind == "number":
        labelled = (
            reading.word(match.first - 1) == ":" or reading.context[match.first].mode == "has"
        )
        return labelled and term.family == "count" and term.key != "rings"
    return word in _STATES_NUMBER
