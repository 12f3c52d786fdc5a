"""Text as the readers of claims see it: sentences of tokens that keep their offsets.

    answer ─ normalise (1:1) ─ protect SMILES ─ split ─► Sentence(tokens)

Every step is one left-to-right pass, so hostile text costs no more than its length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assistant.chat.claims.wordlist import words

MAX_CHARS = 20_000
"""Longer answers are checked up to here; the bundle's models write far less."""

MAX_TOKENS = 160
"""Longer sentences are read in pieces, so that the cost of a sentence is bounded."""

_ONE_TO_ONE = str.maketrans(
    "₀₁₂₃₄₅₆₇₈₉₊₋\u00a0\u202f\u2009\u2007\u2010\u2011\u2212\u2019\u02bc\u2018Å",
    "0123456789+-    ---'''Å",
)

_TOKEN = re.compile(
    r"(?P<number>(?:(?<![\w)\]])[+-])?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![0-9])"
    r"|[0-9]+,[0-9]{1,2}(?![0-9,-])|[0-9]+(?:\.[0-9]+)?|(?<![\w.])\.[0-9]+))"
    r"|(?P<word>[^\W\d_](?:[^\W_]|(?<=[^\W_])'(?=[^\W\d_]))*)"
    r"|(?P<symbol>[^\s*_`#])"
)
_WORD_TAIL = re.compile(r"'s$")
_ABBREVIATIONS = words(
    "e.g i.e ca approx cf vs etc fig al resp incl mol wt dr st mw avg est max min"
)
_NUMBERS = words("no nos")
_BREAK = re.compile(r"\n|[.!?;](?=[\s\"')*_\]]|$)")
_BULLET = re.compile(r"[ \t]*(?:[-*•+]|[0-9]{1,2}[.)])[ \t]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or symbol.

    Args:
        text: Lower-case word, or the symbol itself.
        start: Offset in the answer.
        end: Offset behind the token.
        kind: What it is.
        value: A number's value.
        decimals: Digits behind a number's point.
    """

    text: str
    start: int
    end: int
    kind: Literal["word", "number", "symbol"]
    value: float = 0.0
    decimals: int = 0

    @property
    def is_shortened(self) -> bool:
        """Whether it ended in "'s", as in "it's" and "aspirin's", which its text leaves out."""
        return self.end - self.start == len(self.text) + 2


@dataclass(frozen=True)
class Sentence:
    """A sentence, list item or table row.

    Args:
        start: Offset in the answer.
        end: Offset behind it.
        tokens: Its tokens; emphasis marks and backticks are not among them.
        ending: "?" for a question, ":" for a line that introduces a list, else "".
        bullet: Whether it begins a list item.
    """

    start: int
    end: int
    tokens: tuple[Token, ...]
    ending: str = ""
    bullet: bool = False

    def words(self) -> tuple[str, ...]:
        """The texts of the tokens."""
        return tuple(t.text for t in self.tokens)


def normalise(text: str) -> str:
    """Subscripts to digits, odd dashes, quotes and spaces to plain ones; offsets stay."""
    return text[:MAX_CHARS].translate(_ONE_TO_ONE)


def split_sentences(text: str, protected: list[tuple[int, int]]) -> list[Sentence]:
    """Sentences of normalised text.

    Args:
        text: What `normalise` gave.
        protected: Spans (sorted) of SMILES and keys; they neither end a sentence nor give tokens.
    """
    sentences: list[Sentence] = []
    start = 0
    fresh_line = True
    for match in sentence_breaks(text, protected):
        _append(sentences, text, (start, match.start()), match[0], fresh_line, protected)
        fresh_line = match[0] == "\n"
        start = match.end()
    _append(sentences, text, (start, len(text)), "", fresh_line, protected)
    return sentences


def sentence_breaks(text: str, protected: list[tuple[int, int]]) -> Iterator[re.Match[str]]:
    """Where sentences of normalised text end: their end marks, and the ends of lines."""
    shield = _Shield(protected)
    for match in _BREAK.finditer(text):
        if not (shield.covers(match.start()) or _is_abbreviation(text, match)):
            yield match


class _Shield:
    """Asks for growing positions whether they lie in a protected span."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._spans = spans
        self._next = 0

    def covers(self, position: int) -> bool:
        while self._next < len(self._spans) and self._spans[self._next][1] <= position:
            self._next += 1
        return self._next < len(self._spans) and self._spans[self._next][0] <= position


def _is_abbreviation(text: str, match: re.Match[str]) -> bool:
    """Whether the full stop belongs to "e.g." and the like, or numbers a list item ("1. ")."""
    if match[0] != ".":
        return False
    before = text[max(0, match.start() - 8) : match.start()]
    cut = before.rfind("\n")
    if cut >= 0 or match.start() <= 8:
        line = before[cut + 1 :].strip(" *_")
        if line.isdigit():
            return True
    pieces = before.split()
    last = pieces[-1].lstrip("(*_[").lower() if pieces and not before[-1:].isspace() else ""
    if last in _NUMBERS:  # "No. 2", but "No. Molecule 1 has none."
        return text[match.end() : match.end() + 2].lstrip()[:1].isdigit()
    return last in _ABBREVIATIONS


def _append(
    sentences: list[Sentence],
    text: str,
    span: tuple[int, int],
    end_mark: str,
    fresh_line: bool,
    protected: list[tuple[int, int]],
) -> None:
    start, end = span
    bullet = False
    if fresh_line and (mark := _BULLET.match(text, start, end)):
        bullet, start = True, mark.end()
    body = text[start:end].strip(" \t*_`\"'")
    if not body:
        return
    ending = "?" if end_mark == "?" else ":" if body.endswith(":") else ""
    tokens = tuple(_tokens(text, start, end, protected))
    for first in range(0, max(len(tokens), 1), MAX_TOKENS):
        piece = tokens[first : first + MAX_TOKENS]
        begin = piece[0].start if first else start
        stop = end if first + MAX_TOKENS >= len(tokens) else piece[-1].end
        sentences.append(Sentence(begin, stop, piece, ending, bullet))


def _tokens(text: str, start: int, end: int, protected: list[tuple[int, int]]) -> list[Token]:
    tokens: list[Token] = []
    shield = _Shield([s for s in protected if s[1] > start and s[0] < end])
    for match in _TOKEN.finditer(text, start, end):
        if shield.covers(match.start()):
            continue
        raw = match[0]
        if match.lastgroup == "number":
            value, decimals = _number(raw)
            tokens.append(Token(raw, match.start(), match.end(), "number", value, decimals))
        elif match.lastgroup == "word":
            word = _WORD_TAIL.sub("", raw.lower())
            tokens.append(Token(word, match.start(), match.end(), "word"))
        else:
            tokens.append(Token(raw, match.start(), match.end(), "symbol"))
    return tokens


def _number(raw: str) -> tuple[float, int]:
    """Value and decimals; a comma is a decimal mark unless it groups thousands."""
    head, comma, tail = raw.rpartition(",")
    if comma and len(tail.partition(".")[0]) != 3:
        raw = f"{head}.{tail}"
    plain = raw.replace(",", "")[:40]
    return float(plain), len(plain.partition(".")[2])
