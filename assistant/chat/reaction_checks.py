"""What is said of predicted reactants or products: are they valid, which atoms are missing?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from assistant.chat.claims.model import Check
from assistant.chat.short_tasks import ShortTask
from assistant.chem.molecule import Molecule
from assistant.chem.reaction import missing_atoms
from assistant.errors import AssistantError


def reaction_checks(
    text: str,
    task: ShortTask,
    given: str,
    how_good: str,
    remarks: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Check, ...]:
    """The checks of an answer's structures; none where the answer has another form.

    Whether one is right cannot be computed. That reactants bring every atom of the product can, and
    where they do not, a reagent that nobody named has to.

    Args:
        text: The answer.
        task: What was asked.
        given: SMILES of what was given.
        how_good: What tests say of such answers; it is told of the first structure.
        remarks: What else is known of a structure, by its SMILES in the text.
    """
    found, end = [], len(task.label)  # "P" is a structure, too
    for smiles in task.all_smiles_in(text):
        start = text.index(smiles, end)
        end = start + len(smiles)
        claim = Check(start, end, "contradicted", "smiles", smiles, "not a valid SMILES")
        told = ["" if found else how_good, remarks.get(smiles, "")]
        found.append(_checked(claim, task, given, [part for part in told if part]))
    return tuple(found)


def _checked(claim: Check, task: ShortTask, given: str, told: Sequence[str]) -> Check:
    try:
        found = Molecule.parse(claim.claim)
    except AssistantError:
        return claim
    reactants, product = found.smiles, given
    if task.name == "product":
        reactants, product = product, reactants
    missing = missing_atoms(reactants, product)
    truth = "valid, every atom of the product is there"
    if missing:
        truth = f"valid, but {missing} of the product would have to come from a reagent"
    note = "; ".join([*told, truth])
    return replace(claim, verdict="unverifiable", truth=truth, smiles=found.smiles, note=note)
