"""Cells of a CSV file whose text is other people's."""

import re

_FORMULA_START = re.compile(r"^[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")


def csv_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula, as names and answers may be; numbers stay.

    The sign before it goes when the file is read again (`assistant.chem.tables`).
    """
    text = str(value)
    is_formula = bool(_FORMULA_START.match(text)) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
