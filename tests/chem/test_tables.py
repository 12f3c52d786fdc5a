"""Tables and lists of molecules as spreadsheets, databases and people write them."""

from pathlib import Path

import pytest

from assistant.chem.files import FileReport, read_file, read_pasted
from assistant.chem.limits import MAX_RECORDS
from assistant.chem.names import NameEntry, NameTable
from assistant.chem.tables import lines_as_rows
from assistant.errors import UnreadableFileError

NAMES = NameTable(
    [
        NameEntry("aspirin", "CC(=O)Oc1ccccc1C(=O)O", "", ()),
        NameEntry("carbon monoxide", "[C-]#[O+]", "", ("CO",)),
    ]
)


def read(text: str) -> FileReport:
    return read_pasted(text, NAMES)


def read_as_file(folder: Path, text: str) -> FileReport:
    path = folder / "a.csv"
    path.write_text(text, encoding="utf-8")
    return read_file(path, name="a.csv", names=NAMES)


def named(report: FileReport) -> list[tuple[str, str | None]]:
    return [(molecule.smiles, molecule.name) for molecule in report.molecules]


@pytest.mark.parametrize(
    "above", ["", "\n\n", "sep=;\n", "SEP=;\n\n", "# exported by LIMS; SMILES below\n", "#\n# x\n"]
)
def test_what_stands_above_a_header_hides_no_table(above: str) -> None:
    report = read(f"{above}SMILES;Name;IC50\nCCO;a;3,4\nC1CC;b;5\n")
    assert (named(report), report.own.rows) == ([("CCO", "a")], [["3,4"]])
    line = above.count("\n") + 3
    assert report.problems[0].startswith(f"Line {line} ('b'): ")


@pytest.mark.parametrize("header", ["#SMILES\tName", '"SMILES"\t"Name"', "SMILES|Name"])
def test_other_ways_to_write_a_header_are_read(header: str) -> None:
    row = "CCO|a" if "|" in header else "CCO\ta"
    assert named(read(f"{header}\n{row}\n")) == [("CCO", "a")]


def test_a_head_of_two_lines_is_one_cell() -> None:
    report = read('SMILES,"IC50\n(nM)"\nCCO,7\nC1,8\n')
    assert (report.own.heads, report.own.rows) == (["IC50 (nM)"], [["7"]])
    assert report.problems[0].startswith("Line 4: ")


def test_of_several_smiles_the_ones_with_stereochemistry_are_read() -> None:
    report = read("CID,CanonicalSMILES,IsomericSMILES\n5950,CC(C(=O)O)N,C[C@@H](C(=O)O)N\n")
    assert [m.smiles for m in report.molecules] == ["C[C@H](N)C(=O)O"]
    assert report.own.heads == ["CID", "CanonicalSMILES"]
    (notice,) = report.own.notices
    assert "column “IsomericSMILES”; “CanonicalSMILES” is kept as text" in notice


def test_the_column_that_is_called_smiles_goes_first_and_another_of_its_name_is_told() -> None:
    report = read("salt_smiles,SMILES,smiles\nCCO.Cl,CCO,CCN\n")
    assert [m.smiles for m in report.molecules] == ["CCO"]
    assert "“salt_smiles”, “smiles (2)” are kept as text" in report.own.notices[0]


@pytest.mark.parametrize("head", ["Structure", "smi", "Mol", "InChI", "Molecule"])
def test_columns_of_structures_by_another_name_are_read(head: str) -> None:
    cell = '"InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"' if head == "InChI" else "CCO"
    assert named(read(f"ID,{head}\nA1,{cell}\n")) == [("CCO", "A1")]


def test_a_column_of_labels_is_no_column_of_structures() -> None:
    with pytest.raises(UnreadableFileError, match=r"no column of structures among “Compound”"):
        read("Compound,IC50\nB,1\nC,2\nI,3\n")


def test_a_table_without_structures_says_what_is_missing(tmp_path: Path) -> None:
    reason = "^No molecule in 'a.csv'. There is no column of structures among “ID”, “Batch”: write"
    with pytest.raises(UnreadableFileError, match=reason):
        read_as_file(tmp_path, "ID,Batch\nA1,7\nA2,8\n")
    with pytest.raises(UnreadableFileError, match=r"a header and no line below it"):
        read_as_file(tmp_path, "SMILES,ID\n")


def test_lines_without_a_structure_are_told() -> None:
    report = read("ID,SMILES\n1,CCO\n2,\n3\n,\n5,CCN\n")
    assert [m.name for m in report.molecules] == ["1", "5"]
    assert report.problems == [
        "Line 3 ('2'): its column “SMILES” is empty.",
        "Line 4 ('3'): its column “SMILES” is empty.",
    ]


