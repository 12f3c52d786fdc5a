"""Tasks on the shipped hand-written questions: facts, abstain, chat (`tests/data/heldout`).

The rules by which an answer counts are those of `grounding` and `statements`.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.chat.card import CARD_KEYS, CARD_LABELS, card_lines
from assistant.chat.conversation import Conversation, Message
from assistant.chat.short_tasks import SHORT_TASKS
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.grounding import (
    HELDOUT,
    can_be_read,
    chat_verdict,
    heldout_lines,
    molecules_of,
    states_line,
)
from assistant.evaluate.metrics.interval import Metric, clustered_mean, mean
from assistant.evaluate.metrics.texts import TextScoring
from assistant.evaluate.statements import refuses
from assistant.evaluate.table import Row, read_table
from assistant.evaluate.tasks.base import Example, Prediction, Scored, Source, Task
from assistant.prompting import facts_of
from assistant.rows import Row as JsonRow
from assistant.rows import read_json_lines

if TYPE_CHECKING:
    from assistant.evaluate.asking import Answer, Asker

_N_FOR_BASELINE = 300


class _SentenceTask(Task):
    """The answer is judged as a whole; nothing has to be read out of it first."""

    columns = ("smiles",)
    test = Source("chebi20/test.csv.gz")
    max_new_tokens = 160
    second_thoughts = True

    def examples(self, rows: Sequence[Row], data: Path | None) -> list[Example]:
        """Molecules; the questions come from the hand-written files."""
        return [Example((row["smiles"],), "", "") for row in rows if can_be_read(row["smiles"])]

    def load(
        self, source: Source | None, file: Path | None, data: Path | None, *, split: str = ""
    ) -> list[Example]:
        """Questions about the molecules of a table, or about the hand-written ones."""
        if file is not None or (data is not None and source is not None):
            molecules = [e.molecules[0] for e in super().load(source, file, data, split=split)]
        else:
            molecules = molecules_of(None, seed=0)
        return self._questions(random.Random(0).sample(molecules, len(molecules)))

    def _questions(self, molecules: Sequence[str]) -> list[Example]:
        raise NotImplementedError

    def parse(self, text: str, example: Example) -> Prediction | None:
        """The whole answer."""
        return text.strip() or None


class FactsTask(_SentenceTask):
    """Every line of the card, each in several wordings."""

    name = "facts"
    train = Source("captions_train_pool/train_pool.csv.gz")

    def _questions(self, molecules: Sequence[str]) -> list[Example]:
        """As many as there are molecules or wordings, whichever is more."""
        by_key = json.loads((HELDOUT / "facts_questions.json").read_text(encoding="utf-8"))
        pairs = [(key, question) for key, questions in by_key.items() for question in questions]
        random.Random(0).shuffle(pairs)
        return [
            Example((molecules[i % len(molecules)],), pairs[i % len(pairs)][1], key, group=key)
            for i in range(max(len(pairs), len(molecules)))
            for key in [pairs[i % len(pairs)][0]]
        ]

    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """Share of answers that state the line; of the worst line; of needless refusals."""
        texts = [text or "" for text in scored.predictions]
        right = np.array(
            [
                states_line(text, Molecule.parse(e.molecules[0]), e.group)
                for text, e in zip(texts, examples, strict=True)
            ],
            dtype=float,
        )
        groups = np.array([e.group for e in examples])
        worst = min(
            dict.fromkeys(e.group for e in examples), key=lambda k: right[groups == k].mean()
        )
        refused = np.array([refuses(text) for text in texts], dtype=float)
        return [
            mean("right", right, seed=seed),
            mean("right, worst line", right[groups == worst], seed=seed),
            mean("declined", refused, seed=seed, better="lower"),
        ]

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """The most frequent value of each line among training molecules."""
        counts: dict[str, Counter[str]] = {key: Counter() for key in CARD_KEYS}
        for smiles in dict.fromkeys(e.molecules[0] for e in train[:_N_FOR_BASELINE]):
            for line in card_lines(facts_of(Molecule.parse(smiles))):
                counts[line.key][line.value] += 1
        texts = {
            key: f"{CARD_LABELS[key]}: {count.most_common(1)[0][0]}"
            for key, count in counts.items()
        }
        yield Scored("most frequent value", [texts[e.group] for e in test])


class AbstainTask(_SentenceTask):
    """What no fact answers should be declined; what looks alike and has an answer should not."""

    name = "abstain"

    def _questions(self, molecules: Sequence[str]) -> list[Example]:
        items = heldout_lines(HELDOUT / "abstain.jsonl")
        return [
            Example(
                (molecules[i % len(molecules)],),
                item["question"],
                bool(item["answerable"]),
                group="answerable" if item["answerable"] else "unanswerable",
                text=item.get("task", ""),
            )
            for i, item in enumerate(items)
        ]

    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """Share declined of both kinds; no answer at all counts as wrong in both.

        Where a specialist has the task of a question (`text`) and proposes structures, the question
        is neither and is left out, as n shows.
        """
        groups = np.array([e.group for e in examples])
        texts = list(scored.predictions)
        declined = np.array([bool(text) and refuses(text) for text in texts], dtype=float)
        needless = np.array([not text or refuses(text) for text in texts], dtype=float)
        asked = zip(examples, texts, strict=True)
        proposed = np.array([_proposes(text, example.text) for example, text in asked])
        unanswerable, answerable = groups == "unanswerable", groups == "answerable"
        return [
            mean("unanswerable declined", declined[unanswerable & ~proposed], seed=seed),
            mean("answerable declined", needless[answerable], seed=seed, better="lower"),
        ]

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """Always and never."""
        yield Scored("always declines", ["I do not know."] * len(test))
        yield Scored("never declines", ["It is so."] * len(test))


def _proposes(text: Prediction | None, task: str) -> bool:
    return task in SHORT_TASKS and bool(SHORT_TASKS[task].all_smiles_in(str(text or "")))


class ChatTask(_SentenceTask):
    """Scripted conversations; the model's own answers stay in the history."""

    name = "chat"
    columns = ("id", "molecules", "turns")
    test = Source("chat.jsonl")

    def load(
        self, source: Source | None, file: Path | None, data: Path | None, *, split: str = ""
    ) -> list[Example]:
        """One example per turn, in order; another file holds scripts of the same form."""
        if file is None:
            scripts = heldout_lines(HELDOUT / "chat.jsonl")
        else:
            read_table(file, self.columns)  # says what is missing
            scripts = [_script(row) for row in read_json_lines(file)]
        return [
            Example(
                tuple(script["molecules"]),
                turn["user"],
                json.dumps(turn["expect"]),
                group=script["id"],
                text=json.dumps(turn),
            )
            for script in scripts
            for turn in script["turns"]
        ]

    def _questions(self, molecules: Sequence[str]) -> list[Example]:
        raise NotImplementedError("scripts bring their own molecules")

    def ask(self, asker: "Asker", examples: Sequence[Example]) -> "list[Answer]":
        """Plays the scripts side by side, the turns of each in order."""
        from assistant.evaluate.asking import side_by_side

        scripts = [
            [e for e in examples if e.group == group]
            for group in dict.fromkeys(e.group for e in examples)
        ]
        played = side_by_side(lambda turns: _play(asker, turns), scripts, what="conversations")
        return [answer for answers in played for answer in answers]

    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """Share of checks passed, by kind and in all."""
        kinds, right = [], []
        for text, example in zip(scored.predictions, examples, strict=True):
            expect = json.loads(example.answer)
            kind, passed = chat_verdict(expect, text or "", list(example.molecules))
            kinds.append(kind)
            right.append(float(passed))
        values, names = np.array(right), np.array(kinds)
        by_kind = [
            mean(f"checks passed: {kind}", values[names == kind], seed=seed)
            for kind in sorted(set(kinds))
        ]
        scripts = [e.group for e in examples]
        return [clustered_mean("checks passed", values, scripts, seed=seed), *by_kind]

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """Declines every question."""
        yield Scored("always declines", ["I do not know."] * len(test))


