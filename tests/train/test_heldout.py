"""Held-out questions are not questions of the training generator."""

import json
import re
from pathlib import Path

from assistant.chat.card import CARD_KEYS
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.train.dialogues import DialogueWriter

HELDOUT = Path(__file__).resolve().parents[1] / "data" / "heldout"
SMILES = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "C[C@H](N)C(=O)O",
    "C/C=C/C",
    "[Na+].CC(=O)[O-]",
    "Clc1ccc(Br)cc1",
)
_NAMES = re.compile(
    r"(?:this|the) (?:molecule|compound|structure)|(?:molecule |compound |@)\d", re.I
)


def _words(question: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z0-9/]+", _NAMES.sub("it", question).lower()))


def _heldout() -> list[str]:
    facts = json.loads((HELDOUT / "facts_questions.json").read_text(encoding="utf-8"))
    assert facts.keys() == set(CARD_KEYS)
    assert min(len(questions) for questions in facts.values()) >= 5
    lines = (HELDOUT / "abstain.jsonl").read_text(encoding="utf-8").splitlines()
    items = [json.loads(line) for line in lines]
    assert sum(not item["answerable"] for item in items) >= 200
    return [q for questions in facts.values() for q in questions] + [i["question"] for i in items]


def test_no_question_is_written_by_the_generator_too() -> None:
    molecules = [(m, compute_facts(m)) for m in map(Molecule.parse, SMILES)]
    outside = {"off_topic": ["Book a table."], "general_chemistry": ["What is a mole?"]}
    writer = DialogueWriter(molecules, outside, seed=21)
    written = {
        _words(message.text)
        for _ in range(1500)
        for message in writer.write().conversation.messages[::2]
    }
    assert len(written) > 3000
    assert not [question for question in _heldout() if _words(question) in written]