def test_a_quotation_mark_that_is_not_closed_loses_no_line_in_silence() -> None:
    with pytest.raises(UnreadableFileError, match=r"from line 3 on.*ends inside quotation marks"):
        read('smiles,note\nCCO,a\nCCN,"5 inch\nCCC,b\nCCCC,c\n')


@pytest.mark.parametrize(
    "text",
    [
        "CCO,ethanol,5\nCCC,propane,6\n",
        "CCO;ethanol;5\nCCC;propane;6\n",
        "CCO\tethanol\t5\nCCC\tpropane\t6\n",
        '"CCO","ethanol","5"\n"CCC","propane","6"\n',
    ],
)
def test_lists_without_a_header_have_structure_name_and_further_cells(text: str) -> None:
    report = read(text)
    assert named(report) == [("CCO", "ethanol"), ("CCC", "propane")]
    assert (report.own.heads, report.own.rows) == (["column 3"], [["5"], ["6"]])


def test_a_line_without_a_structure_in_a_list_is_told() -> None:
    report = read("CCO,ethanol\n,methanol\nCCC,propane\n")
    assert named(report) == [("CCO", "ethanol"), ("CCC", "propane")]
    assert report.problems == ["Line 2 ('methanol'): its first cell is empty."]


def test_a_second_structure_is_no_name() -> None:
    report = read("CCO,CC=O\nCCC,CC=C\n")
    assert named(report) == [("CCO", None), ("CCC", None)]
    assert report.own.rows == [["CC=O"], ["CC=C"]]


@pytest.mark.parametrize("head", ["SMILES", '"SMILES"', "Isomeric SMILES", "canonical_smiles"])
def test_a_single_column_with_its_head_is_a_list(head: str) -> None:
    report = read(f'{head}\n"CCO"\nCCC\n')
    assert ([m.smiles for m in report.molecules], report.problems) == (["CCO", "CCC"], [])


def test_an_extension_behind_a_smiles_is_no_name() -> None:
    report = read("CCO |$;;R1$| ethanol\nC[C@H](F)Cl\t|&1:1|\tx\nCCN |$A;;$|\n")
    assert [m.name for m in report.molecules] == ["ethanol", "x", None]


def test_names_are_read_in_files_too_but_never_before_a_smiles(tmp_path: Path) -> None:
    report = read_as_file(tmp_path, "Name\naspirin\nCO\naspirine\n")
    assert named(report) == [("CC(=O)Oc1ccccc1C(=O)O", "aspirin"), ("CO", None)]
    assert "No molecule named 'aspirine'" in report.problems[0]
    assert "Did you mean 'aspirin'?" in report.problems[0]
    assert [m.smiles for m in read("SMILES,n\nCO,1\n").molecules] == ["CO"]


def test_a_name_in_the_column_of_structures_is_read_beside_a_code() -> None:
    report = read("SMILES,Name\nAspirin,MC-1\nCCO,MC-2\naspirine,MC-3\n")
    assert named(report) == [("CC(=O)Oc1ccccc1C(=O)O", "MC-1"), ("CCO", "MC-2")]
    assert "Line 4 ('MC-3'): No molecule named 'aspirine'" in report.problems[0]


@pytest.mark.parametrize("text", ["aspirin, CO", "aspirin; CO", "aspirin and CO"])
def test_a_single_line_may_hold_several_as_in_the_box(text: str) -> None:
    assert [m.name for m in read(text).molecules] == ["aspirin", "carbon monoxide"]


def test_a_text_without_molecules_says_what_is_read() -> None:
    with pytest.raises(UnreadableFileError, match=r"or a table with a column “SMILES”"):
        read("@<TRIPOS>MOLECULE\nx\n1\n2\n3\n")


@pytest.mark.parametrize(
    "text",
    ["\t" * 300_000, '"' * 300_000, "no, molecule " * 30_000, "|" * 300_000],
)
def test_a_long_line_is_no_table_and_makes_no_long_message(text: str) -> None:
    with pytest.raises(UnreadableFileError) as told:
        read(f"{text}\nx\n")
    assert str(told.value).startswith("No molecule in the text.")
    assert len(str(told.value)) < 1500


def test_what_is_beyond_the_cap_is_counted_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("assistant.chem.tables.parses", lambda text: not seen.append(text))
    rows = list(lines_as_rows("C\n" * (MAX_RECORDS + 500)))
    assert len(rows) == MAX_RECORDS + 500
    assert len(seen) <= 2 * MAX_RECORDS
