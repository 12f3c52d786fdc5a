import gzip
from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import rdChemReactions

from assistant.chem.draw import to_molblock
from assistant.chem.files import read_file, read_pasted
from assistant.chem.inputs import recognise
from assistant.chem.limits import MAX_FILE_BYTES, MAX_RECORDS
from assistant.chem.molecule import Molecule
from assistant.chem.names import NameEntry, NameTable
from assistant.errors import UnreadableFileError

ALANINE = Molecule.parse("C[C@H](N)C(=O)O")


def record(smiles: str, *, title: str = "", data: str = "") -> str:
    return f"{title}{to_molblock(Molecule.parse(smiles))}{data}$$$$\n"


def bad_record(title: str) -> str:
    atoms = "    0.0000    0.0000    0.0000 C   0  0\n" * 6
    bonds = "".join(f"  1{i:3}  1  0\n" for i in range(2, 7))
    return f"{title}\n x\n\n  6  5  0  0  0  0            999 V2000\n{atoms}{bonds}M  END\n$$$$\n"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_mol_file_is_one_molecule_with_its_title(tmp_path: Path) -> None:
    path = write(tmp_path, "a.mol", "L-alanine" + to_molblock(ALANINE))
    (molecule,) = read_file(path, name="a.mol").molecules
    assert molecule == ALANINE
    assert molecule.name == "L-alanine"


def test_one_bad_record_among_good_ones_is_named_and_the_others_load(tmp_path: Path) -> None:
    content = record("CCO", title="ethanol") + bad_record("five bonds") + record("CCN")
    report = read_file(write(tmp_path, "a.sdf", content), name="a.sdf")
    assert [m.smiles for m in report.molecules] == ["CCO", "CCN"]
    (problem,) = report.problems
    assert problem.startswith("Record 2 ('five bonds'): ")
    assert "carbon (atom 1, C) has 5 bonds" in problem


def test_molfiles_put_one_behind_the_other_are_all_read(tmp_path: Path) -> None:
    molfiles = [f"{s}{to_molblock(Molecule.parse(s))}" for s in ("CCO", "CCN", "CCC")]
    content = "".join(molfiles) + "> <IC50>\n7\n\n$$$$\n" + record("C", data="> <IC50>\n8\n\n")
    report = read_file(write(tmp_path, "a.sdf", content), name="a.sdf")
    assert [(m.smiles, m.name) for m in report.molecules] == [
        ("CCO", "CCO"), ("CCN", "CCN"), ("CCC", "CCC"), ("C", None),
    ]  # fmt: skip
    assert (report.own.rows, report.problems) == ([[""], [""], ["7"], ["8"]], [])
    found = recognise("".join(molfiles), NAMES)
    assert [one.molecule.smiles for one in found] == ["CCO", "CCN", "CCC"]


def test_a_record_that_breaks_an_invariant_of_rdkit_spoils_no_other(tmp_path: Path) -> None:
    lone = f"{'':4}0.0000    0.0000    0.0000 Na  0  0  0  0  0915  0  0  0  0  0  0\n"
    block = f"odd\n x\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n{lone}M  CHG  1   1   1\nM  END\n"
    content = record("CCO") + f"{block}$$$$\n" + record("CCN")
    report = read_file(write(tmp_path, "a.sdf", content), name="a.sdf")
    assert [m.smiles for m in report.molecules] == ["CCO", "CCN"]
    assert report.problems[0].startswith("Record 2 ('odd'): RDKit cannot handle this record")


def test_a_cut_off_record_is_named(tmp_path: Path) -> None:
    content = record("CCO") + record("CCCC", title="cut")[:60] + "\n$$$$\n" + record("CCN")
    report = read_file(write(tmp_path, "a.sdf", content), name="a.sdf")
    assert len(report.molecules) == 2
    assert report.problems[0].startswith("Record 2 ('cut")


def test_an_sd_file_of_only_bad_records_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = write(tmp_path, "a.sdf", bad_record("x"))
    with pytest.raises(UnreadableFileError, match=r"No molecule in 'a.sdf'. Record 1 .*5 bonds"):
        read_file(path, name="a.sdf")


