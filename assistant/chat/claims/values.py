"""Numbers as people write them: rounding, ranges, bounds, "about", number words, units.

Tolerances, all of them here:
* a plain number is right when the computed value rounds to it (± a slack per property);
* "about" is right within 5 % (or the property's slack, if larger) and wrong beyond 12 %
  (or three slacks); between the two nobody can say;
* a bound or range holds or does not.
"""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from assistant.chat.claims.text import Token
from assistant.chat.claims.wordlist import words

NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
            *("seventeen", "eighteen", "nineteen", "twenty"),
        )
    )
} | {"single": 1, "thirty": 30}

_APPROXIMATELY = words("about approximately around roughly approx ca circa nearly almost ~ ≈ ∼ ≃ c")
_EXACTLY = words("exactly just only precisely total a the")
_PRECISELY = words("precisely exactly accurately specifically")
_MORE, _LESS = ("more", "greater", "higher", "larger"), ("less", "fewer", "lower", "smaller")
_BELOW = {"under", "below", "<", *_LESS, "beneath"}
_ABOVE = {"over", "above", ">", *_MORE, "exceed", "exceeds", "exceeding"}
_PHRASES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("does", "not", "exceed"), "at_most"),
    (("doesn't", "exceed"), "at_most"),
    (("not", "exceeding"), "at_most"),
    *(((word, "than", "or", "equal", "to"), "at_most") for word in _LESS),
    *(((word, "than", "or", "equal", "to"), "at_least") for word in _MORE),
    *(((no, word, "than"), "at_most") for no in ("no", "not") for word in _MORE),
    *(((no, word, "than"), "at_least") for no in ("no", "not") for word in _LESS),
    (("at", "most"), "at_most"),
    (("up", "to"), "at_most"),
    (("a", "maximum", "of"), "at_most"),
    (("at", "least"), "at_least"),
    (("a", "minimum", "of"), "at_least"),
    (("in", "excess", "of"), "above"),
    (("<", "="), "at_most"),
    ((">", "="), "at_least"),
    (("≤",), "at_most"),
    (("≥",), "at_least"),
    (("close", "to"), "about"),
    (("just", "under"), "just_under"),
    (("just", "below"), "just_under"),
    (("slightly", "under"), "just_under"),
    (("slightly", "below"), "just_under"),
    (("just", "over"), "just_over"),
    (("just", "above"), "just_over"),
    (("slightly", "above"), "just_over"),
    (("slightly", "over"), "just_over"),
    (("well", "under"), "below"),
    (("well", "below"), "below"),
    (("well", "over"), "above"),
    (("well", "above"), "above"),
)
_LOOK_BACK = max(len(phrase) for phrase, _ in _PHRASES) + 1
"""As many tokens stand before a number at most: "less than or equal to about 70"."""

_UNIT_TOKENS = frozenset(("g", "/", "mol", "da", "å", "å²", "å2"))
_AFTER_BOUND = words("for and but so as in here")
_UNIT = re.compile(
    r"[ \t]{0,2}\(?(?:"
    r"(?P<kilo>kDa\b|kg ?/ ?mol\b)"
    r"|(?P<mass>g ?/ ?mol(?:e)?\b|g ?[·.⋅*]? ?mol ?(?:\^?\{?-1\}?|⁻¹)|grams? (?:per|/) ?mole?\b"
    r"|Da\b|[Dd]altons?\b|amu\b|u\b|atomic mass units?\b)"
    r"|(?P<area>(?:Å|Å|A|[Aa]ngstr[oö]ms?)(?:²|\^?\{?2\}?| squared)(?!\w)"
    r"|(?:sq\.?|square) ?(?:Å\b|[Aa]ngstr[oö]ms?))"
    r"|(?P<percent>%|percent\b|per cent\b)"
    r"|(?P<other>°|℃|K\b|mg\b|g ?/|g\b|kg\b|mL\b|ml\b|L\b|[munpµμ]M\b|M\b|mol\b|mmol\b|kJ\b|kcal\b"
    r"|eV\b|nm[²2]?(?!\w)|ppm\b|min\b|h\b|hours?\b|days?\b|×|x ?10|\^|cm|D\b|Å|[Aa]ngstr|equiv|°C"
    r"|bar\b|atm\b)"
    r")"
)


