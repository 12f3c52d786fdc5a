"""The first mistake in a SMILES: characters, brackets, bonds, parentheses, rings, chemistry.

Each check returns a `Mistake` with the likely fixes, best first; whether a fix parses is decided by
`diagnose`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rdkit import Chem

from assistant.chem.impossible import chemistry_mistake
from assistant.chem.quiet import quiet_rdkit
from assistant.chem.scan import (
    AROMATIC_IN_BRACKETS,
    BRACKET,
    ELEMENTS,
    GOOD_BONDS,
    Token,
    element_name,
    open_rings,
    scan,
    unmatched_parentheses,
)
from assistant.chem.spelling import (
    bracket_fixes,
    character_mistake,
    formula_mistake,
    missing_brackets,
)


@dataclass(frozen=True)
class Mistake:
    """What is wrong, where, and what would mend it."""

    reason: str
    position: int
    fixes: tuple[str, ...] = ()


def first_mistake(smiles: str) -> Mistake | None:
    """The first mistake a reader would stumble on, or None where the text is a good SMILES."""
    space = re.search(r"\s", smiles)
    if space is not None:
        joined, first = re.sub(r"\s+", "", smiles), smiles.split()[0]
        return Mistake("a SMILES has no spaces", space.start(), (joined, first))
    formula = formula_mistake(smiles)
    if formula is not None:
        return Mistake(*formula)
    tokens = scan(smiles)
    for check in _CHECKS:
        mistake = check(smiles, tokens)
        if mistake is not None:
            return mistake
    return None


def _check_characters(smiles: str, tokens: list[Token]) -> Mistake | None:
    for token in tokens:
        if token.kind == "unknown" and token.text not in "]%":
            return Mistake(*character_mistake(smiles, token.start))
    return None


def _check_brackets(smiles: str, tokens: list[Token]) -> Mistake | None:
    for token in tokens:
        if token.text == "]":
            without = smiles[: token.start] + smiles[token.end :]
            fixes = (*missing_brackets(smiles, token.start), without)
            return Mistake("this ']' closes no bracket", token.start, fixes)
        if token.text == "%":
            reason = "'%' must be followed by a two-digit ring number"
            return Mistake(reason, token.start, (smiles[: token.start] + smiles[token.end :],))
        if token.kind == "open-bracket":
            return _unclosed_bracket(smiles, token)
        if token.kind == "bracket":
            match = BRACKET.fullmatch(token.text)
            if match is None:
                return _bad_bracket(smiles, token)
            unknown = unknown_isotope(match["symbol"], int(match["isotope"] or 0))
            if unknown is not None:
                fix = smiles[: token.start + 1] + smiles[token.start + match.end("isotope") :]
                return Mistake(unknown, token.start + 1, (fix,))
    return None


def unknown_isotope(symbol: str, mass_number: int) -> str | None:
    """Says that an element has no isotope of this mass number; None for one that is known."""
    element = symbol.capitalize()
    if not mass_number or element not in ELEMENTS:  # `*` may carry any number as a label
        return None
    if Chem.GetPeriodicTable().GetMassForIsotope(element, mass_number):
        return None
    return f"{element_name(element)} has no known isotope of mass number {mass_number}"


def _unclosed_bracket(smiles: str, token: Token) -> Mistake:
    ends = [
        length
        for length in range(len(token.text), 1, -1)
        if BRACKET.fullmatch(token.text[:length] + "]")
    ]
    fixes = [smiles[: token.start + n] + "]" + smiles[token.start + n :] for n in ends]
    fixes += [smiles[: token.start] + smiles[token.start + 1 :]]
    return Mistake("the bracket '[' is not closed", token.start, tuple(fixes))


def _bad_bracket(smiles: str, token: Token) -> Mistake:
    body = token.text[1:-1]
    letters = re.search(r"[A-Za-z]+", body)
    fixes = tuple(
        smiles[: token.start] + fixed + smiles[token.end :] for fixed in bracket_fixes(token.text)
    )
    symbol = (letters.group().rstrip("H") or "H") if letters else ""
    if letters and symbol not in ELEMENTS and symbol not in AROMATIC_IN_BRACKETS:
        reason = f"'{symbol}' in '{token.text}' is not an element"
        return Mistake(reason, token.start + 1 + letters.start(), fixes)
    if not body:
        return Mistake("the brackets '[]' are empty", token.start, fixes)
    reason = f"'{token.text}' is not written as isotope, element, H count, charge"
    return Mistake(reason, token.start, fixes)


def _check_bonds(smiles: str, tokens: list[Token]) -> Mistake | None:
    for before, token, after in _with_neighbours(tokens):
        without = smiles[: token.start] + smiles[token.end :]
        if token.kind == "bond":
            if token.text not in GOOD_BONDS:
                fixes = tuple(
                    smiles[: token.start] + one + smiles[token.end :]
                    for one in ("#", token.text[0])
                )
                return Mistake(f"'{token.text}' is not a bond", token.start, fixes[::-1])
            if token.text == "~":
                fixes = tuple(
                    smiles[: token.start] + one + smiles[token.end :] for one in ("", "=")
                )
                reason = "'~' stands for any bond, which is a search pattern"
                return Mistake(reason, token.start, fixes)
            if before is None or before.kind == "dot":
                return Mistake(f"no atom before the bond '{token.text}'", token.start, (without,))
            if after is None or after.kind in ("dot", "close", "open"):
                return Mistake(f"no atom after the bond '{token.text}'", token.start, (without,))
        elif token.kind == "dot" and (
            before is None or after is None or after.kind in ("dot", "close")
        ):
            return Mistake("a dot with no molecule beside it", token.start, (without,))
        elif token.kind == "ring" and (before is None or before.kind in ("dot", "open")):
            return Mistake(f"no atom before '{token.text}'", token.start, (without,))
    return None


def _check_parentheses(smiles: str, tokens: list[Token]) -> Mistake | None:
    opened, extra = unmatched_parentheses(tokens)
    if extra:
        at = extra[0].start
        fix = smiles[:at] + smiles[at + 1 :]
        return Mistake("this ')' closes no '('", at, (fix,))
    if opened:
        at = opened[0].start
        plural = f"{len(opened)} parentheses are" if len(opened) > 1 else "the parenthesis '(' is"
        fixes = (smiles + ")" * len(opened), smiles[:at] + smiles[at + 1 :])
        return Mistake(f"{plural} not closed", at, fixes)
    for before, token, after in _with_neighbours(tokens):
        if token.kind != "open":
            continue
        if before is None or before.kind in ("dot", "open"):
            return Mistake("no atom before this '('", token.start, _without_pair(smiles, token))
        if after is not None and after.kind == "close":
            fix = smiles[: token.start] + smiles[after.end :]
            return Mistake("these parentheses are empty", token.start, (fix,))
    return None


def _without_pair(smiles: str, token: Token) -> tuple[str, ...]:
    depth = 0
    for position in range(token.start, len(smiles)):
        depth += {"(": 1, ")": -1}.get(smiles[position], 0)
        if depth == 0:
            inside = smiles[token.start + 1 : position]
            return (smiles[: token.start] + inside + smiles[position + 1 :],)
    return ()


def _check_rings(smiles: str, tokens: list[Token]) -> Mistake | None:
    opened = open_rings(tokens)
    if opened:
        token = opened[0]
        rest = (smiles[: token.start] + smiles[token.end :],)
        fixes = (*_ring_closings(smiles, tokens, token), *rest)
        reason = f"ring {token.ring_number} is not closed"
        if len(opened) > 1:
            numbers = " and ".join(t.ring_number for t in opened[:3])
            reason = f"rings {numbers} are not closed"
        return Mistake(reason, token.start, fixes)
    with quiet_rdkit():
        if Chem.MolFromSmiles(smiles, sanitize=False) is not None:
            return None
    for first, second in pairwise(tokens):
        if first.kind == second.kind == "ring" and first.ring_number == second.ring_number:
            fix = smiles[: first.start] + smiles[second.end :]
            reason = f"ring {first.ring_number} opens and closes on the same atom"
            return Mistake(reason, second.start, (fix,))
    rings = [token for token in tokens if token.kind == "ring"]
    if rings:
        number = rings[0].ring_number
        reason = f"ring {number} joins atoms that are bonded already, or by two kinds of bond"
        return Mistake(reason, rings[0].start)
    return Mistake("it is not a SMILES that can be read", 0)


def _ring_closings(smiles: str, tokens: list[Token], opening: Token) -> Iterator[str]:
    """The digit put after an atom: at the end first, then where the ring gets six or five atoms."""
    later = [t for t in tokens if t.is_atom and t.start > opening.start]
    if not later:
        return
    ends = [_after_ring_digits(tokens, atom) for atom in later]
    order = [len(later) - 1]
    order += [i for i in (4, 3, 5, 2, 6, 1) if i < len(later) - 1]  # i later atoms + the opener + 1
    for index in order:
        yield smiles[: ends[index]] + opening.text + smiles[ends[index] :]


def _after_ring_digits(tokens: list[Token], atom: Token) -> int:
    end = atom.end
    for token in tokens:
        if token.kind == "ring" and token.start == end:
            end = token.end
    return end


def _check_chemistry(smiles: str, tokens: list[Token]) -> Mistake | None:
    found = chemistry_mistake(smiles, tokens)
    return None if found is None else Mistake(*found)


def _with_neighbours(
    tokens: list[Token],
) -> Iterator[tuple[Token | None, Token, Token | None]]:
    padded = [None, *tokens, None]
    return zip(padded[:-2], tokens, padded[2:], strict=True)


_CHECKS = (
    _check_characters,
    _check_brackets,
    _check_bonds,
    _check_parentheses,
    _check_rings,
    _check_chemistry,
)