def test_names_come_from_the_data_fields(tmp_path: Path) -> None:
    data = "> <NAME>\nethyl alcohol\n\n> <MW>\n46\n\n"
    path = write(tmp_path, "a.sdf", record("CCO", title="4711", data=data))
    assert read_file(path, name="a.sdf").molecules[0].name == "ethyl alcohol"


def test_a_title_is_the_name_before_a_code(tmp_path: Path) -> None:
    data = "> <ID>\n4711\n\n"
    titles = ("ethanol", "", "17")  # a row number is no title
    content = "".join(record("CCO", title=title, data=data) for title in titles)
    report = read_file(write(tmp_path, "a.sdf", content), name="a.sdf")
    assert [m.name for m in report.molecules] == ["ethanol", "4711", "4711"]
    assert report.own.heads == ["ID", "title"]
    assert report.own.rows == [["4711", ""], ["", ""], ["", "17"]]


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.sdf", (record("CCO") + record("CCN")).replace("\n", "\r\n"))
    assert len(read_file(path, name="a.sdf").molecules) == 2


def test_v3000_records_are_read(tmp_path: Path) -> None:
    block = Chem.MolToV3KMolBlock(Chem.MolFromMolBlock(to_molblock(ALANINE)))
    path = write(tmp_path, "a.sdf", f"{block}$$$$\n")
    assert read_file(path, name="a.sdf").molecules == [ALANINE]


def test_racemates_are_told_where_one_isomer_stands_for_them(tmp_path: Path) -> None:
    blocks = [
        Chem.MolToV3KMolBlock(Chem.MolFromSmiles(f"C[C@H](N)C(=O)O {extension}"))
        for extension in ("|&1:1|", "|o1:1|", "|a:1|")
    ]
    content = "".join(f"r{n}{block}$$$$\n" for n, block in enumerate(blocks, start=1))
    report = read_file(write(tmp_path, "a.sdf", content), name="a.sdf")
    assert [m.name for m in report.molecules] == ["r1", "r2", "r3"]
    (remark,) = report.remarks
    assert "racemate" in remark
    assert remark.endswith("read as the isomer that is drawn: Record 1 ('r1'), Record 2 ('r2').")
    lines = "C[C@H](N)C(=O)O |&1:1| rac\nC[C@H](N)C(=O)O |$;;o1:x$|\nC[C@H](F)Cl |w:1.0,o2:1|\n"
    report = read_file(write(tmp_path, "a.smi", lines), name="a.smi")
    assert len(report.molecules) == 3
    assert report.remarks[0].endswith(": Line 1 ('rac'), Line 3.")
    assert read_file(write(tmp_path, "b.sdf", record("CCO")), name="b.sdf").remarks == []


def test_script_in_a_title_stays_text_and_is_capped(tmp_path: Path) -> None:
    title = "<script>alert(1)</script>" + "x" * 500
    path = write(tmp_path, "a.sdf", record("CCO", title=title))
    name = read_file(path, name="a.sdf").molecules[0].name
    assert name is not None
    assert name.startswith("<script>alert(1)</script>xxx")
    assert len(name) == 200


def test_a_smi_file_has_names_comments_and_a_header(tmp_path: Path) -> None:
    content = "SMILES Name\nCCO ethanol\n# note\n\nC1CC broken one\nCCN\n"
    report = read_file(write(tmp_path, "a.smi", content), name="a.smi")
    assert [(m.smiles, m.name) for m in report.molecules] == [("CCO", "ethanol"), ("CCN", None)]
    assert report.problems == [
        "Line 5 ('broken one'): No molecule in 'C1CC': ring 1 is not closed."
    ]


def test_a_table_with_a_smiles_column_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'id,name,SMILES\n1,"ethanol, dry",CCO\n2,amine,CCN\n')
    report = read_file(path, name="a.csv")
    assert [(m.smiles, m.name) for m in report.molecules] == [
        ("CCO", "ethanol, dry"),
        ("CCN", "amine"),
    ]


