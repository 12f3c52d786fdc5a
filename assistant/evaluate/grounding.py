"""Does the model use the facts in its prompt, does it say when it does not know, does it keep up?

    python -m assistant.evaluate.grounding [--bundle checkpoints/default] [--n N] [--json OUT]
        [--first-attempt] [--blind]

Questions, molecules and conversations are hand-written, not from the training generator
(`tests/data/heldout`): facts (every line of the card), abstain (what no fact answers, among
look-alikes that can be answered) and chat (scripted conversations). `--molecules FILE` takes
other molecules, a CSV(.gz) with a column `smiles`. The text is the language model's own, greedy,
scored as it is by the rules of `statements`. What the structure contradicts is written again, as on
the page; `--first-attempt` takes what was written first. `--blind` asks the second set of facts and
abstain questions, and small talk (`talk`), in place of the first.
"""

import argparse
import csv
import gzip
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from assistant.assistant import Assistant
from assistant.chat.card import card_lines
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.reply import ReplyOptions
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.report import make_writable
from assistant.evaluate.statements import answers_group, refuses, states
from assistant.prompting import facts_of

HELDOUT = Path(__file__).resolve().parents[2] / "tests" / "data" / "heldout"
BLIND = HELDOUT.with_name("heldout_blind")
"""Written without sight of the first set, of the generator and of the program's rules."""
TASKS = ("facts", "abstain", "chat")
BLIND_TASKS = ("facts", "abstain", "talk")
OPTIONS = ReplyOptions(max_new_tokens=160)
FIRST_ATTEMPT = replace(OPTIONS, second_thoughts=False)


@dataclass(frozen=True)
class Outcome:
    """One question and what came of it.

    Attributes:
        tried: Other answers that were tried because the structure contradicted the first.
        seconds: What these took.
        first: The first attempt where another answer took its place.
    """

    task: str
    kind: str
    smiles: str
    question: str
    answer: str
    right: bool
    refused: bool
    tried: int = 0
    seconds: float = 0.0
    first: str = ""

    @classmethod
    def of(
        cls, task: str, kind: str, smiles: str, question: str, answer: Message, *, right: bool
    ) -> "Outcome":
        """What came of a question whose answer was judged."""
        thoughts = answer.passport["second_thoughts"]
        return cls(
            task,
            kind,
            smiles,
            question,
            answer.text,
            right,
            refuses(answer.text),
            thoughts["tried"],
            thoughts["seconds"],
            answer.first_attempt.text if answer.first_attempt else "",
        )


def reply_to(
    assistant: Assistant, conversation: Conversation, options: ReplyOptions = OPTIONS
) -> Message:
    """The greedy answer to a conversation's last question."""
    for event in assistant.reply(conversation, options=options):
        if isinstance(event, Finished):
            return event.message
    raise RuntimeError("the reply ended without Finished")


def answer_of(
    assistant: Assistant, smiles: str, question: str, options: ReplyOptions = OPTIONS
) -> Message:
    """The answer to one question about one molecule."""
    conversation, number = Conversation().with_molecule(Molecule.parse(smiles))
    asked = conversation.with_message(Message("user", question, (number,)))
    return reply_to(assistant, asked, options)


def states_line(answer: str, molecule: Molecule, key: str) -> bool:
    """Whether an answer states the card line `key` of a molecule."""
    facts = facts_of(molecule)
    value = next(line.value for line in card_lines(facts) if line.key == key)
    return states(answer, key, value, facts)


def run_facts(
    assistant: Assistant,
    molecules: Sequence[str],
    *,
    n: int,
    seed: int,
    options: ReplyOptions = OPTIONS,
    questions: Path = HELDOUT,
) -> Iterator[Outcome]:
    """Every paraphrase of every line, each about the next molecule; `n` questions at most."""
    by_key = json.loads((questions / "facts_questions.json").read_text(encoding="utf-8"))
    pairs = [(key, question) for key, asked in by_key.items() for question in asked]
    random.Random(seed).shuffle(pairs)
    for index in range(n):
        key, question = pairs[index % len(pairs)]
        smiles = molecules[index % len(molecules)]
        answer = answer_of(assistant, smiles, question, options)
        right = states_line(answer.text, Molecule.parse(smiles), key)
        yield Outcome.of("facts", key, smiles, question, answer, right=right)


