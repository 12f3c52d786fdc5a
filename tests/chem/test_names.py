from pathlib import Path

import pytest

from assistant.chem.molecule import Molecule
from assistant.chem.names import NameEntry, NameTable, cas_check_digit
from assistant.errors import UnreadableFileError

TABLE = NameTable(
    [
        NameEntry("aspirin", "CC(=O)Oc1ccccc1C(=O)O", "50-78-2", ("acetylsalicylic acid",), "drug"),
        NameEntry("alpha-pinene", "CC1=CCC2CC1C2(C)C", "80-56-8"),
        NameEntry("tetrahydrofuran", "C1CCOC1", "109-99-9", ("THF", "oxolane"), "solvent"),
        NameEntry("carbon monoxide", "[C-]#[O+]", "630-08-0", ("carbon oxide",)),
    ]
)


@pytest.mark.parametrize(
    "text",
    ["aspirin", "Aspirin", " ASPIRIN ", "acetylsalicylic acid", "Acetyl salicylic acid",
     "acetylsalicylicacid", "Acetyl-salicylic  Acid", "50-78-2"],
)  # fmt: skip
def test_names_forgive_case_spaces_and_hyphens(text: str) -> None:
    entry = TABLE.find(text)
    assert entry is not None
    assert entry.name == "aspirin"


@pytest.mark.parametrize("text", ["α-pinene", "alpha-Pinene", "alpha–pinene"])
def test_greek_letters_and_long_dashes_are_understood(text: str) -> None:
    assert TABLE.find(text) is TABLE.entries[1]


def test_an_unknown_name_is_none_and_the_closest_are_offered() -> None:
    assert TABLE.find("aspirn") is None
    assert TABLE.closest("aspirn") == ["aspirin"]
    assert TABLE.closest("tetrahydrofurane")[0] == "tetrahydrofuran"


def test_an_exact_name_needs_the_same_letters() -> None:
    assert TABLE.find_exactly("THF") is TABLE.entries[2]
    assert TABLE.find_exactly("thf") is None


def test_a_structure_finds_its_name() -> None:
    assert TABLE.name_of(Molecule.parse("O=C(C)Oc1c(C(O)=O)cccc1")) == "aspirin"
    assert TABLE.name_of(Molecule.parse("CCCC")) is None


def test_an_inchikey_finds_its_entry() -> None:
    assert TABLE.find_inchikey("BSYNRYMUTXBXSQ-UHFFFAOYSA-N") is TABLE.entries[0]


def test_completions_start_with_the_text() -> None:
    assert TABLE.completions("tetra") == ["tetrahydrofuran"]
    assert TABLE.completions("") == []


@pytest.mark.parametrize(
    ("cas", "digit"), [("50-78-2", 2), ("64-17-5", 5), ("7732-18-5", 5), ("x", None)]
)
def test_the_check_digit_of_a_cas_number_is_computed(cas: str, digit: int | None) -> None:
    assert cas_check_digit(cas) == digit


def test_a_name_table_with_a_wrong_smiles_still_works_for_the_others() -> None:
    table = NameTable([NameEntry("broken", "C1CC"), NameEntry("ethanol", "CCO")])
    assert table.name_of(Molecule.parse("OCC")) == "ethanol"


def test_own_names_come_on_top_of_the_built_in_table(tmp_path: Path) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("name\tsmiles\nhouse compound 17\tCCCCCCCCBr\naspirin\tCCO\n", encoding="utf-8")
    table = NameTable.load(own)
    entry = table.find("House Compound 17")
    assert entry is not None
    assert entry.molecule().smiles == "CCCCCCCCBr"
    aspirin = table.find("aspirin")
    assert aspirin is not None
    assert aspirin.smiles == "CCO"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"title\tstructure\nx\tCCO\n", "lacks the column name and smiles"),
        (b"name\tsmiles\nfine\tCCO\nbad\tC1CC\n", r"line 3 \(bad\): No molecule in 'C1CC'"),
        (b"\xff\xfe\x00\x01", "not UTF-8"),
    ],
)
def test_a_faulty_own_table_is_refused_with_the_line(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    own = tmp_path / "own.tsv"
    own.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=reason):
        NameTable.load(own)


def test_an_own_table_that_a_spreadsheet_wrote_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    text = 'Name\tSMILES\tSynonyms\r\n"1,2-bis(x)ethane"\tCCO\t"MC-1|MC ""two"""\r\n'
    path.write_text(text, encoding="utf-8")
    table = NameTable.load(path)
    entry = table.find("1,2-bis(x)ethane")
    assert entry is not None
    assert entry.all_names == ("1,2-bis(x)ethane", "MC-1", 'MC "two"')
    path.write_text("name\tsmiles\n\n\tCCO\nfine\tCCO\nbad\tC1CC\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"line 5 \(bad\)"):
        NameTable.load(path)


def test_a_missing_own_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        NameTable.load(tmp_path / "none.tsv")


def test_every_built_in_entry_is_a_molecule_with_a_true_cas_number() -> None:
    table = NameTable.load()
    assert len(table) > 300
    for entry in table.entries:
        assert entry.molecule().smiles
        assert not entry.cas or cas_check_digit(entry.cas) == int(entry.cas[-1]), entry


def test_a_slip_is_one_letter_or_two_and_no_other_word() -> None:
    table = NameTable.load()
    assert table.slip_of("asprin") == "aspirin"
    assert table.slip_of("caffein") == "caffeine"
    assert table.slip_of("aspirin") is None
    for word in ("temperature", "reaction", "weight", "spectrum", "octopus", "roses"):
        assert table.slip_of(word) is None


@pytest.mark.parametrize(
    ("word", "smiles"),
    [
        ("octanol", "CCCCCCCCO"),
        ("n-octanol", "CCCCCCCCO"),
        ("hexane", "CCCCCC"),
        ("butanol", "CCCCO"),
        ("propanol", "CCCO"),
        ("pentanol", "CCCCCO"),
        ("dioxane", "C1COCCO1"),
        ("dichloroethane", "ClCCCl"),
        ("dimethoxyethane", "COCCOC"),
        ("methyltetrahydrofuran", "CC1CCCO1"),
        ("trifluoroethanol", "OCC(F)(F)F"),
        ("dibutyl ether", "CCCCOCCCC"),
        ("decane", "CCCCCCCCCC"),
    ],
)
def test_a_solvent_is_found_by_the_word_that_it_goes_by_without_a_locant(
    word: str, smiles: str
) -> None:
    entry = NameTable.load().find(word)
    assert entry is not None
    assert entry.molecule().smiles == Molecule.parse(smiles).smiles
