"""Conversations for people's own molecules, and how different they are."""

import json
from pathlib import Path

import pytest

from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.train import diversity, generate
from assistant.train.dialogues import DialogueWriter
from assistant.train.diversity_page import page_text
from assistant.train.sources.conversations import read_conversations
from assistant.train.view import GOES_ON, Rates

ROOT = Path(__file__).resolve().parents[2]
SMILES = ("CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "C/C=C/C", "[Na+].CC(=O)[O-]", "CCO")


@pytest.fixture(scope="module")
def writer() -> DialogueWriter:
    molecules = [(m, compute_facts(m)) for m in map(Molecule.parse, SMILES)]
    return DialogueWriter(molecules, generate.OWN_QUESTIONS, seed=4, rates=Rates())


def test_own_molecules_become_conversations_that_adapt_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("smiles,name\nCCO,ethanol\nnonsense,\nc1ccccc1C(=O)O,\n", encoding="utf-8")
    out = tmp_path / "out.jsonl"
    arguments = ["--molecules", str(table), "--out", str(out), "--n", "60"]
    assert generate.main([*arguments, "--seed", "3"]) == 0
    assert "1 rows left out, 2 molecules read" in capsys.readouterr().err
    found = list(read_conversations(out))
    assert len(found) == 60
    molecules, _ = generate.read_molecules(table)
    again = DialogueWriter(
        molecules, generate.OWN_QUESTIONS, seed=3, rates=generate.EVERYTHING_SHOWN
    )
    for record in found:
        wanted = again.write().conversation
        assert [m.text for m in record.conversation.messages] == [m.text for m in wanted.messages]
        assert [record.conversation.focus(t) for t in range(wanted.n_turns)] == [
            wanted.focus(t) for t in range(wanted.n_turns)
        ]
        assert [e.molecule.smiles for e in record.conversation.molecules] == [
            e.molecule.smiles for e in wanted.molecules
        ]
    first = out.read_text(encoding="utf-8")
    assert generate.main([*arguments, "--seed", "4"]) == 0
    assert out.read_text(encoding="utf-8") != first


def test_a_named_molecule_keeps_the_name_that_its_file_gives_it(tmp_path: Path) -> None:
    given = {"CCO": "ethanol", "c1ccccc1C(=O)O": "benzoic acid", "C/C=C/C": None, "CCN": None}
    table = tmp_path / "mine.csv"
    rows = [f"{smiles},{name or ''}\n" for smiles, name in given.items()]
    table.write_text(f"smiles,name\n{''.join(rows)}", encoding="utf-8")
    out = tmp_path / "out.jsonl"
    assert generate.main(["--molecules", str(table), "--out", str(out), "--n", "80"]) == 0
    names = {Molecule.parse(smiles).smiles: name for smiles, name in given.items()}
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    written = [(m["smiles"], m.get("name")) for line in lines for m in line["molecules"]]
    assert {smiles for smiles, _ in written} == set(names)
    assert all(name == names[smiles] for smiles, name in written if names[smiles])
    assert {bool(name) for smiles, name in written if not names[smiles]} == {True, False}


def test_a_smi_file_and_one_without_molecules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.smi"
    file.write_text("CCO ethyl alcohol\n\nc1ccccc1\tbenzene\n", encoding="utf-8")
    molecules, problems = generate.read_molecules(file)
    assert [(m.smiles, m.name) for m, _ in molecules] == [
        ("CCO", "ethyl alcohol"), ("c1ccccc1", "benzene"),
    ]  # fmt: skip
    assert not problems
    file.write_text("nonsense x\n", encoding="utf-8")
    assert generate.main(["--molecules", str(file), "--out", str(tmp_path / "o")]) == 1
    assert "no molecule that can be read" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_distinct_n_counts_different_n_grams_over_all() -> None:
    grams = diversity.Grams(numbers=True)
    grams.add("the mass is 46.07")
    grams.add("The mass is 12.5")
    found = grams.distinct()
    assert (found["1"]["all"], found["1"]["different"]) == (8, 5)
    assert (found["2"]["all"], found["2"]["different"]) == (6, 4)
    assert found["4"]["share"] == 1.0
    frames = diversity.Grams(numbers=False)
    frames.add("the mass is 46.07")
    frames.add("The mass is 12.5")
    assert frames.distinct()["4"] == {"all": 2, "different": 1, "share": 0.5}
    order = diversity.Grams(numbers=True)
    order.add("a b")
    order.add("b a")
    assert order.distinct()["2"]["different"] == 2


def test_what_was_written_before_is_counted(writer: DialogueWriter) -> None:
    dialogue = writer.write()
    counted = diversity.Diversity([])
    counted.add(dialogue)
    counted.add(dialogue)
    seen = counted.figures()["seen"]
    assert seen["conversations"] == {"n": 2, "repeated": 1}
    assert seen["turns"]["repeated"] >= len(dialogue.intents)


def test_a_held_out_question_that_is_written_is_found(writer: DialogueWriter) -> None:
    dialogue = writer.write()
    question = diversity.normalised(dialogue.conversation.messages[0].text)
    far = ("this", "was", "never", "written", "by", "anybody", "at", "all", "today")
    counted = diversity.Diversity([question, far])
    counted.add(dialogue)
    held_out = counted.figures()["held out"]
    assert (held_out["questions"], held_out["same"]) == (2, 1)
    assert held_out["the same ones"] == [" ".join(question)]


def test_a_turn_of_a_held_out_conversation_that_is_written_is_found(
    writer: DialogueWriter, tmp_path: Path
) -> None:
    dialogue = writer.write()
    asked = dialogue.conversation.messages[0].text
    turns = [{"user": asked}, {"user": "And what nobody ever wrote?"}]
    (tmp_path / "chat.jsonl").write_text(json.dumps({"turns": turns}) + "\n", encoding="utf-8")
    counted = diversity.Diversity([], diversity.held_out_turns(tmp_path))
    counted.add(dialogue)
    figures = counted.figures()
    assert figures["held out"]["questions"] == 0
    found = figures["held-out chat turns"]
    assert (found["questions"], found["same"]) == (2, 1)
    assert found["the same ones"] == [" ".join(diversity.normalised(asked))]
    lines = diversity.HELDOUT.joinpath("chat.jsonl").read_text(encoding="utf-8").splitlines()
    n_turns = sum(len(json.loads(line)["turns"]) for line in lines)
    assert len(diversity.held_out_turns()) == n_turns > 300


def test_all_intents_are_known_and_the_page_says_what_was_measured(
    writer: DialogueWriter, tmp_path: Path
) -> None:
    found = diversity.measure(writer.molecules, writer.outside, n=1200, seed=2, tokenizer=None)
    last = found["points"]["1200"]
    assert list(found["points"]) == ["1000", "1200"]
    assert not last["intents not written"]
    assert not set(last["intents"]) - set(diversity.INTENTS)
    assert last["held out"]["same"] == 0
    text = page_text(found | {"date": "2026-01-01", "command": "the command"})
    assert "`the command`" in text
    assert "Tokens were not counted" in text
    assert GOES_ON not in last["intents"]
    (said,) = (line for line in text.splitlines() if line.startswith("Turns that go on with a"))
    assert said in (ROOT / "docs" / "diversity.md").read_text("utf-8").splitlines()
    assert text.count("turns of held-out chats were written word for word") == 2
    json.dumps(found)


def test_tokens_are_measured_or_said_to_be_extrapolated() -> None:
    point = {
        "seen": {"conversations": {"n": 10_000, "repeated": 100}},
        "distinct": {}, "different questions": 1, "intents": {"group": 1},
        "intents not written": [], "conversations with n-grams counted": 10_000,
        "held out": {"questions": 1, "same": 0, "the same ones": []},
        "held-out chat turns": {"questions": 1, "same": 0, "the same ones": []},
    }  # fmt: skip
    found = {"molecules": 1, "seconds": 1.0, "date": "", "command": "", "points": {"10000": point}}
    few = page_text(found | {"tokens": {"text": 500.0, "answers": 100.0}})
    assert "200,000 conversations. That is not measured" in few
    assert "20.00% of them" in few
    many = page_text(found | {"tokens": {"text": 50_000.0, "answers": 100.0}})
    assert "measured, not extrapolated" in many
