import io
import json

import pytest
from rdkit import Chem

from assistant.chem.molecule import Molecule
from assistant.chem.names import NameEntry, NameTable
from assistant.chem.worker import Tasks, answer, serve

NAMES = NameTable([NameEntry("ethanol", "CCO")])


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    return Tasks(NAMES)


def ask(tasks: Tasks, task: str, **payload: object) -> dict:
    return answer(tasks, json.dumps({"task": task, "payload": payload}).encode())


def test_the_first_line_says_ready_and_each_request_gets_one_line(tasks: Tasks) -> None:
    request = json.dumps({"task": "recognise", "payload": {"text": "CCO\nC1CC"}}).encode() + b"\n"
    answers = io.BytesIO()
    serve(tasks, io.BytesIO(request * 2), answers)
    lines = answers.getvalue().splitlines()
    assert len(lines) == 3
    assert json.loads(lines[0]) == {}
    assert lines[1] == lines[2]


def test_answers_are_plain_json(tasks: Tasks) -> None:
    for text in ("CC[NH+](CC)CC.[Cl-]", "CCO>>CC=O", "N->[Pt]", "*C", "[H][H]", "[CH3]"):
        assert "result" in json.loads(json.dumps(ask(tasks, "inspect", text=text))), text


def test_a_structure_gets_its_name_from_the_table(tasks: Tasks) -> None:
    assert ask(tasks, "inspect", text="OCC")["result"]["name"] == "ethanol"


def test_a_known_structure_is_never_taken_for_a_name() -> None:
    tasks = Tasks(NameTable([NameEntry("nitric oxide", "[N]=O", "", ("NO",))]))
    assert ask(tasks, "inspect", text="NO")["result"]["smiles"] == "[N]=O"
    assert ask(tasks, "inspect", smiles="NO")["result"]["smiles"] == "NO"


def test_a_reaction_is_inspected_as_molecules_with_roles(tasks: Tasks) -> None:
    result = ask(tasks, "inspect", text="CCO>[Cr]>CC=O")["result"]
    assert result["kind"] == "reaction"
    assert result["reaction"]["reactants"] == [{"smiles": "CCO", "name": "ethanol"}]
    assert "facts" not in result


def test_the_first_molecule_is_inspected_and_all_are_listed(tasks: Tasks) -> None:
    result = ask(tasks, "inspect", text="CCO\nCCN\nC1CC")["result"]
    assert result["smiles"] == "CCO"
    assert [entry["smiles"] for entry in result["recognised"]] == ["CCO", "CCN", None]


def test_a_bad_first_line_does_not_keep_the_good_ones_out(tasks: Tasks) -> None:
    result = ask(tasks, "inspect", text="C1CC\nCCN")["result"]
    assert result["smiles"] == "CCN"
    assert result["facts"]["formula"] == "C2H7N"
    assert [entry["smiles"] for entry in result["recognised"]] == [None, "CCN"]


def test_running_out_of_memory_is_told_in_plain_words(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setitem(tasks._by_name, "draw", hungry)
    error = ask(tasks, "draw", smiles="C")["error"]
    assert error["kind"] == "ChemistryTimeoutError"
    assert "memory" in error["message"]


def test_an_rdkit_invariant_is_no_stack_trace(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Pre-condition Violation in /project/build/Code.cpp")

    monkeypatch.setitem(tasks._by_name, "draw", broken)
    error = ask(tasks, "draw", smiles="C")["error"]
    assert error["kind"] == "InvalidMoleculeError"
    assert "Code.cpp" not in error["message"]


def test_a_small_drawing_has_no_marks_of_atoms(tasks: Tasks) -> None:
    whole = ask(tasks, "draw", smiles="CCO", width=132, height=92)["result"]["svg"]
    small = ask(tasks, "draw", smiles="CCO", width=132, height=92, small=True)["result"]["svg"]
    assert "atom-2" in whole
    assert "atom-" not in small
    assert len(small) < 0.7 * len(whole)


def test_rows_give_facts_drawing_and_molfile_and_a_bad_one_only_its_error(tasks: Tasks) -> None:
    rows = ask(tasks, "rows", smiles=["CCO", "C1CC", "C[C@H](N)O"], width=132, height=84)
    good, bad, chiral = rows["result"]["rows"]
    assert good["facts"]["formula"] == "C2H6O"
    assert good["svg"].startswith("<svg")
    assert bad["error"]["kind"] == "InvalidMoleculeError"
    assert Molecule.from_molblock(chiral["molblock"]) == Molecule.parse("C[C@H](N)O")


def test_many_structures_become_canonical_and_the_first_mistake_is_raised(tasks: Tasks) -> None:
    assert ask(tasks, "canonical", smiles=["OCC", "C"])["result"]["smiles"] == ["CCO", "C"]
    assert ask(tasks, "canonical", smiles=["C", "C(("])["error"]["kind"] == "InvalidMoleculeError"


def test_pasted_lines_are_read_with_the_name_table(tasks: Tasks) -> None:
    found = ask(tasks, "lines", text="ETHANOL\nCC propane?\nnonsense")["result"]
    assert [(m["smiles"], m["name"]) for m in found["molecules"]] == [
        ("CCO", "ethanol"), ("CC", "propane?"),
    ]  # fmt: skip
    assert found["problems"][0].startswith("Line 3")


@pytest.mark.parametrize(
    ("extension", "is_told"), [("|&1:1|", True), ("|o1:1|", True), ("", False)]
)
def test_a_racemate_is_told_beside_the_isomer_that_stands_for_it(
    tasks: Tasks, extension: str, is_told: bool
) -> None:
    text = f"C[C@H](N)C(=O)O {extension}".strip()
    block = Chem.MolToV3KMolBlock(Chem.MolFromSmiles(text))
    for found in (tasks.inspect(text=text), tasks.molblock(block=block)):
        assert str(found["stereo"]).startswith("1 of 1 stereocentre set")
        assert ("of a racemate" in str(found["stereo"])) == is_told
