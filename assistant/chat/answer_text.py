"""An answer as blocks of marked text: what page, Markdown and PDF are written from.

An answer is text with claims at known offsets, so formatting is decided per character of the
original text: a SMILES is never read as Markdown, and no check can slip to another word. Read are
paragraphs, headings, lists, `code` and **bold**; everything else is literal.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.chat.check import Check

Style = Literal["", "code", "strong"]

MARKS = {"confirmed": "✓", "contradicted": "✗", "unverifiable": "?"}
VERDICTS = {
    "confirmed": "Agrees with the structure",
    "contradicted": "Contradicts the structure",
    "unverifiable": "Cannot be checked by computation",
}

_ITEM = re.compile(r"^[ \t]*(?:[-*•]|(\d{1,3})[.)])[ \t]+")
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]+")
_CODE = re.compile(r"`([^`\n]+)`")
_BOLD = re.compile(r"\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*(?![A-Za-z0-9])")


@dataclass(frozen=True)
class Piece:
    """Characters in one style."""

    text: str
    style: Style = ""


@dataclass(frozen=True)
class Span:
    """Pieces that belong to one claim, or to none.

    Attributes:
        pieces: Its text.
        check: The verdict on the claim.
        ends: Whether the claim ends here, so that its sign follows.
        start: Where it begins in the answer.
    """

    pieces: tuple[Piece, ...]
    check: Check | None = None
    ends: bool = False
    start: int = 0


@dataclass(frozen=True)
class Block:
    """A paragraph, heading or list item: characters `start` to `end` of the answer.

    Attributes:
        number: Of an item of a numbered list: what the first one says, and counted from there.
    """

    start: int
    end: int
    item: bool = False
    number: int | None = None
    heading: bool = False
    spans: tuple[Span, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether it is an item of a numbered list."""
        return self.number is not None


def is_structure(check: Check) -> bool:
    """Whether the claim is a structure written out, to be set as code."""
    return bool(check.smiles) or check.kind == "smiles"


def answer_blocks(
    text: str, checks: Sequence[Check], cuts: Iterable[int] = ()
) -> tuple[Block, ...]:
    """The blocks of an answer with its claims in place.

    Args:
        text: The answer.
        checks: Verdicts with offsets into it.
        cuts: Offsets at which a new span begins in any case.
    """
    reader = _SpanReader(text, checks, frozenset(cuts))
    return tuple(
        Block(b.start, b.end, b.item, b.number, b.heading, reader.spans(b.start, b.end))
        for b in _blocks(text)
    )


def _blocks(text: str) -> list[Block]:
    """Paragraphs, headings and list items as ranges of the text."""
    blocks: list[Block] = []
    position = 0
    fresh = True
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        end = start + len(line.rstrip())
        item, heading = _ITEM.match(line), _HEADING.match(line)
        if end == start:
            fresh = True
        elif item:
            number = _number(item.group(1), blocks[-1] if blocks else None)
            blocks.append(Block(start + item.end(), end, item=True, number=number))
            fresh = False
        elif heading:
            blocks.append(Block(start + heading.end(), end, heading=True))
            fresh = True
        elif fresh or not blocks:
            blocks.append(Block(start, end))
            fresh = False
        else:  # a line that goes on: the block grows
            last = blocks[-1]
            blocks[-1] = Block(last.start, end, last.item, last.number)
    return blocks


def _number(written: str | None, before: Block | None) -> int | None:
    if written is None:
        return None
    return int(written) if before is None or before.number is None else before.number + 1


class _SpanReader:
    """Per-character view of an answer: hidden markup, bold, code, and the check it is in."""

    def __init__(self, text: str, checks: Sequence[Check], cuts: frozenset[int]) -> None:
        self._text = text
        self._cuts = cuts
        self._checks = [c for c in checks if 0 <= c.start < c.end <= len(text)]
        self._owner = [-1] * len(text)
        for index, check in enumerate(self._checks):
            if all(owner < 0 for owner in self._owner[check.start : check.end]):
                self._owner[check.start : check.end] = [index] * (check.end - check.start)
        protected = {
            i for check in self._checks if is_structure(check)
            for i in range(check.start, check.end)
        }  # fmt: skip
        self._style: list[Style] = [""] * len(text)
        self._hidden = [False] * len(text)
        patterns: tuple[tuple[re.Pattern[str], Style, int], ...] = (
            (_CODE, "code", 1),
            (_BOLD, "strong", 2),
        )
        for pattern, style, fence in patterns:
            for match in pattern.finditer(text):
                fences = [*range(match.start(), match.start() + fence)]
                fences += range(match.end() - fence, match.end())
                if protected.intersection(fences) or any(self._style[i] for i in fences):
                    continue
                for i in range(match.start() + fence, match.end() - fence):
                    self._style[i] = self._style[i] or style
                for i in fences:
                    self._hidden[i] = True

    def spans(self, start: int, end: int) -> tuple[Span, ...]:
        """The characters of a range by the claim they are in."""
        out: list[Span] = []
        at = start
        while at < end:
            owner = self._owner[at]
            stop = at + 1
            while stop < end and self._owner[stop] == owner and stop not in self._cuts:
                stop += 1
            check = self._checks[owner] if owner >= 0 else None
            ends = check is not None and stop >= min(check.end, end)
            out.append(Span(self._pieces(at, stop), check, ends, at))
            at = stop
        return tuple(out)

    def _pieces(self, start: int, end: int) -> tuple[Piece, ...]:
        out: list[Piece] = []
        at = start
        while at < end:
            style, hidden = self._style[at], self._hidden[at]
            stop = at
            while stop < end and (self._style[stop], self._hidden[stop]) == (style, hidden):
                stop += 1
            if not hidden:
                out.append(Piece(self._text[at:stop], style))
            at = stop
        return tuple(out)
