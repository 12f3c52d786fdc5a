"""What is read out of an answer, and what is not."""

import pytest

from assistant.evaluate.tasks.reading import Quantity, read_field, read_smiles, read_value

HOMO = Quantity("homo", "HOMO energy", "Hartree", (("Eh", 1.0), ("eV", 1 / 27.211386)), 4)
LOGD = Quantity("lipo", "logD at pH 7.4", "", (), 2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("HOMO energy: -0.2459 Hartree", -0.2459),
        ("The HOMO energy: \u22120.25 Hartree.", -0.25),
        ("homo  energy: -6.8028465 eV", -0.25),
        ("HOMO energy: -0.20 Hartree. No, rather HOMO energy: -0.21 Hartree.", -0.21),
        ("HOMO energy: -0.2459", None),
        ("HOMO energy: -0.2459 kcal/mol", None),
        ("The HOMO energy of molecule 1 is low.", None),
        ("-0.2459 Hartree", None),
        ("I do not know the HOMO energy of molecule 1.", None),
    ],
)
def test_a_value_needs_its_field_and_a_known_unit(text, value):
    assert read_value(text, HOMO) == (None if value is None else pytest.approx(value, abs=1e-6))


@pytest.mark.parametrize(
    ("text", "value"), [("logD at pH 7.4: 1.5", 1.5), ("logD at pH 7.4 is 1.5", None)]
)
def test_a_plain_number_needs_its_field(text, value):
    assert read_value(text, LOGD) == value


def test_what_is_written_is_read_back():
    assert read_value(HOMO.write(-0.24591), HOMO) == pytest.approx(-0.2459)
    assert read_value(LOGD.write(2.0), LOGD) == 2.0


@pytest.mark.parametrize(
    ("text", "smiles"),
    [
        ("product: CC(=O)O", "CC(=O)O"),
        ("The product: `CCO`.", "CCO"),
        ("Products: CC.O.", "CC.O"),
        ("product: CC\nproduct: CCC", "CCC"),
        ("It gives `CCO` in the end.", "CCO"),
        ("CCO", "CCO"),
        ("I do not know.", None),
        ("", None),
        ("product: C1CC", "C1CC"),
    ],
)
def test_a_structure_is_read_from_its_place_and_words_are_none(text, smiles):
    assert read_smiles(text, "product") == smiles


def test_a_field_ends_with_its_line():
    assert read_field("name: ethanol\nIt is an alcohol.", "name") == "ethanol"
    assert read_field("ethanol", "name") is None
