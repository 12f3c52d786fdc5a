"""Claims about how many there are: rings, stereocentres, donors, atoms of an element, named groups.

A term is a count claim when it has a number ("two rings", "rings: 2"), a presence claim when the sentence
says that the molecule has or lacks it. Truth comes as a range (least, most): the two differ where chemists
count differently, and a number between them is left open.
"""

from collections.abc import Callable, Iterator, Sequence

from assistant.chat.claims.counted import Range, count_of
from assistant.chat.claims.lexicon import Term, TermMatch
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.phrases import NounPhrase, ends_cleanly, read_phrase, value_behind
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.values import Quantity, compare_count
from assistant.chem.facts import Facts

_SET = frozenset("set defined specified assigned fixed known".split())
_UNSET = frozenset("undefined unspecified unassigned unset undetermined unknown ambiguous".split())
_GROUP_WORDS = frozenset(
    "group groups moiety ring rings function functionality linkage bond substituent substituents unit "
    "residue moieties atom atoms nitrogen oxygen".split()
)
_COORDINATION = frozenset("and or nor , as well also plus both either a an the two one three".split())
_OF_DERIVED = frozenset("derivative derivatives analogue analog drug drugs antibiotic antibiotics acid "
                        "prodrug mimic bioisostere isostere precursor surrogate".split())  # fmt: skip


def read_counts(reading: Reading) -> Iterator[Claim]:
    """All count and presence claims of the sentence."""
    taken = frozenset(i for t in reading.terms for i in range(t.first, t.behind)) | reading.labels
    for match in reading.terms:
        if match.term.family in ("count", "group", "element"):
            claim = _claim(reading, match, taken)
            if claim is not None:
                yield claim


def _claim(reading: Reading, match: TermMatch, taken: frozenset[int]) -> Claim | None:
    phrase = read_phrase(reading.tokens, match, taken)
    if phrase.determiner == "other" or reading.is_silent_but_reacting(match.first):
        return None
    if match.term.family in ("group", "element") and reading.word(match.behind) in _OF_DERIVED:
        return None
    if phrase.stated is not None and not reading.is_silent(phrase.first):
        return _counted(reading, match, phrase, phrase.stated)
    if phrase.determiner != "no" and match.term.family != "group":
        behind = _behind_term(reading, match)
        if behind is not None:
            return behind
    return _presence(reading, match, phrase)


# ------------------------------------------------------------------------------------- counted


def _counted(
    reading: Reading, match: TermMatch, phrase: NounPhrase, stated: Quantity
) -> Claim | None:
    """ "two rings", "1 of 2 stereocentres set"."""
    tokens, first = reading.tokens, phrase.first
    context = reading.context[first]
    if reading.is_label(first) or _is_generic_number(reading, first):
        return None
    negated = context.negated and context.mode == "has"
    term = match.term
    behind = match.behind
    modifiers = phrase.modifiers
    if term.key in ("stereocentres", "double_bonds"):
        qualifier, behind = _set_word(reading, match.behind, modifiers)
        modifiers = tuple(m for m in modifiers if m not in _SET | _UNSET)
        if phrase.part is not None:
            test = _part_test(term, phrase.part, stated, qualifier)
            return reading.claim(first, behind, term.key, test, negated=negated)
        if qualifier and phrase.stated is not None:
            test = _set_test(term, stated, qualifier)
            return reading.claim(first, behind, term.key, test, negated=negated)
    if phrase.part is not None:
        return None
    lookahead = _verb_behind(reading, behind)
    if lookahead is False:
        negated = not negated
    test = count_test(term, stated, modifiers)
    return reading.claim(first, behind, kind_of(term), test, negated=negated)


def _is_generic_number(reading: Reading, first: int) -> bool:
    """Limits ("the limit of 5 donors") and one-letter labels are not counts of this molecule."""
    before = {reading.word(i) for i in range(first - 3, first)}
    return bool(before & {"limit", "limits", "cutoff", "maximum", "rule", "allows", "allowed", "max"})


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
        if word not in ("is", "are", "not", "(", "explicitly", "still", "stereochemically", "being", "left"):
            break
    return "", behind


