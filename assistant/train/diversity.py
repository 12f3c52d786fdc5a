"""How different are the conversations that the generator writes?

    python -m assistant.train.diversity --run RUN | --molecules FILE [--n 100000] [--seed 1]
        [--tokenizer DIR] [--json OUT] [--page docs/diversity.md]

RUN is a run of `assistant.train.base`, whose molecules and outside questions are used. Measured at
1,000, 10,000, … conversations: distinct-n (Li et al. 2016: different n-grams over all n-grams) of
questions and answers, with numbers as they are and as one sign; conversations and turns that were
written before; tokens; what each intent was asked for; held-out questions, and turns of held-out
conversations, that were written too.
"""

import argparse
import hashlib
import json
import re
import sys
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from assistant.chat.card import CARD_KEYS
from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.grounding import HELDOUT, heldout_lines
from assistant.train.corpus import molecules_with_facts, outside_questions
from assistant.train.dialogues import DialogueWriter
from assistant.train.diversity_page import page_text
from assistant.train.encode import Encoder, LossWeights
from assistant.train.generate import OWN_QUESTIONS, read_molecules
from assistant.train.progress import Progress
from assistant.train.view import Dialogue, OutsideQuestions, Rates

GRAMS = (1, 2, 3, 4)
INTENTS = (
    *(f"fact {key}" for key in CARD_KEYS),
    *("group", "describe", "properties", "name", "smiles", "element", "threshold", "two facts"),
    *("again", "definition", "correction", "accepted", "are you sure", "unknown"),
    *(
        "both",
        "compare",
        "compare which",
        "compare same",
        "small talk",
        "off_topic",
        "general_chemistry",
        "no molecule",
    ),
)
"""What the generator can be asked for; one that is not counted was not written."""
_TOKENIZED = 2000
_COUNTED_GRAMS = 100_000
"""Conversations whose n-grams are counted: more need gigabytes, and distinct-n falls with length
whatever is written."""
_WORD = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?|[^\sA-Za-z\d]")
_NAMES = re.compile(
    r"(?:this|the) (?:molecule|compound|structure)|(?:molecule |compound |@)\d", re.IGNORECASE
)
_LONG_GRAM = 8


def normalised(question: str) -> tuple[str, ...]:
    """The words of a question, whatever it calls its molecule; as held-out ones are compared."""
    return tuple(re.findall(r"[a-z0-9/]+", _NAMES.sub("it", question).lower()))


