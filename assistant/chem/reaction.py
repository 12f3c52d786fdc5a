"""Reactions: molecules with roles, from reaction SMILES (a>b>c) or a drawn arrow (rxnfile).

Nothing is stripped: counter-ions of a reaction are part of it. Atom maps are dropped by `Molecule`.
"""

import re
from collections import Counter
from dataclasses import dataclass

from rdkit import Chem

from assistant.chem.limits import MAX_BLOCK_CHARS, MAX_FRAGMENTS, MAX_SMILES_CHARS
from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import InputTooLargeError, InvalidMoleculeError

ARROW = re.compile(r"(?<!-)>")  # `->` is a dative bond
ROLES = ("reactant", "agent", "product")
_UNREADABLE = "No reaction in this drawing: it is not a rxnfile that can be read."
_FRAGMENT_GROUPS = re.compile(r"^(\S+)\s+\|(?:[^|]*,)?f:([\d.,]+)[^|]*\|$")


@dataclass(frozen=True)
class Reaction:
    """A reaction as drawn; either side may be empty, not both."""

    reactants: tuple[Molecule, ...]
    agents: tuple[Molecule, ...]
    products: tuple[Molecule, ...]

    @property
    def smiles(self) -> str:
        """Reaction SMILES of the canonical molecules."""
        sides = (self.reactants, self.agents, self.products)
        return ">".join(".".join(molecule.smiles for molecule in side) for side in sides)


def is_reaction(text: str) -> bool:
    """Whether the text is written as a reaction SMILES (two arrows outside dative bonds)."""
    smiles = text.split("|")[0].strip()
    is_markup = re.search(r"<(?!-)", smiles) is not None
    return len(smiles.split()) == 1 and len(ARROW.findall(smiles)) == 2 and not is_markup


def parse_reaction(text: str) -> Reaction:
    """Reads a reaction SMILES; `|f:0.1|` groups of fragments stay one molecule.

    Raises:
        InvalidMoleculeError: Names the faulty molecule; position counts in the whole text.
        InputTooLargeError: Over the caps of `limits`.
    """
    stripped = text.strip()
    grouped = _FRAGMENT_GROUPS.match(stripped)
    smiles = stripped.split("|")[0].strip()
    if len(smiles) > 3 * MAX_SMILES_CHARS:
        raise InputTooLargeError(
            f"The reaction has {len(smiles):,} characters; at most {3 * MAX_SMILES_CHARS:,} are"
            " read."
        )
    sides = ARROW.split(smiles)
    if len(sides) != 3:
        raise InvalidMoleculeError(
            "A reaction SMILES has two '>' signs: reactants>agents>products.", source=text
        )
    groups = [set(map(int, g.split("."))) for g in grouped[2].split(",") if g] if grouped else []
    roles: list[tuple[Molecule, ...]] = []
    offset, index = text.find(smiles), 0
    for side in sides:
        parts = side.split(".") if side else []
        roles.append(_side(text, parts, offset, _grouping(len(parts), index, groups)))
        offset += len(side) + 1
        index += len(parts)
    return _made(*roles)


def from_rxnblock(block: str) -> Reaction:
    """Reads a rxnfile (V2000 or V3000), as sketchers write it.

    Raises:
        InvalidMoleculeError: The block or one of its molecules cannot be read.
        InputTooLargeError: Over the caps of `limits`.
    """
    if len(block) > MAX_BLOCK_CHARS:
        raise InputTooLargeError(
            f"The drawing has {len(block):,} characters; at most {MAX_BLOCK_CHARS:,} are read."
        )
    blocks = _blocks_v3000(block) if "V3000" in block else _blocks_v2000(block)
    return _made(*(_drawn(role, side) for role, side in zip(ROLES, blocks, strict=True)))


def _made(
    reactants: tuple[Molecule, ...], agents: tuple[Molecule, ...], products: tuple[Molecule, ...]
) -> Reaction:
    total = len(reactants) + len(agents) + len(products)
    if not (reactants or products):
        raise InvalidMoleculeError("The reaction has neither reactants nor products.")
    if total > MAX_FRAGMENTS:
        raise InputTooLargeError(
            f"The reaction has {total:,} molecules; at most {MAX_FRAGMENTS} are read."
        )
    return Reaction(reactants, agents, products)


