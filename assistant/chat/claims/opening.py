"""The yes or no at the beginning of an answer, or behind the value that decides."""

import re
from collections.abc import Sequence
from dataclasses import replace

from assistant.chat.claims.asked import NOUN, declines
from assistant.chat.claims.lexicon import find_terms
from assistant.chat.claims.model import Check, Verdict
from assistant.chat.claims.text import normalise, split_sentences
from assistant.chat.sentences import sentence_spans

YES_OR_NO = ("yes", "yeah", "yep", "no", "nope")
_OPENING = re.compile(
    rf"(?:^\W*(?P<first>{'|'.join(YES_OR_NO)})|\bso (?P<later>yes|no))"
    r"(?=\s*(?:$|[.,;:!–-]))(?!\W*\d)",
    re.IGNORECASE,
)
"""At the beginning, or behind the value that decides ("… 194.19 g/mol, so no: …")."""
_YES_OR_NO = re.compile(rf"\b(?:{'|'.join(YES_OR_NO)})\b(?=\s*(?:$|[.,;:!–-]))", re.IGNORECASE)
_OF_SEVERAL = re.compile(
    r"^(?:they|both|these|those|all|the (?:two|three|four)|molecules)\b", re.IGNORECASE
)
_ONE_OF_THEM = re.compile(r"\b(?:molecule|compound) \d|\b(?:one|neither|only)\b", re.IGNORECASE)
_OF_A_MOLECULE = re.compile(
    rf"\b(?:{NOUN} ?#?\d|(?:the|this|that|your|these|those|both|neither|each) (?:\w+ )?{NOUN}s?"
    r"|it|its|they|their|both|neither|there|one(?! of)|none|any|that is|that's)\b|@\d",
    re.IGNORECASE,
)
_OF_ITSELF = re.compile(
    r"\b(?:(?:i am|i'm|here is|my)\b[^.!?]{0,40}?|(?:there|it|this|that) is (?:an? )?(?:\w+ )?)"
    r"\b(?:program|model|assistant|machine|software|human|person|chatbot|bot|name)\b",
    re.IGNORECASE,
)
_FEW_WORDS = 3
"""Behind a yes or no, as in "No, aspirin does not.", they need no more to belong to it."""


def says_it_of_a_molecule(rest: str) -> bool:
    """Whether what stands beside a yes or no leaves it an answer about a molecule.

    Args:
        rest: Its sentence and the next, without it.
    """
    plain = normalise(rest)
    if _OF_ITSELF.search(plain):
        return False
    if len(re.findall(r"\w+", plain)) <= _FEW_WORDS or _OF_A_MOLECULE.search(plain):
        return True
    tokens = [token for part in split_sentences(plain, []) for token in part.tokens]
    return any(match.term.family != "skip" for match in find_terms(tokens))


def opening_check(
    text: str, statement: str, said: Sequence[Check], others: Sequence[Check]
) -> Check | None:
    """The check on the yes or no that the first sentence of an answer says.

    Args:
        text: The answer.
        statement: What yes would say (`statement_of`).
        said: Checks on that.
        others: Checks on the rest of the answer: what its first sentence says rightly itself needs
            no second mark on the word before it.

    Returns:
        The check, of the kind of the claim that decides; None where the answer begins otherwise,
        declines, goes on about something else ("No, I am a program"), or the facts do not decide.
    """
    opening = _OPENING.search(text)
    spans = sentence_spans(text)
    if opening is None or not spans or declines(text[: spans[0].end]):
        return None
    sentence = text[: spans[0].end]
    until = spans[min(1, len(spans) - 1)].end
    group = "first" if opening["first"] else "later"
    start, end = opening.span(group)
    is_claimed = any(check.start < until and check.verdict != "unverifiable" for check in others)
    if not (is_claimed or says_it_of_a_molecule(f"{text[:start]}{text[end:until]}")):
        return None
    if opening.start() > spans[0].end or len(_YES_OR_NO.findall(sentence)) > 1:
        return None
    wrong = next((check for check in said if check.verdict == "contradicted"), None)
    if wrong is None and (not said or any(check.verdict != "confirmed" for check in said)):
        return None
    decides = wrong or said[0]
    agrees = opening[group].lower() not in ("no", "nope")
    # "Yes, molecule 2 is" may be meant of that one; a no to what holds of all is wrong of any.
    may_be_on_one = (agrees or wrong is not None) and _OF_SEVERAL.match(statement)
    if may_be_on_one and _ONE_OF_THEM.search(sentence):
        return None
    holds = agrees == (wrong is None)
    is_said_again = any(
        check.verdict == "confirmed" and check.kind == decides.kind and check.start < spans[0].end
        for check in others
    )
    if holds and is_said_again:
        return None
    verdict: Verdict = "confirmed" if holds else "contradicted"
    return replace(decides, start=start, end=end, verdict=verdict, claim=opening[group])
