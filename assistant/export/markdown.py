"""Markdown: every drawing is inside the file, every claim keeps its sign, SMILES stay code."""

import base64
import json
import re
from collections.abc import Iterator
from html import escape

from assistant.chat.answer_text import MARKS, Block, Piece, Span, answer_blocks, is_structure
from assistant.chat.card import card_lines
from assistant.chat.conversation import Message
from assistant.chat.first_attempt import FirstAttempt
from assistant.export.source import Export, MoleculeRecord, Turn, checked_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
_LIST_START = re.compile(r"^(\s*)([-+=])(?=[\s=-]|$)", re.MULTILINE)
_COUNTED_START = re.compile(r"^(\s*\d+)([.)])(?=\s|$)", re.MULTILINE)


def to_markdown(export: Export) -> str:
    """The whole conversation."""
    parts = [
        f"# {literal(export.title)}",
        f"Molecule Chat, exported {export.written:%Y-%m-%d %H:%M}."
        " ✓ agrees with the structure, ✗ contradicts it, ? cannot be computed."
        " Facts are computed by RDKit, answers are written by a language model.",
    ]
    if export.records:
        parts += ["## Molecules", *map(_molecule, export.records)]
    if export.turns:
        parts += ["## Conversation", *(_turn(turn, export) for turn in export.turns)]
    return "\n\n".join(parts) + "\n"


def literal(text: str) -> str:
    """Text that Markdown must not read as markup."""
    inert = _SPECIAL.sub(r"\\\1", text)
    return _COUNTED_START.sub(r"\1\\\2", _LIST_START.sub(r"\1\\\2", inert))


def code(text: str) -> str:
    """A code span, whatever backticks are inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def picture(svg: str, label: str) -> str:
    """A drawing inside the file, on white so that it is seen on a dark page too."""
    opening = svg.index(">") + 1
    on_white = f'{svg[:opening]}<rect width="100%" height="100%" fill="#fff"/>{svg[opening:]}'
    data = base64.b64encode(on_white.encode()).decode()
    return f"![{literal(label)}](data:image/svg+xml;base64,{data})"


def _molecule(record: MoleculeRecord) -> str:
    molecule, facts = record.entry.molecule, record.look.facts
    role = f" ({record.entry.role})" if record.entry.role else ""
    rows = [("SMILES", code(molecule.smiles)), ("InChIKey", code(facts.inchikey or "none"))]
    rows += [(line.label, literal(line.value)) for line in card_lines(facts)]
    table = "\n".join(f"| {label} | {value} |" for label, value in rows)
    return (
        f"### {record.number}. {literal(record.title)}{role}\n\n"
        f"{picture(record.look.svg, f'molecule {record.number}')}\n\n"
        f"| fact | computed |\n|---|---|\n{table}"
    )


def _turn(turn: Turn, export: Export) -> str:
    about = ", ".join(str(n) for n in export.conversation.focus(turn.number - 1))
    molecules = f" (molecule {about})" if about else ""
    lines = (f"> {line}".rstrip() for line in literal(turn.question.text).split("\n"))
    asked = "  \n".join(lines)  # else the lines of a list of molecules run into one
    parts = [f"### Question {turn.number}{molecules}", asked]
    if turn.answer is not None:
        parts += _answer(turn.answer, export, literal(export.elsewhere_line(turn)))
    return "\n\n".join(parts)


def _answer(answer: Message, export: Export, elsewhere: str) -> Iterator[str]:
    line = checked_line(answer)
    yield f"**Answer**{f' · {line}' if line else ''}"
    if elsewhere:
        yield elsewhere
    yield from _body(answer, export)
    if answer.stopped:
        yield "*stopped here*"
    if answer.checks:
        yield _checks(answer)
    if answer.first_attempt is not None:
        yield _withdrawn(answer.first_attempt, export)
    if answer.passport:
        whole = json.dumps(answer.passport, indent=2, ensure_ascii=False)
        fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", whole)), 3)
        yield f"<details><summary>passport</summary>\n\n{fence}json\n{whole}\n{fence}\n\n</details>"


def _withdrawn(first: FirstAttempt, export: Export) -> str:
    """What the answer was before it was written again, folded away, with what was wrong in it."""
    attempt = Message("assistant", first.text, checks=first.checks)
    parts = [f"<details><summary>{escape(first.heading)}</summary>", *_body(attempt, export)]
    return "\n\n".join([*parts, _checks(attempt), "</details>"])


def _body(answer: Message, export: Export) -> Iterator[str]:
    items: list[str] = []
    drawn: set[str] = set()
    for block in answer_blocks(answer.text, answer.checks):
        text = "".join(map(_span, block.spans))
        pictures = _pictures(block, answer, export, drawn)
        if block.item:
            bullet = f"{block.number}." if block.ordered else "-"
            items.append(f"{bullet} {text}" + "".join(f"\n\n  {p}\n" for p in pictures))
            continue
        if items:
            yield "\n".join(items)
            items = []
        yield f"#### {text}" if block.heading else text.replace("\n", "  \n")
        yield from pictures
    if items:
        yield "\n".join(items)


def _pictures(block: Block, answer: Message, export: Export, drawn: set[str]) -> list[str]:
    out: list[str] = []
    for check in answer.checks:
        svg = export.drawings.get(check.smiles or "")
        if svg and block.start <= check.start < block.end and check.smiles not in drawn:
            drawn.add(check.smiles)
            out.append(picture(svg, check.smiles))
    return out


def _span(span: Span) -> str:
    check = span.check
    if check is not None and is_structure(check):
        body = code("".join(piece.text for piece in span.pieces))
    else:
        body = "".join(map(_piece, span.pieces))
    if check is None or not span.ends:
        return body
    truth = f" (computed: {literal(check.truth)})" if _is_news(check.verdict, check.truth) else ""
    return f"{body} {MARKS[check.verdict]}{truth}"


def _is_news(verdict: str, truth: str | None) -> bool:
    """Whether the computed value stands in the text: where it is not what was claimed."""
    return verdict == "contradicted" and truth is not None


def _piece(piece: Piece) -> str:
    if piece.style == "code":
        return code(piece.text)
    return f"**{literal(piece.text)}**" if piece.style == "strong" else literal(piece.text)


def _checks(answer: Message) -> str:
    rows = "\n".join(
        f"| {MARKS[c.verdict]} | {_cell(c.claim, is_structure(c))}"
        f" | {_cell(c.truth or c.note or '')} | {c.molecule or ''} |"
        for c in answer.checks
    )
    return f"| | claim | computed | molecule |\n|---|---|---|---|\n{rows}"


def _cell(text: str, as_code: bool = False) -> str:
    flat = " ".join(text.split())
    return code(flat).replace("|", "\\|") if as_code else literal(flat)