def run_abstain(
    assistant: Assistant,
    molecules: Sequence[str],
    *,
    n: int,
    seed: int,
    options: ReplyOptions = OPTIONS,
    questions: Path = HELDOUT,
) -> Iterator[Outcome]:
    """What cannot be answered should be declined; a look-alike should not."""
    items = heldout_lines(questions / "abstain.jsonl")
    random.Random(seed).shuffle(items)
    for index, item in enumerate(items[:n]):
        smiles = molecules[index % len(molecules)]
        answer = answer_of(assistant, smiles, item["question"], options)
        kind = "answerable" if item["answerable"] else "unanswerable"
        right = refuses(answer.text) != item["answerable"]
        yield Outcome.of("abstain", kind, smiles, item["question"], answer, right=right)


def run_talk(
    assistant: Assistant,
    molecules: Sequence[str],
    *,
    n: int,
    seed: int,
    options: ReplyOptions = OPTIONS,
) -> Iterator[Outcome]:
    """Small talk beside a molecule: a fitting reply has one of some words and does not decline."""
    items = heldout_lines(BLIND / "smalltalk.jsonl")
    random.Random(seed).shuffle(items)
    for index, item in enumerate(items[:n]):
        smiles = molecules[index % len(molecules)]
        answer = answer_of(assistant, smiles, item["question"], options)
        fits = re.compile("|".join(rf"\b{re.escape(word)}" for word in item["contains_any"]))
        first_sentence = re.split(r"(?<=[.!?])\s", answer.text, maxsplit=1)[0]
        right = fits.search(answer.text.lower()) is not None and not refuses(first_sentence)
        yield Outcome.of("talk", "small talk", smiles, item["question"], answer, right=right)


def run_chat(
    assistant: Assistant, *, n: int, seed: int, options: ReplyOptions = OPTIONS
) -> Iterator[Outcome]:
    """Scripted conversations: the model's own answers stay in the history."""
    scripts = heldout_lines(HELDOUT / "chat.jsonl")
    random.Random(seed).shuffle(scripts)
    for script in scripts[:n]:
        conversation = Conversation()
        for turn in script["turns"]:
            for number in turn["attach"]:
                written = turn.get("as", {}).get(str(number), script["molecules"][number - 1])
                conversation, _ = conversation.with_molecule(Molecule.parse(written))
            asked = Message("user", turn["user"], tuple(turn["attach"]))
            conversation = conversation.with_message(asked)
            message = reply_to(assistant, conversation, options)
            conversation = conversation.with_message(message)
            kind, right = chat_verdict(turn["expect"], message.text, script["molecules"])
            yield Outcome.of("chat", kind, script["id"], turn["user"], message, right=right)


def chat_verdict(expect: dict[str, object], answer: str, molecules: list[str]) -> tuple[str, bool]:
    """What a turn of a script checks, and whether the answer passes."""
    if "compare" in expect:
        wanted = expect["compare"]["answer"]
        if wanted is None:
            return "compare", "same" in answer or "equal" in answer
        conclusion = answer.rsplit("so ", 1)[-1]
        return "compare", f"olecule {wanted} " in conclusion
    if "group" in expect:
        facts = {i: facts_of(Molecule.parse(smiles)) for i, smiles in enumerate(molecules, start=1)}
        return "fact", answers_group(answer, expect["group"], expect["molecule"], facts)
    if "key" in expect:
        molecule = Molecule.parse(molecules[expect["molecule"] - 1])
        kind = "correction" if "claimed" in expect else "fact"
        return kind, states_line(answer, molecule, expect["key"])
    if expect.get("refuse"):
        return "refuse", refuses(answer)
    accepted = [text.lower() for text in expect["contains_any"]]
    return "small talk", any(text in answer.lower() for text in accepted)


