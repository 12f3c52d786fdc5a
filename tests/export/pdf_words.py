"""The text of a PDF as a reader would copy it: glyphs through each font's own ToUnicode table."""

import contextlib
import re
import zlib

_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"/F(\d+) [\d.]+ Tf|\(((?:[^\\()]|\\.)*)\)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def words_of(pdf: bytes) -> str:
    """All text in the order in which it was written; fpdf2 numbers its fonts from 1."""
    tables = [
        {
            int(glyph, 16): bytes.fromhex(letters.decode()).decode("utf-16-be")
            for glyph, letters in re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]{4,})>", stream)
        }
        for stream in _STREAM.findall(pdf)
        if b"begincmap" in stream
    ]
    out: list[str] = []
    for stream in _STREAM.findall(pdf):
        with contextlib.suppress(zlib.error):
            page, table = zlib.decompress(stream), {}
            for font, text in _SHOWN.findall(page):
                if font:
                    table = tables[int(font) - 1]
                    continue
                glyphs = re.sub(rb"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text, flags=re.S)
                pairs = zip(glyphs[::2], glyphs[1::2], strict=False)
                out += [table.get(high << 8 | low, "") for high, low in pairs]
    return "".join(out)
