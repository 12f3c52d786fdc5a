import random

import pytest
from rdkit import Chem

from assistant.chem.atom_map import atom_map, mapped_reaction
from assistant.errors import InvalidMoleculeError

DRUGS = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "CN1C2CCC1CC(OC(=O)C(CO)c1ccccc1)C2",
    "CC(C)(C)OC(=O)NC(CC(C)(C)C)C(=O)N1CCOCC1",
    "Clc1ccc(C(c2ccc(Cl)cc2)C(Cl)(Cl)Cl)cc1",
    "C1CC2CCC1CC2",
    "O=S(=O)(c1ccccc1)c1ccccc1",
    "CCN(CC)CCOC(=O)c1ccc(N)cc1.Cl",
)
REACTIONS = (
    ("CC(=O)O.NCc1ccccc1", "CC(=O)NCc1ccccc1"),
    ("Brc1ccncc1.OB(O)c1ccccc1", "c1ccc(-c2ccncc2)cc1"),
    ("CC(C)(C)OC(=O)NC1CCCCC1.Cl", "NC1CCCCC1"),
    ("C1COCCN1.Fc1ccc([N+](=O)[O-])cc1.O=C([O-])[O-].[K+].[K+]", "O=[N+]([O-])c1ccc(N2CCOCC2)cc1"),
    ("CI.Oc1ccccc1.[13CH3]O", "COc1ccccc1"),
    ("CCO", "c1ccsc1"),
)


def shuffled(mol: Chem.Mol, seed: int) -> Chem.Mol:
    order = list(range(mol.GetNumAtoms()))
    random.Random(seed).shuffle(order)
    return Chem.RenumberAtoms(mol, order)


@pytest.mark.parametrize(("reactants", "product"), REACTIONS)
def test_no_atom_is_given_twice_and_elements_and_isotopes_are_kept(
    reactants: str, product: str
) -> None:
    made, given = Chem.MolFromSmiles(product), Chem.MolFromSmiles(reactants)
    found = atom_map(made, given)
    assert len(set(found.values())) == len(found)
    for atom, origin in found.items():
        first, second = made.GetAtomWithIdx(atom), given.GetAtomWithIdx(origin)
        assert first.GetAtomicNum() == second.GetAtomicNum()
        assert first.GetIsotope() == second.GetIsotope()


@pytest.mark.parametrize("smiles", DRUGS)
@pytest.mark.parametrize("seed", range(3))
def test_a_molecule_maps_to_itself_with_all_its_bonds(smiles: str, seed: int) -> None:
    mol = Chem.MolFromSmiles(smiles)
    other = shuffled(mol, seed)
    found = atom_map(mol, other)
    assert sorted(found) == sorted(found.values()) == list(range(mol.GetNumAtoms()))
    for bond in mol.GetBonds():
        ends = found[bond.GetBeginAtomIdx()], found[bond.GetEndAtomIdx()]
        kept = other.GetBondBetweenAtoms(*ends)
        assert kept is not None
        assert kept.GetBondType() == bond.GetBondType()


def test_a_map_is_made_of_the_structures_alone() -> None:
    made = Chem.MolFromSmiles("CC(=O)NCc1ccccc1")
    given = Chem.MolFromSmiles("CC(=O)O.NCc1ccccc1")
    assert atom_map(made, given) == atom_map(Chem.Mol(made), Chem.Mol(given))
    # acid carbon and its methyl, amine nitrogen, benzylic carbon
    found = atom_map(made, given)
    assert [found[atom] for atom in (0, 1, 2, 3, 4)] == [0, 1, 2, 4, 5]


def test_an_ylide_gives_its_own_carbon_and_none_of_a_phenyl_ring() -> None:
    made = Chem.MolFromSmiles("CCOC(=O)/C=C/c1ccccc1")
    given = Chem.MolFromSmiles("CCOC(=O)C=P(c1ccccc1)(c1ccccc1)c1ccccc1.O=Cc1ccccc1")
    found = atom_map(made, given)
    assert found[5] == 5
    assert given.GetAtomWithIdx(found[6]).GetIsAromatic() is False


def test_a_chain_does_not_come_from_a_phenyl_ring() -> None:
    made = Chem.MolFromSmiles("CCCCCCC=Cc1ccccc1O")
    given = Chem.MolFromSmiles("CCCCCCC[P+](c1ccccc1)(c1ccccc1)c1ccccc1.O=Cc1ccccc1O")
    found = atom_map(made, given)
    assert {found[atom] for atom in range(7)} == set(range(7))


def test_a_methyl_group_stays_where_it_is_when_a_ring_is_closed() -> None:
    made = Chem.MolFromSmiles("Cn1nc(C)c2cccnc21")
    given = Chem.MolFromSmiles("CC(=O)c1cccnc1F.CNN")
    found = atom_map(made, given)
    methyl, nitrogen = (given.GetAtomWithIdx(found[atom]) for atom in (0, 1))
    assert given.GetBondBetweenAtoms(methyl.GetIdx(), nitrogen.GetIdx()) is not None


def test_a_base_does_not_take_the_place_of_an_amine() -> None:
    made = Chem.MolFromSmiles("c1ccc(CN2CCOCC2)cc1")
    given = Chem.MolFromSmiles("CCN(CC)CC.BrCc1ccccc1.C1COCCN1")
    assert min(atom_map(made, given).values()) > 6


def test_reactants_that_give_no_atom_are_left_out() -> None:
    mapped = mapped_reaction("CC(C)(C)OC(=O)NC1CC1.O=S(=O)(O)C(F)(F)F", "NC1CC1")
    reactants, product = mapped.split(">>")
    assert "F" not in reactants
    assert sorted(a.GetAtomMapNum() for a in Chem.MolFromSmiles(product).GetAtoms()) == [1, 2, 3, 4]
    numbers = {a.GetAtomMapNum() for a in Chem.MolFromSmiles(reactants).GetAtoms()}
    assert numbers == {0, 1, 2, 3, 4}


def test_numbers_are_those_of_the_products_atoms_and_older_ones_are_dropped() -> None:
    mapped = mapped_reaction("[CH3:7]I.O[CH2:9]C", "C[O:3]CC")
    made = Chem.MolFromSmiles(mapped.split(">>")[1])
    assert {(a.GetAtomMapNum(), a.GetSymbol()) for a in made.GetAtoms()} == {
        (1, "C"), (2, "O"), (3, "C"), (4, "C"),
    }  # fmt: skip


def test_what_has_nothing_in_common_gives_an_empty_side() -> None:
    assert mapped_reaction("[Na+].[Cl-]", "C") == ">>C"


def test_what_is_no_smiles_is_refused() -> None:
    with pytest.raises(InvalidMoleculeError):
        mapped_reaction("CC", "C1CC")
