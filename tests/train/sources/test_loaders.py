"""Every public format from a tiny file, and what is said of a file that is not as it should be."""

import gzip
import json
import sys
import types
from pathlib import Path

import pytest

from assistant.errors import AssistantError, UnreadableFileError
from assistant.train.sources.records import Label, Pair, Skipped, Value
from assistant.train.sources.registry import SOURCES, Source, read_source


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(format: str, path: Path, **options) -> list:
    skipped = options.pop("skipped", None)
    return list(read_source(Source(format, path, **options), skipped))


def test_chebi20_as_published(tmp_path):
    text = (
        "CID\tSMILES\tdescription\n"
        '5\tC/C=C\\\\C\tThe molecule is a "butene".\n'
        "6\tCCO\tIt is an alcohol.\n"
    )
    first, second = read("chebi20", write(tmp_path / "training.txt", text))
    assert (first.molecule.smiles, first.text) == ("C/C=C\\C", 'The molecule is a "butene".')
    assert second.place == "training.txt, line 3"


def test_captions_keep_other_splits_and_evaluation_molecules_out(tmp_path):
    text = "cid,smiles,description,chebi20_split\n1,C,a,train\n2,CC,b,test\n3,CCC,c,\n"
    path = write(tmp_path / "pool.csv.gz", text)
    assert [c.text for c in read("pubchem324k", path)] == ["a", "c"]
    assert [c.text for c in read("pubchem324k", path, split="test")] == ["a", "b", "c"]
    text = "smiles,description,split\nC,a,train\nCC,b,val\n"
    path = write(tmp_path / "split.csv", text)
    assert [c.text for c in read("chebi20", path, split="valid")] == ["b"]


def test_pubchem324k_as_json_lines(tmp_path):
    line = json.dumps({"smiles": "CCO", "enriched_description": "An alcohol."})
    (found,) = read("pubchem324k", write(tmp_path / "p.jsonl", line + "\n"))
    assert found.text == "An alcohol."
    with pytest.raises(UnreadableFileError, match="pickle"):
        read("pubchem324k", write(tmp_path / "train.pt", "x"))


@pytest.fixture
def decoder(monkeypatch):
    """Stands in for the selfies package: C and O chains only."""
    module = types.ModuleType("selfies")
    module.DecoderError = type("DecoderError", (Exception,), {})

    def decode(text):
        if "[Zz]" in text:
            raise module.DecoderError("invalid symbol '[Zz]'")
        return text.replace("[", "").replace("]", "")

    module.decoder = decode
    monkeypatch.setitem(sys.modules, "selfies", module)


def mol_instructions(path: Path, *entries: dict) -> Path:
    filled = [
        {"instruction": "Describe it.", "output": "A thing.", "metadata": {"split": "train"}} | e
        for e in entries
    ]
    return write(path, json.dumps(filled, indent=1))


def test_mol_instructions_become_smiles(tmp_path, decoder):
    path = mol_instructions(
        tmp_path / "d.json",
        {"input": "[C][C][O]", "metadata": {"split": "train", "task": "description"}},
        {"input": "[C][C].[O]>>[C][C][O]", "output": "[O].[C]", "metadata": '{"split": "train"}'},
        {"input": "[C]", "metadata": {"split": "test"}},
        {"input": "It is an alkane.", "output": "[C][C]"},
    )
    describe, reagent, design = read("mol_instructions", path)
    assert (describe.molecules[0].smiles, describe.answer) == ("CCO", "A thing.")
    assert describe.task == "description"
    assert [m.smiles for m in reagent.molecules] == ["CC.O", "CCO"]
    assert reagent.answer == "C.O"
    assert (design.molecules, design.answer) == ((), "CC")
    assert design.question == "Describe it.\nIt is an alkane."


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"input": "[Zz]"}, r"d\.json, line 2: '\[Zz\]' is no SELFIES"),
        ({"input": "CCO"}, "line 2: input 'CCO' is no SELFIES"),
        ({"input": "[C]", "output": ""}, "line 2: output is missing or empty"),
        ({"input": "[C]", "metadata": "{"}, "line 2: metadata is not JSON"),
    ],
)
def test_faults_in_mol_instructions_are_named(tmp_path, decoder, entry, message):
    with pytest.raises(UnreadableFileError, match=message):
        read("mol_instructions", mol_instructions(tmp_path / "d.json", entry))


