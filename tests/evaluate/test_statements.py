"""The rules by which answers are scored."""

from dataclasses import replace

import pytest

from assistant.chem.facts import compute_facts
from assistant.chem.groups import GROUPS
from assistant.chem.molecule import Molecule
from assistant.evaluate.grounding import (
    HELDOUT,
    Outcome,
    chat_verdict,
    heldout_lines,
    thoughts_line,
)
from assistant.evaluate.statements import answers_group, refuses, states

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
    ("answer", "group", "right"),
    [
        ("Yes, molecule 2 contains a carboxylic acid.", "carboxylic acid", True),
        ("Yes.", "carboxylic acid", True),
        ("Molecule 2 has a carboxylic acid.", "carboxylic acid", True),
        ("It contains a carboxylic acid and a primary amine.", "carboxylic acid", True),
        ("No, molecule 2 has no carboxylic acid.", "carboxylic acid", False),
        ("No, but it contains a carboxylic acid.", "carboxylic acid", False),  # disagree
        ("Yes, it contains a carboxylic acid and an ester.", "carboxylic acid", False),
        ("Molecule 2 contains a primary amine.", "carboxylic acid", False),  # not to the point
        ("Molecule 1 contains a carboxylic acid.", "carboxylic acid", False),  # another molecule
        ("I do not know.", "carboxylic acid", False),
        ("No, there is no ester in molecule 2.", "ester", True),
        ("No.", "ester", True),
        ("Molecule 2 contains a carboxylic acid and a primary amine.", "ester", True),
        ("Yes, molecule 2 contains an ester.", "ester", False),
        ("Yes.", "ester", False),
    ],
)  # fmt: skip
def test_a_question_for_one_group_is_answered_by_it(answer: str, group: str, right: bool) -> None:
    assert answers_group(answer, group, 2, {1: ASPIRIN, 2: ALANINE}) is right


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


def test_a_script_may_ask_for_one_group() -> None:
    molecules = ["CC(=O)Oc1ccccc1C(=O)O", "CC(N)C(=O)O"]
    asked = {"molecule": 2, "key": "groups", "group": "ester"}
    assert chat_verdict(asked, "No, molecule 2 has no ester.", molecules) == ("fact", True)
    assert chat_verdict(asked, "Yes, molecule 2 has an ester.", molecules) == ("fact", False)
    whole = {"molecule": 2, "key": "groups"}
    assert chat_verdict(whole, "No, molecule 2 has no ester.", molecules) == ("fact", False)


def test_groups_asked_for_in_the_scripts_are_in_the_table() -> None:
    scripts = heldout_lines(HELDOUT / "chat.jsonl")
    asked = [t["expect"]["group"] for s in scripts for t in s["turns"] if "group" in t["expect"]]
    assert len(asked) == 7
    assert set(asked) <= {group.name for group in GROUPS}


def test_the_report_says_how_many_answers_were_written_again_and_what_that_took() -> None:
    plain = Outcome("chat", "fact", "C", "?", "It has no rings.", True, False)
    again = replace(plain, tried=2, seconds=0.5, first="It has a ring.")
    in_vain = replace(plain, tried=8, seconds=1.5)
    assert thoughts_line([plain]) == ""
    assert thoughts_line([plain, again, in_vain]) == (
        "2 of 3 answers were contradicted or passed over what was asked, 1 of these written again;"
        " 1.00 s each (median), at most 1.50 s\n"
    )