@dataclass(frozen=True)
class Quantity:
    """A stated number, range or bound.

    Args:
        low: Lower end, -inf for none.
        high: Upper end, inf for none.
        decimals: Digits behind the point, the stated precision.
        about: Said to be approximate.
        open_low: The lower end itself is excluded.
        open_high: The upper end itself is excluded.
        rounded: Said to be rounded up or down, not to the nearest; "" for neither.
    """

    low: float
    high: float
    decimals: int = 0
    about: bool = False
    open_low: bool = False
    open_high: bool = False
    rounded: Literal["", "up", "down"] = ""

    @property
    def is_point(self) -> bool:
        """Whether a single number was stated."""
        return self.low == self.high

    def scaled(self, factor: float, decimals: int) -> "Quantity":
        """In another unit; `decimals` is how many digits the unit moves the point."""
        low, high = self.low * factor, self.high * factor
        return replace(self, low=low, high=high, decimals=self.decimals + decimals)


def compare(stated: Quantity, value: float, slack: float = 0.0) -> bool | None:
    """Whether a computed value agrees with a stated quantity; None in the grey zone of "about"."""
    if stated.is_point and stated.rounded:
        beyond = (stated.low - value) * (1 if stated.rounded == "up" else -1)
        return -slack - 1e-9 <= beyond < 10.0**-stated.decimals + slack
    if stated.is_point:
        difference = abs(stated.low - value)
        half_unit = 0.5 * 10.0**-stated.decimals if stated.decimals > -9 else math.inf
        if difference <= half_unit + slack + 1e-9:
            return True
        if not stated.about:
            return False
        if difference <= max(0.05 * abs(value), slack):
            return True
        return False if difference > max(0.12 * abs(value), 3 * slack) else None
    loose = 0.5 * 10.0**-stated.decimals if stated.about else 0.0
    low_ok = value > stated.low if stated.open_low else value >= stated.low - loose
    high_ok = value < stated.high if stated.open_high else value <= stated.high + loose
    return low_ok and high_ok


def compare_count(stated: Quantity, value: int) -> bool | None:
    """The same for whole numbers, where "about" never proves or disproves a near value."""
    if stated.is_point and stated.about:
        difference = abs(stated.low - value)
        if difference == 0:
            return True
        return False if difference > max(1.0, 0.25 * value) else None
    return compare(stated, float(value), -0.5 if stated.is_point else 0.0)


def read_number(token: Token, *, article: bool = False) -> tuple[float, int] | None:
    """Value and decimals of a numeral or number word; with `article` also "a" and "no"."""
    if token.kind == "number":
        return token.value, token.decimals
    if token.text in NUMBER_WORDS:
        return float(NUMBER_WORDS[token.text]), 0
    if article and token.text in ("no", "zero"):
        return 0.0, 0
    return None


def read_quantity(tokens: Sequence[Token], index: int) -> tuple[Quantity, int] | None:
    """The quantity that begins at a token, and the index behind it."""
    index, mode = _read_qualifier(tokens, index)
    if mode == "between":
        return _read_range(tokens, index, about=False)
    if index >= len(tokens) or (first := read_number(tokens[index])) is None:
        return None
    if mode in ("", "about") and (ranged := _read_range(tokens, index, about=mode == "about")):
        return ranged
    value, decimals = first
    mode = mode or _bound_behind(tokens, index + 1)
    return _bounded(value, decimals, mode), index + 1


def _bound_behind(tokens: Sequence[Token], index: int) -> str:
    """What "or less" and "or more" behind a number and its unit make of it; "" for neither."""
    while index < len(tokens) and tokens[index].text in _UNIT_TOKENS:
        index += 1
    either, bound, after = ([*tokens[index : index + 3], None, None, None])[:3]
    if either is None or bound is None or either.text != "or":
        return ""
    if after is not None and after.kind == "word" and after.text not in _AFTER_BOUND:
        return ""  # "or more precisely 180.16"
    return "at_most" if bound.text in _BELOW else "at_least" if bound.text in _ABOVE else ""


