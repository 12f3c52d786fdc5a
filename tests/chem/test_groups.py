"""A chemist agrees with every group that is named, and with every one that is not."""

import csv
from pathlib import Path

import pytest
from rdkit import Chem

from assistant.chem.groups import GROUPS, count_range, find_groups, groups_called
from assistant.chem.molecule import Molecule

TABLE = Path(__file__).parents[1] / "data" / "molecules.csv"
VALID = [
    row["smiles"] for row in csv.DictReader(TABLE.read_text().splitlines()) if row["valid"] == "yes"
]


def groups_of(smiles: str) -> dict[str, int]:
    return {group.name: group.count for group in find_groups(Chem.MolFromSmiles(smiles))}


DRUGS = {
    "aspirin": (
        "CC(=O)Oc1ccccc1C(=O)O",
        {"carboxylic acid": 1, "ester": 1, "benzene ring": 1},
    ),
    "paracetamol": (
        "CC(=O)Nc1ccc(O)cc1",
        {"secondary amide": 1, "phenol": 1, "benzene ring": 1},
    ),
    "caffeine": ("Cn1cnc2c1c(=O)n(C)c(=O)n2C", {"acylurea": 1, "purine ring": 1}),
    "penicillin G": (
        "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
        {
            "carboxylic acid": 1,
            "beta-lactam": 1,
            "secondary amide": 1,
            "thioether": 1,
            "benzene ring": 1,
            "thiazolidine ring": 1,
        },
    ),
    "glucose": (
        "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",
        {
            "hemiacetal": 1,
            "primary alcohol": 1,
            "secondary alcohol": 3,
            "tetrahydropyran ring": 1,
        },
    ),
    "morphine": (
        "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
        {
            "tertiary amine": 1,
            "phenol": 1,
            "secondary alcohol": 1,
            "ether": 1,
            "alkene": 1,
            "benzene ring": 1,
            "piperidine ring": 1,
        },
    ),
    "ibuprofen": ("CC(C)Cc1ccc(cc1)C(C)C(=O)O", {"carboxylic acid": 1, "benzene ring": 1}),
    "sildenafil": (
        "CCCc1nn(C)c2c1nc([nH]c2=O)-c1cc(ccc1OCC)S(=O)(=O)N1CCN(C)CC1",
        {
            "lactam": 1,
            "sulfonamide": 1,
            "tertiary amine": 1,
            "ether": 1,
            "pyrimidinone ring": 1,
            "pyrazole ring": 1,
            "benzene ring": 1,
            "piperazine ring": 1,
        },
    ),
    "cisplatin": (
        "[NH3]->[Pt](Cl)(Cl)<-[NH3]",
        {"ammine ligand": 2, "halido ligand": 2, "metal centre": 1},
    ),
    "glycine zwitterion": ("[NH3+]CC(=O)[O-]", {"carboxylate": 1, "ammonium group": 1}),
    "TNT": (
        "Cc1c([N+](=O)[O-])cc([N+](=O)[O-])cc1[N+](=O)[O-]",
        {"nitro group": 3, "benzene ring": 1},
    ),
    "phenylboronic acid": ("OB(O)c1ccccc1", {"boronic acid": 1, "benzene ring": 1}),
    "pinacol boronate": ("CC1(C)OB(C)OC1(C)C", {"boronic ester": 1}),
    "ATP": (
        "Nc1ncnc2c1ncn2[C@@H]1O[C@H](COP(=O)(O)OP(=O)(O)OP(=O)(O)O)[C@@H](O)[C@H]1O",
        {
            "heteroaryl amine": 1,
            "phosphate": 3,
            "N,O-acetal": 1,
            "secondary alcohol": 2,
            "purine ring": 1,
            "tetrahydrofuran ring": 1,
        },
    ),
    "sucrose": (
        "OC[C@H]1O[C@@](CO)(O[C@H]2O[C@H](CO)[C@@H](O)[C@H](O)[C@H]2O)[C@@H](O)[C@@H]1O",
        {
            "acetal": 2,
            "primary alcohol": 3,
            "secondary alcohol": 5,
            "tetrahydropyran ring": 1,
            "tetrahydrofuran ring": 1,
        },
    ),
    "cocaine": (
        "COC(=O)[C@H]1[C@@H](OC(=O)c2ccccc2)C[C@@H]2CC[C@H]1N2C",
        {
            "ester": 2,
            "tertiary amine": 1,
            "benzene ring": 1,
            "piperidine ring": 1,
            "pyrrolidine ring": 1,
        },
    ),
    "ciprofloxacin": (
        "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O",
        {
            "carboxylic acid": 1,
            "ketone": 1,
            "aniline": 1,
            "secondary amine": 1,
            "aryl fluoride": 1,
            "quinolone ring": 1,
            "piperazine ring": 1,
            "cyclopropane ring": 1,
        },
    ),
    "thalidomide": ("O=C1CCC(N2C(=O)c3ccccc3C2=O)C(=O)N1", {"imide": 2, "benzene ring": 1}),
    "glibenclamide": (
        "COc1ccc(Cl)cc1C(=O)NCCc1ccc(cc1)S(=O)(=O)NC(=O)NC1CCCCC1",
        {
            "sulfonylurea": 1,
            "secondary amide": 1,
            "ether": 1,
            "aryl chloride": 1,
            "benzene ring": 2,
            "cyclohexane ring": 1,
            "methoxy group": 1,
        },
    ),
    "cholesterol": (
        "C[C@H](CCCC(C)C)[C@H]1CC[C@H]2[C@@H]3CC=C4C[C@@H](O)CC[C@]4(C)[C@H]3CC[C@]12C",
        {
            "secondary alcohol": 1,
            "alkene": 1,
            "cyclopentane ring": 1,
            "cyclohexane ring": 1,
            "steroid skeleton": 1,
        },
    ),
    "ascorbic acid": (
        "OC[C@H](O)[C@H]1OC(=O)C(O)=C1O",
        {
            "lactone": 1,
            "enol": 2,
            "primary alcohol": 1,
            "secondary alcohol": 1,
            "alpha,beta-unsaturated carbonyl": 1,
        },
    ),
    "histamine": ("NCCc1cnc[nH]1", {"primary amine": 1, "imidazole ring": 1}),
    "omeprazole": (
        "COc1ccc2[nH]c(nc2c1)S(=O)Cc1ncc(C)c(OC)c1C",
        {
            "sulfoxide": 1,
            "ether": 2,
            "benzimidazole ring": 1,
            "pyridine ring": 1,
            "methoxy group": 2,
        },
    ),
}


