"""The built-in name table: every row is a readable, unambiguous and correct compound."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors, rdCIPLabeler
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

TABLE = Path(__file__).parents[2] / "assistant" / "chem" / "data" / "names.tsv"
COLUMNS = ["name", "smiles", "cas", "synonyms", "kind"]
AT_LEAST = {"drug": 280, "reagent": 130, "solvent": 60, "other": 130}
GREEK = {"α": "alpha", "β": "beta"}

# Drugs sold as the racemate (or the mixture of diastereomers): no configuration is drawn.
_RACEMIC_DRUGS = """
ibuprofen ketoprofen flurbiprofen ketorolac methadone bupivacaine prilocaine ketamine
isoflurane desflurane halothane thiopental lorazepam oxazepam temazepam zopiclone pentobarbital
ethosuximide fluoxetine citalopram venlafaxine bupropion mirtazapine promethazine amphetamine
MDMA methylphenidate modafinil donepezil cetirizine fexofenadine chlorphenamine hydroxyzine
omeprazole lansoprazole pantoprazole ondansetron atenolol propranolol metoprolol bisoprolol
carvedilol amlodipine felodipine verapamil warfarin pioglitazone rosiglitazone bicalutamide
salbutamol salmeterol guaifenesin atropine miconazole chloroquine hydroxychloroquine primaquine
praziquantel thalidomide lenalidomide baclofen isoprenaline
"""
RACEMIC_DRUGS = frozenset(_RACEMIC_DRUGS.split())
# Bridgeheads that RDKit counts although the cage leaves only one arrangement.
CAGES = frozenset({"memantine", "amantadine", "varenicline", "9-BBN", "cubane", "adamantane"})
# Sugars whose ring opens in water: the anomeric centre is left open.
_MUTAROTATING = """
D-glucose D-fructose D-galactose D-mannose D-ribose 2-deoxy-D-ribose D-xylose lactose
maltose D-glucosamine
"""
MUTAROTATING = frozenset(_MUTAROTATING.split())
# Reagents, solvents and natural products whose plain name means the racemate or the mixture.
RACEMIC_OTHERS = frozenset(
    {
        "sec-butyllithium",
        "L-Selectride",
        "camphorsulfonic acid",
        "2-butanol",
        "propylene glycol",
        "2-methyltetrahydrofuran",
        "propylene carbonate",
        "gamma-valerolactone",
        "lactic acid",
        "malic acid",
        "camphor",
        "limonene",
        "alpha-pinene",
        "linalool",
        "allicin",
    }
)
CATIONS = {"neostigmine", "thiamine", "acetylcholine", "choline"}

FORMULA_AND_MASS = [
    ("aspirin", "C9H8O4", 180.0423),
    ("paracetamol", "C8H9NO2", 151.0633),
    ("caffeine", "C8H10N4O2", 194.0804),
    ("ibuprofen", "C13H18O2", 206.1307),
    ("morphine", "C17H19NO3", 285.1365),
    ("buprenorphine", "C29H41NO4", 467.3036),
    ("benzylpenicillin", "C16H18N2O4S", 334.0987),
    ("imatinib", "C29H31N7O", 493.2590),
    ("atorvastatin", "C33H35FN2O5", 558.2530),
    ("sildenafil", "C22H30N6O4S", 474.2049),
    ("warfarin", "C19H16O4", 308.1049),
    ("clopidogrel", "C16H16ClNO2S", 321.0590),
    ("levothyroxine", "C15H11I4NO4", 776.6867),
    ("empagliflozin", "C23H27ClO7", 450.1445),
    ("dexamethasone", "C22H29FO5", 392.1999),
    ("paclitaxel", "C47H51NO14", 853.3310),
    ("doxorubicin", "C27H29NO11", 543.1741),
    ("erythromycin", "C37H67NO13", 733.4612),
    ("azithromycin", "C38H72N2O12", 748.5085),
    ("clarithromycin", "C38H69NO13", 747.4769),
    ("digoxin", "C41H64O14", 780.4296),
    ("remdesivir", "C27H35N6O8P", 602.2254),
    ("ritonavir", "C37H48N6O5S2", 720.3128),
    ("nirmatrelvir", "C23H32F3N5O4", 499.2407),
    ("metformin", "C4H11N5", 129.1014),
    ("quinine", "C20H24N2O2", 324.1838),
    ("cisplatin", "H6Cl2N2Pt", 298.9556),
    ("dronabinol", "C21H30O2", 314.2246),
    ("testosterone", "C19H28O2", 288.2089),
    ("cholesterol", "C27H46O", 386.3549),
    ("cholecalciferol", "C27H44O", 384.3392),
    ("beta-carotene", "C40H56", 536.4382),
    ("riboflavin", "C17H20N4O6", 376.1383),
    ("folic acid", "C19H19N7O6", 441.1397),
    ("biotin", "C10H16N2O3S", 244.0882),
    ("adenosine triphosphate", "C10H16N5O13P3", 506.9957),
    ("D-glucose", "C6H12O6", 180.0634),
    ("sucrose", "C12H22O11", 342.1162),
    ("strychnine", "C21H22N2O2", 334.1681),
    ("nicotine", "C10H14N2", 162.1157),
    ("capsaicin", "C18H27NO3", 305.1991),
    ("curcumin", "C21H20O6", 368.1260),
    ("trinitrotoluene", "C7H5N3O6", 227.0178),
    ("ferrocene", "C10H10Fe", 186.0132),
    ("tetrahydrofuran", "C4H8O", 72.0575),
    ("N,N-dimethylformamide", "C3H7NO", 73.0528),
    ("dimethyl sulfoxide", "C2H6OS", 78.0139),
    ("m-chloroperbenzoic acid", "C7H5ClO3", 171.9927),
    ("N-bromosuccinimide", "C4H4BrNO2", 176.9425),
    ("Dess-Martin periodinane", "C13H13IO8", 423.9655),
    ("HATU", "C10H15F6N6OP", 380.0949),
    ("triphenylphosphine", "C18H15P", 262.0911),
    ("tert-butyldimethylsilyl chloride", "C6H15ClSi", 150.0632),
    ("diisobutylaluminium hydride", "C8H19Al", 142.1302),
]

# Sorted CIP labels of the stereocentres and stereo double bonds, from the systematic names.
CONFIGURATIONS = [
    ("L-alanine", "S"),
    ("D-alanine", "R"),
    ("L-cysteine", "R"),
    ("L-threonine", "RS"),
    ("L-isoleucine", "SS"),
    ("L-proline", "S"),
    ("dexibuprofen", "S"),
    ("naproxen", "S"),
    ("esketamine", "S"),
    ("escitalopram", "S"),
    ("esomeprazole", "S"),
    ("levofloxacin", "S"),
    ("sertraline", "SS"),
    ("tramadol", "RR"),
    ("ephedrine", "RS"),
    ("pseudoephedrine", "SS"),
    ("methamphetamine", "S"),
    ("carbidopa", "S"),
    ("methyldopa", "S"),
    ("levodopa", "S"),
    ("adrenaline", "R"),
    ("nicotine", "S"),
    ("clopidogrel", "S"),
    ("diltiazem", "SS"),
    ("sitagliptin", "R"),
    ("bortezomib", "RS"),
    ("penicillamine", "S"),
    ("dronabinol", "RR"),
    ("ezetimibe", "RSS"),
    ("mifepristone", "RSSSS"),
    ("strychnine", "RRRSSS"),
    ("(R)-limonene", "R"),
    ("(R)-carvone", "R"),
    ("menthol", "RRS"),
    ("L-tartaric acid", "RR"),
    ("(+)-catechin", "RS"),
    ("atropine", "RSr"),
    ("xylitol", "RSr"),
    ("tamoxifen", "Z"),
    ("clavulanic acid", "RRZ"),
    ("fluvoxamine", "E"),
    ("sunitinib", "Z"),
    ("maleic acid", "Z"),
    ("fumaric acid", "E"),
    ("oleic acid", "Z"),
    ("linoleic acid", "ZZ"),
    ("indigo", "E"),
    ("retinoic acid", "EEEE"),
    ("isotretinoin", "EEEZ"),
]

SAME_COMPOUND = [
    ("THF", "tetrahydrofuran"),
    ("dmf", "N,N-dimethylformamide"),
    ("DMSO", "dimethyl sulfoxide"),
    ("DCM", "dichloromethane"),
    ("LDA", "lithium diisopropylamide"),
    ("DIBAL-H", "diisobutylaluminium hydride"),
    ("TFA", "trifluoroacetic acid"),
    ("DIPEA", "N,N-diisopropylethylamine"),
    ("EDCI", "EDC"),
    ("mCPBA", "m-chloroperbenzoic acid"),
    ("NBS", "N-bromosuccinimide"),
    ("TBSCl", "tert-butyldimethylsilyl chloride"),
    ("acetaminophen", "paracetamol"),
    ("epinephrine", "adrenaline"),
    ("sulphuric acid", "sulfuric acid"),
    ("lithium aluminum hydride", "lithium aluminium hydride"),
    ("vitamin C", "ascorbic acid"),
]


def read_rows() -> list[dict[str, str]]:
    """The rows of the table, in file order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


