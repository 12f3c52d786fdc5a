"""Claims "its formula is C9H8O4", in any order of elements, with subscripts and charge."""

import re
from collections.abc import Callable, Iterator, Mapping
from math import gcd

from assistant.chat.claims.counted import elements
from assistant.chat.claims.denied import denial_before
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.structures import FormulaToken, find_formulas
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_FRAGMENT_WORDS = words(
    "group groups radical residue unit fragment ion loss substituent chain moiety cation "
    "anion linker bond gas"
)
_NEAR = 9
_MORE_CHARGE = re.compile(r"[+-]\d")


def read_formulas(reading: Reading) -> Iterator[Claim]:
    """All formula claims of the sentence."""
    for token in find_formulas(reading.text, reading.sentence.start, reading.sentence.end):
        place = _place(reading, token)
        if place is None or reading.is_silent(place[0]):
            continue
        first, behind = place
        if reading.word(behind) in _FRAGMENT_WORDS or reading.word(first - 1) in (
            "-",
            "minus",
            "plus",
        ):
            continue
        word = _formula_word(reading, first, behind)
        denied = denial_before(reading, first)
        is_whole = _stands_for_whole(reading, token, first, behind)
        is_whole = is_whole or (denied is not None and _may_be_whole(token))
        if word is None and not is_whole:
            continue
        said = word is not None or denied is not None
        test = _test(token, empirical=word == "empirical", said=said)
        context = reading.context[first]
        negated = context.negated and context.mode in ("is", "has")
        if denied is not None and _MORE_CHARGE.match(reading.text, token.end):
            continue  # "not C7H7+2": its charge was not read
        if denied is not None:
            claim = reading.claim(denied, behind, "formula", test, end=token.end, negated=True)
            yield claim
            continue
        claim = reading.claim(first, behind, "formula", test, end=token.end, negated=negated)
        yield Claim(token.start, token.end, claim.kind, claim.test, claim.subject)


def _place(reading: Reading, token: FormulaToken) -> tuple[int, int] | None:
    """Tokens that the formula covers."""
    inside = [
        i for i, t in enumerate(reading.tokens) if t.start < token.end and t.end > token.start
    ]
    return (inside[0], inside[-1] + 1) if inside else None


def _formula_word(reading: Reading, first: int, behind: int) -> str | None:
    """Which kind of formula the words around speak of; None where none is named."""
    for term in reading.terms:
        if term.term.family == "formula" and first - _NEAR <= term.behind <= first:
            between = [reading.word(i) for i in range(term.behind, first)]
            if not {"and", "mass", "weight", "which"} & set(between):
                return term.term.key
        if term.term.family == "formula" and behind <= term.first <= behind + 4:
            return term.term.key
    return None


def _stands_for_whole(reading: Reading, token: FormulaToken, first: int, behind: int) -> bool:
    """As in "Aspirin (C9H8O4)", "is C9H8O4": a formula of a whole molecule without the word."""
    if not _may_be_whole(token):
        return False
    named = any(m.behind == first - 1 and m.role == "subject" for m in reading.subjects.mentions)
    in_brackets = reading.word(first - 1) == "(" and reading.word(behind) in (")", ",", ";")
    labelled = named and reading.word(first - 1) == ":"
    return (
        (named and in_brackets)
        or labelled
        or reading.word(first - 1) == "is"
        or _is_apposed(reading, first, behind)
    )


def _may_be_whole(token: FormulaToken) -> bool:
    """Whether it is long enough for a molecule; "CO2" and "C6H5" are mostly parts or reagents."""
    if token.atoms.get("C", 0) < 2 or "H" not in token.atoms or len(token.atoms) < 2:
        return False
    return sum(token.atoms.values()) >= 8


def _is_apposed(reading: Reading, first: int, behind: int) -> bool:
    """As in "Molecule 1 is caffeine, C8H10N4O2, with …"."""
    before = {reading.word(i) for i in range(max(0, first - _NEAR), first)}
    ends = reading.word(behind) in (",", ";", "(", "with", "and", "")
    return reading.word(first - 1) == "," and "is" in before and ends


def _test(token: FormulaToken, *, empirical: bool, said: bool) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        atoms = elements(
            facts.formula.split("+")[0].split("-")[0] if "[" not in facts.formula else facts.formula
        )
        truth = facts.formula
        if empirical:
            atoms = _reduced(atoms)
            truth = "".join(s + (str(n) if n > 1 else "") for s, n in atoms.items())
        same = dict(token.atoms) == atoms
        if same and token.charge is not None and not empirical:
            same = token.charge == facts.charge
        if not same and not said and _is_part(token.atoms, atoms):
            return Finding(None, truth)
        return Finding(same, truth)

    return test


def _reduced(atoms: Mapping[str, int]) -> dict[str, int]:
    divisor = gcd(*atoms.values()) if atoms else 1
    return {symbol: n // max(divisor, 1) for symbol, n in atoms.items()}


def _is_part(part: Mapping[str, int], whole: Mapping[str, int]) -> bool:
    """Whether an unannounced formula could be a piece of the molecule."""
    return all(whole.get(symbol, 0) >= n for symbol, n in part.items())