@pytest.mark.parametrize("name", DRUGS)
def test_groups_of_a_known_molecule_are_those_a_chemist_names(name: str) -> None:
    smiles, expected = DRUGS[name]
    assert groups_of(smiles) == expected


SMALL = [
    ("CC(C)=O", {"ketone": 1}),
    ("C=O", {"aldehyde": 1}),
    ("CC=O", {"aldehyde": 1}),
    ("OC=O", {"carboxylic acid": 1}),
    ("CN(C)C=O", {"tertiary amide": 1}),
    ("NC(N)=O", {"urea": 1}),
    ("NC(=N)N", {"guanidine": 1}),
    ("CC(N)=N", {"amidine": 1}),
    ("CC(=O)OC(C)=O", {"acid anhydride": 1}),
    ("CC(=O)Cl", {"acid chloride": 1}),
    ("COC(=O)OC", {"carbonate": 1}),
    ("CNC(=O)OC(C)(C)C", {"carbamate": 1}),
    ("CC(=O)SC", {"thioester": 1}),
    ("CC(=O)NN", {"hydrazide": 1}),
    ("CC(=O)NO", {"hydroxamic acid": 1}),
    ("O=C1CCCCO1", {"lactone": 1}),
    ("O=C1CCCCN1", {"lactam": 1}),
    ("O=C1CCC(=O)N1Br", {"imide": 1, "N-halo group": 1}),
    ("O=C1C=CC(=O)C=C1", {"quinone": 1}),
    ("CC(=O)C(=O)O", {"carboxylic acid": 1, "ketone": 1}),
    ("OC1CCCCO1", {"hemiacetal": 1, "tetrahydropyran ring": 1}),
    ("COC(C)OC", {"acetal": 1, "methoxy group": 2}),
    ("C=COC", {"enol ether": 1, "methoxy group": 1}),
    ("CC1CO1", {"epoxide": 1}),
    ("CC(C)(C)OO", {"hydroperoxide": 1}),
    ("CC(=NO)C", {"oxime": 1}),
    ("CC(C)=NC", {"imine": 1}),
    ("CC(C)=NN", {"hydrazone": 1}),
    ("NN", {"hydrazine": 1}),
    ("C=CN(C)C", {"enamine": 1}),
    ("CN=[N+]=[N-]", {"azide": 1}),
    ("CN=NC", {"azo group": 1}),
    ("CN=C=O", {"isocyanate": 1}),
    ("CN=C=S", {"isothiocyanate": 1}),
    ("CC#N", {"nitrile": 1}),
    ("C[N+]#[C-]", {"isocyanide": 1}),
    ("C[N+](C)(C)[O-]", {"N-oxide": 1}),
    ("C[N+](C)(C)C", {"quaternary ammonium group": 1}),
    ("CO[N+](=O)[O-]", {"nitrate ester": 1}),
    ("CN(C)N=O", {"N-nitrosamine": 1}),
    ("CN(C)[N+](=O)[O-]", {"nitramine": 1}),
    ("CS", {"thiol": 1}),
    ("CSSC", {"disulfide": 1}),
    ("CS(C)=O", {"sulfoxide": 1}),
    ("CS(C)(=O)=O", {"sulfone": 1}),
    ("CS(=O)(=O)O", {"sulfonic acid": 1}),
    ("CS(=O)(=O)OC", {"sulfonate ester": 1}),
    ("CS(=O)(=O)Cl", {"sulfonyl halide": 1}),
    ("CS(N)(=O)=O", {"sulfonamide": 1}),
    ("COP(=O)(OC)OC", {"phosphate": 1}),
    ("CP(=O)(O)O", {"phosphonate": 1}),
    ("CP(C)C", {"phosphine": 1}),
    ("CP(C)(C)=O", {"phosphine oxide": 1}),
    ("CC(F)(F)F", {"trifluoromethyl group": 1}),
    ("ClCCBr", {"alkyl chloride": 1, "alkyl bromide": 1}),
    ("C=CI", {"vinyl iodide": 1, "alkene": 1}),
    ("CC#C", {"alkyne": 1}),
    ("C=C=C", {"allene": 1}),
    ("CC(C)(C)O", {"tertiary alcohol": 1}),
    ("CO", {"primary alcohol": 1}),
    ("CO[Si](C)(C)C", {"silyl ether": 1}),
    ("C[Mg]Br", {"halido ligand": 1, "carbon-metal bond": 1, "metal centre": 1}),
    ("[Na+].[Cl-]", {"metal ion": 1, "halide ion": 1}),
    ("Nc1ccccc1", {"aniline": 1, "benzene ring": 1}),
    ("Nc1ccccn1", {"heteroaryl amine": 1, "pyridine ring": 1}),
    ("NCc1ccccc1", {"primary amine": 1, "benzene ring": 1}),
    ("c1ccc2[nH]ccc2c1", {"indole ring": 1}),
    ("c1ccc2ccccc2c1", {"naphthalene ring": 1}),
    ("c1ccc2[nH]ncc2c1", {"indazole ring": 1}),
    ("C1CC2CCC1N2", {"secondary amine": 1, "pyrrolidine ring": 2}),
    ("C12C3C4C1C5C4C3C25", {"cyclobutane ring": 6}),
    ("C", {}),
    ("CCCC", {}),
]


