import pytest

from assistant.chem.molecule import Molecule
from assistant.chem.normalise import NormalisationReport, normalise


def report(smiles: str) -> NormalisationReport:
    return normalise(Molecule.parse(smiles), entered=smiles)


@pytest.mark.parametrize(
    ("smiles", "parent", "kinds"),
    [
        ("CCO", "CCO", []),
        ("[Na+].[O-]C(=O)c1ccccc1", "O=C(O)c1ccccc1", ["salt", "charge"]),
        ("CC[NH+](CC)CC.[Cl-]", "CCN(CC)CC", ["salt", "charge"]),
        ("C[C@H](N)C(=O)O.Cl", "C[C@H](N)C(=O)O", ["salt"]),
        ("[NH3+]CC(=O)[O-]", "NCC(=O)O", ["charge"]),
        ("C[N+](C)(C)C.[I-]", "C[N+](C)(C)C", ["salt"]),
        ("O.O.CC(=O)O", "CC(=O)O", ["salt"]),
        ("O=[N+]([O-])c1ccccc1", "O=[N+]([O-])c1ccccc1", []),
        ("[Na+].[Cl-]", "[Cl-].[Na+]", []),
        ("[13CH3]C(=O)[O-].[K+]", "[13CH3]C(=O)O", ["salt", "charge"]),
        ("C1=CC=CC=C1", "c1ccccc1", ["aromatic"]),
        ("CN(=O)=O", "C[N+](=O)[O-]", ["notation"]),
        ("[CH3:1]O", "CO", ["atom map"]),
    ],
)
def test_the_parent_is_offered_with_the_kinds_of_change(
    smiles: str, parent: str, kinds: list[str]
) -> None:
    found = report(smiles)
    assert found.molecule == Molecule.parse(parent)
    assert [change.kind for change in found.changes] == kinds


def test_counter_ions_are_named() -> None:
    assert report("[Na+].[O-]C(=O)C").changes[0].text == "Without sodium ([Na+])."


def test_a_second_copy_of_the_parent_is_told() -> None:
    text = report("OS(=O)(=O)O.CN1CCCC1.CN1CCCC1").changes[0].text
    assert text == "Without sulfuric acid (O=S(=O)(O)O), 1 further copy of the parent."


def test_changes_chain_from_the_molecule_to_the_proposal() -> None:
    molecule = Molecule.parse("CC[NH+](CC)CC.[Cl-]")
    found = normalise(molecule)
    assert found.changes[0].before == molecule.smiles
    assert found.changes[0].after == found.changes[1].before
    assert found.changes[-1].after == found.molecule.smiles


def test_the_molecule_as_entered_and_its_name_are_untouched() -> None:
    molecule = Molecule.parse("[Na+].[O-]C(=O)C", name="my salt")
    assert normalise(molecule).molecule.name == "my salt"
    assert molecule.smiles == "CC(=O)[O-].[Na+]"


@pytest.mark.parametrize(
    "smiles",
    [
        "[Fe+2].[cH-]1cccc1.[cH-]1cccc1",
        "N->[Pt](<-N)(Cl)Cl",
        "[Cu+2].[O-]C(C)=O.[O-]C(C)=O",
        "[CH3]",
        "*C",
    ],
)
def test_complexes_radicals_and_attachment_points_are_left_alone(smiles: str) -> None:
    assert report(smiles).molecule == Molecule.parse(smiles)


def test_stereo_is_kept() -> None:
    found = report("C[C@H]([NH3+])C(=O)[O-]")
    assert found.molecule == Molecule.parse("C[C@H](N)C(=O)O")