def test_reactions_and_inchi_in_a_line_file_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.smi", "CCO>>CC=O\nInChI=1S/CH4/h1H4 methane\n")
    report = read_file(path, name="a.smi")
    assert report.reactions[0].smiles == "CCO>>CC=O"
    assert report.molecules[0].name == "methane"


def test_a_rxn_file_gives_a_reaction(tmp_path: Path) -> None:
    reaction = rdChemReactions.ReactionFromSmarts("CCO>>CC=O", useSmiles=True)
    path = write(tmp_path, "a.rxn", rdChemReactions.ReactionToRxnBlock(reaction))
    assert [r.smiles for r in read_file(path, name="a.rxn").reactions] == ["CCO>>CC=O"]


CDXML = """<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE CDXML SYSTEM "http://www.cambridgesoft.com/xml/cdxml.dtd" >
<CDXML><page id="1"><fragment id="2">
<n id="3" p="10 10"/><n id="4" p="20 15"/><n id="5" p="30 10" Element="8" NumHydrogens="1"/>
<b id="6" B="3" E="4"/><b id="7" B="4" E="5"/>
</fragment></page></CDXML>
"""


def test_a_cdxml_file_is_read(tmp_path: Path) -> None:
    report = read_file(write(tmp_path, "a.cdxml", CDXML), name="a.cdxml")
    assert [m.smiles for m in report.molecules] == ["CCO"]


def test_drawings_beyond_the_cap_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.chem.files.MAX_RECORDS", 1)
    second = CDXML[CDXML.index("<fragment") : CDXML.index("</page>")].replace('id="', 'id="1')
    path = write(tmp_path, "a.cdxml", CDXML.replace("</page>", f"{second}</page>"))
    report = read_file(path, name="a.cdxml")
    assert len(report.molecules) == 1
    assert report.problems == ["Only the first 1 of 2 records were read."]


def test_a_damaged_cdxml_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.cdxml", CDXML[:200])
    with pytest.raises(UnreadableFileError):
        read_file(path, name="a.cdxml")


def test_the_content_decides_and_not_the_extension(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", record("CCO") + record("CCN"))
    assert len(read_file(path, name="a.txt").molecules) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_common_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "a.smi", "CCO éthanol\n".encode(encoding))
    assert read_file(path, name="a.smi").molecules[0].name == "éthanol"


def test_a_file_saved_by_windows_keeps_its_dashes_and_its_euro_signs(tmp_path: Path) -> None:
    content = "SMILES;Name;price;unit\nCCO;“ß” – x;1,3 €;\u00a0µM\n".encode("cp1252")
    report = read_file(write(tmp_path, "a.csv", content), name="a.csv")
    assert report.molecules[0].name == "“ß” – x"
    assert report.own.rows == [["1,3 €", "µM"]]


def test_blanks_that_do_not_break_make_no_binary_file(tmp_path: Path) -> None:
    report = read_file(write(tmp_path, "a.smi", "CCO\u00a01\u2009mM\n"), name="a.smi")
    assert [m.smiles for m in report.molecules] == ["CCO"]


def test_packed_files_are_read(tmp_path: Path) -> None:
    content = gzip.compress((record("CCO", title="a") + record("CCN")).encode())
    report = read_file(write(tmp_path, "a.sdf.gz", content), name="a.sdf.gz")
    assert [m.smiles for m in report.molecules] == ["CCO", "CCN"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(bytes(MAX_FILE_BYTES + 1), mtime=0), r"more than 5 MB when it is unpacked"),
        (gzip.compress(b"CCO\n" * 99, mtime=0)[:-9], r"damaged gzip"),
        (b"\x1f\x8bno", r"damaged gzip"),
        (gzip.compress(b"", mtime=0), r"is empty"),
        (b"PK\x03\x04xl/workbook.xml" + b"\0" * 99, r"Save its sheet as CSV"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 99, r"Save its sheet as CSV"),
        (b"PK\x03\x04a.sdf" + b"\0" * 99, r"Unpack it"),
    ],
    # The bytes as names would differ from one worker to the next.
    ids=["too large", "cut", "no gzip", "nothing packed", "xlsx", "xls", "zip"],
)
def test_packed_files_that_cannot_be_read_say_what_to_do(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableFileError, match=rf"^'x.gz' .*{reason}"):
        read_file(write(tmp_path, "x.gz", content), name="x.gz")


