import copy
import pickle

import pytest
from rdkit import Chem

from assistant.chem.draw import to_molblock
from assistant.chem.graph import smiles_to_graphs
from assistant.chem.molecule import Molecule
from assistant.errors import InputTooLargeError, InvalidMoleculeError

SPECIAL = {
    "metal": "[Pt](Cl)(Cl)(N)N",
    "dative bond": "N->[Pt](<-N)(Cl)Cl",
    "ferrocene": "[Fe+2].[cH-]1cccc1.[cH-]1cccc1",
    "radical": "C[CH2]",
    "nitroxide": "CC1(C)CCCC(C)(C)N1[O]",
    "isotope": "[13CH3][2H]",
    "attachment point": "*CCO",
    "single atom": "[Xe]",
    "proton": "[H+]",
    "hydrogen": "[H][H]",
    "salt": "[Na+].[O-]C(=O)c1ccccc1",
    "sulfoxide": "C[S@](=O)CC",
    "cumulated": "CC=C=CC",
    "oxime": "C/C=N/O",
    "large ring number": "C%11CCCCC%11",
}


@pytest.mark.parametrize("smiles", SPECIAL.values(), ids=SPECIAL.keys())
def test_unusual_structures_are_read_and_their_smiles_is_stable(smiles: str) -> None:
    molecule = Molecule.parse(smiles)
    assert Molecule.parse(molecule.smiles) == molecule


def test_the_same_structure_written_twice_is_one_molecule() -> None:
    assert Molecule.parse("OCC") == Molecule.parse("C(C)O")
    assert len({Molecule.parse("OCC"), Molecule.parse("CCO")}) == 1


def test_the_name_is_not_part_of_the_identity() -> None:
    assert Molecule.parse("CCO", name="ethanol") == Molecule.parse("CCO", name="alcohol")


def test_enantiomers_differ() -> None:
    assert Molecule.parse("C[C@H](N)C(=O)O") != Molecule.parse("C[C@@H](N)C(=O)O")


def test_kekule_and_aromatic_forms_are_the_same() -> None:
    assert Molecule.parse("C1=CC=CC=C1") == Molecule.parse("c1ccccc1")


def test_atom_maps_are_labels_and_not_structure() -> None:
    assert Molecule.parse("[CH3:1][OH:2]").smiles == "CO"


def test_atom_numbers_follow_the_canonical_smiles() -> None:
    molecule = Molecule.parse("C(O)C")
    assert molecule.smiles == "CCO"
    assert [atom.GetSymbol() for atom in molecule.rdmol().GetAtoms()] == ["C", "C", "O"]


def test_surrounding_blanks_are_forgiven() -> None:
    assert Molecule.parse("  CCO\n").smiles == "CCO"


def test_cxsmiles_radicals_are_read() -> None:
    assert Molecule.parse("CC |^1:1|").smiles == "[CH2]C"


def test_inchikey_is_the_standard_one() -> None:
    assert Molecule.parse("CC(=O)Oc1ccccc1C(=O)O").inchikey == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"


def test_a_molecule_survives_copy_and_pickle() -> None:
    molecule = Molecule.parse("C[C@H](N)C(=O)O", name="alanine")
    molecule.rdmol()
    assert copy.deepcopy(molecule) == molecule
    assert pickle.loads(pickle.dumps(molecule)).name == "alanine"


def test_script_in_a_name_stays_inert_text_and_is_capped() -> None:
    name = Molecule.parse("CCO", name="<script>\x00alert(1)</script>\n" + "x" * 900).name
    assert name is not None
    assert name.startswith("<script> alert(1)</script> x")
    assert len(name) == 200


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidMoleculeError, match="empty"):
        Molecule.parse(text)


def test_five_thousand_characters_are_refused_with_the_numbers() -> None:
    with pytest.raises(InputTooLargeError, match=r"5,000 characters; at most 2,000"):
        Molecule.parse("C" * 5000)


