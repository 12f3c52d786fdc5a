"""A PDF with drawings as vectors: molecules with their facts, then the dialogue with its checks.

fpdf2 writes it: pure Python, one small package, draws RDKit's SVG as paths and embeds the part of
a font that is used (check marks, Greek letters and subscripts are in no standard PDF font).
"""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos

from assistant.chat.answer_text import MARKS, Block, Span, answer_blocks, is_structure
from assistant.chat.card import card_lines
from assistant.chat.conversation import Message
from assistant.chat.first_attempt import FirstAttempt
from assistant.chat.passport import passport_rows
from assistant.export.source import HEIGHT, WIDTH, Export, MoleculeRecord, Turn, checked_line

FONTS = Path(__file__).parent / "fonts"
FAMILY = "DejaVu"

# mm and points
MARGIN, LINE, SMALL_LINE = 18.0, 5.4, 4.3
TEXT, SMALL, HEADING, TITLE = 10.0, 8.0, 12.5, 18.0
DRAWING = 62.0
FIGURE = 46.0
INDENT = 5.0
SHOWN_LETTERS = 8  # that a notice spells out

Colour = tuple[int, int, int]
INK: Colour = (27, 35, 41)
QUIET: Colour = (91, 104, 115)
COMPUTED: Colour = (10, 94, 168)
RULE: Colour = (217, 222, 227)
BUBBLE: Colour = (236, 240, 244)
VERDICT_COLOURS: dict[str, Colour] = {
    "confirmed": (0, 112, 79),
    "contradicted": (179, 52, 10),
    "unverifiable": (122, 92, 0),
}


def to_pdf(export: Export) -> bytes:
    """The whole conversation, A4."""
    for noisy in ("fpdf", "fontTools"):  # one line for every letter a font does not have
        logging.getLogger(noisy).setLevel(logging.ERROR)
    sheet = _Sheet(export)
    sheet.opening()
    for record in export.records:
        sheet.molecule(record)
    for turn in export.turns:
        sheet.turn(turn)
    return bytes(sheet.output())