@pytest.mark.parametrize("content", [b"", b"\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_called_empty(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFileError, match=r"'e.sdf' is empty|No molecule in 'e.sdf'"):
        read_file(write(tmp_path, "e.sdf", content), name="e.sdf")


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40,
        b"PK\x03\x04" + b"\0" * 500,
        b"\x01\x02\x03" * 99,
    ],
)
def test_a_binary_file_is_refused_as_such(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFileError, match=r"'x.sdf' is a binary file.*SDF"):
        read_file(write(tmp_path, "x.sdf", content), name="x.sdf")


def test_a_binary_chemdraw_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="Save it as CDXML"):
        read_file(write(tmp_path, "x.cdx", b"VjCD0100\x04\x03\x02\x01"), name="x.cdx")


def test_fifty_megabytes_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.sdf"
    with path.open("wb") as stream:
        stream.truncate(50 * 2**20)
    with pytest.raises(UnreadableFileError, match=r"'big.sdf' has 50.0 MB; files up to 5 MB"):
        read_file(path, name="big.sdf")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="cannot be opened"):
        read_file(tmp_path / "none.sdf", name="none.sdf")


def test_prose_is_refused_with_the_kinds_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"No molecule in 'letter.txt'"):
        read_file(write(tmp_path, "letter.txt", "Dear Sir,\nhello\n"), name="letter.txt")


def test_a_path_in_the_given_name_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"'x.sdf' is empty"):
        read_file(write(tmp_path, "x", b""), name="/secret/folder/x.sdf")


def test_only_the_first_thousand_records_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, "many.smi", "C\n" * (MAX_RECORDS + 5))
    report = read_file(path, name="many.smi")
    assert len(report.molecules) == MAX_RECORDS
    assert report.problems == ["Only the first 1,000 of 1,005 records were read."]


def test_a_thousand_problems_are_summed_up(tmp_path: Path) -> None:
    path = write(tmp_path, "bad.smi", "C\n" + "C1CC\n" * 200)
    report = read_file(path, name="bad.smi")
    assert len(report.problems) == 51
    assert report.problems[-1] == "150 more records could not be read."


NAMES = NameTable([NameEntry("carbon monoxide", "[C-]#[O+]", "", ("CO",))])


def test_pasted_text_may_be_a_whole_file() -> None:
    block = to_molblock(Molecule.parse("CCO"))
    assert read_pasted(f"x{block}\n$$$$\n", NAMES).molecules == [Molecule.parse("CCO")]
    table = read_pasted("id;smiles\r\na;CCO\r\nb;C1\r\n", NAMES)
    assert [m.name for m in table.molecules] == ["a"]
    assert table.problems[0].startswith("Line 3 ('b')")


def test_a_pasted_name_goes_first_only_letter_by_letter() -> None:
    found = read_pasted("CO\nOC\nCarbon-Monoxide", NAMES).molecules
    assert [m.smiles for m in found] == ["[C-]#[O+]", "CO", "[C-]#[O+]"]


def test_pasted_text_has_caps_too() -> None:
    with pytest.raises(UnreadableFileError, match="characters"):
        read_pasted("C" * (MAX_FILE_BYTES + 1), NAMES)
    many = read_pasted("C\n" * (MAX_RECORDS + 5), NAMES)
    assert len(many.molecules) == MAX_RECORDS
    assert many.problems == ["Only the first 1,000 of 1,005 records were read."]
    with pytest.raises(UnreadableFileError, match="No molecule in the text"):
        read_pasted("no molecule", NAMES)
