"""Numbers said of the next molecules, where the property stands once before the first."""

from assistant.chat.claims.reading import Reading
from assistant.chat.claims.values import Quantity, read_quantity
from assistant.chat.claims.wordlist import words

_BETWEEN_MOLECULES = words(
    "that , ; and but while whereas versus vs against ( ) : = for of is has one a"
)


def next_quantity(reading: Reading, at: int) -> tuple[Quantity, int, int] | None:
    """The next number, its first token and the index behind it, if it is another molecule's."""
    named = False
    while at < len(reading.tokens):
        if reading.is_label(at):
            named, at = reading.word(at) != "it", at + 1
        elif reading.tokens[at].kind == "number" and (read := read_quantity(reading.tokens, at)):
            follows = reading.word(read[1]) == "for" and reading.is_label(read[1] + 1)
            return (read[0], at, read[1]) if named or follows else None
        elif reading.word(at) in _BETWEEN_MOLECULES:
            # What "for molecule 1" names belongs to the number before it.
            named = named and reading.word(at) not in (",", ";", "and", "but", "while", "whereas")
            at += 1
        else:
            return None
    return None
