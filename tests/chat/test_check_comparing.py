"""Marks on comparisons: every word that the trained answers compare by is judged, and rightly."""

import pytest

from assistant.chat.card import COMPARED_KEYS
from assistant.chat.check import check_answer
from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.train.comparing import _being_ahead, _end

# By number. Each differs from the next one in every property that answers compare.
SMILES = {
    1: "C1CC1",
    2: "C/C=C/[C@H](N)CO",
    3: "OC(=O)[C@H](N)C[C@@H](O)c1ccc(-c2ccc(/C=C/C=C/CCO)cc2)cc1",
}


@pytest.fixture(scope="module")
def facts() -> dict[int, Facts]:
    return {n: compute_facts(Molecule.parse(smiles)) for n, smiles in SMILES.items()}


def compared(text: str, facts: dict[int, Facts], focus: tuple[int, ...]) -> list[tuple[str, str]]:
    checks = check_answer(text, facts, focus)
    return [(c.claim, c.verdict) for c in checks if c.kind == "comparison"]


def number_of(facts: Facts, key: str) -> float:
    return float(getattr(facts, key))


@pytest.mark.parametrize("less", [False, True])
@pytest.mark.parametrize("key", COMPARED_KEYS)
def test_every_word_for_being_ahead_is_judged(
    key: str, less: bool, facts: dict[int, Facts]
) -> None:
    two = {1: facts[2], 2: facts[3]}
    low, high = (number_of(two[n], key) for n in (1, 2))
    if low == high:
        pytest.skip(f"{key} does not tell these two apart")
    for number in (1, 2):
        text = f"So molecule {number} is {_being_ahead(key, less=less)}."
        right = ((high > low) == (number == 2)) != less
        ((_, verdict),) = compared(text, two, (1, 2))
        assert verdict == ("confirmed" if right else "contradicted"), text


@pytest.mark.parametrize("less", [False, True])
@pytest.mark.parametrize("key", COMPARED_KEYS)
def test_every_word_for_having_the_most_is_judged(
    key: str, less: bool, facts: dict[int, Facts]
) -> None:
    values = {n: number_of(one, key) * (-1 if less else 1) for n, one in facts.items()}
    best = max(values.values())
    for number, value in values.items():
        text = f"So molecule {number} has the {_end(key, less=less)}."
        ((_, verdict),) = compared(text, facts, (1, 2, 3))
        if value < best:
            assert verdict == "contradicted", text
        elif list(values.values()).count(best) == 1:
            assert verdict == "confirmed", text
        else:
            assert verdict == "unverifiable", text  # it shares the place with another one


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Molecules 1 and 2 have the fewest rings.", ("the fewest rings", "contradicted")),
        ("Molecule 2 is the lightest of the three.", ("the lightest", "contradicted")),
        ("Molecule 1 is the least polar.", ("the least polar", "confirmed")),
        ("Molecule 2 does not have the most rings.", ("the most rings", "confirmed")),
        ("Molecule 3 may have the most rings.", ("the most rings", "unverifiable")),
        ("Molecule 3 has the highest mass of the three.", ("the highest mass", "confirmed")),
        ("Molecule 3 has the highest mass of all 3.", ("the highest mass", "confirmed")),
        # Nobody knows which two are meant.
        ("Molecule 3 has the highest mass of the two.", ("the highest mass", "unverifiable")),
        ("Molecule 1 has the highest mass of both.", ("the highest mass", "unverifiable")),
        ("Molecule 1 is the heaviest of these four.", ("the heaviest", "unverifiable")),
        ("Molecule 1 has the largest number of rings.",
         ("the largest number of rings", "contradicted")),
        ("Molecule 1 has a larger number of rings than molecule 3.",
         ("larger number of rings", "contradicted")),
        ("Molecule 1 has a larger mass than molecule 3.", ("larger mass", "contradicted")),
        ("Molecules 1, 2 and 3 have the same charge.", ("the same charge", "confirmed")),
        ("Molecules 1, 2 and 3 have the same formula.", ("the same formula", "contradicted")),
        # Two of the three are named, so these are compared.
        ("Molecule 3 has 2 rings and molecule 2 none, so molecule 2 is more polar.",
         ("more polar", "contradicted")),
    ],
)  # fmt: skip
def test_who_is_meant_of_several(
    text: str, expected: tuple[str, str], facts: dict[int, Facts]
) -> None:
    assert compared(text, facts, (1, 2, 3)) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "The most rings has molecule 3.",  # who is meant comes behind
        "Molecule 2 has the most rings of molecules 1 and 2.",
        "Molecule 2 has the second highest mass.",
        "It is the most polar part of the molecule.",
        "Which has the most rings?",
        # A large ring is not many rings.
        "Molecule 1 has the largest ring.",
        "Molecule 1 has the biggest hydroxyl group of all.",
        "Molecule 1 has a larger ring than molecule 3.",
        "Molecule 1 has smaller rings than molecule 3.",
    ],
)
def test_a_superlative_that_is_narrowed_or_unclear_gets_no_mark(
    text: str, facts: dict[int, Facts]
) -> None:
    assert compared(text, facts, (1, 2, 3)) == []


def test_a_size_means_heavy_atoms_where_these_are_counted() -> None:
    """A bromide is heavier than a hydrocarbon with more atoms."""
    two = {n: compute_facts(Molecule.parse(s)) for n, s in {1: "CBr", 2: "CCCC"}.items()}
    counted = "Molecule 1 has 2 heavy atoms and molecule 2 has 4, so molecule 2 is larger."
    assert compared(counted, two, (1, 2)) == [("larger", "confirmed")]
    assert compared("Molecule 2 is larger.", two, (1, 2)) == [("larger", "contradicted")]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        # By Lipinski's count aspirin has 4 acceptors and caffeine 6, by the card's both have 3.
        ("Molecule 2 has more H-bond acceptors than molecule 1.", "unverifiable"),
        ("Molecules 1 and 2 do not have the same number of H-bond acceptors.", "unverifiable"),
        ("Molecule 2 has the most H-bond acceptors of the three.", "unverifiable"),
        ("Molecule 2 has fewer H-bond acceptors than molecule 1.", "contradicted"),
        ("Molecules 1 and 2 have the same number of H-bond acceptors.", "confirmed"),
        ("Molecule 2 has more H-bond donors than molecule 1.", "contradicted"),
        ("Molecule 3 has the most H-bond donors of the three.", "contradicted"),
    ],
)
def test_what_holds_by_another_definition_is_open(text: str, verdict: str) -> None:
    smiles = ("CC(=O)Oc1ccccc1C(=O)O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "C1CC1")
    facts = {n: compute_facts(Molecule.parse(s)) for n, s in enumerate(smiles, 1)}
    assert [v for _, v in compared(text, facts, (1, 2, 3))] == [verdict]