def _grouping(n_parts: int, first_index: int, groups: list[set[int]]) -> list[list[int]]:
    """Which parts of a side belong together; each alone unless the text groups them."""
    together: dict[int, list[int]] = {}
    for part in range(n_parts):
        home = next((k for k, group in enumerate(groups) if first_index + part in group), None)
        together.setdefault(-part - 1 if home is None else home, []).append(part)
    return list(together.values())


def _side(
    text: str, parts: list[str], offset: int, grouping: list[list[int]]
) -> tuple[Molecule, ...]:
    starts = [offset + sum(len(part) + 1 for part in parts[:k]) for k in range(len(parts))]
    molecules = []
    for members in grouping:
        try:
            molecules.append(Molecule.parse(".".join(parts[k] for k in members)))
        except InvalidMoleculeError as error:
            start, written = starts[members[0]], parts[members[0]]
            alone = len(members) == 1
            fixed = error.fix if alone else None
            raise InvalidMoleculeError(
                str(error),
                source=text,
                position=start + (error.position or 0) if alone else start,
                fix=text[:start] + fixed + text[start + len(written) :] if fixed else None,
            ) from error
    return tuple(molecules)


def _drawn(role: str, blocks: list[str]) -> tuple[Molecule, ...]:
    molecules = []
    for number, block in enumerate(blocks, start=1):
        try:
            molecules.append(Molecule.from_molblock(block))
        except InvalidMoleculeError as error:
            reason = str(error).removeprefix("No molecule in this drawing: ")
            raise InvalidMoleculeError(f"The reaction's {role} {number}: {reason}") from error
    return tuple(molecules)


def _blocks_v2000(block: str) -> list[list[str]]:
    """The molfiles of each role, read one by one: RDKit's reaction reader loses wedge stereo."""
    head, *molfiles = re.split(r"^\$MOL[ \t]*\r?\n", block, flags=re.MULTILINE)
    counts = re.search(
        r"^([ \d]{3})([ \d]{1,3})([ \d]{1,3})?[ \t]*$", (head.splitlines() or [""])[-1]
    )
    n_reactants, n_products, n_agents = (
        int("".join((counts[k] or "").split()) or 0) if counts else 0 for k in (1, 2, 3)
    )
    if counts is None or n_reactants + n_products + n_agents != len(molfiles):
        raise InvalidMoleculeError(_UNREADABLE)
    sides = molfiles[:n_reactants], molfiles[n_reactants : n_reactants + n_products]
    return [sides[0], molfiles[n_reactants + n_products :], sides[1]]


def _blocks_v3000(block: str) -> list[list[str]]:
    header = "\n\n\n  0  0  0     0  0            999 V3000\n"
    sides = []
    for role in ROLES:
        section = re.search(
            rf"^M  V30 BEGIN {role.upper()}\s*$(.*?)^M  V30 END {role.upper()}\s*$",
            block,
            re.MULTILINE | re.DOTALL,
        )
        tables = re.findall(
            r"^M  V30 BEGIN CTAB.*?^M  V30 END CTAB",
            section[1] if section else "",
            re.MULTILINE | re.DOTALL,
        )
        sides.append([f"{header}{table}\nM  END\n" for table in tables])
    if not any(sides):
        raise InvalidMoleculeError(_UNREADABLE)
    return sides


def missing_atoms(reactants: str, product: str) -> str:
    """Atoms of a product that its reactants do not have, hydrogens apart: "2 C, 1 O" or "".

    Args:
        reactants: Valid SMILES of any number of parts, each within the caps.
        product: The same.
    """
    left = _atoms(product)
    left.subtract(_atoms(reactants))
    return ", ".join(f"{n} {symbol}" for symbol, n in sorted(left.items()) if n > 0)


def _atoms(smiles: str) -> Counter[str]:
    with quiet_rdkit():
        mols = [Chem.MolFromSmiles(part) for part in smiles.split(".")]
    symbols = (atom.GetSymbol() for mol in mols for atom in mol.GetAtoms())
    return Counter(symbol for symbol in symbols if symbol != "H")
