import pytest
from rdkit import Chem

from assistant.chem.limits import (
    MAX_FRAGMENTS,
    MAX_NESTING,
    MAX_SMILES_CHARS,
    check_molecule_size,
    check_smiles_size,
    clean_name,
    nesting,
    trimmed,
)
from assistant.errors import InputTooLargeError


def test_the_caps_themselves_are_allowed() -> None:
    check_smiles_size("C" * MAX_SMILES_CHARS)
    check_smiles_size(".".join("C" * MAX_FRAGMENTS))
    check_smiles_size("C(" * MAX_NESTING + "C" + ")" * MAX_NESTING)


@pytest.mark.parametrize(
    "smiles",
    [
        "C" * (MAX_SMILES_CHARS + 1),
        ".".join("C" * (MAX_FRAGMENTS + 1)),
        "C(" * (MAX_NESTING + 1) + "C" + ")" * (MAX_NESTING + 1),
    ],
)
def test_one_over_a_cap_is_refused_with_a_remedy(smiles: str) -> None:
    with pytest.raises(InputTooLargeError, match=r"at most [\d,]+ are\s*read.*[A-Z]"):
        check_smiles_size(smiles)


def test_parts_joined_by_rings_are_counted_as_one() -> None:
    check_molecule_size(Chem.MolFromSmiles("C1.C1"))


def test_nesting_counts_the_deepest_level() -> None:
    assert nesting("C(C(C)C)C(C)") == 2
    assert nesting("CCC") == 0
    assert nesting(")))") == 0


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        (None, None),
        ("", None),
        (" \t\n", None),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("<b>x</b>", "<b>x</b>"),
        ("x" * 10_000, "x" * 200),
        ("β-carotene", "β-carotene"),
    ],
)
def test_names_are_cleaned_of_control_characters_and_capped(
    name: str | None, clean: str | None
) -> None:
    assert clean_name(name) == clean


def test_many_layers_of_invisible_characters_are_left_out_at_once() -> None:
    assert trimmed("\ufeff C" + " \u200b" * 3000) == "C"
