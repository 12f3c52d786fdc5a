"""The noun phrase around a term: "at least two six-membered rings", "rings: 2"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.chat.claims.context import NEGATIONS
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.text import Token
from assistant.chat.claims.values import Quantity, read_number, read_quantity, widest_quantity
from assistant.chat.claims.wordlist import words

Determiner = Literal["number", "a", "no", "any", "the", "vague", "other", "bare"]

_ARTICLES = {
    "a": "a",
    "an": "a",
    "no": "no",
    "zero": "number",
    "any": "any",
    "the": "the",
    "its": "the",
    "this": "the",
    "that": "the",
    "these": "the",
    "their": "the",
}
_VAGUE = words("several multiple many few some various numerous couple plenty lots more fewer")
_OTHER = words(
    "another additional further second third other extra remaining more fewer same both each "
    "every either all most half which whose neither first last next only"
)
# Words that leave the meaning of a count as it is.
_NEUTRAL = words(
    "distinct separate different total individual functional formal overall simple main key "
    "single polar classical potential of hydrogen bond traditional such computed calculated"
)
_STOP = words(
    "and or but with without has have had contains contain containing is are was were in on "
    "to from of by for as at than then that which it its bears features includes nor into "
    "like plus there lack lacks lacking between where so because be being not also both possesses "
    "carries bearing"
)
_BOUNDS = {("at", "least"): Quantity(1, math.inf), ("at", "most"): Quantity(0, 1)}
"""What "at least a ring" and "at most a ring" say: as with "one", not that there is one."""
_LOCANT_OWNERS = words(
    "position positions atom atoms carbon c n number figure table step rule type"
)
_FILLERS = words(
    "is was are were of equals equal to = : ( ) | value values computed calculated estimated "
    "by rdkit at a the comes out works being here score count counts number – — → "
    "approximately that which stands lies sits around it about * found reported given as it's "
    "i.e for amounts totals measures would only"
)
AFTER_NUMBER = words(
    "and or which while in so with but total for as by according overall here set defined of "
    "on per that making well because since compared due this it whereas specified assigned "
    "based than from is are also meaning indicating suggesting reflecting given under below "
    "within units"
)
"""Words that may follow a number without being what it counts."""


@dataclass(frozen=True)
class NounPhrase:
    """A term with what stands before it.

    Args:
        first: Index of its first token (determiner or qualifier).
        behind: Index behind its last token.
        determiner: How it is introduced.
        stated: Its number, if it has one.
        modifiers: Adjectives that narrow the meaning.
        part: The first number of "1 of 2 stereocentres".
    """

    first: int
    behind: int
    determiner: Determiner
    stated: Quantity | None = None
    modifiers: tuple[str, ...] = ()
    part: Quantity | None = None


def read_phrase(
    tokens: Sequence[Token], term: TermMatch, taken: frozenset[int] = frozenset()
) -> NounPhrase:
    """The noun phrase that ends with a term.

    Args:
        tokens: Tokens of the sentence.
        term: The term.
        taken: Tokens of other terms and of molecule numbers; they are not read again.
    """
    modifiers: list[str] = []
    i = term.first - 1
    if i > 0 and tokens[i].text == "-" and tokens[i - 1].text in ("n", "o", "s"):
        modifiers.append("one element only")  # "N-H donor"
    for _ in range(6):
        if i < 0:
            break
        word, kind = tokens[i].text, tokens[i].kind
        if i in taken:
            glued = all(t.text != "," for t in tokens[i + 1 : term.first])
            if kind == "word" and glued and word not in (*_ARTICLES, "it") and i + 1 < term.first:
                # "two phenyl-type rings": the words belong together and mean something else.
                return NounPhrase(term.first, term.behind, "other", None, tuple(modifiers))
            break
        if word == "-" or (word == "," and modifiers and tokens[i - 1].text not in _STOP):
            i -= 1
            continue
        if _is_locant(tokens, i):
            i -= 1
            continue
        if read_number(tokens[i]) is not None and not _names_something(tokens, i):
            if modifiers[-1:] == ["membered"]:
                modifiers.append(f"{int(min(read_number(tokens[i])[0], 99))}-ring")
                i -= 1
                continue
            return _numbered(tokens, term, i, modifiers)
        if word == "a" and i > 0 and tokens[i - 1].text in ("the", "its"):
            return NounPhrase(i, term.behind, "the", None, (*modifiers, "a"))
        bound = _BOUNDS.get(tuple(t.text for t in tokens[max(0, i - 2) : i]))
        if word in ("a", "an") and bound is not None:
            return NounPhrase(i - 2, term.behind, "number", bound, tuple(modifiers))
        if word in _ARTICLES and word != "zero":
            determiner: Determiner = _ARTICLES[word]  # type: ignore[assignment]
            return NounPhrase(i, term.behind, determiner, None, tuple(modifiers))
        if word in _VAGUE:
            return NounPhrase(i, term.behind, "vague", None, tuple(modifiers))
        if word == "neither":
            break
        if word == "both" and "and" in [t.text for t in tokens[term.behind : term.behind + 4]]:
            break
        if word in _OTHER:
            return NounPhrase(i, term.behind, "other", None, tuple(modifiers))
        if kind != "word" or word in _STOP:
            break
        if word not in _NEUTRAL:
            modifiers.append(word)
        i -= 1
    first = term.first
    return NounPhrase(first, term.behind, "bare", None, tuple(_adjacent(modifiers)))


def _adjacent(modifiers: list[str]) -> list[str]:
    """Without a determiner the words to the left may be verbs; they still forbid certainty."""
    return [m for m in modifiers if m.endswith("-ring") or m in ("fused", "undefined", "defined")]


def _numbered(
    tokens: Sequence[Token], term: TermMatch, at: int, modifiers: list[str]
) -> NounPhrase:
    """Reads "at least two …" and "1 of 2 …" to the left of the term."""
    read = widest_quantity(tokens, at)
    if read is None or read[2] != at + 1:
        return NounPhrase(term.first, term.behind, "other", None, tuple(modifiers))
    stated, first, _ = read
    part = None
    joint = first - 1
    if joint > 0 and tokens[joint].text in ("the", "its", "all"):
        joint -= 1
    if (
        joint > 0
        and tokens[joint].text in ("of", "/")
        and read_number(tokens[joint - 1]) is not None
    ):
        value, decimals = read_number(tokens[joint - 1]) or (0.0, 0)
        part, first = Quantity(value, value, decimals), joint - 1
    if first > 0 and tokens[first - 1].text in NEGATIONS:
        return NounPhrase(term.first, term.behind, "other", None, tuple(modifiers))
    return NounPhrase(first, term.behind, "number", stated, tuple(modifiers), part)


def _is_locant(tokens: Sequence[Token], i: int) -> bool:
    """As in "4-" of "4-nitro", "2,4-" of "2,4-dichloro", "N-" of "N-acetyl"."""
    if i + 1 >= len(tokens) or tokens[i + 1].text not in ("-", ","):
        return False
    if tokens[i + 1].start != tokens[i].end:
        return False
    if tokens[i].kind == "number":
        return i + 2 < len(tokens) and tokens[i + 2].text != "membered"
    return len(tokens[i].text) == 1 and tokens[i].text not in ("a",)


def _names_something(tokens: Sequence[Token], i: int) -> bool:
    """Whether a number is a label: "position 4", "atom 7"."""
    return i > 0 and tokens[i - 1].text in _LOCANT_OWNERS


def value_behind(
    tokens: Sequence[Token], start: int, labels: frozenset[int] = frozenset()
) -> tuple[Quantity, int, int, bool] | None:
    """The quantity said of a property that ends before `start`: "… of molecule 2 is about 180.2".

    Args:
        tokens: Tokens of the sentence.
        start: Index behind the property.
        labels: Tokens that name a molecule; they are passed over.

    Returns:
        The quantity, the index of its first token, the index behind it, and whether "not" stood
        before it; None if something other than fillers comes first.
    """
    negated = False
    i, parenthesis = start, False
    for _ in range(10):
        while i in labels:
            i += 1
        if i >= len(tokens):
            return None
        word = tokens[i].text
        if (
            word in NEGATIONS
            and i + 1 < len(tokens)
            and tokens[i + 1].text not in ("more", "less", "exceeding", "greater", "fewer")
        ):
            negated, i = True, i + 1
            continue
        if word == "(" and i + 1 < len(tokens) and not _begins_quantity(tokens, i + 1):
            skipped = _behind_parenthesis(tokens, i)
            if skipped is None or parenthesis:
                return None
            i, parenthesis = skipped, True
            continue
        if word == "one" and i + 1 < len(tokens) and tokens[i + 1].text == "of":
            return None  # "is not one of them"
        if i > start or tokens[start].kind == "number":
            read = read_quantity(tokens, i)
            if read is not None and word not in ("a", "the"):
                return read[0], i, read[1], negated
        elif (read := read_quantity(tokens, i)) is not None and word not in ("a", "the", "one"):
            return read[0], i, read[1], negated
        if word not in _FILLERS:
            return None
        i += 1
    return None


def _begins_quantity(tokens: Sequence[Token], i: int) -> bool:
    return read_quantity(tokens, i) is not None


def _behind_parenthesis(tokens: Sequence[Token], i: int) -> int | None:
    for j in range(i + 1, min(i + 9, len(tokens))):
        if tokens[j].text == ")":
            return j + 1
    return None


def ends_cleanly(tokens: Sequence[Token], behind: int, *, any_word: bool = False) -> bool:
    """Whether what follows a number leaves it complete: no noun that it might count instead.

    With `any_word` only symbols that continue a number are refused.
    """
    if behind >= len(tokens):
        return True
    token = tokens[behind]
    if token.kind == "word":
        return any_word or token.text in AFTER_NUMBER
    return token.text not in ("±", "×", "^", "/", "%", "°", "-", "–", "~")