def widest_quantity(
    tokens: Sequence[Token], index: int, taken: Collection[int] = ()
) -> tuple[Quantity, int, int] | None:
    """The quantity of the number at a token, with the words before it: "no more than 140".

    Args:
        tokens: Tokens of the sentence.
        index: The number, of a range either end.
        taken: Tokens that belong to something else; none before them is looked at.

    Returns:
        The quantity, its first token, and the index behind it.
    """
    read, first = read_quantity(tokens, index), index
    if read is None:
        return None
    for start in range(index - 1, max(-1, index - 1 - _LOOK_BACK), -1):
        if start in taken:
            break
        wider = read_quantity(tokens, start)
        if wider is not None and wider[1] == read[1]:
            read, first = wider, start
    return read[0], first, read[1]


def _read_qualifier(tokens: Sequence[Token], index: int) -> tuple[int, str]:
    """Skips "about", "at most", "between", …; the mode is what they said."""
    mode = ""
    for _ in range(4):
        if index >= len(tokens):
            break
        word = tokens[index].text
        if word in ("between", "from"):
            return index + 1, "between"
        phrase = _phrase_at(tokens, index)
        if phrase is not None:
            index, mode = phrase
        elif word == "more" and index + 1 < len(tokens) and tokens[index + 1].text in _PRECISELY:
            index += 2
        elif word in _APPROXIMATELY:
            index, mode = index + 1, mode or "about"
        elif word in _BELOW or word in _ABOVE:
            mode = "below" if word in _BELOW else "above"
            index += 1
            if index < len(tokens) and tokens[index].text == "than":
                index += 1
        elif (word in _EXACTLY and index + 1 < len(tokens)) or (word == "." and mode == "about"):
            index += 1
        else:
            break
    return index, mode


def _phrase_at(tokens: Sequence[Token], index: int) -> tuple[int, str] | None:
    for phrase, mode in _PHRASES:
        if tokens[index].text == phrase[0]:
            span = tokens[index : index + len(phrase)]
            if tuple(t.text for t in span) == phrase:
                return index + len(phrase), mode
    return None


def _read_range(tokens: Sequence[Token], index: int, *, about: bool) -> tuple[Quantity, int] | None:
    """Reads "150–200", "150 to 200", "150 and 200" (the last only behind "between")."""
    joiners = (
        ("-", "–", "—", "to", "and")
        if tokens[index - 1].text in ("between", "from")
        else ("-", "–", "—", "to")
    )
    low = read_number(tokens[index]) if index < len(tokens) else None
    if low is None:
        return None
    index += 1
    while index < len(tokens) and tokens[index].text in _UNIT_TOKENS:
        index += 1
    if index + 1 >= len(tokens) or tokens[index].text not in joiners:
        return None
    high = read_number(tokens[index + 1])
    if high is None:
        return None
    # "150-200": the hyphen glued to the second number may have been read as its sign.
    if high[0] < low[0]:
        return None
    return Quantity(low[0], high[0], max(low[1], high[1]), about), index + 2


def _bounded(value: float, decimals: int, mode: str) -> Quantity:
    match mode:
        case "below":
            return Quantity(-math.inf, value, decimals, open_high=True)
        case "above":
            return Quantity(value, math.inf, decimals, open_low=True)
        case "at_most":
            return Quantity(-math.inf, value, decimals)
        case "at_least":
            return Quantity(value, math.inf, decimals)
        case "just_under":
            return Quantity(value - 0.1 * abs(value), value, decimals, open_high=True)
        case "just_over":
            return Quantity(value, value + 0.1 * abs(value), decimals, open_low=True)
        case _:
            return Quantity(value, value, decimals, about=mode == "about")


def read_unit(text: str, position: int) -> tuple[str, int]:
    """The kind of unit behind a number ("" for none) and the offset behind it."""
    match = _UNIT.match(text, position, position + 40)
    if match is None:
        return "", position
    return str(match.lastgroup), match.end()
