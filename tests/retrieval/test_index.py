"""The index finds what RDKit's Tanimoto finds over all molecules, and says what it cannot read."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, UnreadableFileError
from assistant.retrieval.__main__ import main
from assistant.retrieval.fingerprints import count_bits, fingerprint
from assistant.retrieval.index import Captioned, Index, build_index
from assistant.retrieval.reading import Unreadable, read_captioned

MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)


@pytest.fixture(scope="module")
def molecules(root) -> list[Molecule]:
    """Drugs and reagents of the name table."""
    with (root / "assistant/chem/data/names.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [Molecule.parse(row["smiles"]) for row in rows[::4]]


@pytest.fixture(scope="module")
def index(molecules, tmp_path_factory) -> Index:
    directory = tmp_path_factory.mktemp("indices") / "names"
    entries = [Captioned(m, f"caption {i}", "names.tsv", i) for i, m in enumerate(molecules)]
    assert build_index(entries, directory) == len({m.smiles for m in molecules})
    return Index(directory)


@pytest.mark.parametrize("threshold", [0.01, 0.35, 0.6, 1.0])
def test_a_search_equals_comparing_with_everything(index, molecules, threshold):
    prints = {m.smiles: MORGAN.GetFingerprint(Chem.MolFromSmiles(m.smiles)) for m in molecules}
    for query in molecules[::9]:
        expected = {
            smiles: DataStructs.TanimotoSimilarity(prints[query.smiles], bits)
            for smiles, bits in prints.items()
        }
        wanted = {s: v for s, v in expected.items() if v >= threshold}
        found = index.search(query, n=len(molecules), min_similarity=threshold)
        assert {e.smiles: pytest.approx(e.similarity, abs=1e-5) for e in found} == wanted
        values = [e.similarity for e in found]
        assert values == sorted(values, reverse=True)
        top = index.search(query, n=3, min_similarity=threshold)
        assert top == found[:3]


def test_a_fingerprint_is_rdkits(molecules):
    for molecule in molecules[:20]:
        bits = MORGAN.GetFingerprint(Chem.MolFromSmiles(molecule.smiles))
        words = fingerprint(molecule)
        set_bits = np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little"))
        assert list(set_bits) == list(bits.GetOnBits())
        assert count_bits(words) == bits.GetNumOnBits()


def test_the_structure_itself_is_marked_or_left_out(index, molecules):
    first, *_ = index.search(molecules[5])
    assert (first.same, first.similarity, first.smiles) == (True, 1.0, molecules[5].smiles)
    assert not any(e.same for e in index.search(molecules[5], without_same=True))


def test_of_two_captions_of_a_structure_the_first_stays(tmp_path):
    entries = [
        Captioned(Molecule.parse(s), t, "f.csv", n)
        for n, (s, t) in enumerate([("OCC", "a"), ("CCO", "b"), ("CC", "c")])
    ]
    assert build_index(entries, tmp_path / "i") == 2
    (found,) = Index(tmp_path / "i").search(Molecule.parse("CCO"), n=1)
    assert (found.text, found.file, found.line) == ("a", "f.csv", 0)
    assert build_index(entries[2:], tmp_path / "i") == 1  # replaces the older one
    assert len(Index(tmp_path / "i")) == 1
    with pytest.raises(UnreadableFileError, match="nothing to index"):
        build_index([], tmp_path / "i")


def test_a_damaged_index_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"There is no index at .*build"):
        Index(tmp_path / "none")
    entries = [Captioned(Molecule.parse("C" * n), "x", "f", n) for n in range(1, 4)]
    for name, damage in (
        ("counts.npy", lambda p: np.save(p, np.zeros(2, np.uint16))),
        ("entries.jsonl", lambda p: p.write_text("{}\n")),
        ("fingerprints.npy", lambda p: p.write_bytes(b"x")),
        ("index.json", lambda p: p.write_text("{")),
        (
            "index.json",
            lambda p: p.write_text(json.dumps({"format_version": 9, "molecules": 3, "files": []})),
        ),
    ):
        build_index(entries, tmp_path / "i")
        damage(tmp_path / "i" / name)
        with pytest.raises(UnreadableFileError, match=r"build|Build"):
            Index(tmp_path / "i")


def test_files_with_captions_are_read(tmp_path):
    table = tmp_path / "t.csv.gz"
    table.write_bytes(gzip.compress(b'smiles,description\nCCO,"an alcohol, short"\n'))
    lines = tmp_path / "t.jsonl"
    lines.write_text('{"smiles": "CC", "caption": "an alkane"}\n', encoding="utf-8")
    tabs = tmp_path / "t.txt"
    tabs.write_text('CID\tSMILES\tdescription\n1\tC/C=C\\\\C\tThe "cis" one\n', encoding="utf-8")
    found = [e for p in (table, lines, tabs) for e in read_captioned(p, Unreadable())]
    assert [e.text for e in found] == ["an alcohol, short", "an alkane", 'The "cis" one']
    assert found[2].molecule == Molecule.parse("C/C=C\\C")


def test_rows_without_a_molecule_are_counted_and_too_many_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("smiles,text\n" + "C,x\n" * 40 + "C1,x\n", encoding="utf-8")
    unreadable = Unreadable()
    assert len(list(read_captioned(path, unreadable))) == 40
    assert (unreadable.n, unreadable.n_rows) == (1, 41)
    assert "t.csv, line 42" in unreadable.first
    path.write_text("smiles,text\nC,x\n,x\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"1 of 2 rows .* line 3: smiles is missing"):
        list(read_captioned(path, Unreadable()))


def test_the_commands(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("smiles,text\nCCO,an alcohol\n", encoding="utf-8")
    index = str(tmp_path / "i")
    assert main(["build", "--file", str(path), "--index", index]) == 0
    assert "1 molecules" in capsys.readouterr().out
    assert main(["find", "--index", index, "--smiles", "OCC"]) == 0
    assert "1.000  CCO  (t.csv, line 2)\n       an alcohol" in capsys.readouterr().out
    assert main(["find", "--index", index, "--smiles", "c1ccccc1"]) == 0
    assert "Nothing similar" in capsys.readouterr().out
    assert main(["build", "--file", str(tmp_path / "none"), "--index", index]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert issubclass(UnreadableFileError, AssistantError)


def test_an_index_moves_with_its_directory(tmp_path):
    build_index([Captioned(Molecule.parse("CCO"), "x", "f", 2)], tmp_path / "a")
    digest = Index(tmp_path / "a").digest()
    Path(tmp_path / "a").rename(tmp_path / "b")
    assert Index(tmp_path / "b").digest() == digest


def test_an_index_replaces_an_older_one_and_nothing_else(tmp_path: Path) -> None:
    entries = [Captioned(Molecule.parse("CCO"), "an alcohol", "a.csv", 2)]
    (tmp_path / "mine").mkdir()
    assert build_index(entries, tmp_path / "mine") == 1
    assert build_index(entries * 2, tmp_path / "mine") == 1
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("too")
    for name in ("other", "file"):
        with pytest.raises(AssistantError, match=rf"{name} holds other files.*nothing is written"):
            build_index(entries, tmp_path / name)
    assert (tmp_path / "other" / "thesis.txt").read_text() == "years of work"
    assert (tmp_path / "file").read_text() == "too"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine", "other"]


def test_files_and_directories_that_cannot_be_used_are_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "a.csv"
    table.write_text("smiles,text\nCCO,an alcohol\n", encoding="utf-8")
    assert main(["build", "--file", str(table), "--index", str(table / "x")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    binary = tmp_path / "a.bin"
    binary.write_bytes(b"\xff\xfe\x00\xe3" * 99)
    assert main(["build", "--file", str(binary), "--index", str(tmp_path / "i")]) == 1
    assert "a.bin, after line 0: not UTF-8 text" in capsys.readouterr().err
