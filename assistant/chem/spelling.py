"""Notation chemists write by habit that is not SMILES, and what they most likely meant.

Case slips (`CL`, `br`), formulae (`CH3COOH`), abbreviations (`Ph`), elements without brackets
(`Na`), typographic dashes, charges and H counts in the wrong order (`[Ca2+]`, `[H3N]`).
"""

import re
from collections import Counter

from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from assistant.chem.quiet import quiet_rdkit
from assistant.chem.scan import BRACKET, ELEMENTS, element_name

Spelling = tuple[str, int, tuple[str, ...]]  # reason, position, fixes

_LOOKALIKES = {"–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-", "≡": "#", "═": "=", "＝": "="}
_LOOKALIKES |= {
    "（": "(",
    "）": ")",
    "→": "->",
    "·": ".",
    "•": ".",
    "’": "",
    "‘": "",
    '"': "",
    "'": "",
}
_LOOKALIKES |= {"\u200b": "", "\ufeff": "", "\u00ad": "", ";": ".", ",": ".", "{": "(", "}": ")"}
_ABBREVIATIONS = {
    "Ph": "c1ccccc1",
    "Me": "C",
    "Et": "CC",
    "Pr": "CCC",
    "Bu": "CCCC",
    "Ac": "C(=O)C",
    "Bn": "Cc1ccccc1",
}
_CONDENSED = (
    ("C6H5", "c9ccccc9"),
    ("C6H4", "c9ccc(cc9)"),
    ("C2H5", "CC"),
    ("C3H7", "CCC"),
    ("C4H9", "CCCC"),
    ("CO2H", "C(=O)O"),
    ("COOH", "C(=O)O"),
    ("CHO", "C=O"),
    ("CONH2", "C(=O)N"),
    ("NO2", "[N+](=O)[O-]"),
    ("CN", "C#N"),
    ("COO", "C(=O)O"),
    ("CO", "C(=O)"),
)
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*|\((?:[A-Z][a-z]?\d*)+\)\d*)+")
_HYDROGENS = re.compile(r"H\d*")


def formula_mistake(text: str) -> Spelling | None:
    """A formula with hydrogens counted (`CH3COOH`, `C9H8O4`) in place of a SMILES."""
    if not _FORMULA.fullmatch(text) or not re.search(r"H(?![a-z])", text):
        return None
    counts = _element_counts(text)
    if not counts or not set(counts) <= set(ELEMENTS):
        return None
    position = re.search(r"H(?![a-z])", text).start()
    reason = "this is a formula; a SMILES names the heavy atoms and their bonds and leaves H out"
    if not re.search(r"H\d*.*C", text):
        reason = "this is a formula, which many molecules share; enter a SMILES or a name"
    return reason, position, tuple(_condensed_readings(text, counts))


def character_mistake(text: str, position: int) -> Spelling:
    """A character that begins no SMILES token."""
    character = text[position]
    bracketed = missing_brackets(text, position) if character in "@+H" else []
    if bracketed:
        return "a bracket '[' is missing before this atom", position - 1, tuple(bracketed)
    before, pair = text[:position], text[position - 1 : position + 1] if position else ""
    if character in _LOOKALIKES:
        fixed = text
        for look, plain in _LOOKALIKES.items():
            fixed = fixed.replace(look, plain)
        return f"the character '{character}' is not used in SMILES", position, (fixed,)
    if pair.upper() in ("CL", "BR"):
        right = pair.capitalize()
        fixes = (before[:-1] + right + text[position + 1 :], re.sub(pair, right, text))
        return f"{element_name(right)} is written '{right}', not '{pair}'", position - 1, fixes
    for start in (position - 1, position):
        word = text[max(start, 0) : start + 2]
        if start >= 0 and word in _ABBREVIATIONS:
            written = _ABBREVIATIONS[word]
            fix = text[:start] + written + text[start + 2 :]
            return f"'{word}' is an abbreviation; write its atoms ({written})", start, (fix,)
    for start in (position - 1, position):
        word = text[max(start, 0) : start + 2]
        if start >= 0 and (word in ELEMENTS or word in _UPPER_CASE_METALS) and len(word) == 2:
            return _unbracketed(text, start, word.capitalize(), 2)
    if character in _SINGLE:
        reason, new = _SINGLE[character]
        fixes = (text[:position] + new + text[position + 1 :],) if new is not None else ()
        if character == "H":
            fixes = (_HYDROGENS.sub("", text), *fixes)
        return reason, position, fixes
    if character in ELEMENTS:
        return _unbracketed(text, position, character, 1)
    fixes = (text[:position] + text[position + 1 :],)
    if character.isalpha():
        return f"'{character}' is not an element symbol", position, fixes
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    return f"the character '{shown}' is not used in SMILES", position, fixes


_ATOM_WITHOUT_BRACKET = re.compile(
    r"(?P<body>\d*(?:Cl|Br|[A-Z][a-z]?|[bcnops])@{0,2}(?:H\d*)?(?:[+-]\d?)?)(?P<end>\]?)"
)