def test_without_the_selfies_package_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "selfies", None)
    with pytest.raises(AssistantError, match="pip install selfies"):
        read("mol_instructions", mol_instructions(tmp_path / "d.json", {"input": "[C]"}))


def test_the_real_selfies_package(tmp_path):
    selfies = pytest.importorskip("selfies")
    aspirin = "CC(=O)Oc1ccccc1C(=O)O"
    path = mol_instructions(tmp_path / "d.json", {"input": selfies.encoder(aspirin)})
    assert read("mol_instructions", path)[0].molecules[0].smiles == aspirin
    path = mol_instructions(tmp_path / "d.json", {"input": "[Zz][C]"})
    with pytest.raises(UnreadableFileError, match="is no SELFIES"):
        read("mol_instructions", path)


def test_values_and_labels_of_moleculenet(tmp_path):
    path = write(tmp_path / "bace.csv", "mol,Class,pIC50\nCCO,1,5\nCC,0,6\n")
    assert [(r.claim, r.holds) for r in read("moleculenet", path)] == [
        ("inhibits human beta-secretase 1", True),
        ("inhibits human beta-secretase 1", False),
    ]
    path = write(tmp_path / "tox21.csv.gz", "NR-AR,SR-p53,mol_id,smiles\n,1.0,T1,CCO\n,,T2,CC\n")
    (label,) = read("moleculenet", path)
    assert label == Label(label.molecule, "is active in the Tox21 assay SR-p53", True, label.place)
    text = "smiles,expt,calc\nCCO,-5.0,-4\n"
    (value,) = read("moleculenet", write(tmp_path / "SAMPL.csv", text))
    assert (value.quantity, value.value, value.unit) == ("hydration free energy", -5.0, "kcal/mol")


def test_qm9_gives_every_known_column(tmp_path):
    text = "mol_id,smiles,A,mu,homo,lumo,gap\ngdb_2,N,293.6,1.6,-0.257,0.0829,0.3399\n"
    found = read("qm9", write(tmp_path / "qm9.csv", text))
    assert {v.quantity: (v.value, v.unit) for v in found} == {
        "dipole moment": (1.6, "D"),
        "HOMO energy": (-0.257, "Hartree"),
        "LUMO energy": (0.0829, "Hartree"),
        "HOMO-LUMO gap": (0.3399, "Hartree"),
    }
    assert all(isinstance(v, Value) for v in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smiles,weight\nC,1\n", "none of the columns smiles, weight is a known quantity"),
        ("name,homo\nx,1\n", "no column smiles or mol"),
        ("smiles,homo\nC,low\n", "line 2: homo is 'low', not a number"),
        ("smiles,homo\nC,inf\n", "not a finite number"),
        ("smiles,homo\nC1CC,1\n", "line 2: .*C1CC"),
        ("smiles,p_np\nC,2\n", "line 2: p_np is '2', neither 1 nor 0"),
    ],
)
def test_faults_in_property_tables_are_named(tmp_path, text, message):
    with pytest.raises(UnreadableFileError, match=message):
        read("moleculenet", write(tmp_path / "x.csv", text))


