"""A SMILES text cut into tokens with positions, without judging the chemistry.

RDKit says that a text is wrong, seldom where; this scan keeps the place of every atom, so that
`diagnose` can put a caret under the mistake. Atoms come in the order RDKit numbers them.
"""

import re
from dataclasses import dataclass
from typing import Literal

from rdkit import Chem

Kind = Literal["atom", "bracket", "bond", "ring", "open", "close", "dot", "open-bracket", "unknown"]

_TABLE = Chem.GetPeriodicTable()
ELEMENTS = tuple(_TABLE.GetElementSymbol(number) for number in range(1, 119))
AROMATIC_IN_BRACKETS = ("as", "se", "te", "si", "b", "c", "n", "o", "p", "s")

_TOKEN = re.compile(
    r"(?P<bracket>\[[^\[\]]*\])"
    r"|(?P<atom>Cl|Br|[BCNOPSFI]|[bcnops]|\*)"
    r"|(?P<bond>->|<-|[-=#$:/\\~]+)"
    r"|(?P<ring>%\(\d+\)|%\d\d|\d)"
    r"|(?P<open>\()|(?P<close>\))|(?P<dot>\.)"
    r"|(?P<openbracket>\[[^\[\]]*)"
)
_ELEMENT_ALTERNATIVES = "|".join(sorted(ELEMENTS, key=len, reverse=True))
BRACKET = re.compile(
    rf"\[(?P<isotope>\d+)?(?P<symbol>{_ELEMENT_ALTERNATIVES}|{'|'.join(AROMATIC_IN_BRACKETS)}|\*|#\d+)"
    r"(?P<chirality>@(?:@|TH[12]|AL[12]|SP[123]|TB\d{1,2}|OH\d{1,2})?)?"
    r"(?P<hydrogens>H\d*)?(?P<charge>\+{1,4}|-{1,4}|[+-]\d{1,2})?(?P<map>:\d+)?\]"
)
GOOD_BONDS = frozenset(["-", "=", "#", "$", ":", "/", "\\", "\\\\", "~", "->", "<-"])


@dataclass(frozen=True)
class Token:
    """A piece of the text; `start` counts characters from 0."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Position after the last character."""
        return self.start + len(self.text)

    @property
    def is_atom(self) -> bool:
        """Whether the token is an atom, in brackets or not."""
        return self.kind in ("atom", "bracket")

    @property
    def ring_number(self) -> str:
        """`12` for `%12`, `1` for `1`."""
        return self.text.strip("%()")


def scan(smiles: str) -> list[Token]:
    """All tokens in order; what fits nothing becomes one-character `unknown` tokens."""
    tokens: list[Token] = []
    position = 0
    while position < len(smiles):
        match = _TOKEN.match(smiles, position)
        if match is None:
            tokens.append(Token("unknown", smiles[position], position))
            position += 1
            continue
        kind = "open-bracket" if match.lastgroup == "openbracket" else match.lastgroup
        tokens.append(Token(kind, match.group(), position))
        position = match.end()
    return tokens


def open_rings(tokens: list[Token]) -> list[Token]:
    """Ring digits that were opened and never closed, in order."""
    opened: dict[str, Token] = {}
    for token in tokens:
        if token.kind == "ring" and opened.pop(token.ring_number, None) is None:
            opened[token.ring_number] = token
    return sorted(opened.values(), key=lambda token: token.start)


def unmatched_parentheses(tokens: list[Token]) -> tuple[list[Token], list[Token]]:
    """The `(` never closed and the `)` never opened."""
    opened: list[Token] = []
    extra: list[Token] = []
    for token in tokens:
        if token.kind == "open":
            opened.append(token)
        elif token.kind == "close":
            if opened:
                opened.pop()
            else:
                extra.append(token)
    return opened, extra


def element_name(symbol: str) -> str:
    """`carbon` for `C` or `c`; the symbol itself for what is no element."""
    wanted = symbol.capitalize()
    if wanted not in ELEMENTS:
        return symbol
    return _TABLE.GetElementName(_TABLE.GetAtomicNumber(wanted)).lower()
