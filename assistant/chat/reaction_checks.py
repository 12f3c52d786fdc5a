"""What is said of predicted reactants or products: are they valid, which atoms are missing?"""

from collections import Counter
from dataclasses import replace

from assistant.chat.claims.model import Check
from assistant.chat.short_tasks import ShortTask
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError


def reaction_checks(text: str, task: ShortTask, given: str, how_good: str) -> tuple[Check, ...]:
    """The check of an answer's structure; none where the answer has another form.

    Whether it is right cannot be computed. That reactants bring every atom of the product can, and
    where they do not, a reagent that nobody named has to.

    Args:
        text: The answer.
        task: What was asked.
        given: SMILES of what was given.
        how_good: What tests say of such answers.
    """
    smiles = task.smiles_in(text)
    if not smiles:
        return ()
    start = text.index(smiles)
    claim = Check(
        start, start + len(smiles), "contradicted", "smiles", smiles, "not a valid SMILES"
    )
    try:
        found = Molecule.parse(smiles)
    except AssistantError:
        return (claim,)
    reactants, product = found, Molecule.parse(given)
    if task.name == "product":
        reactants, product = product, reactants
    missing = missing_atoms(reactants, product)
    truth = "valid; the reactants bring every atom of the product"
    if missing:
        truth = f"valid; {missing} of the product would have to come from a reagent"
    note = f"{how_good}; {truth}"
    return (replace(claim, verdict="unverifiable", truth=truth, smiles=found.smiles, note=note),)


def missing_atoms(reactants: Molecule, product: Molecule) -> str:
    """Atoms of a product that its reactants do not have, hydrogens apart: "2 C, 1 O" or ""."""
    left = _atoms(product)
    left.subtract(_atoms(reactants))
    return ", ".join(f"{n} {symbol}" for symbol, n in sorted(left.items()) if n > 0)


def _atoms(molecule: Molecule) -> Counter[str]:
    symbols = (atom.GetSymbol() for atom in molecule.rdmol().GetAtoms())
    return Counter(symbol for symbol in symbols if symbol != "H")
