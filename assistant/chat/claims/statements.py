"""Yes/no statements about the whole molecule: aromatic, chiral, neutral, acyclic, rule of five."""

from collections.abc import Iterator

from assistant.chat.claims.context import NEGATIONS
from assistant.chat.claims.counted import elements
from assistant.chat.claims.lexicon import TermMatch, match_words
from assistant.chat.claims.mentions import NOUNS
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.wholes import CHARGE_WORDS, KINDS, TESTS, Test
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_WHOLE = NOUNS | {"species", "overall", "one", "ion", "hydrocarbon"}
_ADVERBS = words(
    "not also therefore thus overall fully electrically entirely clearly formally and both a "
    "an the small simple polar flat organic planar , itself highly completely certainly "
    "indeed all"
)
_PARTS = words(
    "ring rings system core group groups nitrogen oxygen atom ph solution form value side "
    "chain charge part moiety fragment portion carbon centre center there nature character "
    "bond what"
)
_SEVERAL = words("both they all these each")
_ACID_BASE = words(
    "ph physiological protonated deprotonated ionised ionized aqueous buffer acidic basic conjugate"
)
_BREAKS = words("violates violate breaks break fails fail violating exceeds")
_KEEPS = words(
    "passes pass satisfies satisfy satisfying obeys obey complies comply meets meet follows "
    "follow fulfils fulfills fulfil respects respect conforms conform adheres adhere within "
    "compliant passing obeying meeting complying fulfilling following consistent"
)
_BETWEEN_ELEMENTS = frozenset({",", "and", "the", "elements", "of", "atoms"})
_RULE = (
    ("rule", "of", "five"),
    ("rule", "of", "5"),
    ("lipinski",),
    ("ro5",),
    ("rules", "of", "five"),
)


def read_statements(reading: Reading) -> Iterator[Claim]:
    """All such statements of the sentence."""
    inside = {i for t in reading.terms for i in range(t.first, t.behind)}
    yield from _compositions(reading)
    for i, token in enumerate(reading.tokens):
        if i in inside or reading.is_silent(i):
            continue
        phrase = _adjective_at(reading, i)
        if phrase is not None and _describes_whole(reading, phrase[0], phrase[1]):
            yield _adjective_claim(reading, phrase[0], phrase[1], phrase[2])
        elif token.text in _KEEPS | _BREAKS and (claim := _rule_claim(reading, i)):
            yield claim


def _compositions(reading: Reading) -> Iterator[Claim]:
    """As in "contains only carbon, hydrogen and oxygen"."""
    for i, token in enumerate(reading.tokens):
        if token.text not in ("only", "solely", "exclusively"):
            continue
        if reading.context[i].mode != "has" and reading.word(len(reading.tokens) - 1) != "present":
            continue
        first, behind, symbols = _element_list(reading, i)
        if symbols and not reading.is_silent(first):
            yield reading.claim(first, behind, "element", _only(symbols), has=True)


def _element_list(reading: Reading, only: int) -> tuple[int, int, frozenset[str]]:
    """The elements listed behind "only", or right before it: first token, index behind, symbols."""
    listed = [t for t in reading.terms if t.term.family == "element"]
    forward = [t for t in listed if t.first > only]
    run: list[TermMatch] = []
    at = only + 1
    for term in forward:
        if not {reading.word(j) for j in range(at, term.first)} <= _BETWEEN_ELEMENTS:
            break
        run, at = [*run, term], term.behind
    if run:
        return only, at, frozenset(t.term.key for t in run)
    at = only
    for term in reversed([t for t in listed if t.behind <= only]):
        if not {reading.word(j) for j in range(term.behind, at)} <= _BETWEEN_ELEMENTS:
            break
        run, at = [term, *run], term.first
    return at, only + 1, frozenset(t.term.key for t in run)


def _only(symbols: frozenset[str]) -> Test:
    def test(facts: Facts) -> Finding:
        return Finding(set(elements(facts.formula)) == symbols, facts.formula)

    return test


def _adjective_at(reading: Reading, i: int) -> tuple[int, int, str] | None:
    """First token, index behind, and key of an adjective phrase that ends a statement."""
    word, before = reading.word(i), reading.word(i - 1)
    if word == "charged" and before in ("positively", "negatively", "doubly", "un"):
        return i - 1, i + 1, f"{before} charged"
    if (
        word in ("aromatic", "chiral", "cyclic")
        and before in ("-", "non")
        and reading.word(i - 2 + (before == "non")) == "non"
    ):
        first = i - 2 if before == "-" else i - 1
        return first, i + 1, f"non{word}"
    if word == "charged" or word in TESTS:
        return i, i + 1, word
    return None


