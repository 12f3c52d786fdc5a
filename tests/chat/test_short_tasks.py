"""Answers of a specialist: one structure, or several with their shares, and back."""

import pytest

from assistant.chat.short_tasks import SHORT_TASKS
from assistant.evaluate.tasks.reading import read_smiles

RETRO, PRODUCT = SHORT_TASKS["retrosynthesis"], SHORT_TASKS["product"]


@pytest.mark.parametrize("smiles", [("CCO",), ("CCO", "C(C)O.N"), ("CC(=O)Cl.N", "C#C", "[Na+]")])
def test_structures_come_back_in_their_order(smiles: tuple[str, ...]) -> None:
    text = RETRO.several(smiles, [1 / (n + 2) for n in range(len(smiles))])
    assert RETRO.all_smiles_in(text) == smiles
    assert RETRO.smiles_in(text) == smiles[0]
    assert PRODUCT.all_smiles_in(text) == ()


def test_a_reader_of_answers_takes_the_first() -> None:
    text = RETRO.several(["CC(=O)Cl.N", "CC(=O)O.N"], [0.5, 0.25])
    assert read_smiles(text, "reactant") == "CC(=O)Cl.N"


def test_shares_are_told_in_percent() -> None:
    text = PRODUCT.several(["C", "N", "O"], [0.614, 0.02, 0.004])
    assert text.splitlines() == [
        "Product: C (61%)",
        "",
        "Less likely:",
        "2. N (2%)",
        "3. O (under 1%)",
    ]


@pytest.mark.parametrize("text", ["", "Product:", "Product: ", "I do not know.", "\n"])
def test_another_form_gives_nothing(text: str) -> None:
    assert PRODUCT.all_smiles_in(text) == ()
