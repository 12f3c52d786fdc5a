"""Answers as HTML: all escaped, a few marks of formatting, check marks and drawings in place.

What is formatted in an answer is decided in `assistant.chat.answer_text`; here it becomes HTML.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

from assistant.chat.answer_text import (
    MARKS,
    VERDICTS,
    Block,
    Span,
    answer_blocks,
    is_structure,
)
from assistant.chat.check import Check
from assistant.chat.sentences import SentenceSpan, sentence_spans

LONGEST_UNBROKEN = 30

# RDKit's palette → colours of the page, so that one drawing serves light and dark.
_ATOM_COLOURS = {
    "#000000": "currentColor",
    "#FF0000": "var(--atom-o)",
    "#0000FF": "var(--atom-n)",
    "#4284F4": "var(--atom-n)",
    "#33CCCC": "var(--atom-f)",
    "#00CC00": "var(--atom-cl)",
    "#7F4C19": "var(--atom-br)",
    "#A01EEF": "var(--atom-i)",
    "#CCCC00": "var(--atom-s)",
    "#7F7F00": "var(--atom-s)",
    "#FF7F00": "var(--atom-p)",
}


def escape(text: object) -> str:
    """Text made inert for HTML, quotes included."""
    return html.escape(str(text), quote=True)


def drawing(svg: str, label: str, *, css: str = "drawing") -> str:
    """A drawing as an inline picture in the page's own colours, with a text for screen readers.

    Without a label it only repeats what stands beside it, and screen readers pass over it.
    """
    said = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return f'<span class="{css}" {said} translate="no">{page_colours(svg)}</span>'


def page_colours(svg: str) -> str:
    """A drawing whose atoms have the colours that the page gives them, light or dark."""
    return re.sub(
        r"#[0-9A-Fa-f]{6}\b", lambda m: _ATOM_COLOURS.get(m.group().upper(), m.group()), svg
    )


_GLYPHS = {
    "copy": '<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/>'
    '<path d="M10.5 5.5v-2A1.5 1.5 0 0 0 9 2H4a1.5 1.5 0 0 0-1.5 1.5v5A1.5 1.5 0 0 0 4 10h1.5"/>',
    "up": '<path d="M5 7.5v6H2.8v-6zM5 7.5 8 2c1.2 0 1.9.9 1.6 2.1L9.1 6.5h3.6c.9 0 1.5.8 1.3 1.7'
    'l-1 4.1c-.2.7-.8 1.2-1.5 1.2H5"/>',
}
_GLYPHS["down"] = f'<g transform="rotate(180 8 8)">{_GLYPHS["up"]}</g>'


def glyph(name: str) -> str:
    """A small line drawing; the text beside or the label of its button says what it means."""
    return f'<svg class="glyph" viewBox="0 0 16 16" aria-hidden="true">{_GLYPHS[name]}</svg>'


def badge(number: int) -> str:
    """The coloured number of a molecule."""
    return f'<span class="num num-{(number - 1) % 8 + 1}">{number}</span>'


@dataclass(frozen=True)
class Figure:
    """A structure found in an answer: how to draw it and what loading it would be called."""

    smiles: str
    svg: str
    number: int
    known: bool


def answer_html(
    text: str,
    checks: Sequence[Check],
    figures: Mapping[str, Figure],
    *,
    turn: int | None = None,
    differing: Set[tuple[int, int]] = frozenset(),
) -> str:
    """The body of a finished answer.

    Args:
        text: The answer as the model wrote it.
        checks: Verdicts with offsets into `text`.
        figures: Drawings by canonical SMILES; each appears under the block that names it first.
        turn: Its question, counted from 0, where each sentence can be asked "why".
        differing: Offsets of claims that answers beside this one contradict.
    """
    sentences = () if turn is None else sentence_spans(text)
    shown: set[str] = set()
    parts: list[str] = []
    open_list: str | None = None
    cuts = [offset for one in sentences for offset in (one.start, one.end)]
    for block in answer_blocks(text, checks, cuts):
        wanted = "ol" if block.ordered else "ul" if block.item else None
        if open_list != wanted:
            parts.append(f"</{open_list}>" if open_list else "")
            start = f' start="{block.number}"' if block.number not in (None, 1) else ""
            parts.append(f"<{wanted}{start}>" if wanted else "")
            open_list = wanted
        body = _block_html(block, sentences, turn, differing)
        tag = "li" if block.item else "p"
        css = ' class="heading"' if block.heading else ""
        pictures = _pictures(block, checks, figures, shown)
        notes = _notes(block, checks, figures)
        parts.append(
            f"<{tag}{css}>{body}{pictures}{notes}</{tag}>"
            if block.item
            else f"<p{css}>{body}</p>{pictures}{notes}"
        )
    parts.append(f"</{open_list}>" if open_list else "")
    return "".join(parts)


def live_parts(text: str) -> tuple[list[str], str]:
    """A growing answer as finished blocks of HTML and the raw tail: each flush only appends."""
    cut = text.rfind("\n\n") + 2
    if cut < 2:
        return [], text
    return [answer_html(text[:cut], (), {})], text[cut:]


def plain_html(text: str) -> str:
    """A person's own words: escaped, line breaks kept."""
    return escape(text).replace("\n", "<br>")