def test_uspto_in_both_forms(tmp_path):
    lines = "[CH3:1][Br:2].[OH2:3]>[Na+].[Cl-]>[CH3:1][OH:3] 1-2;1-3\nCC>>CO\n"
    first, second = read("uspto", write(tmp_path / "train.txt", lines))
    assert (first.reactants.smiles, first.product.smiles) == ("CBr.O", "CO")
    assert first.reagents.smiles == "[Cl-].[Na+]"
    assert second.reagents is None
    header = "ReactionSmiles\tPatentNumber\nCC>>CO |f:0|\tUS1\n"
    assert len(read("uspto", write(tmp_path / "x.rsmi.gz", header))) == 1
    table = (
        "reactants_with_reagents,product,reactants,reagents,role_split_ok,product_in_any_eval\n"
        "CBr.O.[Na+],CO,CBr.O,[Na+],1,0\nCBr.O,CO,,,0,0\nCC,CO,CC,,1,1\n"
    )
    split, joint = read("uspto", write(tmp_path / "u.csv", table))
    assert (split.reagents.smiles, joint.reactants.smiles) == ("[Na+]", "CBr.O")
    assert (split.mixed, joint.mixed) == (False, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CC>>CO\nCC>>\n", "line 2: the reaction has no product"),
        ("CC>>CO\nCC>CO\n", "line 2: no reaction SMILES: two '>' signs"),
        ("CC>>CO\nC(C>>CO\n", "line 2: "),
        ("product,class\nCO,1\n", "no column reactants or reactants_with_reagents"),
    ],
)
def test_faults_in_reactions_are_named(tmp_path, text, message):
    with pytest.raises(UnreadableFileError, match=message):
        read("uspto", write(tmp_path / "u.txt", text))


def test_zhangddi_with_its_table_of_drugs(tmp_path):
    path = write(tmp_path / "zhangddi_train.csv", "cid_1,cid_2,label\nA,B,1\nB,A,0\n")
    with pytest.raises(UnreadableFileError, match="put the table of drugs"):
        read("zhangddi", path)
    write(tmp_path / "other_drugs.csv", "cid,smiles\nA,N\n")
    write(tmp_path / "zhangddi_drugs.csv.gz", "cid,smiles\nA,CCO\nB,CC\n")
    first, second = read("zhangddi", path)
    assert first == Pair(first.first, second.first, "drug_drug", True, first.place)
    assert (first.first.smiles, second.answer) == ("CCO", False)
    path = write(tmp_path / "zhangddi_x.csv", "cid_1,cid_2,label\nA,Z,1\n")
    with pytest.raises(UnreadableFileError, match="line 2: drug Z is not in the table"):
        read("zhangddi", path)
    path = write(tmp_path / "own.csv", "smiles_1,smiles_2,label\nCCO,C,yes\n")
    with pytest.raises(UnreadableFileError, match="label 'yes' is neither 1 nor 0"):
        read("zhangddi", path)


def test_deep4chem_leaves_the_gas_out(tmp_path):
    text = (
        "Tag,Chromophore,Solvent,Absorption max (nm),Emission max (nm),Lifetime (ns)\n"
        "1,c1ccccc1,O,355,410,NaN\n2,c1ccccc1,gas,300,,\n3,c1ccccc1,CCO,,,\n"
    )
    found = read("deep4chem", write(tmp_path / "db.csv", text))
    assert [(p.task, p.answer) for p in found] == [("absorption", 355.0), ("emission", 410.0)]
    text = "smiles,solvent,peakwavs_max\nc1ccccc1,O,blue\n"
    with pytest.raises(UnreadableFileError, match="line 2: absorption is 'blue', not a number"):
        read("deep4chem", write(tmp_path / "u.csv", text))


def conversation(**changes) -> str:
    values = {
        "molecules": ["CCO", {"smiles": "CC(=O)O", "name": "acetic acid", "role": "product"}],
        "messages": [
            {"role": "user", "text": "More acidic?", "molecules": [1, 2]},
            {"role": "assistant", "text": "Molecule 2."},
            {"role": "user", "text": "And molecule 1?"},
            {"role": "assistant", "text": "Hardly."},
        ],
    }
    return json.dumps(values | changes) + "\n"


def test_own_conversations(tmp_path):
    (found,) = read("conversations", write(tmp_path / "own.jsonl", conversation()))
    talk = found.conversation
    assert [talk.focus(turn) for turn in range(2)] == [(1, 2), (1,)]
    assert (talk.molecule(2).molecule.name, talk.molecule(2).role) == ("acetic acid", "product")
    assert talk.messages[-1].text == "Hardly."


