"""Published motif rows are exact; our own exist for every molecule."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from safetensors.numpy import load_file

from assistant.chem import motifs
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import (
    N_MOTIF_FEATURES,
    MotifRows,
    motif_rows,
    own_motif_rows,
    own_motifs,
    rdmol_motif_rows,
)

DATA = Path(__file__).parents[1] / "data"
FILE = "llamo_motif_features.safetensors"
VALID = [
    row["smiles"]
    for row in csv.DictReader((DATA / "molecules.csv").read_text().splitlines())
    if row["valid"] == "yes"
]


def golden_molecules() -> list[tuple[int, str]]:
    manifest = json.loads((DATA / "golden" / "manifest.json").read_text())
    (entry,) = (entry for entry in manifest["files"] if entry["file"] == FILE)
    return [(molecule["index"], molecule["smiles"]) for molecule in entry["molecules"]]


def multiset(rows: MotifRows | None) -> Counter[bytes] | None:
    return None if rows is None else Counter(row.tobytes() for row in rows)


@pytest.mark.parametrize(("index", "smiles"), golden_molecules())
def test_rows_are_those_of_the_published_extraction(index: int, smiles: str) -> None:
    expected = multiset(load_file(DATA / "golden" / FILE).get(f"output/fg_{index}"))
    assert multiset(rdmol_motif_rows(Chem.MolFromSmiles(smiles))) == expected
    assert multiset(motif_rows(Molecule.parse(smiles))) == expected


def test_golden_file_holds_failures_and_successes() -> None:
    vectors = load_file(DATA / "golden" / FILE)
    given = {f"output/fg_{index}" in vectors for index, _ in golden_molecules()}
    assert given == {True, False}


def test_stereo_does_not_change_the_published_rows() -> None:
    pairs = (("C[C@H](N)C(=O)O", "CC(N)C(=O)O"), ("F/C=C/F", "FC=CF"))
    for drawn, plain in pairs:
        assert multiset(motif_rows(Molecule.parse(drawn))) == multiset(
            motif_rows(Molecule.parse(plain))
        )


@pytest.mark.parametrize("smiles", VALID)
def test_every_molecule_has_own_rows_and_each_row_one_count_per_block(smiles: str) -> None:
    rows = own_motif_rows(Molecule.parse(smiles))
    assert rows.dtype == np.uint8
    assert rows.shape[0] >= 1
    assert rows.shape[1] == N_MOTIF_FEATURES == 73
    start = 0
    for size in (11, 6, 6, 6, 6, None, None, 11, 8, 8, 8, None):
        block = rows[:, start : start + (size or 1)]
        assert (block.sum(axis=1) == 1).all() if size else (block <= 1).all()
        start += size or 1


@pytest.mark.parametrize("smiles", VALID)
def test_published_rows_or_none_for_every_molecule(smiles: str) -> None:
    rows = motif_rows(Molecule.parse(smiles))
    assert rows is None or (rows.shape[1] == N_MOTIF_FEATURES and len(rows) >= 1)


@pytest.mark.parametrize(
    ("smiles", "n_motifs"),
    [
        ("C", 1),
        ("CCCC", 1),
        ("[Na+].[Cl-]", 2),
        ("CC(=O)Oc1ccccc1C(=O)O", 3),
        ("CCCCCCCCCCCCCCCC(=O)O", 2),
        ("c1ccc2ccccc2c1", 2),
    ],
)
def test_own_motifs_are_rings_groups_and_what_is_left(smiles: str, n_motifs: int) -> None:
    assert len(own_motif_rows(Molecule.parse(smiles))) == n_motifs


def test_own_rows_tell_primary_from_secondary_amine() -> None:
    primary, secondary = (own_motif_rows(Molecule.parse(s)) for s in ("CCN", "CNC"))
    assert multiset(primary) != multiset(secondary)


HARD = {
    "methane": "C",
    "cisplatin, drawn with charges": "[NH3+][Pt-2]([NH3+])(Cl)Cl",
    "cisplatin, dative": "[NH3]->[Pt](Cl)(Cl)<-[NH3]",
    "noble gas": "[He]",
    "metal atom": "[Fe]",
    "bare cation": "[Na+]",
    "proton": "[H+]",
    "hydrogen": "[H][H]",
    "water": "O",
    "carbon monoxide": "[C-]#[O+]",
    "radical": "[CH3]",
    "heavy water": "[2H]O[2H]",
    "wildcard": "*",
    "table salt": "[Na+].[Cl-]",
    "salt of an organic acid": "CC(=O)[O-].[Na+]",
    "salt of several ions": "[Ca+2].[O-]P([O-])([O-])=O.[K+]",
    "ferrocene": "[Fe+2].[cH-]1cccc1.[cH-]1cccc1",
    "sulfur hexafluoride": "FS(F)(F)(F)(F)F",
    "cubane": "C12C3C4C1C5C4C3C25",
    "quadruple bond": "[Cr]$[Cr]",
}


@pytest.mark.parametrize("name", HARD)
def test_own_rows_exist_where_the_published_extraction_may_give_up(name: str) -> None:
    molecule = Molecule.parse(HARD[name])
    rows = own_motif_rows(molecule)
    assert len(rows) >= 1
    assert rows.any(axis=1).all()


@pytest.mark.parametrize("name", HARD)
def test_own_motifs_cover_every_atom(name: str) -> None:
    mol = Molecule.parse(HARD[name]).rdmol()
    assert set().union(*own_motifs(mol)) == set(range(mol.GetNumAtoms()))


@pytest.mark.parametrize("name", ["methane", "cisplatin, dative"])
def test_the_published_extraction_does_give_up(name: str) -> None:
    assert motif_rows(Molecule.parse(HARD[name])) is None


def test_atom_order_changes_no_row() -> None:
    shuffle = np.random.default_rng(0)
    for smiles in ("CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", HARD["ferrocene"]):
        mol = Chem.MolFromSmiles(smiles)
        order = shuffle.permutation(mol.GetNumAtoms()).tolist()
        other = Chem.RenumberAtoms(mol, order)
        rows = [
            own_motif_rows(Molecule.parse(Chem.MolToSmiles(m, canonical=False)))
            for m in (mol, other)
        ]
        assert multiset(rows[0]) == multiset(rows[1])


def test_atoms_are_hidden_by_their_own_numbers_while_others_write_the_molecule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As another thread does that shares the parsed molecule."""
    molecule, without = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"), {1, 2, 3}
    expected = multiset(motif_rows(molecule, without))
    find = motifs._published_motifs

    def find_while_it_is_written(flat: Chem.Mol) -> list[set[int]]:
        Chem.MolToSmiles(molecule.rdmol(), rootedAtAtom=molecule.rdmol().GetNumAtoms() - 1)
        return find(flat)

    monkeypatch.setattr(motifs, "_published_motifs", find_while_it_is_written)
    assert multiset(motif_rows(molecule, without)) == expected
