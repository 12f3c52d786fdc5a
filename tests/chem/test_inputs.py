import pytest

from assistant.chem.draw import to_molblock
from assistant.chem.inputs import is_half_typed, recognise
from assistant.chem.molecule import Molecule
from assistant.chem.names import NameEntry, NameTable
from assistant.chem.opsin import SystematicName
from assistant.errors import InputTooLargeError, InvalidMoleculeError

NAMES = NameTable(
    [
        NameEntry("aspirin", "CC(=O)Oc1ccccc1C(=O)O", "50-78-2", ("acetylsalicylic acid",)),
        NameEntry("caffeine", "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "58-08-2"),
        NameEntry("acetic acid", "CC(=O)O", "64-19-7", ("AcOH",)),
        NameEntry("nitric oxide", "[N]=O", "10102-43-9", ("NO",)),
    ]
)


@pytest.fixture(autouse=True)
def without_opsin(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("inputs", "opsin"):
        monkeypatch.setattr(f"assistant.chem.{module}.opsin_command", lambda: None)


@pytest.mark.parametrize(
    ("text", "kind", "smiles"),
    [
        ("OCC", "smiles", "CCO"),
        ("  OCC  ", "smiles", "CCO"),
        ("`OCC`", "smiles", "CCO"),
        ("CO", "smiles", "CO"),
        ("I", "smiles", "I"),
        ("C", "smiles", "C"),
        ("CN", "smiles", "CN"),
        ("NO", "name", "[N]=O"),
        ("aspirin", "name", "CC(=O)Oc1ccccc1C(=O)O"),
        ("ASPIRIN", "name", "CC(=O)Oc1ccccc1C(=O)O"),
        ("Acetic  Acid", "name", "CC(=O)O"),
        ("aceticacid", "name", "CC(=O)O"),
        ("50-78-2", "cas", "CC(=O)Oc1ccccc1C(=O)O"),
        ("CAS: 50-78-2", "cas", "CC(=O)Oc1ccccc1C(=O)O"),
        ("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3", "inchi", "CCO"),
        ("RYYVLZVUVIJVGH-UHFFFAOYSA-N", "name", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"),
        ("N->[Pt]", "smiles", "[NH3]->[Pt]"),
        ("CCO\tethanol", "smiles", "CCO"),
    ],
)
def test_every_notation_is_recognised(text: str, kind: str, smiles: str) -> None:
    (found,) = recognise(text, NAMES)
    assert found.error is None
    assert found.kind == kind
    assert found.molecule is not None
    assert found.molecule.smiles == smiles


def test_a_name_goes_along_with_the_molecule() -> None:
    (found,) = recognise("Acetylsalicylic Acid", NAMES)
    assert found.molecule is not None
    assert found.molecule.name == "aspirin"
    (found,) = recognise("CCO ethanol", NAMES)
    assert found.molecule is not None
    assert found.molecule.name == "ethanol"


def test_a_sentence_is_not_iodine() -> None:
    (found,) = recognise("I want a good solvent", NAMES)
    assert found.molecule is None


def test_several_lines_are_several_molecules_and_the_bad_one_says_why() -> None:
    found = recognise("CCO\n\naspirin\nC1CC\n", NAMES)
    assert [one.kind for one in found] == ["smiles", "name", "smiles"]
    assert str(found[2].error) == "No molecule in 'C1CC': ring 1 is not closed."


def test_a_smiles_broken_over_lines_is_joined() -> None:
    (found,) = recognise("CC(=O)Oc1cccc\n  c1C(=O)O", NAMES)
    assert found.molecule == NAMES.entries[0].molecule()


def test_an_inchi_broken_over_lines_is_joined() -> None:
    (found,) = recognise("InChI=1S/C2H6O/\nc1-2-3/h3H,2H2,1H3", NAMES)
    assert found.kind == "inchi"
    assert found.error is None


def test_two_whole_smiles_on_two_lines_are_not_joined() -> None:
    assert len(recognise("CC\nCC", NAMES)) == 2


@pytest.mark.parametrize("text", ["aspirin, caffeine", "aspirin and caffeine", "aspirin; caffeine"])
def test_several_on_one_line_are_several(text: str) -> None:
    assert [one.molecule.name for one in recognise(text, NAMES)] == ["aspirin", "caffeine"]


def test_a_reaction_is_split_by_roles() -> None:
    (found,) = recognise("CCO.CC(=O)O>[H+]>CCOC(C)=O", NAMES)
    assert found.kind == "reaction"
    assert found.reaction is not None
    assert [len(side) for side in (found.reaction.reactants, found.reaction.agents)] == [2, 1]


def test_a_pasted_molfile_and_an_sd_file_are_recognised() -> None:
    block = to_molblock(Molecule.parse("C[C@H](N)C(=O)O"))
    (found,) = recognise(block, NAMES)
    assert found.kind == "molblock"
    assert found.molecule == Molecule.parse("C[C@H](N)C(=O)O")
    assert len(recognise(f"{block}$$$$\n{block}$$$$\n", NAMES)) == 2


def test_a_wrong_check_digit_is_told_with_the_right_number() -> None:
    (found,) = recognise("50-78-3", NAMES)
    assert isinstance(found.error, InvalidMoleculeError)
    assert "last digit should be 2" in str(found.error)
    assert found.error.fix == "50-78-2"
    assert found.error.position == 6


def test_a_true_but_unknown_cas_number_says_how_to_add_it() -> None:
    (found,) = recognise("64-17-5", NAMES)
    assert "valid" in str(found.error)
    assert "--names FILE" in str(found.error)


def test_an_unknown_name_offers_the_closest_and_says_how_many_are_known() -> None:
    (found,) = recognise("asprin", NAMES)
    assert isinstance(found.error, InvalidMoleculeError)
    assert "4 compounds" in str(found.error)
    assert "Did you mean 'aspirin'?" in str(found.error)
    assert "--names FILE" in str(found.error)
    assert found.error.fix == "aspirin"


def test_a_mistyped_smiles_is_not_taken_for_a_name() -> None:
    for text in ("C1CC", "CL", "CC(=O", "c1cccn1", "CCbr", "c1ccccc(1"):
        (found,) = recognise(text, NAMES)
        assert found.kind == "smiles", text


def test_an_incomplete_inchi_is_told() -> None:
    (found,) = recognise("InChI=1S/C2", NAMES)
    assert "not a complete InChI" in str(found.error)


def test_an_unknown_inchikey_says_that_it_cannot_be_turned_back() -> None:
    (found,) = recognise("AAAAAAAAAAAAAA-UHFFFAOYSA-N", NAMES)
    assert "cannot be turned back" in str(found.error)


def test_an_empty_text_gives_one_error() -> None:
    (found,) = recognise(" \n ", NAMES)
    assert "empty" in str(found.error)


@pytest.mark.parametrize(
    "text",
    ["C" * 5000, "C(" * 10_000 + ")" * 10_000, ".".join("C" * 2000), "C\n" * 500, "x" * 600_000],
)
def test_oversized_input_is_refused_quickly(text: str) -> None:
    assert isinstance(recognise(text, NAMES)[0].error, InputTooLargeError)


def test_markup_is_an_error_and_its_message_is_short() -> None:
    (found,) = recognise("<img src=x onerror=alert(1)>" * 50, NAMES)
    assert found.error is not None
    assert len(str(found.error)) < 400


def test_exactly_one_of_molecule_reaction_and_error_is_set() -> None:
    for text in ("CCO", "CCO>>C", "C1CC", "nonsense", "50-78-3", ""):
        for one in recognise(text, NAMES):
            assert [one.molecule, one.reaction, one.error].count(None) == 2


@pytest.mark.parametrize("text", ["aspi", "acetyls", "Caff", "CC(=O", "50-7", "c1cc"])
def test_what_is_being_typed_shows_no_error_yet(text: str) -> None:
    assert is_half_typed(text, NAMES)


@pytest.mark.parametrize("text", ["aspx", "CCX", "C1CC)", "hello"])
def test_what_leads_nowhere_is_not_half_typed(text: str) -> None:
    assert not is_half_typed(text, NAMES)


def test_the_beginning_of_a_name_is_completed() -> None:
    (found,) = recognise("caffe", NAMES)
    assert isinstance(found.error, InvalidMoleculeError)
    assert found.error.fix == "caffeine"


def test_a_systematic_name_is_told_to_wait_while_opsin_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "assistant.chem.inputs.read_systematic_name", lambda _: SystematicName(None, is_late=True)
    )
    (found,) = recognise("propan-2-ol", NAMES)
    assert "still starting" in str(found.error)


def test_an_ambiguous_systematic_name_asks_for_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "assistant.chem.inputs.read_systematic_name",
        lambda _: SystematicName(None, is_ambiguous=True),
    )
    (found,) = recognise("xylene", NAMES)
    assert "names several structures" in str(found.error)


def test_a_rotation_sign_that_set_no_stereo_is_dropped_from_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading = SystematicName("CC1CCC(C(C)C)C(O)C1", ignored_stereo=True)
    monkeypatch.setattr("assistant.chem.inputs.read_systematic_name", lambda _: reading)
    (found,) = recognise("(+)-menthol", NAMES)
    assert found.molecule is not None
    assert found.molecule.name == "menthol"


def test_records_beyond_the_cap_are_told() -> None:
    block = to_molblock(Molecule.parse("CCO"))
    *good, last = recognise(f"{block}\n$$$$\n" * 103, NAMES)
    assert len(good) == 100
    assert "Only the first 100 of 103 records" in str(last.error)
