"""Marks on wordings of small models that say a right thing in a roundabout way."""

import pytest

from assistant.chat.check import check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

FACTS = {1: compute_facts(Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"))}


def marks(text: str) -> list[tuple[str, str]]:
    checks = check_answer(text, FACTS, (1,), names={1: "aspirin"})
    return [(check.claim, check.verdict) for check in checks]


@pytest.mark.parametrize(
    "text",
    [
        "Aspirin isn't an amine, it's an ester.",
        "It's not an amide, it's an ester.",
        "It isn't aliphatic, it's aromatic.",
        "Aspirin isn't an amine, rather an ester.",
        "It violates none of Lipinski's rules.",
        "It breaks no rule of five limit.",
        "Aspirin has no rings other than the benzene ring.",
        "There are no rings besides the benzene ring.",
        "As it has no nitrogen, neither an amine nor an amide is present.",
        "The mass is 180.16 g/mol: carbon gives 108.1 g/mol, hydrogen 8.06 g/mol.",
    ],
)
def test_a_roundabout_right_statement_is_not_wrong(text: str) -> None:
    assert {verdict for _, verdict in marks(text)} == {"confirmed"}


@pytest.mark.parametrize(
    "text",
    [
        "The phenolic OH is masked as an ester.",
        "The claim that it contains nitrogen is false.",
        "The six ring atoms are all carbon.",
        "Three oxygens accept hydrogen bonds.",
        "Since there's no nitrogen, an amine can be ruled out.",
        "It has three C=C double bonds in the ring.",
        "It contains a C=C bond.",
        "It has six ring carbons.",
        "The rule tolerates one violation.",
        "One violation would be allowed, but there is none.",
        "Of the TPSA, 37.3 Å² come from the acid.",
        "The TPSA is made up of 37.3 Å² (acid) and 26.3 Å² (ester).",
        "The mass is not quite 181 g/mol.",
        "The TPSA is nowhere near 140 Å².",
        "The TPSA doesn't reach 90 Å².",
        "The TPSA does not come close to 140 Å².",
        "The TPSA falls short of 90 Å².",
        "The TPSA is 26.4 Å² below 90 Å².",
        "The TPSA is 0.636 nm².",
        "Only a TPSA above 140 Å² would be a problem.",
        "It passes none of Lipinski's rules.",
    ],
)
def test_what_states_nothing_gets_no_wrong_mark(text: str) -> None:
    assert [claim for claim, verdict in marks(text) if verdict == "contradicted"] == []


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("Aspirin isn't an ester, it's an amide.", "an amide"),
        ("It's an amine.", "an amine"),
        ("It contains an alkene.", "an alkene"),
        ("Five oxygens accept hydrogen bonds.", "Five oxygens"),
        ("Neither an ester nor an amide is present.", "an ester"),
        ("It has two C=C double bonds.", "two C=C double bonds"),
        ("It has six rings.", "six rings"),
        ("It has one violation.", "one violation"),
        ("It is not charged and weighs 190 g/mol.", "190 g/mol"),
        ("It isn't chiral: the mass is 190 g/mol.", "mass is 190 g/mol"),
        ("The TPSA is 26.4 Å², below 90 Å².", "TPSA is 26.4 Å²"),
        ("It violates Lipinski's rules.", "violates Lipinski's"),
        ("Aspirin has no rings.", "no rings"),
    ],
)
def test_the_same_words_wrongly_said_are_wrong(text: str, claim: str) -> None:
    assert (claim, "contradicted") in marks(text)
