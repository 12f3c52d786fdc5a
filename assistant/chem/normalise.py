"""What a chemist may want tidied: counter-ions, charges. The molecule as entered is never replaced.

The report offers a parent and says in words what would change, so that a page can offer it and undo
it. Isotopes and stereo stay. Tautomers are left alone: which one is meant is the chemist's choice.
"""

from collections import Counter
from dataclasses import dataclass

from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import AssistantError

MAX_ENTERED_CHARS = 2000
ION_NAMES = {
    "[Na+]": "sodium",
    "[K+]": "potassium",
    "[Li+]": "lithium",
    "[Cs+]": "caesium",
    "[Ca+2]": "calcium",
    "[Mg+2]": "magnesium",
    "[Zn+2]": "zinc",
    "[Al+3]": "aluminium",
    "[NH4+]": "ammonium",
    "[F-]": "fluoride",
    "[Cl-]": "chloride",
    "[Br-]": "bromide",
    "[I-]": "iodide",
    "[OH-]": "hydroxide",
    "F": "hydrogen fluoride",
    "Cl": "hydrogen chloride",
    "Br": "hydrogen bromide",
    "I": "hydrogen iodide",
    "O": "water",
    "N": "ammonia",
    "O=S(=O)(O)O": "sulfuric acid",
    "O=S(=O)([O-])[O-]": "sulfate",
    "O=P(O)(O)O": "phosphoric acid",
    "O=[N+]([O-])O": "nitric acid",
    "O=[N+]([O-])[O-]": "nitrate",
    "CS(=O)(=O)O": "methanesulfonic acid",
    "CS(=O)(=O)[O-]": "mesylate",
    "Cc1ccc(S(=O)(=O)O)cc1": "toluenesulfonic acid",
    "O=C(O)C(F)(F)F": "trifluoroacetic acid",
    "O=C([O-])C(F)(F)F": "trifluoroacetate",
    "CC(=O)O": "acetic acid",
    "CC(=O)[O-]": "acetate",
    "O=C(O)/C=C\\C(=O)O": "maleic acid",
    "O=C(O)/C=C/C(=O)O": "fumaric acid",
    "O=C(O)CC(O)(CC(=O)O)C(=O)O": "citric acid",
    "F[B-](F)(F)F": "tetrafluoroborate",
    "F[P-](F)(F)(F)(F)F": "hexafluorophosphate",
    "CO": "methanol",
    "CCO": "ethanol",
}
# groups 3-12, lanthanides and actinides: their ions are partners in a complex, not counter-ions
_TRANSITION_METALS = frozenset([*range(21, 30), *range(39, 48), *range(57, 80), *range(89, 113)])


@dataclass(frozen=True)
class Change:
    """One difference between the molecule as entered and the proposal, or between text and picture.

    Args:
        kind: `salt` or `charge`; for what reading already did `aromatic`, `notation`, `atom map`.
        before: SMILES before.
        after: SMILES after.
        text: The change as a sentence.
    """

    kind: str
    before: str
    after: str
    text: str


@dataclass(frozen=True)
class NormalisationReport:
    """The proposal and the way to it; `changes` is empty when there is nothing to tidy."""

    molecule: Molecule
    changes: tuple[Change, ...]


def normalise(molecule: Molecule, *, entered: str | None = None) -> NormalisationReport:
    """Proposes the neutral parent of a salt or an ion.

    Args:
        molecule: The molecule as entered.
        entered: The SMILES as typed, to tell also what reading it changed.
    """
    changes = list(_reading_changes(entered, molecule)) if entered else []
    current = molecule
    for step in (_without_counter_ions, _neutralised):
        change = step(current)
        if change is not None:
            current = Molecule(change.after, molecule.name)
            changes.append(change)
    return NormalisationReport(current, tuple(changes))


def _without_counter_ions(molecule: Molecule) -> Change | None:
    with quiet_rdkit():
        fragments = Chem.GetMolFrags(molecule.rdmol(), asMols=True)
        if len(fragments) < 2 or any(_is_complex(fragment) for fragment in fragments):
            return None
        chooser = rdMolStandardize.LargestFragmentChooser(preferOrganic=True)
        parent = chooser.choose(molecule.rdmol())
        smiles = [Chem.MolToSmiles(fragment) for fragment in fragments]
    if not any(atom.GetAtomicNum() == 6 for atom in parent.GetAtoms()):
        return None  # sodium chloride is all salt: no parent to offer
    after = _canonical(parent)
    if after is None or after not in smiles:
        return None
    removed = Counter(smiles)
    removed[after] -= 1
    copies = removed.pop(after)
    parts = [_counted(one, count) for one, count in removed.items()]
    parts += [f"{copies} further {'copy' if copies == 1 else 'copies'} of the parent"] * bool(
        copies
    )
    listed = ", ".join(parts)
    return Change("salt", molecule.smiles, after, f"Without {listed}.")


def _is_complex(fragment: Chem.Mol) -> bool:
    return any(atom.GetAtomicNum() in _TRANSITION_METALS for atom in fragment.GetAtoms())


def _counted(smiles: str, count: int) -> str:
    name = ION_NAMES.get(smiles)
    shown = f"{name} ({smiles})" if name else smiles
    return shown if count == 1 else f"{count} × {shown}"


def _neutralised(molecule: Molecule) -> Change | None:
    mol = molecule.rdmol()
    organic = any(atom.GetAtomicNum() == 6 for atom in mol.GetAtoms())
    if not organic or not _charged(mol) or _is_complex(mol):
        return None
    with quiet_rdkit():
        neutral = rdMolStandardize.Uncharger().uncharge(mol)
    after = _canonical(neutral)
    if after is None or after == molecule.smiles:
        return None
    total = Chem.GetFormalCharge(mol)
    left = Chem.GetFormalCharge(neutral)
    was = f"charge {total:+d}" if total else "zwitterion"
    became = f"charge {left:+d} is left" if left else "neutral"
    text = f"Charges evened out by moving H+: {was} → {became}."
    return Change("charge", molecule.smiles, after, text)


def _canonical(mol: Chem.Mol) -> str | None:
    try:
        return Molecule.from_rdmol(mol).smiles
    except AssistantError:
        return None


def _reading_changes(entered: str, molecule: Molecule) -> list[Change]:
    """What parsing already did to the text; told, not offered."""
    text = entered.strip()
    if len(text) > MAX_ENTERED_CHARS or len(text.split()) != 1:
        return []
    with quiet_rdkit():
        raw = Chem.MolFromSmiles(text, sanitize=False)
    if raw is None or raw.GetNumAtoms() == 0:
        return []
    changes = []
    after = molecule.smiles
    aromatic = any(atom.GetIsAromatic() for atom in molecule.rdmol().GetAtoms())
    if aromatic and not any(atom.GetIsAromatic() for atom in raw.GetAtoms()):
        note = "Rings written with alternating double bonds are read as aromatic."
        changes.append(Change("aromatic", text, after, note))
    if any(atom.GetAtomMapNum() for atom in raw.GetAtoms()):
        note = "Atom map numbers are not kept."
        changes.append(Change("atom map", text, after, note))
    if _charged(raw) != _charged(molecule.rdmol()):
        note = "Charges were set as the usual notation has them, as in nitro groups."
        changes.append(Change("notation", text, after, note))
    return changes


def _charged(mol: Chem.Mol) -> int:
    return sum(1 for atom in mol.GetAtoms() if atom.GetFormalCharge())
