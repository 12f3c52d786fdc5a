"""Which claims of the columns are about the same thing, which differ, and who agrees."""

import pytest

from assistant.sidebyside.claims import Compared, compare_claims, quantity_of
from tests.sidebyside.fakes import ASPIRIN, ETHANOL, answer


def compared(*texts: str | None) -> Compared:
    return compare_claims([None if text is None else answer(text) for text in texts])


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("Its formula is C9H8O4.", "formula"),
        ("It contains an ester.", "ester"),
        ("It has no nitro group.", "nitro"),
        ("It has 9 carbon atoms.", "C atoms"),
        ("It has no nitrogen atoms.", "N atoms"),
        ("The molecular weight is 180.2 g/mol.", "average mass"),
        ("It weighs 180.16 g/mol.", "average mass"),
        ("The exact mass is 180.0423 Da.", "exact mass"),
        ("It has one six-membered ring.", "6-membered rings"),
        ("It has one ring.", "rings"),
        ("Its cLogP is 1.31.", "cLogP"),
        ("It has 1 hydrogen bond donor.", "H-bond donors"),
        ("The melting point is 135 °C.", "melting point"),
        ("It passes the rule of five.", "rule of five"),
    ],
)
def test_what_a_claim_is_about(text: str, quantity: str) -> None:
    (check,) = answer(text).checks
    assert quantity_of(check) == quantity


@pytest.mark.parametrize(
    ("first", "second", "differs"),
    [
        ("It has one ring.", "It has 2 rings.", True),
        ("It has 3 rings.", "It has three rings.", False),
        ("It has 3 rings.", "It has 2 rings.", True),
        ("It has eleven rings.", "It has fifteen rings.", True),
        ("It has thirteen rings.", "It has 13 rings.", False),
        ("Its mass is 180.2 g/mol.", "The molecular weight is 180.16 g/mol.", False),
        ("Its mass is 180.2 g/mol.", "Its mass is 182 g/mol.", True),
        ("It contains an ester.", "It does not contain an ester.", True),
        ("It has no nitro group.", "It lacks a nitro group.", False),
        ("Its formula is C9H8O4.", "Its formula is O4C9H8.", False),
        ("Its formula is C9H8O3.", "Its formula is C9H7O4.", True),
        ("The melting point is 135 °C.", "The melting point is 140 °C.", True),
        ("The melting point is 135 °C.", "The melting point is 135 °C.", False),
    ],
)
def test_claims_differ_in_value_or_verdict(first: str, second: str, differs: bool) -> None:
    found = compared(first, second)
    (row,) = found.rows
    assert row.differs == differs
    assert bool(found.differing(0)) == bool(found.differing(1)) == differs
    assert found.agreement.members == ((0,) if differs else (0, 1))


@pytest.mark.parametrize(
    ("first", "second", "differs"),
    [
        ("Its name is aspirin.", "It is called acetylsalicylic acid.", False),
        ("Its name is aspirin.", "Its name is caffeine.", True),
        ("Its name is Fantasin.", "Its name is Inventol.", True),
        ("Its name is Fantasin.", "It is called fantasin.", False),
    ],
)
def test_names_are_compared_by_their_letters(first: str, second: str, differs: bool) -> None:
    (row,) = compared(first, second).rows
    assert (row.quantity, row.differs) == ("name", differs)


def test_a_phrase_without_its_value_is_not_compared() -> None:
    found = compared("The IUPAC name is ethanol.", "The IUPAC name is methane.")
    assert found.rows == ()
    assert found.agreement.comparable == ()


def test_where_they_differ_is_marked_and_comes_first() -> None:
    one = "Its formula is C9H8O4. It has 1 ring. It is achiral."
    two = "Its formula is C9H8O4. It has 2 rings. It has no nitro group."
    found = compared(one, two, None)
    assert [(row.quantity, row.differs) for row in found.rows] == [
        ("rings", True),
        ("chirality", False),
        ("nitro", False),
        ("formula", False),
    ]
    assert [row.partial for row in found.rows] == [False, True, True, False]
    assert [one[start:end] for start, end in found.differing(0)] == ["1 ring"]
    assert [two[start:end] for start, end in found.differing(1)] == ["2 rings"]
    assert found.rows[0].truth == "1 ring"
    assert found.rows[0].cells[2] == ()


def test_agreement_is_of_the_claims_not_of_the_words() -> None:
    right = ("It has one ring.", "There is 1 ring in it.", "The molecule has a single ring.")
    found = compared(*right, "It has 2 rings.")
    assert found.agreement.members == (0, 1, 2)
    assert found.agreement.words == "agree 3/4"
    assert compared(*right, "It has 2 rings and 1 ring.").agreement.words == "agree 3/4"


def test_what_one_column_says_wrongly_comes_before_what_all_say() -> None:
    found = compared("It has 1 ring.", "It has 1 ring and 2 stereocentres.")
    assert [(row.quantity, row.is_wrong) for row in found.rows] == [
        ("stereocentres", True),
        ("rings", False),
    ]


def test_to_agree_is_not_to_be_right() -> None:
    found = compared("It has 2 rings and a nitro group.", "It has two rings.", "It has 1 ring.")
    assert found.agreement.members == (0, 1)
    assert found.agreement.words == "agree 2/3, with 2 contradicted claims"


def test_who_claims_nothing_does_not_agree() -> None:
    found = compared("It has one ring.", "It has 1 ring.", "It is nice.", "It is good.")
    assert found.agreement.words == "agree 2/4"
    assert found.agreement.comparable == (0, 1)
    nothing = compared("It is nice.", "It is good.").agreement
    assert "nothing to compare" in nothing.words
    assert compared("It is nice.", "It is nice.").agreement.words == "agree 2/2"
    assert compared("It has one ring.", None).agreement.words == ""


def test_of_two_molecules_the_same_quantity_is_one_row() -> None:
    first = answer("Molecule 1 has 1 ring and is achiral.", ASPIRIN, 1)
    second = answer("Molecule 2 has no rings and is achiral.", ETHANOL, 2)
    found = compare_claims([first, second], across=True)
    assert [(r.quantity, r.molecule, r.differs) for r in found.rows] == [
        ("rings", None, True),
        ("chirality", None, False),
    ]
    assert found.rows[0].truth == ""