@pytest.mark.parametrize(("smiles", "expected"), SMALL)
def test_most_specific_group_wins(smiles: str, expected: dict[str, int]) -> None:
    assert groups_of(smiles) == expected


def test_atoms_are_numbered_from_one_in_canonical_order() -> None:
    mol = Molecule.parse("OC(=O)CCl").rdmol()
    (acid,) = (group for group in find_groups(mol) if group.name == "carboxylic acid")
    symbols = sorted(mol.GetAtomWithIdx(number - 1).GetSymbol() for number in acid.atoms[0])
    assert symbols == ["C", "O", "O"]
    assert acid.to_dict() == {
        "name": "carboxylic acid",
        "count": 1,
        "atoms": [list(acid.atoms[0])],
    }


@pytest.mark.parametrize("smiles", VALID)
def test_no_atom_belongs_to_two_functional_groups(smiles: str) -> None:
    mol = Molecule.parse(smiles).rdmol()
    owners: dict[int, str] = {}
    for group in find_groups(mol, layers=("functional",)):
        for place in group.atoms:
            for atom in place:
                assert 1 <= atom <= mol.GetNumAtoms()
                assert owners.setdefault(atom, group.name) == group.name


def test_groups_do_not_depend_on_how_the_smiles_is_written() -> None:
    for smiles, expected in DRUGS.values():
        mol = Chem.MolFromSmiles(smiles)
        for seed in range(3):
            other = Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed)[0]
            assert groups_of(other) == expected