ROWS = read_rows()
BY_NAME = {row["name"]: row for row in ROWS}


def all_names(row: dict[str, str]) -> list[str]:
    """Name and synonyms of one row."""
    return [row["name"], *filter(None, row["synonyms"].split("|"))]


def molecule_of(name: str) -> Chem.Mol:
    """The molecule of a main name."""
    return Chem.MolFromSmiles(BY_NAME[name]["smiles"])


def loose_key(name: str) -> str:
    """A name without case, spaces, hyphens and Greek letters."""
    for greek, latin in GREEK.items():
        name = name.replace(greek, latin)
    return re.sub(r"[\s\-']", "", name.casefold())


def labels_of(molecule: Chem.Mol) -> str:
    """CIP labels of atoms, then of double bonds, each sorted."""
    rdCIPLabeler.AssignCIPLabels(molecule)
    atoms = [a.GetProp("_CIPCode") for a in molecule.GetAtoms() if a.HasProp("_CIPCode")]
    bonds = [b.GetProp("_CIPCode") for b in molecule.GetBonds() if b.HasProp("_CIPCode")]
    return "".join(sorted(atoms) + sorted(bonds))


def open_carbon_or_sulfur_centres(row: dict[str, str]) -> int:
    """Centres without a configuration; ring nitrogens and phosphates invert or are not resolved."""
    molecule = Chem.MolFromSmiles(row["smiles"])
    centres = Chem.FindMolChiralCenters(
        molecule, includeUnassigned=True, useLegacyImplementation=False
    )
    atoms = (molecule.GetAtomWithIdx(index) for index, label in centres if label == "?")
    return sum(atom.GetSymbol() in ("C", "S") for atom in atoms)


