"""Caps on untrusted chemistry, checked before RDKit sees the text.

Nested parentheses (10,000) exhaust memory in a drawing and dots (50,000) take half a minute, so
text is measured by a plain scan first. The caps accept every molecule of ChEBI-20.
"""

from rdkit import Chem

from assistant.errors import InputTooLargeError

MAX_SMILES_CHARS = 2000
MAX_NESTING = 100
MAX_FRAGMENTS = 30  # ChEBI-20 has a hydrate of 25 parts
MAX_HEAVY_ATOMS = 600
MAX_ATOMS = 3 * MAX_HEAVY_ATOMS
MAX_FILE_BYTES = 5 * 2**20
MAX_RECORDS = 1000
MAX_BLOCK_CHARS = 400_000
MAX_TEXT_CHARS = 500_000
MAX_NAME_CHARS = 200


# Comes along when text is copied from web pages and word processors; not shown anywhere.
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def trimmed(text: str) -> str:
    """Without blanks and invisible characters at both ends."""
    start, end = 0, len(text)
    while start < end and (text[start].isspace() or text[start] in _INVISIBLE):
        start += 1
    while start < end and (text[end - 1].isspace() or text[end - 1] in _INVISIBLE):
        end -= 1
    return text[start:end]


def is_smiles_text(text: str) -> bool:
    """Whether a SMILES can be written so: printable ASCII.

    RDKit drops all other characters at both ends in silence, and would read a Latin C with a
    Cyrillic one behind it as methane.
    """
    return text.isascii() and text.isprintable()


def check_smiles_size(smiles: str) -> None:
    """Refuses a SMILES that is too long, too deeply nested or has too many parts.

    Raises:
        InputTooLargeError: The message names the cap and the size found.
    """
    if len(smiles) > MAX_SMILES_CHARS:
        raise InputTooLargeError(
            f"The SMILES has {len(smiles):,} characters; at most {MAX_SMILES_CHARS:,} are read."
            " Enter a smaller molecule, or the part of it you are asking about."
        )
    # Nothing nests deeper than it has parentheses, and counting them is a hundred times faster.
    depth = nesting(smiles) if smiles.count("(") > MAX_NESTING else 0
    if depth > MAX_NESTING:
        raise InputTooLargeError(
            f"The SMILES has parentheses nested {depth:,} deep; at most {MAX_NESTING} are read."
            " Write the longest chain as the main chain to nest less."
        )
    fragments = smiles.count(".") + 1
    if fragments > MAX_FRAGMENTS:
        raise InputTooLargeError(
            f"The SMILES has {fragments:,} parts separated by dots; at most {MAX_FRAGMENTS} are"
            " read. Enter the molecules one at a time."
        )


def check_molecule_size(mol: Chem.Mol) -> None:
    """Refuses a parsed molecule that is too big to draw and compute at once.

    Raises:
        InputTooLargeError: The message names the cap and the size found.
    """
    heavy = mol.GetNumHeavyAtoms()
    if heavy > MAX_HEAVY_ATOMS or mol.GetNumAtoms() > MAX_ATOMS:
        raise InputTooLargeError(
            f"The molecule has {heavy:,} heavy atoms; at most {MAX_HEAVY_ATOMS} are read."
            " Enter the part of it you are asking about."
        )
    fragments = len(Chem.GetMolFrags(mol))
    if fragments > MAX_FRAGMENTS:
        raise InputTooLargeError(
            f"The molecule has {fragments:,} separate parts; at most {MAX_FRAGMENTS} are read."
            " Enter the molecules one at a time."
        )


def nesting(smiles: str) -> int:
    """The deepest level of parentheses in the text."""
    depth = deepest = 0
    for character in smiles:
        if character == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif character == ")":
            depth -= 1
    return deepest


def clean_name(name: str | None) -> str | None:
    """A name or title as inert text: no control characters, at most `MAX_NAME_CHARS` long."""
    if name is None:
        return None
    visible = "".join(c if c.isprintable() else " " for c in name[: 4 * MAX_NAME_CHARS])
    return " ".join(visible.split())[:MAX_NAME_CHARS] or None
