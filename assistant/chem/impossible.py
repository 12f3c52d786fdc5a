"""What no molecule can be though its SMILES reads well: too many bonds, no Kekulé form."""

import re
from collections.abc import Callable

from rdkit import Chem

from assistant.chem.quiet import quiet_rdkit
from assistant.chem.scan import Token, element_name
from assistant.chem.spelling import Spelling

_ONIUM = {"N": "[N+]", "O": "[O+]", "S": "[S+]", "P": "[P+]", "B": "[B-]", "n": "[n+]", "o": "[o+]"}
_KEKULE = (
    "the aromatic ring cannot be drawn with alternating double bonds; an H on N may be missing"
)


def problem_of(mol: Chem.Mol) -> str | None:
    """The first thing chemically wrong with an unsanitised molecule, in words, or None."""
    with quiet_rdkit():
        problems = Chem.DetectChemistryProblems(mol)
    for problem in problems:
        if problem.GetType() == "AtomValenceException":
            return _valence_reason(mol.GetAtomWithIdx(problem.GetAtomIdx()))
    for problem in problems:
        if problem.GetType() == "KekulizeException":
            return _KEKULE
        return f"atom {problem.GetAtomIdx() + 1} is marked aromatic but is in no ring"
    return None


def chemistry_mistake(smiles: str, tokens: list[Token]) -> Spelling | None:
    """The first thing chemically wrong with a SMILES that reads well, or None.

    Args:
        smiles: The text.
        tokens: What `scan` makes of it; its n-th atom is the n-th of the molecule.
    """
    with quiet_rdkit():
        mol = Chem.MolFromSmiles(smiles, sanitize=False)
        problems = Chem.DetectChemistryProblems(mol) if mol is not None else ()
    atoms = [token for token in tokens if token.is_atom]
    if mol is None or len(atoms) != mol.GetNumAtoms():
        return ("it is not a SMILES that can be read", 0, ()) if mol is None else None
    for problem in problems:
        if problem.GetType() == "AtomValenceException":
            atom = mol.GetAtomWithIdx(problem.GetAtomIdx())
            token = atoms[atom.GetIdx()]
            return _valence_reason(atom), token.start, _valence_fixes(smiles, token, atom)
    for problem in problems:
        if problem.GetType() == "KekulizeException":
            return _kekule_mistake(smiles, [atoms[i] for i in problem.GetAtomIndices()], atoms)
        token = atoms[problem.GetAtomIdx()]
        reason = f"'{token.text}' (atom {problem.GetAtomIdx() + 1}) is aromatic but in no ring"
        outside = [atoms[other.GetAtomIdx()] for other in problems]
        upper = [t for t in outside if t.kind == "atom" and t.text.islower()]
        return reason, token.start, (_replaced(smiles, upper, str.upper),)
    return None


def _valence_reason(atom: Chem.Atom) -> str:
    atom.UpdatePropertyCache(strict=False)
    used = atom.GetTotalValence()
    charge = atom.GetFormalCharge()
    symbol = atom.GetSymbol()
    permitted = _permitted(atom.GetAtomicNum() - charge)
    charged = f" with charge {charge:+d}" if charge else ""
    takes = f"; it takes at most {permitted}" if permitted is not None else ", too many"
    bonds = "bond" if used == 1 else "bonds"
    name = element_name(symbol)
    return f"{name} (atom {atom.GetIdx() + 1}, {symbol}{charged}) has {used} {bonds}{takes}"


def _permitted(electrons_like: int) -> int | None:
    if not 1 <= electrons_like <= 118:
        return None
    valences = [v for v in Chem.GetPeriodicTable().GetValenceList(electrons_like) if v >= 0]
    return max(valences) if valences else None


def _valence_fixes(smiles: str, token: Token, atom: Chem.Atom) -> tuple[str, ...]:
    fixes = []
    left, right = smiles[: token.start], smiles[token.end :]
    if token.kind == "atom" and token.text in _ONIUM:
        fixes.append(left + _ONIUM[token.text] + right)
    if token.kind == "bracket" and token.text[1:-1] in _ONIUM:  # `[N]` with four bonds
        fixes.append(left + _ONIUM[token.text[1:-1]] + right)
    if token.kind == "bracket" and atom.GetNumExplicitHs():
        for count in range(atom.GetNumExplicitHs() - 1, -1, -1):
            hydrogens = {0: "", 1: "H"}.get(count, f"H{count}")
            fixes.append(left + re.sub(r"H\d*", hydrogens, token.text, count=1) + right)
    if right[:1] in ("=", "#"):
        fixes += [left + token.text + lower + right[1:] for lower in ("=", "") if lower != right[0]]
    if right[:2] in ("(=", "(#"):
        fixes.append(left + token.text + "(" + right[2:])
    if left[-1:] in ("=", "#"):
        fixes += [
            left[:-1] + lower + token.text + right for lower in ("=", "") if lower != left[-1]
        ]
    return tuple(fixes)


def _kekule_mistake(smiles: str, ring: list[Token], atoms: list[Token]) -> Spelling:
    """Likely an NH is missing: each bare aromatic N in turn, then the other repairs."""
    swaps = [("n", "[nH]", ring), ("[nH]", "n", atoms), ("o", "[o+]", atoms), ("c", "C", ring)]
    fixes = [
        smiles[: token.start] + new + smiles[token.end :]
        for old, new, tokens in swaps
        for token in tokens
        if token.text == old
    ]
    suspects = [token for token in ring if token.text in ("n", "[nH]")] or ring
    return _KEKULE, suspects[0].start, tuple(fixes)


def _replaced(smiles: str, tokens: list[Token], change: Callable[[str], str]) -> str:
    parts, last = [], 0
    for token in tokens:
        parts += [smiles[last : token.start], change(token.text)]
        last = token.end
    return "".join(parts) + smiles[last:]
