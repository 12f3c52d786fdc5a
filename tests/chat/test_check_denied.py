"""Marks on denials: "not 5.0" is wrong where the computed value, rounded as far, is 5.0."""

import pytest

from assistant.chat.check import check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

ASPIRIN, NICOTINE = "CC(=O)Oc1ccccc1C(=O)O", "CN1CCC[C@H]1c1cccnc1"
FACTS = {1: compute_facts(Molecule.parse(ASPIRIN)), 2: compute_facts(Molecule.parse(NICOTINE))}


def marks(text: str) -> list[tuple[str, str]]:
    return [(check.claim, check.verdict) for check in check_answer(text, FACTS, (1,))]


@pytest.mark.parametrize(
    ("text", "claim", "right", "wrong"),
    [
        ("C9H8O4, not {}. Please check the drawing.", "not {}", "C9H8O3", "C9H8O4"),
        ("The formula is C9H8O4, so I cannot confirm {}.", "cannot confirm {}", "C9H9O4", "C9H8O4"),
        ("I do not get {}. My formula is C9H8O4.", "not get {}", "C9H8O3", "C9H8O4"),
        ("The average mass is 180.16, not {}.", "not {}", "180.04", "180.16"),
        ("The average mass is 180.16, not {}.", "not {}", "180.1", "180.2"),
        ("The exact mass is 180.0423 Da, not {} Da.", "not {} Da", "180.16", "180.04"),
        # One of the two masses is denied, the one that was stated.
        ("The mass is 180.0423 Da, not {} Da.", "not {} Da", "180.16", "180.04"),
        ("It weighs 180.16 g/mol, not {} g/mol.", "not {} g/mol", "200", "180.16"),
        ("Molecule 1 has 1 ring, not {}.", "not {}", "3", "1"),
        ("Molecule 1 has 1 ring, not {} rings.", "not {} rings", "3", "1"),
        ("Molecule 1 has 1 ring and molecule 2 has 2, not {}.", "not {}", "1", "2"),
        ("I cannot confirm {} rings.", "cannot confirm {} rings", "3", "1"),
        (
            "I cannot confirm that the TPSA is {}.",
            "cannot confirm that the TPSA is {}",
            "5",
            "63.6",
        ),
        ("It does not have a TPSA of {}.", "not have a TPSA of {}", "5.0", "63.6"),
        ("The TPSA is 63.6, so I cannot confirm {}.", "cannot confirm {}", "5.0", "64"),
        ("RDKit disagrees with {}: it has 63.6 for the TPSA.", "disagrees with {}", "5.0", "63.6"),
        ("63.6 for the TPSA; {} does not fit this structure.", "{} does not fit", "5", "63.6"),
        ("{} is not what I have. The TPSA is 63.6.", "{} is not", "5", "63.6"),
        ("63.6 for the TPSA, which I keep instead of {}.", "instead of {}", "5", "63.6"),
        ("63.6 for the TPSA; {} doesn't fit this structure.", "{} doesn't fit", "5", "63.6"),
        ("{} isn't what I have. The TPSA is 63.6.", "{} isn't", "5", "63.6"),
        # Whatever the negation
        ("It isn't {} g/mol.", "isn't {} g/mol", "200", "180.16"),
        ("It is never {} g/mol.", "never {} g/mol", "200", "180.16"),
        ("It didn't weigh {} g/mol.", "didn't weigh {} g/mol", "200", "180.16"),
        ("It is neither 150 nor {} g/mol.", "nor {} g/mol", "200", "180.16"),
        ("The TPSA isn't {}.", "TPSA isn't {}", "5.0", "63.6"),
        ("I haven't found {} for the TPSA.", "haven't found {} for the TPSA", "5.0", "63.6"),
        ("It never exceeds {} Å² for the TPSA.", "never exceeds {} Å² for the TPSA", "70", "60"),
        ("The number of rings isn't {}.", "rings isn't {}", "3", "1"),
        ("It hasn't got {} rings.", "hasn't got {} rings", "3", "1"),
        # A fraction of 0.11 is not 0.
        ("The Fsp3 is 0.11, not {}.", "not {}", "0", "0.1"),
        # Another definition counts 4, which is not what was computed.
        ("Molecule 1 has 3 H-bond acceptors, not {}.", "not {}", "4", "3"),
    ],
)
def test_a_denial_is_wrong_where_it_denies_the_computed_value(
    text: str, claim: str, right: str, wrong: str
) -> None:
    assert (claim.format(right), "confirmed") in marks(text.format(right))
    assert all(verdict == "confirmed" for _, verdict in marks(text.format(right)))
    assert (claim.format(wrong), "contradicted") in marks(text.format(wrong))