def _script(row: JsonRow) -> Mapping[str, Any]:
    """A script of a person's own.

    Raises:
        UnreadableFileError: A molecule is none, or a turn cannot be asked or judged.
    """
    script = row.values
    try:
        molecules = [Molecule.parse(smiles).smiles for smiles in script["molecules"]]
        for turn in script["turns"]:
            known = set(range(1, len(molecules) + 1))
            if not isinstance(turn["user"], str) or not set(turn["attach"]) <= known:
                raise ValueError(f"turn {turn['user']!r} is about {turn['attach']}")
            chat_verdict(turn["expect"], "", molecules)
    except AssistantError as error:
        raise row.error(str(error).rstrip(".")) from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise row.error(
            f"no script ({type(error).__name__}: {error}); a turn has user, attach (numbers of"
            " molecules) and expect"
        ) from error
    return script


def _play(asker: "Asker", turns: Sequence[Example]) -> "list[Answer]":
    """The answers to one script; a failed turn stays in the history as an empty answer."""
    conversation, answers = Conversation(), []
    for example in turns:
        turn = json.loads(example.text)
        for number in turn["attach"]:
            written = turn.get("as", {}).get(str(number), example.molecules[number - 1])
            conversation, _ = conversation.with_molecule(Molecule.parse(written))
        asked = Message("user", turn["user"], tuple(turn["attach"]))
        conversation = conversation.with_message(asked)
        answer = asker.ask(conversation)
        conversation = conversation.with_message(answer.message or Message("assistant", ""))
        answers.append(answer)
    return answers
