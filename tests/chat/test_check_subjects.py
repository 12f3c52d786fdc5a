"""Marks by whom a statement is of: two named together, neither of them, and what "you" said."""

import pytest

from assistant.chat.check import check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

ASPIRIN, CAFFEINE = "CC(=O)Oc1ccccc1C(=O)O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C"
FACTS = {1: compute_facts(Molecule.parse(ASPIRIN)), 2: compute_facts(Molecule.parse(CAFFEINE))}
NAMES = {1: "aspirin", 2: "caffeine"}


def marks(text: str, focus: tuple[int, ...] = (1, 2)) -> list[tuple[str, str]]:
    checks = check_answer(text, FACTS, focus, names=NAMES)
    return [(check.claim, check.verdict) for check in checks]


@pytest.mark.parametrize(
    ("text", "claim", "verdict"),
    [
        ("Neither aspirin nor caffeine has a stereocentre.", "a stereocentre", "confirmed"),
        ("Neither aspirin nor caffeine has a ring.", "a ring", "contradicted"),
        ("Neither molecule 1 nor molecule 2 is chiral.", "chiral", "confirmed"),
        ("Neither aspirin nor caffeine is aromatic.", "aromatic", "contradicted"),
        (
            "Neither aspirin nor caffeine violates the rule of five.",
            "violates the rule of five",
            "confirmed",
        ),
        ("Neither of the two molecules has a stereocentre.", "a stereocentre", "confirmed"),
        ("None of the two molecules contains a halogen.", "a halogen", "confirmed"),
        ("None of them has a ring.", "a ring", "contradicted"),
        ("Both weigh less than 190 g/mol.", "less than 190 g/mol", "contradicted"),
        ("They do not share the same formula.", "the same formula", "confirmed"),
        ("They don't have the same mass.", "the same mass", "confirmed"),
        ("Both aspirin and caffeine contain two rings.", "two rings", "contradicted"),
        ("Both caffeine and aspirin have one ring.", "one ring", "contradicted"),
        ("Aspirin and caffeine have a TPSA above 60 Å².", "TPSA above 60 Å²", "confirmed"),
    ],
)
def test_two_named_together_are_both_meant(text: str, claim: str, verdict: str) -> None:
    assert marks(text) == [(claim, verdict)]


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        ("Aspirin has 1 ring and is lighter than caffeine, at {} g/mol.", "194.19", "180.16"),
        ("Caffeine's TPSA and mass are not below aspirin's {} g/mol.", "180.16", "194.19"),
        ("Unlike caffeine, with {} g/mol, aspirin has 1 ring.", "194.19", "180.16"),
        ("Aspirin is lighter than caffeine, which weighs {} g/mol.", "194.19", "180.16"),
        ("The first has 1 ring, the second {} g/mol.", "194.19", "180.16"),
        ("The masses: 180.16 g/mol (aspirin) and {} g/mol (caffeine).", "194.19", "180.16"),
    ],
)
def test_a_value_right_behind_what_is_compared_with_is_its_value(
    text: str, right: str, wrong: str
) -> None:
    assert (f"{right} g/mol", "confirmed") in marks(text.format(right))
    assert (f"{wrong} g/mol", "contradicted") in marks(text.format(wrong))


@pytest.mark.parametrize(
    "text",
    [
        "The TPSA of caffeine is 61.8 Å², slightly lower than the 63.6 Å² of aspirin.",
        "The TPSA of aspirin is 63.6 Å², less than half of 140 Å².",
        "Aspirin has one ring and a mass smaller than that of caffeine, 194.19 g/mol.",
    ],
)
def test_what_a_value_is_held_against_is_no_value_of_its_molecule(text: str) -> None:
    assert {verdict for _, verdict in marks(text)} <= {"confirmed", "unverifiable"}
    assert marks(text)[0][1] == "confirmed"


