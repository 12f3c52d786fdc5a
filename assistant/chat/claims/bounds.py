"""Limits in questions: their signs and turns as plain words, and which of them an answer takes up.

"mw > 800", "not more than 5", "3 or fewer" ask for "above 800", "at most 5", "at most 3". An answer
that ends "so no: that is above 355" speaks of a limit that nobody asked about.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from assistant.chat.claims.counted import COUNTED, count_of
from assistant.chat.claims.lexicon import Term
from assistant.chat.claims.model import Check
from assistant.chat.claims.numbers import SCALARS
from assistant.chat.claims.text import normalise, split_sentences
from assistant.chat.claims.values import Quantity, read_number
from assistant.chem.facts import Facts

QUESTION_ASKS = "the question asks about "
"""How the truth begins where a limit is another one than that of the question."""

_NUMBER = r"[-+]? ?\d+(?:\.\d+)?"
_SIGNS = {
    ">": "above", "<": "below", ">=": "at least", "=>": "at least", "≥": "at least",
    "⩾": "at least", "<=": "at most", "=<": "at most", "≤": "at most", "⩽": "at most",
    "=": "equal to",
}  # fmt: skip
_SIGN = re.compile(rf"(?<!\s)\s*(?P<sign>>=|=>|<=|=<|[><≥⩾≤⩽=])\s*(?={_NUMBER}(?![\w]))")
_SIGNED = re.compile(r"\b(above|below|at least|at most|equal to) ([-+]) (?=\d)")
_MORE = r"(?:more|greater|higher|larger|bigger)"
_LESS = r"(?:less|lower|smaller|fewer)"
_TURNS = tuple(
    (re.compile(pattern, re.IGNORECASE), plain)
    for pattern, plain in (
        (rf"\b{_LESS} than or equal to\b|\bequal to or {_LESS} than\b", "at most"),
        (rf"\b{_MORE} than or equal to\b|\bequal to or {_MORE} than\b", "at least"),
        (rf"\b(?:not|no) {_MORE} than\b|\bup to(?= {_NUMBER})", "at most"),
        (rf"\b(?:not|no) {_LESS} than\b", "at least"),
    )
)
_OR_MORE = re.compile(rf"(?<![\w.])({_NUMBER}) or {_MORE}\b(?! than)", re.IGNORECASE)
_OR_LESS = re.compile(rf"(?<![\w.])({_NUMBER}) or {_LESS}\b(?! than)", re.IGNORECASE)
_LIMIT = (
    rf"(?:above|below|over|under|exceeding|at (?:least|most)|(?:{_MORE}|{_LESS}|heavier|lighter)"
    rf" than|between|and)"
)
_ASKED = re.compile(rf"\b{_LIMIT} {_NUMBER}(?!\w)", re.IGNORECASE)
_ADVERBS = r"(?: (?:really|much|any|even|also|still|far|a (?:bit|lot|little)|significantly))*"
_ADJECTIVE = r"(?:heavier|lighter|greasier|(?:more|less) [a-z-]+)"
_WHO = r"(?:(?:molecule|compound|mol|number|no\.|#) ?#?)?"
_COMPARED = re.compile(
    rf"\b(?P<verb>is|does|has) (?:{_WHO}(?P<first>\d+)|(?:it|this|that)(?: (?:molecule|one))?)"
    rf"(?P<how>{_ADVERBS} (?:{_ADJECTIVE}|bigger|larger|smaller|weigh (?:more|less)"
    rf"|(?:(?:have|contain|carry) )?(?:an? )?(?:{_MORE}|{_LESS}) [a-z][a-z -]*?))"
    rf" than {_WHO}(?P<second>\d+)(?=(?: then| please)?[\s?!.]*$)",
    re.IGNORECASE,
)
"""As in "is 2 heavier than 1", "does 2 have more rings than 1"; not "has it a logP above 1"."""
_UNLIKE_A_NUMBER = re.compile(
    r"\b(?:heavier|lighter|greasier|lipophilic|hydrophobic|polar|flexible|rigid|complex)\b",
    re.IGNORECASE,
)
"""What a thing is and not a number: "more polar than 2" compares with a molecule."""
_THAN_A_MOLECULE = re.compile(r"\bthan (?:that of )?molecule \d", re.IGNORECASE)
_MOLECULE = re.compile(r"\bmolecule (\d+)", re.IGNORECASE)
_ANSWERED = re.compile(r"\bso (?:yes|no)\W+(?:that|this|which|it) is (?:not )?$", re.IGNORECASE)
_SCALES = (1.0, 1000.0, 0.01)
"""As it is said, in thousands (kDa) or per cent."""


def plain_limits(question: str) -> str:
    """A question with its limits in plain words: "above", "below", "at least", "at most"."""
    question = _SIGN.sub(lambda found: f" {_SIGNS[found['sign']]} ", question)
    question = _SIGNED.sub(r"\1 \2", question)
    for turn, plain in _TURNS:
        question = turn.sub(plain, question)
    question = _OR_MORE.sub(r"at least \1", question)
    return _OR_LESS.sub(r"at most \1", question)


def with_molecules_named(question: str, known: Collection[int]) -> str:
    """A question with "molecule 2" and "molecule 1" for the numbers in "is 2 heavier than 1?".

    Args:
        question: What was asked.
        known: Numbers of the molecules of the conversation; others are no names.
    """
    found = _COMPARED.search(question)
    if found is None:
        return question
    spans = [found.span(name) for name in ("first", "second") if found[name]]
    if len(spans) == 1 and not _UNLIKE_A_NUMBER.search(found["how"]):
        return question  # "has it more donors than 2", "is it bigger than 1": a limit may be meant
    if any(int(question[start:end]) not in known for start, end in spans):
        return question
    for start, _ in reversed(spans):
        before = re.sub(rf"{_WHO}$", "", question[:start], flags=re.IGNORECASE)
        question = f"{before}molecule {question[start:]}"
    return question


def with_limits_judged(
    text: str, question: str, checks: Sequence[Check], molecules: Mapping[int, Facts]
) -> tuple[Check, ...]:
    """The checks, where "so no: that is above 355" is wrong if the question asks about 800.

    A limit that is a molecule's value of that kind stays as it was judged. The number of a molecule
    that the question compares with is no limit: "that is above 1" is judged by its yes or no alone.

    Args:
        text: The answer.
        question: What was asked (`with_molecules_named`).
        checks: Those of the answer.
        molecules: Facts of the molecules of the conversation.
    """
    compared = {float(n) for n in _MOLECULE.findall(question)}
    compared = compared if _THAN_A_MOLECULE.search(question) else set()
    plain = _MOLECULE.sub(" ", plain_limits(question))
    asked = [value for value, _ in _numbers(plain)] if _ASKED.search(plain) else []
    judged = []
    for check in checks:
        limit = _limit_of(check, text) if asked or compared else None
        if limit is None or limit[0] not in compared:
            is_other = limit is not None and asked and _is_other(check, limit, asked, molecules)
            judged.append(_contradicted(check, asked) if is_other else check)
    return tuple(judged)


def _limit_of(check: Check, text: str) -> tuple[float, int] | None:
    """The limit that an answer says the value keeps to, with its decimals."""
    if not _ANSWERED.search(text[: check.start]):
        return None
    return next(reversed(_numbers(check.claim)), None)


def _is_other(
    check: Check, limit: tuple[float, int], asked: Sequence[float], molecules: Mapping[int, Facts]
) -> bool:
    """Whether a limit is neither one of those that were asked about nor a value."""
    value, decimals = limit
    if any(math.isclose(value, one * by) for one in asked for by in _SCALES):
        return False
    # Of whole numbers one is soon near a value: "above 1", where the cLogP is 1.31.
    return not _is_a_fact(check.kind, Quantity(value, value, max(decimals, 1)), molecules)


def _contradicted(check: Check, asked: Sequence[float]) -> Check:
    truth = f"{QUESTION_ASKS}{' and '.join(f'{one:g}' for one in asked)}"
    truth = f"{check.truth}; {truth}" if check.truth else truth
    return replace(check, verdict="contradicted", truth=truth)


def _numbers(text: str) -> list[tuple[float, int]]:
    """The numbers of a text with their decimals, in digits or words."""
    tokens = [token for part in split_sentences(normalise(text), []) for token in part.tokens]
    return [read for token in tokens if (read := read_number(token)) is not None]


def _is_a_fact(kind: str, stated: Quantity, molecules: Mapping[int, Facts]) -> bool:
    """Whether a molecule of the conversation has that value of that kind."""
    scalars = [scalar for scalar in SCALARS.values() if scalar.kind == kind]
    for facts in molecules.values():
        if any(scalar.test(stated, facts).holds for scalar in scalars):
            return True
        if kind in COUNTED:
            found = count_of(Term("count", kind), (), facts)
            if found.least <= stated.low <= found.most:
                return True
    return False
