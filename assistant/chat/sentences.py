"""The sentences of an answer as ranges of its characters, for what is asked of one of them.

They end where the checker's do. A dot inside a SMILES has no blank behind it and ends none, so
nothing is parsed here: a page of a hundred answers is cut in a millisecond or two.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.chat.claims.text import normalise, sentence_breaks

_BULLET = re.compile(r"\s*(?:(?:[-*•+]|[0-9]{1,2}[.)])[ \t]+|#{1,6}[ \t]+)?")
_CLOSING = "\"')*_`]”"


@dataclass(frozen=True)
class SentenceSpan:
    """A sentence of an answer.

    Attributes:
        start: Its first character.
        end: Behind its full stop.
        since: Where its tokens are counted from: its start, or that of the text.
        until: Where the next one starts: blanks and list signs between them belong to neither, but
            tokens of theirs are counted with this one, so that every token is in one sentence.
    """

    start: int
    end: int
    since: int
    until: int


def sentence_spans(text: str) -> tuple[SentenceSpan, ...]:
    """The sentences, list items and lines of an answer in order, without overlap."""
    plain = normalise(text)
    ranges: list[tuple[int, int]] = []
    begin, fresh_line = 0, True
    ends = [(match.end(), match[0] == "\n") for match in sentence_breaks(plain, [])]
    for stop, ends_line in [*ends, (len(text), True)]:
        start, end = _trimmed(text, begin, stop, fresh_line=fresh_line)
        while end < len(text) and text[end] in _CLOSING:
            end += 1
        if any(character.isalnum() for character in text[start:end]):
            ranges.append((start, end))
        begin, fresh_line = max(end, stop), ends_line
    borders = [0, *(start for start, _ in ranges[1:]), len(text)]
    return tuple(
        SentenceSpan(start, end, borders[place], borders[place + 1])
        for place, (start, end) in enumerate(ranges)
    )


def tokens_within(spans: Sequence[tuple[int, int]], start: int, until: int) -> tuple[int, ...]:
    """Places of the tokens of a part of the text.

    A token that reaches over a boundary belongs where its last character is (the blank in front of
    a word is part of the word's token); so parts that follow each other share no token.

    Args:
        spans: Characters of each token, (start, end).
        start: First character of the part.
        until: First character of the next part.
    """
    return tuple(i for i, (a, b) in enumerate(spans) if start <= max(a, b - 1) < until)


def _trimmed(text: str, start: int, end: int, *, fresh_line: bool) -> tuple[int, int]:
    """Without blanks around it, and without the sign of a list item or heading before it."""
    if fresh_line and (sign := _BULLET.match(text, start, end)):
        start = sign.end()
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
