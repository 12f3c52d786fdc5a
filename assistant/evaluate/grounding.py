"""Does the model use the facts in its prompt, and does it say when it does not know?

    python -m assistant.evaluate.grounding [--bundle checkpoints/default] [--json OUT]

Questions and molecules are hand-written, not from the training generator
(`tests/data/grounding.json`). A fact counts when the card's value stands in the answer as written
there; a refusal when the answer says so. The text is the language model's own, scored as it is.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.assistant import Assistant, facts_of
from assistant.chat.card import card_lines
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.reply import ReplyOptions
from assistant.chem.molecule import Molecule

QUESTIONS = Path(__file__).resolve().parents[2] / "tests" / "data" / "grounding.json"
_REFUSES = re.compile(
    r"do not know|cannot|not able|no reliable|only help|outside what|goes beyond|not among"
    r"|would (only )?be (a )?guess"
    r"|leave that to others|not make it up",
    re.IGNORECASE,
)
_WORDS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


@dataclass(frozen=True)
class Outcome:
    """One question and what came of it."""

    kind: str
    key: str
    smiles: str
    question: str
    answer: str
    right: bool


def answer_of(assistant: Assistant, smiles: str, question: str) -> Message:
    """The greedy answer to one question about one molecule."""
    conversation, number = Conversation().with_molecule(Molecule.parse(smiles))
    conversation = conversation.with_message(Message("user", question, (number,)))
    options = ReplyOptions(max_new_tokens=96)
    for event in assistant.reply(conversation, options=options):
        if isinstance(event, Finished):
            return event.message
    raise RuntimeError("the reply ended without Finished")


def states(answer: str, value: str) -> bool:
    """Whether the value of a card line stands in the answer as a number or word of its own."""
    number = value.split()[0]
    accepted = [re.escape(number)]
    if number.isdigit() and int(number) < len(_WORDS):
        accepted.append(_WORDS[int(number)])
    return (
        re.search(rf"(?<![\w.+-])(?:{'|'.join(accepted)})(?![\w]|\.\d)", answer, re.IGNORECASE)
        is not None
    )


def refuses(answer: str) -> bool:
    """Whether the answer says that it does not know or cannot help."""
    return _REFUSES.search(answer) is not None


def run(assistant: Assistant, data: dict[str, object]) -> list[Outcome]:
    """Asks every question; facts of each molecule once per key, its paraphrases in turn."""
    outcomes = []
    for index, smiles in enumerate(data["molecules"]):
        lines = {line.key: line.value for line in card_lines(facts_of(Molecule.parse(smiles)))}
        for key, questions in data["questions"].items():
            question = questions[index % len(questions)]
            answer = answer_of(assistant, smiles, question).text
            outcomes.append(
                Outcome("fact", key, smiles, question, answer, states(answer, lines[key]))
            )
    for index, question in enumerate(data["unanswerable"]):
        smiles = data["molecules"][index % len(data["molecules"])]
        answer = answer_of(assistant, smiles, question).text
        outcomes.append(Outcome("refusal", "", smiles, question, answer, refuses(answer)))
    return outcomes


def summary(outcomes: list[Outcome]) -> dict[str, dict[str, float]]:
    """Share right and n, per kind and per fact; and how many fact questions were refused."""
    rows: dict[str, list[bool]] = defaultdict(list)
    for outcome in outcomes:
        rows[outcome.kind].append(outcome.right)
        if outcome.key:
            rows[f"fact {outcome.key}"].append(outcome.right)
            rows["fact refused (should be 0)"].append(refuses(outcome.answer))
    return {name: {"share": sum(v) / len(v), "n": len(v)} for name, v in rows.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=Path("checkpoints/default"))
    parser.add_argument("--json", type=Path, help="also write every outcome here")
    args = parser.parse_args()
    assistant = Assistant.load(args.bundle)
    outcomes = run(assistant, json.loads(QUESTIONS.read_text(encoding="utf-8")))
    table = summary(outcomes)
    for name, row in table.items():
        sys.stdout.write(f"{name:32} {row['share']:6.1%}  n = {row['n']}\n")
    if args.json:
        text = json.dumps({"summary": table, "outcomes": [asdict(o) for o in outcomes]}, indent=1)
        args.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
