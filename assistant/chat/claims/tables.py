"""Tables: which molecule and which property each cell is about.

    | Property | Molecule 1 | Molecule 2 |        | Molecule | MW     | Rings |
    | MW       | 180.16     | 46.07      |   or   | 1        | 180.16 | 1     |

A cell is read as a sentence of its own, "MW | 180.16", whose subject is the column's or the row's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.spoken_of import Mention, Subject
from assistant.chat.claims.text import Sentence, Token


@dataclass(frozen=True)
class Cell:
    """A cell with its property's words in front.

    Args:
        sentence: "property | value"; its offsets are those of the value.
        subject: Whom the value is about; None for whoever the text speaks of.
    """

    sentence: Sentence
    subject: Subject | None


class TableReader:
    """Takes the sentences of an answer in order and recognises the rows of tables."""

    def __init__(self) -> None:
        self._columns: dict[int, Subject] = {}
        self._properties: dict[int, tuple[Token, ...]] = {}

    def cells(
        self, sentence: Sentence, mentions: Sequence[Mention], terms: Sequence[TermMatch]
    ) -> list[Cell] | None:
        """The cells of a row below a header; [] for the header itself, None for anything else."""
        tokens = sentence.tokens
        if not tokens or tokens[0].text != "|":
            self._columns, self._properties = {}, {}
            return None
        spans = _spans(tokens)
        if not self._columns and not self._properties:
            return self._read_header(spans, tokens, mentions, terms)
        if self._columns:
            return self._by_column(spans, tokens)
        return self._by_row(spans, tokens, mentions)

    def _read_header(
        self,
        spans: list[range],
        tokens: Sequence[Token],
        mentions: Sequence[Mention],
        terms: Sequence[TermMatch],
    ) -> list[Cell] | None:
        named = {i: m.subject for i, span in enumerate(spans) for m in mentions if m.first in span}
        if len(named) >= 2:
            self._columns = named
            return []
        listed = {i for i, span in enumerate(spans) for t in terms if t.first in span}
        has_number = any(t.kind == "number" for t in tokens)
        if len(listed) >= 2 and not named and not has_number:
            self._properties = {i: tuple(tokens[j] for j in spans[i]) for i in listed}
            return []
        return None

    def _by_column(self, spans: list[range], tokens: Sequence[Token]) -> list[Cell]:
        label = [tokens[j] for j in spans[0]] if spans else []
        return [
            Cell(_sentence(label, [tokens[j] for j in span]), self._columns[i])
            for i, span in enumerate(spans)
            if i in self._columns and i > 0 and label and span
        ]

    def _by_row(
        self, spans: list[range], tokens: Sequence[Token], mentions: Sequence[Mention]
    ) -> list[Cell]:
        subject = mentions[0].subject if mentions else None
        return [
            Cell(_sentence(self._properties[i], [tokens[j] for j in span]), subject)
            for i, span in enumerate(spans)
            if i in self._properties and span
        ]


def _spans(tokens: Sequence[Token]) -> list[range]:
    """Token indices of the cells between the bars."""
    bars = [i for i, t in enumerate(tokens) if t.text == "|"]
    ends = [*bars[1:], len(tokens)]
    return [range(bar + 1, end) for bar, end in zip(bars, ends, strict=True)]


def _sentence(label: Sequence[Token], value: Sequence[Token]) -> Sentence:
    start, end = value[0].start, value[-1].end
    bar = Token("|", start, start, "symbol")
    return Sentence(start, end, (*label, bar, *value))
