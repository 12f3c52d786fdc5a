"""The rules by which answers are scored."""

import pytest

from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.evaluate.statements import refuses, states

ASPIRIN = compute_facts(Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"))
ALANINE = compute_facts(Molecule.parse("CC(N)C(=O)O"))


@pytest.mark.parametrize(
    ("answer", "key", "value", "right"),
    [
        ("The cLogP of molecule 1 is 1.31.", "clogp", "1.31", True),
        ("The cLogP of molecule 1 is 11.31.", "clogp", "1.31", False),
        ("The cLogP of molecule 1 is -1.31.", "clogp", "1.31", False),
        ("It has three rotatable bonds.", "rotatable_bonds", "3", True),
        ("It has 13 rotatable bonds.", "rotatable_bonds", "3", False),
        ("Molecule 1 has no H-bond donors.", "hbd", "0", True),
        ("Molecule 1 is neutral, with a charge of 0.", "charge", "0", True),
        ("The charge of molecule 1 is +1.", "charge", "+1", True),
        ("Molecule 1 has no stereocentre.", "stereocentres", "none", True),
        ("It has 2 stereocentres; 1 of 2 is set.", "stereocentres", "1 of 2 set", True),
        ("It has 2 stereocentres; 2 of 2 are set.", "stereocentres", "1 of 2 set", False),
        ("Molecule 1 has no PAINS or Brenk alert.", "alerts", "none", True),
        ("It passes the rule of five with no violations.", "rule_of_five", "no violations", True),
        ("The QED of molecule 1 is not defined.", "qed", "not defined", True),
        ("The average mass is 180.16 g/mol.", "average_mass", "180.16 g/mol", True),
        ("The average mass is 180.1 g/mol.", "average_mass", "180.16 g/mol", False),
    ],
)  # fmt: skip
def test_a_value_counts_only_as_it_stands(answer: str, key: str, value: str, right: bool) -> None:
    assert states(answer, key, value, ASPIRIN) is right


def test_groups_count_only_when_all_are_named_and_no_other() -> None:
    amine, acid = "a primary amine", "a carboxylic acid"
    names = {group.name for group in ALANINE.groups}
    assert names == {"primary amine", "carboxylic acid"}
    assert states(f"It contains {acid} and {amine}.", "groups", "", ALANINE)
    assert not states(f"It contains {acid}.", "groups", "", ALANINE)
    assert not states(f"It contains {acid}, {amine} and an ester.", "groups", "", ALANINE)
    assert not states(f"It contains two carboxylic acids and {amine}.", "groups", "", ALANINE)


@pytest.mark.parametrize(
    ("answer", "declined"),
    [
        ("I do not know the uses of molecule 1.", True),
        ("I was not given the TPSA of molecule 1, so I cannot say.", True),
        ("The TPSA of molecule 1 is 63.6 Å².", False),
    ],
)
def test_declining_is_read_from_the_words(answer: str, declined: bool) -> None:
    assert refuses(answer) is declined
