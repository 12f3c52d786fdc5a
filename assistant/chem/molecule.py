"""A molecule: something that parsed. Its identity is RDKit's canonical isomeric SMILES.

Readers of other notations are in `inputs`, `files` and `names`; they all end here. Atom maps are
labels of a reaction, not part of the structure, and are dropped; isotopes, charges, radicals,
dative bonds and attachment points (`*`) are kept.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from rdkit import Chem

from assistant.chem.diagnose import (
    explain,
    explain_block,
    query_in,
    read_block,
    unknown_isotope_in,
)
from assistant.chem.limits import (
    MAX_ATOMS,
    MAX_BLOCK_CHARS,
    check_molecule_size,
    check_smiles_size,
    clean_name,
    is_smiles_text,
    trimmed,
)
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import InputTooLargeError, InvalidMoleculeError

CX_EXTENSION = re.compile(r"^(\S+)\s+(\|[^\n]*\|)$")
V2000_COUNTS = re.compile(r"^ {0,2}(?P<atoms>\d{1,3})[ \d]{3}.*V2000", re.MULTILINE)
V3000_COUNTS = re.compile(r"^M  V30 COUNTS (?P<atoms>\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Molecule:
    """A valid molecule. Two are equal when their canonical isomeric SMILES are.

    Args:
        smiles: Canonical isomeric SMILES; use `parse` or `from_molblock` to make one.
        name: What a person called it; not part of the identity.
    """

    smiles: str
    name: str | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str, *, name: str | None = None) -> Self:
        """Reads one SMILES (or CXSMILES).

        Raises:
            InvalidMoleculeError: With the position of the mistake and a likely fix.
            InputTooLargeError: The text is over a cap of `limits`.
        """
        stripped = trimmed(text)
        extended = CX_EXTENSION.match(stripped)
        smiles = extended[1] if extended else stripped
        check_smiles_size(smiles)
        params = Chem.SmilesParserParams()
        params.allowCXSMILES, params.parseName = extended is not None, False
        mol = None
        if smiles and is_smiles_text(smiles) and (extended or len(smiles.split()) == 1):
            with quiet_rdkit():
                mol = Chem.MolFromSmiles(stripped, params)
        if mol is None or mol.GetNumAtoms() == 0 or _has_any_bond(mol) or unknown_isotope_in(mol):
            raise explain(text)
        return cls._of(mol, name)

    @classmethod
    def from_molblock(cls, block: str, *, name: str | None = None) -> Self:
        """Reads a V2000 or V3000 molfile; stereo comes from its wedges and coordinates.

        Raises:
            InvalidMoleculeError: An empty drawing, a search pattern, or impossible chemistry.
            InputTooLargeError: The block is over a cap of `limits`.
        """
        _check_block_size(block)
        mol = read_block(block)
        if mol is None or mol.GetNumAtoms() == 0 or query_in(mol) is not None:
            raise explain_block(block)
        return cls._of(_attachments_as_atoms(mol), name)

    @classmethod
    def from_rdmol(cls, mol: Chem.Mol, *, name: str | None = None) -> Self:
        """Takes over a sanitised RDKit molecule (from a file reader or a transformation)."""
        if mol.GetNumAtoms() == 0:
            raise InvalidMoleculeError("The drawing is empty.")
        query = query_in(mol)
        if query is not None:
            raise InvalidMoleculeError(f"This is a search pattern, not a molecule: {query}.")
        return cls._of(_attachments_as_atoms(mol), name)

    @classmethod
    def _of(cls, mol: Chem.Mol, name: str | None) -> Self:
        check_molecule_size(mol)
        problem = unknown_isotope_in(mol)
        if problem is not None:
            raise InvalidMoleculeError(f"No molecule in this drawing: {problem}.")
        return cls(_canonical(mol), clean_name(name))

    def rdmol(self) -> Chem.Mol:
        """The sanitised RDKit molecule; atom index i is shown as atom i + 1. Treat as read-only."""
        return _parsed(self.smiles)

    @property
    def inchikey(self) -> str:
        """The standard InChIKey, or "" where InChI cannot express the structure."""
        return _inchikey(self.smiles)


def is_same_structure(first: Molecule, second: Molecule) -> bool:
    """Whether both are the same molecule, stereo included."""
    return first.smiles == second.smiles


def _has_any_bond(mol: Chem.Mol) -> bool:
    """Whether a bond is `~`; RDKit would put hydrogens on both ends as if there were none."""
    return any(bond.HasQuery() for bond in mol.GetBonds())


@lru_cache(maxsize=512)
def _parsed(smiles: str) -> Chem.Mol:
    with quiet_rdkit():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise explain(smiles)
    return mol


@lru_cache(maxsize=512)
def _inchikey(smiles: str) -> str:
    with quiet_rdkit():
        return Chem.MolToInchiKey(_parsed(smiles))


def _canonical(mol: Chem.Mol) -> str:
    """Canonical SMILES, repeated until stable: one pass over a drawing is not always enough."""
    mol = Chem.Mol(mol)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    with quiet_rdkit():
        smiles = Chem.MolToSmiles(mol)
        for _ in range(3):
            again = Chem.MolFromSmiles(smiles)
            if again is None:
                raise explain(smiles)
            stable = Chem.MolToSmiles(again)
            if stable == smiles:
                break
            smiles = stable
    check_smiles_size(smiles)
    return smiles


def _check_block_size(block: str) -> None:
    if len(block) > MAX_BLOCK_CHARS:
        raise InputTooLargeError(
            f"The drawing has {len(block):,} characters; at most {MAX_BLOCK_CHARS:,} are read."
        )
    counts = V3000_COUNTS.search(block) or V2000_COUNTS.search(block)
    n_atoms = int(counts["atoms"]) if counts else 0
    if n_atoms > MAX_ATOMS:
        raise InputTooLargeError(
            f"The drawing has {n_atoms:,} atoms; at most {MAX_ATOMS:,} are read."
        )


def _attachments_as_atoms(mol: Chem.Mol) -> Chem.Mol:
    """Attachment points of a molfile (M  APO) become `*`, else they would silently turn into H."""
    if not any(a.HasProp("molAttchpt") for a in mol.GetAtoms()):
        return mol
    expanded = Chem.RWMol(mol)
    Chem.ExpandAttachmentPoints(expanded)
    Chem.SanitizeMol(expanded)
    return expanded