class _Sheet(FPDF):
    """The document with the few forms it is made of."""

    def __init__(self, export: Export) -> None:
        super().__init__(format="A4")
        self._export = export
        for style, file in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
            self.add_font(FAMILY, style, FONTS / file)
        self.set_margins(MARGIN, MARGIN, MARGIN)
        self.set_auto_page_break(True, margin=MARGIN)
        self.set_title(export.title)
        self.set_creator("Molecule Chat")
        self.set_creation_date(export.written)
        self.set_lang("en")
        self.add_page()

    def footer(self) -> None:
        """Title and page number; called by the library at the end of each page."""
        self.set_y(-MARGIN + 4)
        self._face(SMALL, QUIET)
        self.cell(self.epw / 2, SMALL_LINE, self._export.title[:70])
        self.cell(self.epw / 2, SMALL_LINE, f"{self.page_no()} / {{nb}}", align="R")

    def opening(self) -> None:
        """Title, date, and what the signs mean."""
        self._face(TITLE, INK, "B")
        self.multi_cell(0, 9, self._export.title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._face(SMALL, QUIET)
        self.multi_cell(
            0,
            SMALL_LINE,
            f"Molecule Chat, exported {self._export.written:%Y-%m-%d %H:%M}. "
            "Facts are computed by RDKit, answers are written by a language model: "
            "✓ agrees with the structure, ✗ contradicts it, ? cannot be computed.",
            align="L",
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
        if missing := self._missing_letters():
            self.ln(1)
            self._face(SMALL, VERDICT_COLOURS["unverifiable"], "B")
            self.multi_cell(0, SMALL_LINE, missing, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(3)

    def _missing_letters(self) -> str:
        """Which letters the font does not have, in words; "" where it has them all."""
        export = self._export
        texts = [export.title, *(r.title for r in export.records)]
        for message in export.conversation.messages:
            texts.append(message.text)
            if message.first_attempt is not None:
                texts.append(message.first_attempt.text)
        has = self.fonts[FAMILY.lower()].cmap
        missing = sorted({c for c in "".join(texts) if c.isprintable() and ord(c) not in has})
        if not missing:
            return ""
        codes = ", ".join(f"U+{ord(c):04X}" for c in missing[:SHOWN_LETTERS])
        more = ", …" if len(missing) > SHOWN_LETTERS else ""
        is_one = len(missing) == 1
        return (
            f"! {len(missing)} {'letter' if is_one else 'letters'} of this conversation"
            f" {'is' if is_one else 'are'} not in the font of this document and"
            f" {'is' if is_one else 'are'} shown empty ({codes}{more}). The exports as Markdown and"
            " JSON have them."
        )

    def molecule(self, record: MoleculeRecord) -> None:
        """Drawing at the left, facts at the right."""
        height = DRAWING * HEIGHT / WIDTH
        self._room(height + 24)
        role = f"  ({record.entry.role})" if record.entry.role else ""
        self._heading(f"{record.number}   {record.title}{role}")
        top, page = self.get_y(), self.page
        self.image(io.BytesIO(record.look.svg.encode()), MARGIN, top, w=DRAWING)
        left = MARGIN + DRAWING + 6
        with self._indented(left - MARGIN):
            self._facts(record)
        if self.page == page:
            self.set_y(max(self.get_y(), top + height))
        self.ln(4)

    def _facts(self, record: MoleculeRecord) -> None:
        molecule, facts = record.entry.molecule, record.look.facts
        rows = [("SMILES", molecule.smiles), ("InChIKey", facts.inchikey or "none")]
        rows += [(line.label, line.value) for line in card_lines(facts)]
        label_width = 34.0
        for label, value in rows:
            self._face(SMALL, QUIET)
            self.set_x(self.l_margin)
            self.cell(label_width, SMALL_LINE, label)
            self._face(SMALL, COMPUTED)
            self.multi_cell(
                0, SMALL_LINE, f"= {value}", align="L", wrapmode=_wrapping(value),
                new_x=XPos.LMARGIN, new_y=YPos.NEXT,
            )  # fmt: skip

    def turn(self, turn: Turn) -> None:
        """A question in its bubble and the answer below it."""
        about = ", ".join(str(n) for n in self._export.conversation.focus(turn.number - 1))
        self._room(30)
        self.ln(2)
        self._face(SMALL, QUIET, "B")
        molecules = f" · molecule {about}" if about else ""
        self.cell(0, SMALL_LINE, f"Question {turn.number}{molecules}")
        self.ln(SMALL_LINE + 0.5)
        self._face(TEXT, INK)
        self.set_fill_color(*BUBBLE)
        self.multi_cell(
            0, LINE, turn.question.text, align="L", fill=True, padding=2,
            new_x=XPos.LMARGIN, new_y=YPos.NEXT,
        )  # fmt: skip
        self.ln(2.5)
        if turn.answer is not None:
            self._answer(turn.answer, self._export.elsewhere_line(turn))

    def _answer(self, answer: Message, elsewhere: str) -> None:
        line = checked_line(answer)
        if line:
            wrong = any(c.verdict == "contradicted" for c in answer.checks)
            checked = any(c.verdict != "unverifiable" for c in answer.checks)
            verdict = "contradicted" if wrong else "confirmed" if checked else "unverifiable"
            self._face(SMALL, VERDICT_COLOURS[verdict], "B")
            self.cell(0, SMALL_LINE, f"{MARKS[verdict]} {line}")
            self.ln(SMALL_LINE + 1)
        if elsewhere:
            self._face(SMALL, VERDICT_COLOURS["unverifiable"], "B")
            self.multi_cell(
                0, SMALL_LINE, elsewhere, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
            )
            self.ln(1)
        self._blocks(answer)
        if answer.stopped:
            self._face(SMALL, QUIET)
            self.cell(0, SMALL_LINE, "■ stopped here")
            self.ln(SMALL_LINE)
        if answer.first_attempt is not None:
            self._withdrawn(answer.first_attempt)
        self._passport(answer)

    def _blocks(self, answer: Message) -> None:
        drawn: set[str] = set()
        for block in answer_blocks(answer.text, answer.checks):
            self._block(block, f"{block.number}." if block.ordered else "•")
            self._figures(block, answer, drawn)

    def _withdrawn(self, first: FirstAttempt) -> None:
        """What the answer was before it was written again, beside a line of its own."""
        is_wrong = any(check.verdict == "contradicted" for check in first.checks)
        self._face(SMALL, VERDICT_COLOURS["contradicted"] if is_wrong else QUIET, "B")
        mark = MARKS["contradicted"] if is_wrong else "↻"
        self.cell(0, SMALL_LINE, f"{mark} {first.heading}")
        self.ln(SMALL_LINE + 1)
        with self._indented(INDENT):
            self._blocks(Message("assistant", first.text, checks=first.checks))

    def _block(self, block: Block, bullet: str) -> None:
        with self._indented(INDENT if block.item else 0.0):
            if block.item:
                self._face(TEXT, QUIET)
                self.set_x(self.l_margin - INDENT)
                self.cell(INDENT, LINE, bullet)
            for span in block.spans:
                self._span(span, bold=block.heading)
            self.ln(LINE + (0.6 if block.item else 2.2))

    def _span(self, span: Span, *, bold: bool) -> None:
        check = span.check
        for piece in span.pieces:
            strong = bold or piece.style == "strong"
            plain = piece.style != "code" and not (check and is_structure(check))
            self._face(TEXT if plain else TEXT - 1, INK, "B" if strong else "")
            self.write(LINE, piece.text)
        if check is not None and span.ends:
            self._face(TEXT, VERDICT_COLOURS[check.verdict], "B")
            self.write(LINE, f"\u00a0{MARKS[check.verdict]}")
            if check.verdict == "contradicted" and check.truth:
                self._face(SMALL, COMPUTED)
                self.write(LINE, f" (computed: {check.truth})")
            elif check.note:
                self._face(SMALL, COMPUTED)
                self.write(LINE, f" ({check.note})")

    def _figures(self, block: Block, answer: Message, drawn: set[str]) -> None:
        for check in answer.checks:
            svg = self._export.drawings.get(check.smiles or "")
            if not svg or check.smiles in drawn or not block.start <= check.start < block.end:
                continue
            drawn.add(check.smiles)
            height = FIGURE * HEIGHT / WIDTH
            self._room(height)
            self.image(io.BytesIO(svg.encode()), MARGIN + INDENT, self.get_y(), w=FIGURE)
            self.set_y(self.get_y() + height + 1.5)

    def _passport(self, answer: Message) -> None:
        rows = passport_rows(answer.passport)
        if not rows:
            return
        self.ln(0.5)
        self._face(SMALL - 1.5, QUIET)
        text = " · ".join(f"{label}: {value}" for label, value in rows)
        self.multi_cell(0, 3.4, f"Passport. {text}", align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(2)

    # -- small things ------------------------------------------------------------------------

    def _heading(self, text: str) -> None:
        self._face(HEADING, INK, "B")
        self.multi_cell(0, 7, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_draw_color(*RULE)
        self.line(MARGIN, self.get_y(), MARGIN + self.epw, self.get_y())
        self.ln(2)

    def _face(self, size: float, colour: Colour, style: str = "") -> None:
        self.set_font(FAMILY, style, size)
        self.set_text_color(*colour)

    def _room(self, height: float) -> None:
        """Goes on to the next page where less than this is left."""
        if self.will_page_break(height):
            self.add_page()

    @contextmanager
    def _indented(self, by: float) -> Iterator[None]:
        before = self.l_margin
        self.set_left_margin(before + by)
        self.set_x(before + by)
        try:
            yield
        finally:
            self.set_left_margin(before)
            self.set_x(before)


def _wrapping(value: str) -> WrapMode:
    """Words stay whole; a SMILES has none and breaks anywhere."""
    return WrapMode.WORD if " " in value else WrapMode.CHAR