def test_deep_nesting_is_refused_before_rdkit_sees_it() -> None:
    with pytest.raises(InputTooLargeError, match="nested 500 deep"):
        Molecule.parse("C(" * 500 + "C" + ")" * 500)


def test_nesting_of_ten_thousand_is_refused() -> None:
    with pytest.raises(InputTooLargeError):
        Molecule.parse("C(" * 10_000 + "C" + ")" * 10_000)


def test_too_many_fragments_are_refused() -> None:
    with pytest.raises(InputTooLargeError, match="900 parts"):
        Molecule.parse(".".join("C" * 900))
    with pytest.raises(InputTooLargeError):
        Molecule.parse(".".join("C" * 2000))


def test_too_many_heavy_atoms_are_refused() -> None:
    with pytest.raises(InputTooLargeError, match="1,000 heavy atoms"):
        Molecule.parse("C" * 1000)


STEREO = [
    "C[C@H](N)C(=O)O",
    "C[C@@H](F)[C@H](Cl)Br",
    "C/C=C/C",
    "C/C=C\\C",
    "CC=CC",
    "F/C=C/C=CC",
    "CC(O)[C@H](C)O",
    "C[S@](=O)CC",
    "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
    "C[C@]12CC[C@H]3[C@@H](CCc4cc(O)ccc34)[C@@H]1CC[C@@H]2O",
    "CC(C)c1cc2c(cc1O)[C@]13CCC[C@]4(C)CO[C@@H]1O[C@H]2C[C@@H]43",
    "C/C=N/O",
    "C1CCC/C=C/CC1",
    "[2H][C@H](C)O",
    "C[N+](CC)(CCC)[O-]",
]


@pytest.mark.parametrize("smiles", STEREO)
def test_stereo_survives_the_way_to_the_sketcher_and_back(smiles: str) -> None:
    molecule = Molecule.parse(smiles)
    assert Molecule.from_molblock(to_molblock(molecule)) == molecule


def test_unset_stereo_stays_unset_on_the_way_back() -> None:
    assert "@" not in Molecule.from_molblock(to_molblock(Molecule.parse("CC(N)C(=O)O"))).smiles


@pytest.mark.parametrize("smiles", [*STEREO[:6], "N->[Pt](<-N)(Cl)Cl"])
def test_v3000_blocks_are_read_with_stereo(smiles: str) -> None:
    molecule = Molecule.parse(smiles)
    mol = Chem.MolFromMolBlock(to_molblock(molecule))
    assert Molecule.from_molblock(Chem.MolToV3KMolBlock(mol)) == molecule


def block(symbol: str, *, extra: str = "", bond: int = 1) -> str:
    return (
        "\n  test\n\n  2  1  0  0  0  0            999 V2000\n"
        "    0.0000    0.0000    0.0000 C   0  0\n"
        f"    1.5000    0.0000    0.0000 {symbol:3} 0  0\n"
        f"  1  2  {bond}  0\n{extra}M  END\n"
    )


@pytest.mark.parametrize("symbol", ["A", "Q", "X"])
def test_query_atoms_are_refused_in_plain_words(symbol: str) -> None:
    with pytest.raises(InvalidMoleculeError, match=r"atom 2 is a query atom.*search pattern"):
        Molecule.from_molblock(block(symbol))


def test_an_atom_list_is_refused() -> None:
    with pytest.raises(InvalidMoleculeError, match="query atom"):
        Molecule.from_molblock(block("L", extra="M  ALS   2  2 F N   O   \n"))


def test_a_query_bond_is_refused() -> None:
    with pytest.raises(InvalidMoleculeError, match="bond between atoms 1 and 2 is a query bond"):
        Molecule.from_molblock(block("C", bond=8))


def test_an_isotope_that_does_not_exist_is_refused_in_a_smiles_and_in_a_drawing() -> None:
    with pytest.raises(InvalidMoleculeError, match="no known isotope of mass number 999") as told:
        Molecule.parse("C[999CH3]")
    assert told.value.position == 2
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("C[999CH3]"))
    with pytest.raises(InvalidMoleculeError, match=r"mass number 999 \(atom 2\)"):
        Molecule.from_molblock(block)