def test_the_header_and_every_row_have_the_five_columns() -> None:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t") == COLUMNS
    assert all(len(line.split("\t")) == len(COLUMNS) for line in lines)
    assert all(cell == cell.strip() for line in lines for cell in line.split("\t"))


def test_every_kind_has_enough_rows() -> None:
    counts = Counter(row["kind"] for row in ROWS)
    assert set(counts) == set(AT_LEAST)
    assert all(counts[kind] >= number for kind, number in AT_LEAST.items()), counts


def test_every_smiles_parses_and_its_canonical_form_is_stable() -> None:
    wrong = []
    for row in ROWS:
        molecule = Chem.MolFromSmiles(row["smiles"])
        if molecule is None:
            wrong.append(row["name"])
            continue
        canonical = Chem.MolToSmiles(molecule)
        if Chem.CanonSmiles(canonical) != canonical:
            wrong.append(row["name"])
    assert wrong == []


def test_every_structure_has_an_inchikey() -> None:
    keys = {r["name"]: Chem.MolToInchiKey(Chem.MolFromSmiles(r["smiles"])) for r in ROWS}
    assert [name for name, key in keys.items() if len(key) != 27] == []


def test_no_two_rows_have_the_same_structure() -> None:
    counts = Counter(Chem.CanonSmiles(row["smiles"]) for row in ROWS)
    assert [smiles for smiles, number in counts.items() if number > 1] == []


def test_no_name_or_synonym_is_in_two_rows() -> None:
    counts = Counter(key for row in ROWS for key in {loose_key(n) for n in all_names(row)})
    assert [key for key, number in counts.items() if number > 1] == []


def test_no_name_or_synonym_is_twice_in_a_row() -> None:
    for row in ROWS:
        counts = Counter(name.casefold() for name in all_names(row))
        assert max(counts.values()) == 1, row["name"]


def test_cas_numbers_have_valid_check_digits_and_are_not_repeated() -> None:
    numbers = [row["cas"] for row in ROWS if row["cas"]]
    for number in numbers:
        assert re.fullmatch(r"[1-9]\d{1,6}-\d\d-\d", number), number
        digits = number.replace("-", "")
        total = sum(place * int(d) for place, d in enumerate(reversed(digits[:-1]), start=1))
        assert total % 10 == int(digits[-1]), number
    assert len(set(numbers)) == len(numbers)


def test_only_the_known_cations_are_charged() -> None:
    charged = {
        r["name"] for r in ROWS if Chem.GetFormalCharge(Chem.MolFromSmiles(r["smiles"])) != 0
    }
    assert charged == CATIONS


def test_stereocentres_are_set_unless_the_compound_is_sold_as_a_mixture() -> None:
    allowed = RACEMIC_DRUGS | CAGES | MUTAROTATING | RACEMIC_OTHERS
    unset = {row["name"] for row in ROWS if open_carbon_or_sulfur_centres(row)}
    assert unset - allowed == set()
    assert allowed - unset == set(), "no longer open: take it off the list"


@pytest.mark.parametrize("name", sorted(MUTAROTATING))
def test_a_mutarotating_sugar_leaves_only_its_anomeric_centre_open(name: str) -> None:
    assert open_carbon_or_sulfur_centres(BY_NAME[name]) == 1


@pytest.mark.parametrize(("name", "formula", "mass"), FORMULA_AND_MASS)
def test_formula_and_exact_mass_are_those_of_the_compound(
    name: str, formula: str, mass: float
) -> None:
    molecule = molecule_of(name)
    assert CalcMolFormula(molecule) == formula
    assert Descriptors.ExactMolWt(molecule) == pytest.approx(mass, abs=6e-4)


@pytest.mark.parametrize(("name", "labels"), CONFIGURATIONS)
def test_the_configuration_is_that_of_the_systematic_name(name: str, labels: str) -> None:
    assert labels_of(molecule_of(name)) == labels


@pytest.mark.parametrize(("synonym", "name"), SAME_COMPOUND)
def test_common_abbreviations_and_spellings_are_synonyms(synonym: str, name: str) -> None:
    assert synonym.casefold() in {other.casefold() for other in all_names(BY_NAME[name])}