def _part_test(
    term: Term, part: Quantity, whole: Quantity, qualifier: str
) -> Callable[[Facts], Finding] | None:
    """ "1 of 2 stereocentres set"."""

    def test(facts: Facts) -> Finding:
        n_set, n = _stereo(term, facts)
        said = n - n_set if qualifier == "unset" else n_set
        holds = compare_count(part, said) and compare_count(whole, n)
        return Finding(holds, f"{n_set} of {n} set")

    return test if qualifier else None


def _set_test(term: Term, stated: Quantity, qualifier: str) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        n_set, n = _stereo(term, facts)
        said = n - n_set if qualifier == "unset" else n_set
        return Finding(compare_count(stated, said), f"{n_set} of {n} set")

    return test


def _stereo(term: Term, facts: Facts) -> tuple[int, int]:
    if term.key == "double_bonds":
        return facts.double_bonds_set, facts.double_bonds
    return facts.stereocentres_set, facts.stereocentres


def count_test(
    term: Term, stated: Quantity, modifiers: Sequence[str]
) -> Callable[[Facts], Finding]:
    """Compares a stated count with the range that chemists may count."""

    def test(facts: Facts) -> Finding:
        counted = count_of(term, modifiers, facts)
        return Finding(_compare_range(stated, counted), counted.truth)

    return test


def _compare_range(stated: Quantity, counted: Range) -> bool | None:
    verdicts = {compare_count(stated, n) for n in range(counted.least, min(counted.most, counted.least + 30) + 1)}
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
    """ "rings: 2", "the number of stereocentres is zero", "stereocentres: 1 of 2 set"."""
    tokens = reading.tokens
    if reading.is_silent(match.first) or match.behind >= len(tokens):
        return None
    if tokens[match.behind].text not in (":", "=", "(", "|", "is", "are", "count", "equals", "of", "was", "number", "value"):
        return None
    if tokens[match.behind].text == "of" and match.term.family == "element":
        return None
    none = _none_behind(reading, match.behind)
    if none is not None:
        test = count_test(match.term, Quantity(0, 0), ())
        return reading.claim(match.first, none, kind_of(match.term), test)
    read = value_behind(tokens, match.behind)
    if read is None or reading.is_label(read[1]):
        return None
    stated, _, behind, negated = read
    if tokens[match.behind].text in ("is", "are") and not _speaks_of_number(reading, match.first):
        return None
    if match.term.key in ("stereocentres", "double_bonds") and reading.word(behind) in ("of", "/"):
        whole = value_behind(tokens, behind + 1)
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
        if reading.word(j) in ("none", "nil", "absent") and reading.word(i) in (":", "=", "(", "|", "count"):
            return j + 1
    return None


def _speaks_of_number(reading: Reading, first: int) -> bool:
    """ "the number of rings is 2"; "the rings are 2 Å apart" is something else."""
    words = [reading.word(i) for i in range(max(0, first - 6), first)]
    return bool({"number", "count", "total"} & set(words)) or reading.word(first - 1) in ("of", "") or first == 0


# ------------------------------------------------------------------------------------ presence


def _presence(reading: Reading, match: TermMatch, phrase: NounPhrase) -> Claim | None:
    """Presence and absence: "contains a …", "no …", "is a …", "the … group"."""
    term, first = match.term, phrase.first
    context = reading.context[first]
    verb = _verb_behind(reading, match.behind)
    negated: bool | None = None
    if verb is not None and phrase.determiner in ("a", "bare", "no", "any"):
        negated = (not verb) != (phrase.determiner == "no")
    elif phrase.determiner == "no":
        negated = not (context.negated and context.mode == "has")
    elif context.mode == "has" and phrase.determiner in ("a", "any", "bare", "vague"):
        negated = context.negated or (context.listed_no and phrase.determiner in ("bare", "any"))
    elif context.mode == "is" and _is_predicate(reading, match, phrase):
        negated = context.negated
    elif context.listed_no and phrase.determiner in ("bare", "any") and _continues_list(reading, first):
        negated = True
    elif phrase.determiner == "the" and term.family == "group" and _names_group(reading, match):
        return _definite(reading, match, phrase)
    if negated is None or _is_trivial(term, negated):
        return None
    if context.reacting and not (verb is not None):
        return None
    test = _presence_test(term, phrase, negated=negated)
    return reading.claim(first, match.behind, kind_of(term), test)


