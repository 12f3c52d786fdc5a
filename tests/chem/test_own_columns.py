"""The columns of a person's own file: kept as text, under caps that are told."""

import pytest

from assistant.chem.draw import to_molblock
from assistant.chem.files import FileReport, read_pasted
from assistant.chem.molecule import Molecule
from assistant.chem.names import NameTable
from assistant.chem.own_columns import MAX_CELL_CHARS, MAX_COLUMNS, MAX_HEAD_CHARS
from assistant.errors import UnreadableFileError


def read(text: str) -> FileReport:
    return read_pasted(text, NameTable(()))


def record(smiles: str, data: str, *, title: str = "") -> str:
    return f"{title}{to_molblock(Molecule.parse(smiles))}{data}$$$$\n"


def test_a_table_keeps_its_own_columns_beside_the_molecules_that_were_read() -> None:
    report = read("id,name,SMILES,pIC50,series\n7,a,CCO,7.3,I\n8,b,C1CC,6,I\n9,c,CCN,,II\n")
    assert [m.name for m in report.molecules] == ["a", "c"]
    assert report.own.heads == ["id", "pIC50", "series"]
    assert report.own.rows == [["7", "7.3", "I"], ["9", "", "II"]]
    assert report.own.notices == []


def test_an_sd_file_keeps_its_fields_whatever_records_have_them() -> None:
    data = "> <NAME>\nethyl alcohol\n\n>  <IC50_nM>  (1)\n> 1000\n\n> <note>\nfirst\nsecond\n\n"
    report = read(record("CCO", data, title="4711") + record("CCN", "> <IC50_nM>\n3\n\n> <x>\n\n"))
    assert [m.name for m in report.molecules] == ["ethyl alcohol", None]
    assert report.own.heads == ["title", "IC50_nM", "note", "x"]
    assert report.own.rows == [["4711", "> 1000", "first second", ""], ["", "3", "", ""]]


def test_text_that_a_data_field_does_not_hold_is_told() -> None:
    stray = "> <note>\nfirst\n\nsecond\n\n> <x>\n1\n\n"
    whole = "> <note>\n> 5\n\n>  <x>  (2)\n\n> 25 <y>\nb\n"
    report = read(record("CCO", stray, title="a") + record("CCN", whole) + record("CCC", ""))
    assert report.own.rows[0] == ["first", "1", ""]
    (notice,) = report.own.notices
    assert notice.endswith("for an SD file ends a value there: Record 1 ('a').")


def test_a_data_field_that_comes_twice_keeps_both_values() -> None:
    report = read(record("CCO", "> <assay>\n1\n\n> <assay>\n2\n\n") + record("CCN", ""))
    assert report.own.heads == ["assay", "assay (2)"]
    assert report.own.rows == [["1", "2"], ["", ""]]


def test_reactions_and_bad_lines_take_no_row_of_cells() -> None:
    report = read("smiles,yield\nCCO>>CC=O,90\nC1,5\nCCN,80\n")
    assert (len(report.reactions), report.own.rows) == (1, [["80"]])


@pytest.mark.parametrize(
    "header",
    ['name;SMILES;"IC50 (nM), 37 °C"', "name\tSMILES\tIC50 (nM), 37 °C"],
)
def test_the_delimiter_is_the_one_that_divides_the_header(header: str) -> None:
    row = "a;CCO;7" if ";" in header else "a\tCCO\t7"
    report = read(f"{header}\n{row}\n")
    assert report.own.heads == ["IC50 (nM), 37 °C"]
    assert report.own.rows == [["7"]]


def test_columns_without_a_name_and_of_the_same_name_are_told_apart() -> None:
    report = read("smiles,pIC50,PIC50,,\nCCO,1,2,3,\nCCN,1,2,,,4\n")
    assert report.own.heads == ["pIC50", "PIC50 (2)", "column 4", "column 6"]
    assert report.own.rows == [["1", "2", "3", ""], ["1", "2", "", "4"]]
    (notice,) = report.own.notices
    assert notice.startswith("1 line has more cells than the header")
    assert "(line 3)" in notice


@pytest.mark.parametrize("head", ["Compound", "compound_id", "Molecule Name"])
def test_the_usual_heads_of_compound_codes_are_names(head: str) -> None:
    report = read(f"SMILES,{head},ID\nCCO,MC-1,7\n")
    assert (report.molecules[0].name, report.own.heads) == ("MC-1", ["ID"])


def test_a_quoted_cell_of_several_lines_is_one_and_lines_keep_their_numbers() -> None:
    report = read('smiles,note\nCCO,"two\nlines"\nC1CC,x\n')
    assert report.own.rows == [["two lines"]]
    assert report.problems[0].startswith("Line 4: ")


def test_control_characters_of_heads_and_cells_are_gone() -> None:
    report = read("smiles,a\x07b\nCCO,\x1b[31mred\u202e\n")
    assert (report.own.heads, report.own.rows) == (["a b"], [["[31mred"]])


def test_what_the_caps_cut_is_told() -> None:
    heads = ["smiles", "h" * 99, "h" * 98, *(f"c{n}" for n in range(MAX_COLUMNS + 6))]
    cells = ["CCO", "x" * 999, *("1" * (MAX_COLUMNS + 7))]
    report = read(f"{','.join(heads)}\n{','.join(cells)}\n")
    assert len(report.own.heads) == len(report.own.rows[0]) == MAX_COLUMNS
    assert report.own.heads[:2] == ["h" * MAX_HEAD_CHARS, "h" * MAX_HEAD_CHARS + " (2)"]
    assert report.own.rows[0][:2] == ["x" * MAX_CELL_CHARS, "1"]
    assert report.own.notices == [
        "Only the first 40 of the 48 columns of the file were kept. Left out: “c38”, “c39”, “c40”,"
        " “c41”, “c42” and 3 more.",
        "2 column names cut after 60 characters.",
        "1 cell of the file cut after 300 characters.",
    ]


def test_a_quotation_mark_that_is_not_closed_is_told_with_its_line() -> None:
    with pytest.raises(UnreadableFileError, match=r"from line 3 on.*quotation mark"):
        read('smiles,note\nCCO,a\nCCN,"' + "CCC,b\n" * 40_000)
