"""Why a text holds no molecule: one sentence, the position of the mistake and a fix that parses.

    No molecule in 'C1CC': ring 1 is not closed.     position 1     fix C1CC1

The text is checked as a chemist reads it: characters, brackets, bonds, parentheses, rings, and
then the chemistry (valences, aromatic rings) by RDKit. The first mistake is told; a fix mends all
of them or is not offered.
"""

import re

from rdkit import Chem

from assistant.chem.impossible import problem_of
from assistant.chem.limits import check_smiles_size, is_smiles_text, trimmed
from assistant.chem.mistakes import Mistake, first_mistake, unknown_isotope
from assistant.chem.quiet import quiet_rdkit
from assistant.chem.scan import open_rings, scan, unmatched_parentheses
from assistant.errors import InputTooLargeError, InvalidMoleculeError

MAX_SHOWN = 60
MAX_REPAIRS = 3  # mistakes mended one after the other
MAX_CANDIDATES = 24
_CAS_BEGUN = re.compile(r"\d{1,7}-(\d{0,2}(-\d?)?)?")


def explain(smiles: str) -> InvalidMoleculeError:
    """The error for a text that RDKit does not read as one SMILES."""
    text = trimmed(smiles)
    offset = smiles.find(text) if text else 0
    if not text:
        return InvalidMoleculeError("No molecule: the text is empty.", source=smiles)
    mistake = first_mistake(text)
    if mistake is None:
        return InvalidMoleculeError(
            f"No molecule in '{shorten(text)}': it is not a SMILES that can be read.", source=smiles
        )
    return InvalidMoleculeError(
        f"No molecule in '{shorten(text, mistake.position)}': {mistake.reason}.",
        source=smiles,
        position=offset + mistake.position,
        fix=_repair(mistake, MAX_REPAIRS),
    )


def explain_block(block: str) -> InvalidMoleculeError:
    """The error for a molfile that is empty, a search pattern or impossible chemistry."""
    if not block.strip():
        return InvalidMoleculeError("The drawing is empty.")
    mol = read_block(block, sanitize=False)
    if mol is None:
        return InvalidMoleculeError(
            "No molecule in this drawing: it is not a molfile (V2000 or V3000) that can be read."
        )
    if mol.GetNumAtoms() == 0:
        return InvalidMoleculeError("The drawing is empty.")
    query = query_in(mol)
    if query is not None:
        return InvalidMoleculeError(
            f"No molecule in this drawing: {query}, so it is a search pattern. Draw one definite"
            " molecule."
        )
    reason = problem_of(mol)
    return InvalidMoleculeError(f"No molecule in this drawing: {reason or 'RDKit cannot read it'}.")


def read_block(block: str, *, sanitize: bool = True) -> Chem.Mol | None:
    """RDKit's reading of a molfile, None where it has none."""
    with quiet_rdkit():
        try:
            return Chem.MolFromMolBlock(
                block, sanitize=sanitize, removeHs=sanitize, strictParsing=False
            )
        except (RuntimeError, ValueError, KeyError):  # RDKit raises for some malformed blocks
            return None


def is_unfinished(text: str) -> bool:
    """Whether the text is half-typed (open parenthesis, bracket or ring, trailing bond, ...).

    The box then shows no error yet. Anything that no further typing can mend is not unfinished.
    """
    text = text.strip()
    if not text:
        return True
    if "InChI=".startswith(text) or text.startswith("InChI=") or _CAS_BEGUN.fullmatch(text):
        return not text.startswith("InChI=") or len(text) < len("InChI=1S/H2O")
    if re.search(r"(?<!-)>", text):
        *written, text = re.split(r"(?<!-)>", text)
        if any(token.kind == "unknown" for part in written for token in scan(part)):
            return False
        if not text:
            return True
    if len(text.split()) != 1:
        return False
    tokens = scan(text)
    last = tokens[-1]
    if last.kind == "open-bracket":
        tokens = tokens[:-1]
    elif last.text == "%" or (len(tokens) > 1 and tokens[-2].text == "%"):
        tokens = [token for token in tokens if token.text != "%"]
    if any(token.kind in ("unknown", "open-bracket") for token in tokens):
        return False
    opened, extra = unmatched_parentheses(tokens)
    if extra:
        return False
    begins_aromatic_ring = last.is_atom and last.text.strip("[H]") in tuple("bcnops")
    return bool(
        opened
        or open_rings(tokens)
        or last.kind in ("open-bracket", "bond", "dot", "open")
        or last.text == "%"
        or begins_aromatic_ring
    )


def shorten(text: str, position: int = 0) -> str:
    """At most `MAX_SHOWN` characters of the text round the position, with dots where it is cut."""
    text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    if len(text) <= MAX_SHOWN:
        return text
    start = max(0, min(position - MAX_SHOWN // 2, len(text) - MAX_SHOWN))
    end = start + MAX_SHOWN
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def parses(smiles: str) -> bool:
    """Whether RDKit reads the text as a molecule within the caps."""
    try:
        check_smiles_size(smiles)
    except InputTooLargeError:
        return False
    if not smiles or not is_smiles_text(smiles) or len(smiles.split()) != 1:
        return False
    with quiet_rdkit():
        mol = Chem.MolFromSmiles(smiles)
    return mol is not None and mol.GetNumAtoms() > 0


def _repair(mistake: Mistake, rounds: int) -> str | None:
    candidates = list(dict.fromkeys(mistake.fixes))[:MAX_CANDIDATES]
    for candidate in candidates:
        if parses(candidate):
            return candidate
    if rounds > 1 and candidates:
        further = first_mistake(candidates[0])
        if further is not None:
            return _repair(further, rounds - 1)
    return None


def query_in(mol: Chem.Mol) -> str | None:
    """An R group or `*` alone is an attachment point; RDKit calls it a query, chemists do not."""
    for atom in mol.GetAtoms():
        if atom.HasQuery() and atom.GetSmarts() != "*":
            return f"atom {atom.GetIdx() + 1} is a query atom (any of several elements)"
    for bond in mol.GetBonds():
        if bond.HasQuery():
            first, second = bond.GetBeginAtomIdx() + 1, bond.GetEndAtomIdx() + 1
            return f"the bond between atoms {first} and {second} is a query bond"
    return None


def unknown_isotope_in(mol: Chem.Mol) -> str | None:
    """Says which atom is of an isotope that its element does not have; None where all exist."""
    for atom in mol.GetAtoms():
        problem = unknown_isotope(atom.GetSymbol(), atom.GetIsotope())
        if problem is not None:
            return f"{problem} (atom {atom.GetIdx() + 1})"
    return None