def molecules_of(path: Path | None, *, seed: int) -> list[str]:
    """The hand-written molecules, or a shuffled column `smiles` of a CSV(.gz)."""
    if path is None:
        return json.loads((HELDOUT / "molecules.json").read_text(encoding="utf-8"))
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        smiles = [row["smiles"] for row in csv.DictReader(lines) if can_be_read(row["smiles"])]
    random.Random(seed).shuffle(smiles)
    return smiles


def can_be_read(smiles: str) -> bool:
    """Whether the assistant takes a SMILES."""
    try:
        Molecule.parse(smiles)
    except AssistantError:
        return False
    return True


def heldout_lines(path: Path) -> list[dict[str, object]]:
    """Records of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def summary(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Share right and n per task and per kind; how many answerable questions were declined."""
    rows: dict[str, list[bool]] = defaultdict(list)
    for outcome in outcomes:
        rows[outcome.task].append(outcome.right)
        rows[f"{outcome.task}: {outcome.kind}"].append(outcome.right)
        if outcome.task == "facts":
            rows["facts declined (should be 0)"].append(outcome.refused)
    return {name: {"share": sum(v) / len(v), "n": len(v)} for name, v in sorted(rows.items())}


def thoughts_line(outcomes: Sequence[Outcome]) -> str:
    """How many answers were contradicted and written again, and what that took; "" for none."""
    tried = [outcome for outcome in outcomes if outcome.tried]
    if not tried:
        return ""
    seconds = [outcome.seconds for outcome in tried]
    return (
        f"{len(tried)} of {len(outcomes)} answers were contradicted or passed over what was asked,"
        f" {sum(bool(outcome.first) for outcome in tried)} of these written again;"
        f" {median(seconds):.2f} s each (median), at most {max(seconds):.2f} s\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line where nothing can be measured."""
    try:
        _measure(arguments)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _measure(arguments: Sequence[str] | None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=Path("checkpoints/default"))
    parser.add_argument("--task", choices=sorted({*TASKS, *BLIND_TASKS}), action="append")
    parser.add_argument("--n", type=int, default=504, help="questions or conversations per task")
    parser.add_argument("--molecules", type=Path, help="CSV(.gz) with a column smiles")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--first-attempt", action="store_true", help="write nothing again that is contradicted"
    )
    parser.add_argument("--blind", action="store_true", help="ask the second set of questions")
    parser.add_argument("--json", type=Path, help="also write every outcome here")
    args = parser.parse_args(arguments)
    known = BLIND_TASKS if args.blind else TASKS
    tasks = args.task or known
    if unknown := sorted(set(tasks) - set(known)):
        parser.error(f"task {unknown[0]} is not in this set of questions: {', '.join(known)}")
    if args.n < 1:
        parser.error(f"--n takes a number from 1 on, not {args.n}")
    if args.json:
        make_writable(args.json.parent)
    assistant = Assistant.load(args.bundle)
    molecules = molecules_of(args.molecules, seed=args.seed)
    options = FIRST_ATTEMPT if args.first_attempt else OPTIONS
    asked = {"n": args.n, "seed": args.seed, "options": options}
    questions = BLIND if args.blind else HELDOUT
    outcomes: list[Outcome] = []
    if "facts" in tasks:
        outcomes += run_facts(assistant, molecules, **asked, questions=questions)
    if "abstain" in tasks:
        outcomes += run_abstain(assistant, molecules, **asked, questions=questions)
    if "talk" in tasks:
        outcomes += run_talk(assistant, molecules, **asked)
    if "chat" in tasks:
        outcomes += run_chat(assistant, **asked)
    table = summary(outcomes)
    for name, row in table.items():
        sys.stdout.write(f"{name:32} {row['share']:6.1%}  n = {row['n']}\n")
    sys.stdout.write(thoughts_line(outcomes))
    if args.json:
        report = {
            "n": args.n,
            "first_attempt": args.first_attempt,
            "blind": args.blind,
            "summary": table,
            "outcomes": [asdict(o) for o in outcomes],
        }
        text = json.dumps(report, indent=1, ensure_ascii=False)
        args.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
