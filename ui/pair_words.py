"""How the Pair tab calls tasks, roles and molecules, and writes their values."""

from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PairTask
from assistant.pairing.lists import usual_names
from ui.render import escape
from ui.workbench import rounded, short

TITLES = {
    "absorption": "Absorption",
    "emission": "Emission",
    "lifetime": "Lifetime",
    "solvation": "Solvation",
    "drug_drug": "Drug interaction",
}
"""Of the tasks, in the order of the page."""

ROLES = {
    "chromophore": "Chromophore",
    "solvent": "Solvent",
    "solute": "Solute",
    "drug": "Drug",
}
SPOKEN = 12  # characters of a SMILES that a heading can hold
NAME_CHARS = 28
DECIMALS = {"absorption": 0, "emission": 0, "lifetime": 2, "solvation": 2, "drug_drug": 2}


def number(task: PairTask, value: float) -> str:
    """A value with the digits its error leaves, without its unit; a minus as a minus."""
    return rounded(value, f"{{:.{DECIMALS[task.name]}f}}").replace("-", "−")


def with_unit(task: PairTask, value: float) -> str:
    """A value with its unit."""
    return f"{number(task, value)} {task.unit}".strip()


def name_of(molecule: Molecule) -> str:
    """A molecule as a person calls it."""
    return given_name(molecule) or short(molecule.smiles, NAME_CHARS)


def given_name(molecule: Molecule) -> str:
    """The name that a molecule came with, or that a common solvent or drug has, else nothing."""
    return molecule.name or usual_names().get(molecule.smiles, "")


def called(task: PairTask, place: int, molecule: Molecule) -> str:
    """A molecule in a heading; a long SMILES, which is drawn above, by its role."""
    is_short = given_name(molecule) or len(molecule.smiles) <= SPOKEN
    if not is_short and not task.is_symmetric:
        return f"the {ROLES[task.roles[place]].lower()}"
    return f'<span translate="no">{escape(name_of(molecule))}</span>'
