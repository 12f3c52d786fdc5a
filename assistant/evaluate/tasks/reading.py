"""Reads fields out of an answer: a structure, a value with its unit.

A field is what the question asks for: label, colon, content. Of several the last counts, since an
answer may reason before it concludes. A number elsewhere in the text is no answer.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_NUMBER = r"[-+\u2212\u2013]?\d+(?:[.]\d+)?(?:[eE][-+]?\d+)?"
_SPAN = re.compile(r"`([^`\s]+)`")


@dataclass(frozen=True)
class Quantity:
    """A value with a name and a unit.

    Attributes:
        column: Of the table.
        words: What the question calls it.
        unit: "" for a plain number.
        other_units: Units that are understood too: value in `unit` = value in other × factor.
        decimals: Of a written value.
        logarithmic: Scored by its decimal logarithm, for values over many orders of magnitude.
    """

    column: str
    words: str
    unit: str
    other_units: tuple[tuple[str, float], ...] = ()
    decimals: int = 2
    logarithmic: bool = False

    @property
    def form(self) -> str:
        """What the question asks for."""
        return f"{self.words}: <number> {self.unit}".rstrip()

    def write(self, value: float) -> str:
        """The field of an answer."""
        return f"{self.words}: {value:.{self.decimals}f} {self.unit}".rstrip()


def read_field(text: str, label: str) -> str | None:
    """What stands after the last `label:` up to the end of its line; None without the label."""
    found = re.findall(rf"\b{re.escape(label)}s?\W{{0,3}}?:[ \t]*([^\n]+)", text, re.IGNORECASE)
    return found[-1].strip() if found else None


def read_smiles(text: str, label: str) -> str | None:
    """The structure an answer gives: in its field, in a code span, or as its only word."""
    field = read_field(text, label)
    if field:
        return _bare(field.split()[0])
    spans = _SPAN.findall(text)
    if spans:
        return spans[-1]
    words = text.split()
    return _bare(words[0]) if len(words) == 1 else None


def read_value(text: str, quantity: Quantity) -> float | None:
    """The value of a quantity in its unit; None without its field or with an unknown unit."""
    found = list(_field(quantity).finditer(text))
    if not found:
        return None
    number = float(re.sub("[\u2212\u2013]", "-", found[-1]["number"]))
    factors = {unit.lower(): factor for unit, factor in quantity.other_units}
    return number * factors.get((found[-1]["unit"] or "").lower(), 1.0)


@lru_cache(maxsize=64)
def _field(quantity: Quantity) -> re.Pattern[str]:
    words = r"\s+".join(re.escape(word) for word in quantity.words.split())
    units = [re.escape(unit) for unit, _ in quantity.other_units]
    units += [re.escape(quantity.unit)] if quantity.unit else []
    unit = f"(?P<unit>{'|'.join(units)})(?![\\w/])" if units else r"(?P<unit>)(?![\w%])"
    return re.compile(
        rf"\b{words}\W{{0,3}}?:\W{{0,3}}?\s*(?P<number>{_NUMBER})\s*{unit}", re.IGNORECASE
    )


def _bare(word: str) -> str:
    """Without quotes and the full stop of a sentence."""
    return word.strip("`'\"").rstrip(".,;:").strip("`'\"")