@pytest.mark.parametrize(
    "text",
    [
        "The average mass of molecule 1 is not one of them here.",
        "Molecule 1 has 13 heavy atoms, not 13 electrons.",
        "If the TPSA is 63.6, it is not 63.6.",
        "The TPSA is not known, and 63.6 is a guess.",
        "I used the TPSA of 63.6 instead of the mass of 180.16.",
        "The TPSA is 63.6 and not more than 140.",
        "The TPSA is 63.6, not 60 to 65.",
        "The formula is C9H8O4, so I cannot confirm C9H8O4+2.",
        # Of which property nobody can tell.
        "The TPSA is 63.6. I do not get 1.31. The cLogP is 1.31.",
        "The mass is 180.16 and the TPSA 63.6, not 1.31. The cLogP is 1.31.",
    ],
)
def test_what_denies_no_value_is_never_wrong(text: str) -> None:
    assert all(verdict != "contradicted" for _, verdict in marks(text))


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("The exact mass is 180.0423 Da, not {} (average mass).", "{} (average mass)"),
        ("The exact mass is 180.0423 Da, not {}, the average mass.", "{}, the average mass"),
        ("The exact mass is 180.0423 Da, not {}, which is the average mass.", "{}, which is the"),
        ("The exact mass is 180.0423 Da, not {} (that is the average mass).", "{} (that is the"),
        ("The exact mass is 180.0423 Da, not {}, as that is the average mass.", "{}, as that is"),
        ("The exact mass is 180.0423 Da rather than {} (average mass).", "{} (average mass)"),
        ("The cLogP is 1.31, not {} (average mass).", "{} (average mass)"),
        ("The mass is not {} (average mass) but 180.0423 Da.", "{} (average mass)"),
    ],
)
def test_a_denied_value_that_is_said_to_be_another_propertys_is_its_value(
    text: str, claim: str
) -> None:
    right = marks(text.format("180.16 g/mol"))
    assert all(verdict == "confirmed" for _, verdict in right)
    assert any(found.startswith(claim.format("180.16 g/mol")) for found, _ in right)
    # Which of the two is denied of any other number nobody can tell.
    assert all(verdict != "contradicted" for _, verdict in marks(text.format("190.2 g/mol")))


@pytest.mark.parametrize(
    ("text", "claim", "verdict"),
    [
        (
            "I cannot confirm 180.16 g/mol (average mass).",
            "cannot confirm 180.16 g/mol (average mass)",
            "contradicted",
        ),
        ("It weighs 180.16 g/mol, not 180.04 Da (exact mass).", "180.04 Da (exact mass)", ""),
        (
            "180.16 g/mol is not the average mass.",
            "180.16 g/mol is not the average",
            "contradicted",
        ),
        ("180.04 Da is not the average mass.", "180.04 Da is not the average mass", "confirmed"),
        # Of several properties the denied value is one of the property that has its unit.
        (
            "The TPSA is 63.6 Å² and the exact mass is 180.0423 Da, not 180.16 g/mol.",
            "not 180.16 g/mol",
            "confirmed",
        ),
        (
            "The TPSA is 63.6 Å² and the exact mass is 180.0423 Da, not 180.04 g/mol.",
            "not 180.04 g/mol",
            "contradicted",
        ),
    ],
)
def test_a_denied_value_belongs_to_the_property_that_is_spoken_of(
    text: str, claim: str, verdict: str
) -> None:
    found = [mark for said, mark in marks(text) if said.startswith(claim)]
    assert found == [verdict or "unverifiable"]


@pytest.mark.parametrize("denies", ["doesn't", "does not", "didn't", "won't", "never"])
def test_a_rule_is_kept_whatever_the_negation(denies: str) -> None:
    assert [verdict for _, verdict in marks(f"It {denies} violate the rule of five.")] == [
        "confirmed"
    ]


def test_a_group_is_absent_whatever_the_negation() -> None:
    assert marks("An amine isn't present.") == [("An amine", "confirmed")]
    assert marks("An ester isn't present.") == [("An ester", "contradicted")]


@pytest.mark.parametrize(
    "text",
    [
        "Molecule 1 has 1 ring and molecule 2 has 2 rings. So 2, not 1, has more.",
        "Molecule 1 has 1 ring. It is 2, not 1, that has more.",
        "Molecule 2, not 1, has 2 rings.",
        "Molecule 1 (not 2) has 1 ring.",
        "Molecule 2, not molecule 1, has 2 rings.",
        "Molecule 2 and not molecule 1 has 2 rings.",
        "It is molecule 1, not molecule 2, that has 1 ring.",
        "It is molecule 1, not molecule 2. It has 1 ring.",
        "Molecule 1, not molecule 2, is heavier.",
        "It has 1 ring. Not 1 of them is fused.",
    ],
)
def test_a_denied_molecule_is_no_denied_value(text: str) -> None:
    assert [(claim, verdict) for claim, verdict in marks(text) if verdict != "confirmed"] == []
    assert [claim for claim, _ in marks(text) if "not" in claim.lower()] == []
    assert marks(text) != []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("It contains an ester, not an amide, and a carboxylic acid.", []),
        ("It contains a carboxylic acid, not an ester, and a phenol.", ["an ester", "a phenol"]),
        ("It contains an ester (not an amide) and a ketone.", ["a ketone"]),
        ("It contains esters, not amides.", []),
        ("It is an ester, not an amide.", []),
        ("It is neutral and not charged.", []),
        ("It is flat, not chiral.", []),
        ("It is chiral, not flat.", ["chiral"]),
    ],
)
def test_not_behind_a_verb_denies_what_follows_up_to_the_comma(text: str, wrong: list[str]) -> None:
    assert [claim for claim, verdict in marks(text) if verdict == "contradicted"] == wrong


def test_one_of_them_is_no_number() -> None:
    assert marks("The average mass of molecule 1 is not one of them here.") == []
    assert marks("The number of rings is one.") == [("rings is one", "confirmed")]