QUESTION, ANSWER = {"role": "user", "text": "?"}, {"role": "assistant", "text": "!"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"messages": [QUESTION]}, "own.jsonl, line 1: messages holds 1; an even number"),
        ({"messages": [ANSWER, QUESTION]}, "message 1 has role 'assistant'; user is expected"),
        ({"messages": [QUESTION, ANSWER | {"text": " "}]}, "message 2 has no text"),
        ({"messages": [QUESTION | {"molecules": [3]}, ANSWER]}, r"molecules \[3\]; .* 1 to 2"),
        ({"messages": [QUESTION | {"mols": 1}, ANSWER]}, "message 1 has unknown keys mols"),
        ({"molecules": ["C1CC"]}, "line 1: .*C1CC"),
        ({"molecules": [{"name": "x"}]}, "a molecule is a SMILES"),
        ({"molecules": [{"smiles": "C", "role": "x"}]}, "role 'x'"),
        ({"molecules": "CCO"}, "molecules is not a list"),
        ({"title": "x"}, "unknown keys title"),
    ],
)
def test_faults_in_own_conversations_are_named(tmp_path, changes, message):
    with pytest.raises(UnreadableFileError, match=message):
        read("conversations", write(tmp_path / "own.jsonl", conversation(**changes)))


def test_unusable_rows_are_noted_until_they_are_too_many(tmp_path):
    good = "smiles,description\n" + "C,a\n" * 150
    skipped = Skipped()
    found = read("chebi20", write(tmp_path / "a.csv", good + "C1,b\n"), skipped=skipped)
    assert (len(found), skipped.n_rows, skipped.n_skipped) == (150, 151, 1)
    assert "a.csv, line 152" in skipped.errors[0]
    with pytest.raises(UnreadableFileError, match=r"of \d+ rows cannot be used"):
        read("chebi20", write(tmp_path / "b.csv", good + "C1,b\n" * 20), skipped=Skipped())


def test_a_source_is_named_as_format_and_file(tmp_path):
    source = Source.parse("qm9=data/qm9.csv")
    assert (source.format, source.path) == ("qm9", Path("data/qm9.csv"))
    with pytest.raises(UnreadableFileError, match="write FORMAT=FILE"):
        Source.parse("qm9")
    with pytest.raises(UnreadableFileError, match="no data format 'zinc'; known are chebi20"):
        Source.parse("zinc=x")
    with pytest.raises(UnreadableFileError, match="limit 0"):
        Source("qm9", tmp_path, limit=0)
    path = write(tmp_path / "x.csv", "smiles,homo\nC,1\nCC,2\nCCC,3\n")
    assert len(read("qm9", path, limit=2)) == 2
    assert len(read("qm9", path, limit=9)) == 3


def test_a_limit_draws_from_the_whole_file(tmp_path):
    rows = "".join(f"{'C' * (1 + i % 30)},{i}\n" for i in range(400))
    path = write(tmp_path / "x.csv", "smiles,homo\n" + rows)
    drawn = [record.value for record in read("qm9", path, limit=100)]
    assert drawn == sorted(drawn) == [r.value for r in read("qm9", path, limit=100)]
    assert 30 < sum(value >= 200 for value in drawn) < 70
    assert max(drawn) > 350
    assert min(drawn) < 50


def test_a_small_file_of_unusable_rows_is_refused_at_its_end(tmp_path):
    skipped = Skipped()
    path = write(tmp_path / "x.csv", "smiles,description\nC,a\nC1,b\n")
    assert len(read("chebi20", path, skipped=skipped)) == 1
    with pytest.raises(UnreadableFileError, match=r"1 of 2 rows .* x\.csv, line 3"):
        skipped.check()


@pytest.mark.parametrize("name", SOURCES)
def test_every_format_names_a_file_that_is_not_there(name, tmp_path, decoder):
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read(name, tmp_path / "absent.csv")