def _block_html(
    block: Block,
    sentences: Sequence[SentenceSpan],
    turn: int | None,
    differing: Set[tuple[int, int]],
) -> str:
    """The characters of a block with their marks, in their sentences."""

    def place(span: Span) -> int | None:
        at = bisect_right(sentences, span.start, key=lambda one: one.start) - 1
        return at if at >= 0 and span.start < sentences[at].end else None

    out: list[str] = []
    for number, spans in groupby(block.spans, place):
        body = "".join(_span_html(span, differing) for span in spans)
        out.append(body if number is None else _sentence(body, number, turn))
    return "".join(out)


def _sentence(body: str, number: int, turn: int | None) -> str:
    """A sentence and its "why", seen where the mouse is; keys get there by the answer's own."""
    return (
        f'<span class="sentence" data-sentence="{number}">{body}'
        f'<button type="button" class="why-here" tabindex="-1" data-why="{turn}"'
        f' data-sentence="{number}" data-tip="what of the molecule this sentence depends on">'
        "why</button></span>"
    )


def _span_html(span: Span, differing: Set[tuple[int, int]]) -> str:
    out: list[str] = []
    for piece in span.pieces:
        body = escape(piece.text).replace("\n", "<br>")
        out.append(f"<{piece.style}>{body}</{piece.style}>" if piece.style else body)
    body = "".join(out)
    if span.check is None:
        return body
    claim = _claim(body, span.check, span.ends)
    if (span.check.start, span.check.end) not in differing:
        return claim
    sign = '<span class="unequal" role="img" aria-label="differs">≠</span>' if span.ends else ""
    return f'<span class="differs">{claim}{sign}</span>'


def _claim(body: str, check: Check, with_mark: bool) -> str:
    """A checked phrase, its sign, and the computed value on hover and focus."""
    code = " smiles" if is_structure(check) else ""
    if not with_mark:
        return f'<span class="claim {check.verdict}{code}">{body}</span>'
    tip = VERDICTS[check.verdict]
    if check.truth is not None:
        tip += f" — computed: {check.truth}"
    if check.molecule is not None:
        tip += f" (molecule {check.molecule})"
    if check.note is not None:
        tip += f" — {check.note}"
    mark = (
        f'<button type="button" class="mark" data-tip="{escape(tip)}" aria-label="{escape(tip)}">'
        f"{MARKS[check.verdict]}</button>"
    )
    start, space, word = body.rpartition(" ")
    if len(word) <= LONGEST_UNBROKEN and "<" not in word:  # the sign stays on its word's line
        body, mark = start + space, f'<span class="end">{word}{mark}</span>'
    return f'<span class="claim {check.verdict}{code}">{body}{mark}</span>'


def _pictures(
    block: Block, checks: Sequence[Check], figures: Mapping[str, Figure], shown: set[str]
) -> str:
    """Drawings of the structures named in a block that were not drawn above."""
    out: list[str] = []
    for check in checks:
        figure = figures.get(check.smiles or "")
        inside = block.start <= check.start < block.end
        if figure is None or not inside or figure.smiles in shown:
            continue
        shown.add(figure.smiles)
        out.append(figure_html(figure))
    return f'<span class="figures">{"".join(out)}</span>' if out else ""


def _notes(block: Block, checks: Sequence[Check], figures: Mapping[str, Figure]) -> str:
    """What is known of the predicted numbers of a block, with the molecules they are near to."""
    out = []
    for check in checks:
        if check.note is None or not block.start <= check.start < block.end:
            continue
        figure = figures.get(check.near or "")
        picture = figure_html(figure, about="most similar training molecule") if figure else ""
        # A structure stands beside its note, so that it needs no name.
        text = (
            f"{check.kind}: {check.note}"
            if check.kind != "smiles"
            else check.note[0].upper() + check.note[1:]
        )
        out.append(
            f'<span class="predicted"><span><span class="sign" aria-hidden="true">'
            f"{MARKS[check.verdict]}</span> {escape(text)}.</span>"
            f"{picture}</span>"
        )
    return "".join(out)


def figure_html(figure: Figure, *, about: str = "") -> str:
    """One structure drawn in place, with a button that loads it into the sketcher.

    Args:
        figure: What is drawn.
        about: What it is, where the text around it does not say so.
    """
    name = f"molecule {figure.number}"
    action = f"open {name} in sketcher" if figure.known else f"open in sketcher as {name}"
    caption = f'<span class="about">{escape(about)}</span>' if about else ""
    return (
        f'<span class="figure">{caption}{drawing(figure.svg, figure.smiles)}<span class="row">'
        f'<button type="button" class="link" data-act="load" data-smiles="{escape(figure.smiles)}"'
        f' title="{escape(figure.smiles)}">{badge(figure.number)} '
        f'<span class="what">{action}</span></button>{copy_button(name)}</span></span>'
    )


def copy_button(what: str) -> str:
    """Opens the menu of what a drawing can be copied as."""
    said = f"copy {escape(what)}, put it into Pair, or compare it"
    return (
        '<button type="button" class="tool copy-structure" aria-haspopup="menu"'
        f' aria-label="{said}" data-tip="{said}">{glyph("copy")}</button>'
    )
