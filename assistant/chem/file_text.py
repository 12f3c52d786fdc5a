"""The text of a file that somebody chose: packed by gzip or not, in the encodings that occur."""

import gzip
import io
import unicodedata
import zlib
from pathlib import Path

from assistant.chem.limits import MAX_FILE_BYTES
from assistant.errors import UnreadableFileError

READ_KINDS = (
    "Files of these kinds are read: MOL, SDF, SMI, CSV, CDXML and RXN. A text has a molecule on"
    " each line, or a table with a column “SMILES”."
)
"""What a message says where there is nothing to read."""
_GZIP, _ZIP, _OLD_EXCEL = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def read_text(path: Path, shown: str) -> str:
    """The text of a file with line feeds only.

    Args:
        path: The file on this machine, packed by gzip or not.
        shown: What messages call it.

    Raises:
        UnreadableFileError: Missing, empty, too big, damaged or binary.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UnreadableFileError(
                f"'{shown}' has {size / 2**20:,.1f} MB; files up to {MAX_FILE_BYTES // 2**20} MB"
                " are read. Split it, or paste the molecule you are asking about."
            )
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"'{shown}' cannot be opened: {error.strerror}.") from error
    if content.startswith(_GZIP):
        content = _unpacked(content, shown)
    if not content.strip():
        raise UnreadableFileError(f"'{shown}' is empty. {READ_KINDS}")
    if content.startswith(_OLD_EXCEL) or (content.startswith(_ZIP) and b"xl/" in content):
        raise UnreadableFileError(
            f"'{shown}' is a binary Excel workbook. Save its sheet as CSV (UTF-8) and try again."
        )
    if content.startswith(_ZIP):
        raise UnreadableFileError(
            f"'{shown}' is a binary file (zip). Unpack it and try again. {READ_KINDS}"
        )
    if content.startswith(b"VjCD"):
        raise UnreadableFileError(
            f"'{shown}' is a binary ChemDraw file (CDX). Save it as CDXML or MOL and try again."
        )
    text = _decoded(content)
    if text is None:
        raise UnreadableFileError(f"'{shown}' is a binary file, not text. {READ_KINDS}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unpacked(content: bytes, shown: str) -> bytes:
    """What gzip packed; never more of it in memory than is read of a plain file."""
    try:
        with gzip.open(io.BytesIO(content)) as packed:
            plain = packed.read(MAX_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"'{shown}' is a damaged gzip file. Pack it again.") from error
    if len(plain) > MAX_FILE_BYTES:
        raise UnreadableFileError(
            f"'{shown}' has more than {MAX_FILE_BYTES // 2**20} MB when it is unpacked, and no more"
            " are read. Split it, or paste the molecule you are asking about."
        )
    return plain


def _decoded(content: bytes) -> str | None:
    """The text of the file, None when it is binary."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    elif b"\0" in content[:65536]:
        return None
    else:
        encodings = ("utf-8-sig", "cp1252", "latin-1")  # as Excel saves a CSV on Windows
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        sample = text[:65536]
        strange = sum(1 for c in sample if unicodedata.category(c) == "Cc" and c not in "\r\n\t\f")
        return text if strange <= len(sample) // 50 else None
    return None
