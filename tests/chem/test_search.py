import pytest
from rdkit import Chem

from assistant.chem.names import NameTable
from assistant.chem.sandbox import ChemPool
from assistant.chem.search import find_structures
from assistant.errors import ChemistryTimeoutError

ASPIRIN, PHENOL, ETHANOL = "CC(=O)Oc1ccccc1C(=O)O", "Oc1ccccc1", "CCO"
ALL = [ASPIRIN, PHENOL, ETHANOL]
NAMES = NameTable.load(None)


@pytest.mark.parametrize(
    ("text", "same", "containing"),
    [
        ("aspirin", [ASPIRIN], []),
        ("C1=CC=CC=C1O", [PHENOL], [ASPIRIN]),  # another way to write phenol
        ("OCC", [ETHANOL], [ASPIRIN]),
        ("benzene", [], [ASPIRIN, PHENOL]),
        ("[OX2H]", [], [ASPIRIN, PHENOL, ETHANOL]),
        ("[#6](=O)[OX2H]", [], [ASPIRIN]),
        ("C[C@H](N)O", [], []),
    ],
)
def test_a_structure_finds_itself_and_what_contains_it(text, same, containing) -> None:
    found = find_structures(text, ALL, NAMES)
    assert (list(found.same), list(found.containing)) == (same, containing)
    assert found.n_searched == 3


def test_stereo_is_not_minded_in_a_part() -> None:
    found = find_structures("CC(N)C(=O)O", ["C[C@H](N)C(=O)OC"], NAMES)
    assert found.containing == ("C[C@H](N)C(=O)OC",)
    found = find_structures("C[C@H](N)C(=O)O", ["C[C@@H](N)C(=O)OC"], NAMES)
    assert found.containing == ("C[C@@H](N)C(=O)OC",)


@pytest.mark.parametrize("text", ["solubility", "how basic is it", "", "[broken", "(really)", "!"])
def test_words_are_no_structure(text: str) -> None:
    assert find_structures(text, ALL, NAMES) is None


def test_the_search_ends_when_its_time_is_up_and_says_how_far_it_came() -> None:
    found = find_structures("CO", ALL * 100_000, NAMES, seconds=0.05)
    assert 0 < found.n_searched < 300_000


def grid(n: int) -> str:
    """Carbons in n rows and columns, N at one corner and O at the opposite one."""
    mol = Chem.RWMol()
    for _ in range(n * n):
        mol.AddAtom(Chem.Atom("C"))
    for i in range(n * n):
        if i % n:
            mol.AddBond(i - 1, i, Chem.BondType.SINGLE)
        if i >= n:
            mol.AddBond(i - n, i, Chem.BondType.SINGLE)
    mol.AddBond(0, mol.AddAtom(Chem.Atom("N")), Chem.BondType.SINGLE)
    mol.AddBond(n * n - 1, mol.AddAtom(Chem.Atom("O")), Chem.BondType.SINGLE)
    return Chem.MolToSmiles(mol)


def test_a_pattern_that_takes_for_ever_is_stopped_and_the_next_search_works() -> None:
    hostile = "N" + "~[#6]" * 30 + "~O"  # only ways of an odd length lead from corner to corner
    with ChemPool(1, seconds=1.0) as pool:
        with pytest.raises(ChemistryTimeoutError, match="search for structures"):
            pool.call("find", query=hostile, among=[grid(7)])
        assert pool.call("find", query="CCO", among=ALL)["found"]["same"] == [ETHANOL]
