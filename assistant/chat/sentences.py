"""The sentences of an answer as ranges of its characters, for what is asked of one of them.

The checker's own sentence breaks; a SMILES ends none.
"""

from dataclasses import dataclass

from assistant.chat.claims.structures import find_structures
from assistant.chat.claims.text import normalise, split_sentences


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
    protected = [(one.start, one.end) for one in find_structures(plain)]
    ranges: list[tuple[int, int]] = []
    for sentence in split_sentences(plain, sorted(protected)):
        start, end = _trimmed(text, sentence.start, sentence.end)
        while end < len(text) and text[end] in ".!?;:”\"')*_`]":
            end += 1
        if start < end and (not ranges or start >= ranges[-1][1]):
            ranges.append((start, end))
    borders = [0, *(start for start, _ in ranges[1:]), len(text)]
    return tuple(
        SentenceSpan(start, end, borders[place], borders[place + 1])
        for place, (start, end) in enumerate(ranges)
    )


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