def missing_brackets(text: str, position: int) -> list[str]:
    """The text with brackets put round the atom at the position, if it looks like one."""
    for start in range(max(position - 2, 0), position):
        match = _ATOM_WITHOUT_BRACKET.match(text, start)
        if match is None or match.end() <= position or not BRACKET.fullmatch(f"[{match['body']}]"):
            continue
        is_marked = re.search(r"[@+\-]|H\d*$", match["body"][1:]) is not None
        if is_marked and (match["end"] or text[position] != "H"):
            return [f"{text[:start]}[{match['body']}]{text[match.end() :]}"]
    return []


def bracket_fixes(bracket: str) -> list[str]:
    """Rewritings of a faulty bracket atom: case, order of charge and H, number before the sign."""
    body = bracket[1:-1].replace("−", "-").replace("–", "-").replace(" ", "")
    bodies = [body, re.sub(r"^([bcnops])h", r"\1H", body), body.capitalize()]  # [nh] → [nH]
    bodies += [re.sub(r"(\d)([+-])", r"\2\1", b) for b in tuple(bodies)]  # [Ca2+] → [Ca+2]
    bodies += [re.sub(r"^(H\d*)([A-Z][a-z]?)", r"\2\1", b) for b in tuple(bodies)]  # [H3N] → [NH3]
    bodies += [re.sub(r"([+-]\d*)(H\d*)$", r"\2\1", b) for b in tuple(bodies)]  # [N+H] → [NH+]
    bodies += [re.sub(r"^([+-]\d*)(.+)$", r"\2\1", b) for b in tuple(bodies)]  # [+Na] → [Na+]
    bodies += [re.sub(r"@{3,}", "@@", b) for b in tuple(bodies)]
    bodies += [re.sub(r"^([A-Z])([A-Z])", lambda m: m[1] + m[2].lower(), b) for b in tuple(bodies)]
    bodies += [re.sub(r"([A-Za-z]+?)(\d+)$", r"\2\1", b) for b in tuple(bodies)]  # [C13] → [13C]
    bodies += [body[:k] + body[k + 1 :] for k in range(len(body))]  # [O)-] → [O-]
    fixes = [f"[{b}]" for b in dict.fromkeys(bodies)]
    return [fix for fix in fixes if fix != bracket and BRACKET.fullmatch(fix)]


_SINGLE: dict[str, tuple[str, str | None]] = {
    "H": ("hydrogens are left out in SMILES (or written [H])", "[H]"),
    "D": ("deuterium is written [2H]", "[2H]"),
    "T": ("tritium is written [3H]", "[3H]"),
    "R": ("'R' is not an element; any group is written '*'", "*"),
    "X": ("'X' is not an element; choose F, Cl, Br or I", None),
    "l": ("'l' is not an element symbol; chlorine is 'Cl', iodine 'I'", "I"),
    "@": ("'@' belongs inside brackets, as in [C@H]", ""),
    "+": ("charges belong inside brackets, as in [NH4+]", ""),
}


def _unbracketed(text: str, start: int, symbol: str, length: int) -> Spelling:
    left, right = text[:start], text[start + length :]
    forms = (f"[{symbol}]", f"[{symbol}+]", f"[{symbol}+2]", f"[{symbol}-]")
    alone = not left.strip(".") or left.endswith(".")
    order = (1, 2, 0) if alone and symbol in _CATIONS else (0, 1, 2)
    fixes = tuple(left + forms[index] + right for index in order)
    reason = f"{element_name(symbol)} must stand in square brackets: [{symbol}]"
    return reason, start, fixes


_UPPER_CASE_METALS = frozenset(["NA", "LI", "MG", "SI", "ZN", "SE", "AL", "FE", "AG", "AU", "PD"])
_CATIONS = ("Li", "Na", "K", "Rb", "Cs", "Ag")


def _condensed_readings(text: str, counts: Counter[str]) -> list[str]:
    """SMILES of a condensed formula, kept only when they have exactly its atoms."""
    spelled = text
    for group, smiles in _CONDENSED[:5]:
        spelled = spelled.replace(group, smiles)
    readings = [spelled]
    for group, smiles in _CONDENSED[5:]:
        readings += [one.replace(group, smiles) for one in tuple(readings) if group in one]
    plain = [_HYDROGENS.sub("", one) for one in readings]
    return [one for one in dict.fromkeys(plain) if _counts_of(one) == counts][:4]


def _counts_of(smiles: str) -> Counter[str] | None:
    with quiet_rdkit():
        mol = Chem.MolFromSmiles(smiles)
        return _element_counts(CalcMolFormula(mol)) if mol is not None else None


def _element_counts(formula: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for group, repeat, symbol, number in re.findall(
        r"\(([A-Za-z0-9]+)\)(\d*)|([A-Z][a-z]?)(\d*)", formula
    ):
        if group:
            for inner, count in _element_counts(group).items():
                counts[inner] += count * int(repeat or 1)
        else:
            counts[symbol] += int(number or 1)
    return counts
