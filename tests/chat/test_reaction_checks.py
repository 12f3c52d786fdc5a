"""What is said of a predicted structure: that it is one, and which atoms it leaves to others."""

import pytest

from assistant.chat.reaction_checks import reaction_checks
from assistant.chat.short_tasks import SHORT_TASKS
from assistant.chem.reaction import missing_atoms

RETRO, PRODUCT = SHORT_TASKS["retrosynthesis"], SHORT_TASKS["product"]
AMIDE = "CC(=O)Nc1ccc(O)cc1"


def test_reactants_that_bring_everything() -> None:
    text = "Reactants: CC(=O)Cl.Nc1ccc(O)cc1"
    (check,) = reaction_checks(text, RETRO, AMIDE, "right for 1 of 4")
    assert (check.verdict, text[check.start : check.end]) == ("unverifiable", text[11:])
    assert check.truth == "valid, every atom of the product is there"
    assert check.note == f"right for 1 of 4; {check.truth}"


def test_reactants_that_lack_an_atom() -> None:
    (check,) = reaction_checks("Reactants: CC(=O)Cl.Nc1ccccc1", RETRO, AMIDE, "")
    assert "1 O of the product would have to come from a reagent" in check.truth


def test_a_product_with_atoms_that_nothing_brings() -> None:
    (check,) = reaction_checks("Product: CCCBr", PRODUCT, "CCO.Cl", "")
    assert "1 Br, 1 C of the product" in check.truth


def test_what_is_no_structure_is_marked() -> None:
    (check,) = reaction_checks("Product: CC((", PRODUCT, "CCO", "")
    assert (check.verdict, check.truth) == ("contradicted", "not a valid SMILES")


@pytest.mark.parametrize("text", ["I do not know.", "Reactants: CCO", ""])
def test_another_form_has_no_check(text: str) -> None:
    assert reaction_checks(text, PRODUCT, "CCO", "") == ()


def test_hydrogens_do_not_count() -> None:
    assert missing_atoms("C=C", "CC") == ""


def test_each_of_several_is_checked_with_what_is_known_of_it() -> None:
    smiles = ["CC(=O)Cl.Nc1ccc(O)cc1", "CC(=O)Cl.Nc1ccccc1", "C(("]
    text = RETRO.several(smiles, [0.6, 0.3, 0.1])
    first, second, broken = reaction_checks(text, RETRO, AMIDE, "good", {smiles[1]: "rare"})
    assert [text[c.start : c.end] for c in (first, second, broken)] == smiles
    assert first.note == f"good; {first.truth}"
    assert second.note.startswith("rare; valid, but 1 O of the product")
    assert broken.verdict == "contradicted"


def test_the_same_structure_twice_is_marked_twice() -> None:
    text = RETRO.several(["CCO", "CCO"], [0.6, 0.3])
    first, second = reaction_checks(text, RETRO, "CCO", "")
    assert text[second.start : second.end] == "CCO"
    assert second.start > first.end


def test_a_letter_of_the_label_is_no_structure() -> None:
    (check,) = reaction_checks("Product: P", PRODUCT, "P", "")
    assert (check.start, check.end) == (9, 10)