@pytest.mark.parametrize(
    "text",
    [
        "Aspirin and caffeine have 1 and 2 rings.",
        "Aspirin and caffeine weigh 180.16 and 194.19 g/mol.",
        "Aspirin and caffeine weigh 180.16 g/mol and 194.19 g/mol.",
        "Aspirin and caffeine have cLogP values of 1.31 and -1.03.",
        "Aspirin and caffeine are different: one has 1 ring, the other 2.",
        "Aspirin and caffeine are drugs. It has 1 ring.",
        "Caffeine lacks aspirin's carboxylic acid.",
        "Caffeine has one heavy atom more (14) than aspirin (13).",
        "Not both contain nitrogen.",
        "Not both have a donor.",
        "Together aspirin and caffeine weigh 374.35 g/mol.",
    ],
)
def test_whose_of_two_nobody_can_tell(text: str) -> None:
    assert {verdict for _, verdict in marks(text)} <= {"unverifiable"}


@pytest.mark.parametrize(
    "text",
    [
        "Caffeine has two rings. They contain 4 nitrogens.",
        "Caffeine has two rings. Both contain nitrogen.",
        "Caffeine has two rings and they contain 4 nitrogens.",
        "Caffeine has 4 nitrogens. They have no hydrogens, so it has no donors.",
    ],
)
@pytest.mark.parametrize("focus", [(2,), (1, 2)])
def test_they_may_be_the_parts_of_one_molecule(text: str, focus: tuple[int, ...]) -> None:
    assert {verdict for _, verdict in marks(text, focus)} <= {"confirmed", "unverifiable"}


@pytest.mark.parametrize(
    ("text", "claim", "verdict"),
    [
        ("One ring is five-membered, the other six-membered.", "One ring", "unverifiable"),
        ("Three rings are aromatic.", "Three rings", "contradicted"),
        ("Two rings are aromatic.", "Two rings", "confirmed"),
        ("One ring is present.", "One ring", "contradicted"),
        ("Caffeine has one ring, which is aromatic.", "one ring", "contradicted"),
    ],
)
def test_some_that_something_is_said_of_may_be_fewer_than_all(
    text: str, claim: str, verdict: str
) -> None:
    assert marks(text, (2,))[0] == (claim, verdict)


def test_neither_ring_does_not_deny_the_rings() -> None:
    assert marks("Neither ring is a benzene ring.", (2,)) == []


def test_they_are_two_molecules_where_two_were_named() -> None:
    text = "Aspirin has 1 ring, caffeine has 2 rings. Both contain nitrogen. They are achiral."
    assert [verdict for _, verdict in marks(text)] == [
        "confirmed",
        "confirmed",
        "contradicted",
        "confirmed",
    ]


def test_neither_is_over_with_its_sentence() -> None:
    text = "Neither aspirin nor caffeine is chiral. The rings are aromatic. They are neutral."
    assert all(verdict == "confirmed" for _, verdict in marks(text))


def test_what_a_molecule_would_be_without_a_group_does_not_deny_it() -> None:
    assert marks("Without the acetyl group it would weigh 138.12 g/mol.", (1,)) == []


def test_all_of_its_atoms_are_one_molecules() -> None:
    text = "Caffeine has no donors, since all of its nitrogens are methylated."
    assert marks(text) == [("no donors", "confirmed"), ("nitrogens", "confirmed")]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("You said 200 g/mol, but the mass is 180.16 g/mol.", ["mass is 180.16 g/mol"]),
        ("You said it has 3 rings, but it has 1 ring.", ["1 ring"]),
        ("Your 200 g/mol is off: the mass is 180.16 g/mol.", ["mass is 180.16 g/mol"]),
        ("The 200 g/mol you gave differs from my 180.16 g/mol.", []),
        (
            "You said 200 g/mol, but the mass is 180.16 g/mol, not 200 g/mol.",
            ["mass is 180.16 g/mol", "not 200 g/mol"],
        ),
        ("As you said, it has 1 ring.", ["1 ring"]),
    ],
)
def test_what_you_said_is_no_claim_of_the_answer(text: str, claims: list[str]) -> None:
    assert marks(text, (1,)) == [(claim, "confirmed") for claim in claims]