def test_every_pattern_of_the_table_is_valid_smarts() -> None:
    assert [group.name for group in GROUPS if Chem.MolFromSmarts(group.smarts) is None] == []


@pytest.mark.parametrize(
    ("term", "name"),
    [
        ("ketones", "ketone"),
        ("β-lactam", "beta-lactam"),
        ("amide bond", "secondary amide"),
        ("Schiff base", "imine"),
        ("nitro", "nitro group"),
        ("pyridine ring system", "pyridine ring"),
        ("sulphonamides", "sulfonamide"),
        ("hydroxyl group", "phenol"),
    ],
)
def test_words_of_a_chemist_find_their_groups(term: str, name: str) -> None:
    assert name in {group.name for group in groups_called(term)}


def test_a_word_that_is_no_group_covers_nothing() -> None:
    assert groups_called("banana") == ()
    assert count_range("banana", ()) is None


@pytest.mark.parametrize(
    ("smiles", "term", "expected"),
    [
        ("O=C1CCC(=O)N1", "amide", (0, 1)),
        ("Cn1cnc2c1c(=O)n(C)c(=O)n2C", "amide", (0, 2)),  # caffeine: both carbonyls to some
        ("Cn1cnc2c1c(=O)n(C)c(=O)n2C", "pyrimidinedione", (0, 1)),
        ("Cn1cnc2c1c(=O)n(C)c(=O)n2C", "uracil", (0, 1)),
        ("O=C1CCC(=O)N1", "carbonyl groups", (2, 2)),
        ("O=C1CCCN1", "amide", (1, 1)),
        ("Oc1ccccc1", "alcohol", (0, 1)),
        ("Oc1ccccc1", "hydroxyl group", (1, 1)),
        ("NCCO", "amine", (1, 1)),
        ("CC(=O)Oc1ccccc1C(=O)O", "carbonyl", (2, 2)),
        ("CC(F)(F)F", "halogen atoms", (3, 3)),
        ("CCO", "ketone", (0, 0)),
    ],
)
def test_counts_leave_room_where_chemists_differ(
    smiles: str, term: str, expected: tuple[int, int]
) -> None:
    assert count_range(term, find_groups(Chem.MolFromSmiles(smiles))) == expected
