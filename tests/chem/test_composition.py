"""Shares of the mass, rings and π bonds of a structure."""

import pytest
from rdkit import Chem
from rdkit.Chem.Descriptors import MolWt

from assistant.chem.composition import degrees_of_unsaturation, mass_percentages
from assistant.chem.molecule import Molecule

SMILES = [
    *("CCO", "CC(=O)Oc1ccccc1C(=O)O", "CCN(CC)CC(=O)Nc1c(C)cccc1C", "[Na+].[Cl-]", "[2H]C([2H])Cl"),
    *("c1ccccc1", "CC#N", "O=[N+]([O-])c1ccccc1", "OS(=O)(=O)O", "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1"),
]


@pytest.mark.parametrize("smiles", SMILES)
def test_shares_are_of_the_whole_mass(smiles: str) -> None:
    molecule = Molecule.parse(smiles)
    shares = mass_percentages(molecule)
    assert sum(shares.values()) == pytest.approx(100.0)
    masses = {"Na": 22.98977, "Fe": 55.845, "S": 32.067, "N": 14.007, "O": 15.999}
    total = MolWt(molecule.rdmol())
    for symbol, mass in masses.items():
        n = sum(atom.GetSymbol() == symbol for atom in molecule.rdmol().GetAtoms())
        assert shares.get(symbol, 0.0) == pytest.approx(100 * n * mass / total, abs=0.01)


def test_an_elemental_analysis_is_in_the_order_of_a_formula() -> None:
    lidocaine = mass_percentages(Molecule.parse("CCN(CC)CC(=O)Nc1c(C)cccc1C"))
    told = [(symbol, round(share, 2)) for symbol, share in lidocaine.items()]
    assert told == [("C", 71.76), ("H", 9.46), ("N", 11.95), ("O", 6.83)]
    assert list(mass_percentages(Molecule.parse("OS(=O)(=O)O"))) == ["H", "O", "S"]


@pytest.mark.parametrize(
    ("smiles", "n"),
    [
        ("C", 0), ("C1CC1", 1), ("c1ccccc1", 4), ("c1ccc2ccccc2c1", 7), ("CC#N", 2), ("C=C=C", 2),
        ("CC(=O)Oc1ccccc1C(=O)O", 6), ("O=[N+]([O-])c1ccccc1", 5), ("[nH]1cccc1", 3),
        ("CS(C)=O", 0), ("CS(C)(=O)=O", 0), ("COP(=O)(OC)OC", 0), ("CC(=S)C", 1), ("C=P(C)(C)C", 0),
        ("Nc1ccc(S(N)(=O)=O)cc1", 4), ("OCl(=O)(=O)=O", 0), ("CCO.CC(=O)O", 1),
        ("C12C3C4C1C5C2C3C45", 5), ("c1ccccc1.c1ccccc1", 8), ("[Na+].[Cl-]", 0),
    ],
)  # fmt: skip
def test_rings_and_pi_bonds_are_counted(smiles: str, n: int) -> None:
    assert degrees_of_unsaturation(Molecule.parse(smiles)) == n


def test_the_molecule_stays_as_it_is() -> None:
    molecule = Molecule.parse("c1ccccc1")
    degrees_of_unsaturation(molecule)
    assert all(atom.GetIsAromatic() for atom in molecule.rdmol().GetAtoms())
    assert Chem.MolToSmiles(molecule.rdmol()) == "c1ccccc1"
