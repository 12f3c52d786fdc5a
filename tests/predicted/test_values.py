"""What is said of numbers that a language model predicts."""

import json
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from assistant.chat.check import Check, check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.chem.sandbox import child_environment
from assistant.errors import BundleError
from assistant.predicted.figures import (
    FIGURES,
    KNOWN,
    PredictedFigures,
    read_known,
    write_known,
)
from assistant.predicted.values import PredictedQuantity, PredictedValues
from assistant.retrieval.error_bins import Bin
from assistant.retrieval.fingerprint_child import words_of
from assistant.retrieval.fingerprints import fingerprints

SMILES = ["CCO", "c1ccccc1", "CCCCCC"]
VALUES = [-0.2658, -0.2454, None]
PROPANOL = Molecule.parse("CCCO")
FOCUS = {1: PROPANOL}
TEXT = "HOMO energy: -0.2630 Hartree"


def figures(**changes: object) -> PredictedFigures:
    values = {
        "term": "HOMO energy", "unit": "Hartree", "decimals": 4, "table": "qm9_homo.csv.gz",
        "n_train": 3, "n_test": 2000, "failed": 1, "mae": 0.0058, "constant": 0.0162,
        "bins": (Bin(0.0, 0.3, 0, 0.0), Bin(0.3, 0.7, 500, 0.0071), Bin(0.7, 1.0, 1500, 0.0053)),
        "llm": "abc", "command": "python -m x", "date": "2026-11-27",
    }  # fmt: skip
    return PredictedFigures(**(values | changes))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "predicted" / "homo"
    figures().write(place)
    write_known(place, SMILES, VALUES)
    return place


def checks_of(text: str) -> tuple[Check, ...]:
    return check_answer(text, {1: compute_facts(PROPANOL)}, (1,))


def test_figures_and_molecules_come_back_as_they_were_written(directory: Path) -> None:
    assert PredictedFigures.read(directory) == figures()
    smiles, values = read_known(directory)
    assert dict(zip(smiles, values, strict=True)) == dict(zip(SMILES, VALUES, strict=True))
    assert smiles == sorted(SMILES)
    before = (directory / KNOWN).read_bytes()
    for way in (1, -1):  # whatever the order they come in
        write_known(directory, SMILES[::way], VALUES[::way])
        assert (directory / KNOWN).read_bytes() == before


def test_a_training_molecule_is_called_one(directory: Path) -> None:
    quantity = PredictedQuantity(directory)
    note, near = quantity.note(Molecule.parse("OCC"))
    assert note.endswith("; this molecule is one of its training molecules, -0.2658 Hartree")
    assert near == "CCO"
    note, near = quantity.note(Molecule.parse("CCCCCC"))
    assert note.endswith("; this molecule is one of its training molecules")


def test_a_predicted_number_says_its_error_here_and_everywhere_and_what_is_near(
    directory: Path,
) -> None:
    values = PredictedValues.read(directory.parent)
    (check,) = values.annotated(checks_of(TEXT), FOCUS, (1,))
    assert check.note == (
        "predicted by the language model, not computed: off by 0.0058 Hartree on average for 2,000"
        " test molecules of qm9_homo.csv.gz (the training mean: 0.0162 Hartree), by 0.0071 Hartree"
        " for the 500 about as like its training molecules as this one; most similar training"
        " molecule: CCO (similarity 0.56, -0.2658 Hartree)"
    )
    assert check.near == "CCO"
    assert (check.verdict, check.claim) == ("unverifiable", TEXT)


def test_a_molecule_unlike_all_that_was_tested_is_said_to_be_one(directory: Path) -> None:
    far = Molecule.parse("FC(F)(F)S(=O)(=O)F")
    values = PredictedValues.read(directory.parent)
    (check,) = values.annotated(checks_of(TEXT), {1: far}, (1,))
    assert "none of them as unlike its training molecules as this one" in check.note