@pytest.mark.parametrize("smiles", ["[3H]C", "[238U]", "[14CH4]", "[99Tc]", "[7*]C"])
def test_known_isotopes_and_labels_of_attachment_points_are_kept(smiles: str) -> None:
    assert Molecule.parse(smiles).rdmol().GetNumAtoms() > 0


def test_any_bond_is_refused_in_a_smiles() -> None:
    with pytest.raises(InvalidMoleculeError, match="search pattern"):
        Molecule.parse("c1ccccc1~C")


def test_an_r_group_is_kept_as_an_attachment_point() -> None:
    molecule = Molecule.from_molblock(block("R#", extra="M  RGP  1   2   1\n"))
    assert "*" in molecule.smiles


def test_an_attachment_point_does_not_become_hydrogen() -> None:
    assert "*" in Molecule.from_molblock(block("C", extra="M  APO  1   2   1\n")).smiles


@pytest.mark.parametrize(
    "text", ["", "  \n", "\n  x\n\n  0  0  0  0  0  0            999 V2000\nM  END\n"]
)
def test_an_empty_drawing_is_called_empty(text: str) -> None:
    with pytest.raises(InvalidMoleculeError, match=r"^The drawing is empty\.$"):
        Molecule.from_molblock(text)


def test_five_bonds_on_a_drawn_carbon_are_named() -> None:
    bonds = "".join(f"  1{i:3}  1  0\n" for i in range(2, 7))
    atoms = "    0.0000    0.0000    0.0000 C   0  0\n" * 6
    drawing = f"\n  x\n\n  6  5  0  0  0  0            999 V2000\n{atoms}{bonds}M  END\n"
    with pytest.raises(InvalidMoleculeError, match=r"carbon \(atom 1, C\) has 5 bonds"):
        Molecule.from_molblock(drawing)


def test_garbage_is_no_molfile() -> None:
    with pytest.raises(InvalidMoleculeError, match="not a molfile"):
        Molecule.from_molblock("hello\nworld\nthis is\nnot a molfile\nat all\n")


def test_a_block_of_ten_thousand_atoms_is_refused_unread() -> None:
    header = "\n\n\n  0  0  0     0  0            999 V3000\n"
    drawing = f"{header}M  V30 BEGIN CTAB\nM  V30 COUNTS 10000 0 0 0 0\n"
    with pytest.raises(InputTooLargeError, match="10,000 atoms"):
        Molecule.from_molblock(drawing)


def test_a_counts_line_with_a_blank_in_a_number_is_refused_in_words() -> None:
    with pytest.raises(InvalidMoleculeError):
        Molecule.from_molblock("\n x\n\n9 3  1  0  0  0  0            999 V2000\nM  END\n")


def test_rdkit_says_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidMoleculeError):
        Molecule.parse("C1CC")
    assert capfd.readouterr().err == ""


def test_the_log_of_rdkit_is_restored(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidMoleculeError):
        Molecule.parse("C(C)(C)(C)(C)C")
    assert Chem.MolFromSmiles("C1CC") is None
    assert "unclosed ring" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("C\u0421", "\u0421"),  # a Cyrillic letter that looks like a C
        ("\u0421CO", "\u0421"),
        ("CC(=O)\u041e", "\u041e"),
        ("CC\u2212", "\u2212"),
        ("C\uff23", "\uff23"),
        ("CCO\x01", "\x01"),
    ],
)
def test_letters_that_rdkit_would_drop_in_silence_are_refused(text: str, sign: str) -> None:
    with pytest.raises(InvalidMoleculeError) as raised:
        Molecule.parse(text)
    assert raised.value.position == text.index(sign)
    with pytest.raises(InvalidMoleculeError):
        list(smiles_to_graphs([text]))


def test_what_comes_along_invisibly_with_copied_text_is_left_out() -> None:
    for text in ("\ufeffCCO", "CCO\u200b", " \u200b CCO\u00a0\u2060"):
        assert Molecule.parse(text) == Molecule.parse("CCO")