class Grams:
    """N-grams of texts, as 64-bit hashes."""

    def __init__(self, *, numbers: bool) -> None:
        self._numbers = numbers
        self._ids: dict[str, int] = {}
        self._hashes = {n: array("Q") for n in GRAMS}

    def add(self, text: str) -> None:
        """Counts the n-grams of a text."""
        words = _WORD.findall(text.lower())
        if not self._numbers:
            words = ["#" if word[0].isdigit() else word for word in words]
        ids = [self._ids.setdefault(word, len(self._ids) + 1) for word in words]
        mixed = np.array(ids, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        grams = np.zeros(len(ids), np.uint64)
        for n in GRAMS:
            if len(ids) < n:
                return
            longer = grams[: len(ids) - n + 1] * np.uint64(0x100000001B3)
            grams = longer ^ np.roll(mixed, -(n - 1))[: len(ids) - n + 1]
            self._hashes[n].frombytes(grams.tobytes())

    def distinct(self) -> dict[str, dict[str, float]]:
        """Per n the n-grams, the different ones, and their share."""
        found = {}
        for n, hashes in self._hashes.items():
            different = len(np.unique(np.frombuffer(hashes, np.uint64))) if hashes else 0
            share = different / len(hashes) if hashes else 0.0
            found[str(n)] = {"all": len(hashes), "different": different, "share": share}
        return found


@dataclass
class Seen:
    """Counts things and those that were there before."""

    n: int = 0
    repeated: int = 0
    _known: set[bytes] = field(default_factory=set, repr=False)

    def add(self, thing: str) -> None:
        """One more."""
        digest = hashlib.blake2b(thing.encode(), digest_size=8).digest()
        self.n += 1
        self.repeated += digest in self._known
        self._known.add(digest)


class Diversity:
    """Counts over conversations as they are written.

    Args:
        held_out: Words of the held-out questions that stand alone.
        chat: Words of the turns of held-out conversations. Short ones ("Donors?", "Good morning")
            are anybody's, so they are counted apart.
    """

    def __init__(
        self, held_out: Sequence[tuple[str, ...]], chat: Sequence[tuple[str, ...]] = ()
    ) -> None:
        self._held_out, self._chat = held_out, chat
        self._wanted_grams = {gram for words in (*held_out, *chat) for gram in long_grams(words)}
        self._found_grams: set[tuple[str, ...]] = set()
        self.intents: Counter[str] = Counter()
        self.questions, self.answers = Grams(numbers=True), Grams(numbers=True)
        self.question_frames, self.answer_frames = Grams(numbers=False), Grams(numbers=False)
        self.conversations, self.with_molecule, self.turns = Seen(), Seen(), Seen()
        self.asked: set[int] = set()

    def add(self, dialogue: Dialogue) -> None:
        """One more conversation."""
        messages = dialogue.conversation.messages
        shown = [(v.card(), v.identity(), v.graph) for v in dialogue.views.values()]
        whole = json.dumps([shown, [m.text for m in messages]])
        self.conversations.add(whole)
        if dialogue.views:
            self.with_molecule.add(whole)
        self.intents.update(dialogue.intents)
        for question, answer in zip(messages[::2], messages[1::2], strict=True):
            self.turns.add(f"{question.text}\n{answer.text}")
            if self.conversations.n <= _COUNTED_GRAMS:
                self._count_grams(question.text, answer.text)
            words = normalised(question.text)
            self.asked.add(hash(words))
            self._found_grams.update(self._wanted_grams.intersection(long_grams(words)))

    def _count_grams(self, question: str, answer: str) -> None:
        for grams, text in (
            (self.questions, question),
            (self.question_frames, question),
            (self.answers, answer),
            (self.answer_frames, answer),
        ):
            grams.add(text)

    def figures(self) -> dict[str, object]:
        """Everything counted so far, as JSON types."""
        seen = {
            "conversations": self.conversations,
            "conversations about a molecule": self.with_molecule,
            "turns": self.turns,
        }
        return {
            "seen": {name: {"n": s.n, "repeated": s.repeated} for name, s in seen.items()},
            "conversations with n-grams counted": min(self.conversations.n, _COUNTED_GRAMS),
            "distinct": {
                "questions": self.questions.distinct(),
                "questions, numbers as #": self.question_frames.distinct(),
                "answers": self.answers.distinct(),
                "answers, numbers as #": self.answer_frames.distinct(),
            },
            "different questions": len(self.asked),
            "intents": dict(self.intents.most_common()),
            "intents not written": [name for name in INTENTS if name not in self.intents],
            "held out": self._written(self._held_out),
            "held-out chat turns": self._written(self._chat),
        }

    def _written(self, held_out: Sequence[tuple[str, ...]]) -> dict[str, object]:
        """How many of the held-out texts were written too."""
        same = [" ".join(words) for words in held_out if hash(words) in self.asked]
        near = sum(any(g in self._found_grams for g in long_grams(w)) for w in held_out)
        return {
            "questions": len(held_out),
            "same": len(same),
            "the same ones": same,
            f"sharing {_LONG_GRAM} words in a row": near,
        }


def long_grams(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All runs of `_LONG_GRAM` words."""
    return [words[i : i + _LONG_GRAM] for i in range(len(words) - _LONG_GRAM + 1)]


def held_out_questions(directory: Path = HELDOUT) -> list[tuple[str, ...]]:
    """The words of all hand-written single questions that nothing may be trained on."""
    facts = json.loads((directory / "facts_questions.json").read_text(encoding="utf-8"))
    lines = (directory / "abstain.jsonl").read_text(encoding="utf-8").splitlines()
    single = [json.loads(line)["question"] for line in lines]
    return [normalised(q) for questions in facts.values() for q in questions] + [
        normalised(question) for question in single
    ]


def held_out_turns(directory: Path = HELDOUT) -> list[tuple[str, ...]]:
    """The words of all turns of the hand-written conversations that nothing may be trained on."""
    scripts = heldout_lines(directory / "chat.jsonl")
    return [normalised(turn["user"]) for script in scripts for turn in script["turns"]]


def tokens_per_conversation(
    writer: DialogueWriter, tokenizer: PreTrainedTokenizerFast
) -> dict[str, float]:
    """Mean tokens of a conversation as trained, prompt and answers, and of its answers alone."""
    encoder = Encoder(tokenizer, LossWeights(card=0.0, question=0.0))
    examples = [encoder.encode(writer.write()) for _ in range(_TOKENIZED)]
    text = [int((example.slots == 0).sum()) for example in examples]
    answers = [int((example.weights > 0).sum()) for example in examples]
    return {"text": float(np.mean(text)), "answers": float(np.mean(answers))}


def measure(
    molecules: Sequence[tuple[Molecule, Facts]],
    outside: OutsideQuestions,
    *,
    n: int,
    seed: int,
    tokenizer: PreTrainedTokenizerFast | None,
) -> dict[str, object]:
    """Writes `n` conversations as an epoch does and counts; figures at powers of ten and at `n`."""
    writer = DialogueWriter(molecules, outside, seed=seed, rates=Rates())
    diversity = Diversity(held_out_questions(), held_out_turns())
    stops = {10**k for k in range(3, 8) if 10**k < n} | {n}
    progress = Progress("conversations", n, unit="turns")
    points, began = {}, time.monotonic()
    for number in range(1, n + 1):
        dialogue = writer.write()
        diversity.add(dialogue)
        progress.advance(len(dialogue.intents))
        if number in stops:
            points[str(number)] = diversity.figures()
    tokens = tokens_per_conversation(writer, tokenizer) if tokenizer else {}
    return {
        "molecules": len(molecules),
        "seed": seed,
        "points": points,
        "tokens": tokens,
        "seconds": time.monotonic() - began,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.diversity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="a run of assistant.train.base")
    source.add_argument("--molecules", type=Path, help="a file, as assistant.train.generate reads")
    add("--n", type=int, default=100_000, help="conversations (default: 100,000)")
    add("--seed", type=int, default=1, help="of the writer (default: 1)")
    add("--tokenizer", type=Path, help="directory of a tokenizer (default: that of RUN)")
    add("--json", type=Path, help="write all figures here")
    add("--page", type=Path, help="write the report as Markdown here")
    args = parser.parse_args(arguments)
    if args.n < 1:
        parser.error(f"--n {args.n} must be positive")
    try:
        molecules, outside = _material(args)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    place = args.tokenizer or (args.run / "tokenizer" if args.run else None)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(place) if place else None
    found = measure(molecules, outside, n=args.n, seed=args.seed, tokenizer=tokenizer)
    found["date"] = datetime.now(UTC).date().isoformat()
    given = args.run or args.molecules
    found["command"] = (
        f"python -m assistant.train.diversity --{'run' if args.run else 'molecules'} {given.name}"
        f" --n {args.n} --seed {args.seed}"
    )
    text = page_text(found)
    sys.stdout.write(text)
    if args.json is not None:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if args.page is not None:
        args.page.write_text(text, encoding="utf-8")
    return 0


def _material(
    args: argparse.Namespace,
) -> tuple[Sequence[tuple[Molecule, Facts]], OutsideQuestions]:
    if args.molecules:
        return read_molecules(args.molecules)[0], OWN_QUESTIONS
    kept, outside = args.run / "molecules.pkl", args.run / "outside.json"
    if not kept.is_file() or not outside.is_file():
        raise AssistantError(
            f"{args.run} is no run of assistant.train.base; give --molecules FILE instead."
        )
    molecules = molecules_with_facts(args.run, kept, n=0, seed=0)
    return molecules, outside_questions(args.run, outside, seed=0)


if __name__ == "__main__":
    raise SystemExit(main())