def test_a_value_that_may_not_be_given_away_is_left_out(directory: Path) -> None:
    quantity = PredictedQuantity(directory)
    near = quantity.nearest(Molecule.parse("CCCCCCC"))
    assert (near.smiles, near.value) == ("CCCCCC", None)
    assert quantity.note(Molecule.parse("CCCCCCC"))[0].endswith(
        f"CCCCCC (similarity {near.similarity:.2f})"
    )


def test_a_number_of_no_one_molecule_has_no_nearest(directory: Path) -> None:
    values = PredictedValues.read(directory.parent)
    both = {1: PROPANOL, 2: Molecule.parse("CCN")}
    check = replace(checks_of(TEXT)[0], molecule=None)
    (found,) = values.annotated([check], both, (1, 2))
    assert found.near is None
    assert found.note.endswith("(the training mean: 0.0162 Hartree)")


def test_computed_claims_and_other_properties_are_left_alone(directory: Path) -> None:
    values = PredictedValues.read(directory.parent)
    checks = checks_of("Molecule 1 has no rings. Its melting point is 5 °C.")
    assert len(checks) == 2
    assert values.annotated(checks, FOCUS, (1,)) == checks


def test_figures_of_another_language_model_are_not_used(directory: Path) -> None:
    values = PredictedValues.read(directory.parent)
    assert set(values.of("abc").quantities) == {"HOMO energy"}
    assert values.of("another").quantities == {}


def test_molecules_are_read_beside_the_start(directory: Path) -> None:
    values = PredictedValues.read(directory.parent)
    values.warm_up()
    for thread in threading.enumerate():
        if thread.name == "predicted values":
            thread.join(30)
    (directory / KNOWN).unlink()
    assert values.quantities["HOMO energy"].nearest(PROPANOL).smiles == "CCO"


def test_a_program_that_ends_while_molecules_are_read_ends_well(directory: Path) -> None:
    smiles = [
        "C" * a + "N" * b + "O" * c for a in range(1, 17) for b in range(16) for c in range(16)
    ]
    write_known(directory, smiles, [None] * len(smiles))
    script = (
        "import sys, time; from pathlib import Path; from assistant.predicted.values import"
        " PredictedValues; PredictedValues.read(Path(sys.argv[1])).warm_up();"
        " time.sleep(float(sys.argv[2]))"
    )
    for seconds in ("0.5", "1.2"):
        command = [sys.executable, "-c", script, str(directory.parent), seconds]
        ended = subprocess.run(command, capture_output=True, env=child_environment(), check=False)
        assert (ended.returncode, ended.stderr) == (0, b"")


def test_fingerprints_of_a_child_are_those_made_here() -> None:
    assert np.array_equal(words_of(SMILES), fingerprints(SMILES))
    assert words_of(["no molecule"]) is None


def test_molecules_that_cannot_be_read_cost_the_remark_not_the_answer(directory: Path) -> None:
    (directory / KNOWN).write_bytes(b"no gzip")
    values = PredictedValues.read(directory.parent)
    (check,) = values.annotated(checks_of(TEXT), FOCUS, (1,))
    assert check.note is not None
    assert check.near is None
    with pytest.raises(BundleError, match="cannot be read as known molecules"):
        values.quantities["HOMO energy"].nearest(PROPANOL)


@pytest.mark.parametrize("content", ["", "[]", '{"term": "HOMO energy"}'])
def test_damaged_figures_are_named(directory: Path, content: str) -> None:
    (directory / FIGURES).write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match=FIGURES):
        PredictedValues.read(directory.parent)


def test_two_quantities_of_one_term_are_refused(directory: Path) -> None:
    figures().write(directory.parent / "again")
    with pytest.raises(BundleError, match="two quantities called 'HOMO energy'"):
        PredictedValues.read(directory.parent)


def test_a_check_with_a_note_survives_json(directory: Path) -> None:
    (check,) = PredictedValues.read(directory.parent).annotated(checks_of(TEXT), FOCUS, (1,))
    assert Check(**json.loads(json.dumps(asdict(check)))) == check