def _describes_whole(reading: Reading, first: int, behind: int) -> bool:
    """Whether the adjective is said of a molecule: "is achiral", "an aromatic compound"."""
    follower = reading.word(behind)
    if follower in ("-", "/") or (
        follower
        and reading.tokens[behind].kind == "word"
        and follower
        not in _WHOLE
        | {
            "and",
            "but",
            "or",
            "because",
            "since",
            "as",
            "with",
            "at",
            "so",
            "overall",
            "while",
            "whereas",
            "under",
            "in",
            "due",
            "which",
            "having",
        }
    ):
        return False
    if follower == "or" or reading.word(first - 1) in ("or", "more", "less", "most"):
        return False
    if follower == "and" and reading.word(behind + 1) in (
        "aliphatic",
        "non",
        "positively",
        "negatively",
    ):
        return False
    context = reading.context[first]
    if context.mode != "is":
        return (
            follower in _WHOLE
            and reading.word(first - 1) in ("a", "an", "this", "the")
            and context.mode == ""
        )
    verb = context.verb
    if any(reading.word(i) in ("nothing", "none") for i in range(verb)):
        return False
    if reading.word(verb - 1) in _SEVERAL and not reading.is_label(verb - 1):
        return False
    if reading.word(verb - 1) == "which" and reading.word(verb - 2) == "of":
        return False
    if reading.word(verb - 1) in _PARTS or any(t.behind == verb for t in reading.terms):
        return False
    between = [reading.word(i) for i in range(verb + 1, first)]
    return all(w in _ADVERBS or w in TESTS or w in ("-", "non") for w in between)


def _adjective_claim(reading: Reading, first: int, behind: int, key: str) -> Claim:
    test: Test | None = TESTS.get(key)
    if key in CHARGE_WORDS and any(t.text in _ACID_BASE for t in reading.tokens):
        test = None
    context = reading.context[first]
    kind = KINDS.get(key, "charge" if key in CHARGE_WORDS else "rings")
    return reading.claim(
        first, behind, kind, test, negated=context.negated and context.mode == "is"
    )


def _rule_claim(reading: Reading, i: int) -> Claim | None:
    """As in "passes Lipinski's rule of five", "does not violate the rule of five"."""
    behind = 0
    for j in range(i + 1, min(i + 9, len(reading.tokens))):
        for rule in _RULE:
            behind = max(behind, match_words(reading.tokens, j, rule))
        if reading.tokens[j].text in (".", ";", "but"):
            break
    if not behind or any(t.term.key == "ro5" for t in reading.terms):
        return None
    breaks = reading.word(i) in _BREAKS
    before = (j for j in range(max(0, i - 3), i) if not reading.is_label(j + 1))
    denied = any(reading.word(j) in NEGATIONS for j in before)  # not "nor" of "nor molecule 2"
    all_said = any(
        reading.word(j) in ("all", "every", "fully") for j in range(max(0, i - 2), i + 4)
    )
    test = _breaks_rule if breaks else _keeps_all if all_said else _keeps_rule
    none = bool({"none", "no"} & {reading.word(j) for j in range(i + 1, i + 3)})
    if none and (denied or not breaks):
        return None
    if breaks and (denied or none):
        test, denied = _keeps_all, False
    if reading.word(i) in ("fails", "fail", "failing") and not denied:
        test, denied = _keeps_rule, True
    return reading.claim(i, behind, "rule_of_five", test, negated=denied)


def _rule_truth(facts: Facts) -> str:
    broken = facts.rule_of_five_violations
    return (
        f"{len(broken)} violations: {'; '.join(broken)}" if broken else "no rule-of-five violations"
    )


def _breaks_rule(facts: Facts) -> Finding:
    return Finding(bool(facts.rule_of_five_violations), _rule_truth(facts))


def _keeps_all(facts: Facts) -> Finding:
    return Finding(not facts.rule_of_five_violations, _rule_truth(facts))


def _keeps_rule(facts: Facts) -> Finding:
    """One violation is allowed by some readings of the rule."""
    n = len(facts.rule_of_five_violations)
    return Finding(None if n == 1 else n == 0, _rule_truth(facts))