def _is_trivial(term: Term, negated: bool) -> bool:
    """ "contains carbon" is not worth a mark."""
    return term.family == "element" and term.key in ("C", "H") and not negated


def _is_predicate(reading: Reading, match: TermMatch, phrase: NounPhrase) -> bool:
    """ "is an ester", "is a secondary amine and a phenol"; not "is attached at a ring"."""
    if match.term.family != "group" or phrase.determiner != "a":
        return False
    verb = reading.context[phrase.first].verb
    between = [reading.word(i) for i in range(verb + 1, phrase.first)]
    if reading.word(verb - 1) in ("group", "ring", "function", "bond", "substituent", "chain", "linker", "there"):
        return False
    if any(t.behind == verb for t in reading.terms):
        return False
    return all(w in _COORDINATION or w in ("not", "therefore", "also", "thus", "clearly", "formally") for w in between)


def _continues_list(reading: Reading, first: int) -> bool:
    return reading.word(first - 1) in (",", "or", "nor", "and", "neither", "no") or first == 0


def _names_group(reading: Reading, match: TermMatch) -> bool:
    last = reading.word(match.behind - 1)
    return last in _GROUP_WORDS or reading.word(match.behind) in _GROUP_WORDS or True


def _definite(reading: Reading, match: TermMatch, phrase: NounPhrase) -> Claim | None:
    """ "the ester group": takes for granted that there is one."""
    if phrase.modifiers and any(m in ("resulting", "new", "parent", "free") for m in phrase.modifiers):
        return None
    if reading.word(phrase.first) in ("that", "these", "this"):
        return None
    if reading.word(match.behind) in ("derivative", "analogue", "analog", "form", "product", "of", "formed"):
        return None
    reacting = any(c.reacting for c in reading.context)
    term = match.term

    def test(facts: Facts) -> Finding:
        counted = count_of(term, phrase.modifiers, facts)
        if counted.most == 0:
            return Finding(None if reacting else False, counted.truth)
        sure = counted.least > 0 and not counted.narrowed
        return Finding(True if sure else None, counted.truth)

    if reading.context[phrase.first].reacting and reacting:
        before = [reading.word(i) for i in range(max(0, phrase.first - 3), phrase.first)]
        if any(w in ("to", "gives", "give", "yields", "into", "forms", "form", "with") for w in before):
            return None
    return reading.claim(phrase.first, match.behind, kind_of(term), test)


def _verb_behind(reading: Reading, behind: int) -> bool | None:
    """True for "… is present", False for "… is absent", looking over a coordinated list."""
    i, seen_be = behind, False
    for _ in range(14):
        word = reading.word(i)
        if word in ("is", "are"):
            seen_be = True
        elif seen_be and word in ("present", "found", "there"):
            return reading.word(i - 1) not in ("not", "nor")
        elif word in ("absent", "missing") and (seen_be or reading.word(i - 1) == "("):
            return reading.word(i - 1) == "not"
        elif seen_be and word in ("not", "also", "both", "all", "clearly", "to", "be"):
            pass
        elif not seen_be and (word in _COORDINATION or any(t.first <= i < t.behind for t in reading.terms)):
            pass
        else:
            return None
        i += 1
    return None


def _presence_test(term: Term, phrase: NounPhrase, *, negated: bool) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        counted = count_of(term, phrase.modifiers, facts)
        holds: bool | None = None
        if counted.most == 0:
            holds = False
        elif counted.least > 0 and not counted.narrowed:
            holds = None if phrase.determiner == "vague" else True
        if holds is None:
            return Finding(None, counted.truth)
        return Finding(holds != negated, counted.truth)

    return test


def kind_of(term: Term) -> str:
    """The kind a claim on a term is filed under."""
    return {"group": "group", "element": "element"}.get(term.family, term.key)
