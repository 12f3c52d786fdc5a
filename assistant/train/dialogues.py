"""Writes multi-turn conversations: computed facts, small talk, refusals and "I do not know".

Every answer follows from what the model is shown of a molecule (`View`): a value on the card is
quoted, a value taken off the card is not known, and without any card the countable facts are read
from the graph or the SMILES. Design §5, "learning to look".
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from assistant.chat.card import CARD_KEYS, card_lines
from assistant.chat.conversation import Conversation, Message, Role, referred_numbers
from assistant.chat.prompts import fill
from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule
from assistant.train import answers, comparing, replies, wording
from assistant.train.both import both
from assistant.train.language import Naming
from assistant.train.names import invented_name
from assistant.train.typed import as_typed
from assistant.train.view import GOES_ON, Dialogue, OutsideQuestions, Rates, View

KNOWN_NAMES = 0.04
"""Share drawn from the molecules that have a name; the others are drawn from all of them."""
INVENTED_NAMES = 0.35
"""Share of nameless molecules under a name that was never seen: names are read, not remembered."""
ISOMERS = 0.12
"""How often a further molecule is drawn among isomers of the one before, if there are others."""
PASSAGES = "passages"
"""Key of texts to go on with among questions from elsewhere: a sentence, a newline, the rest."""
LATER = 0.3
"""Share of `later` in training: a model that saw 1 to 4 only calls molecule 7 molecule 3."""
_LAST_FIRST = 40
_ROLES: tuple[Role, ...] = ("reactant", "agent", "product")


class DialogueWriter:
    """Draws conversations at random; the same seed writes the same conversations."""

    def __init__(
        self,
        molecules: Sequence[tuple[Molecule, Facts]],
        outside: OutsideQuestions,
        *,
        seed: int,
        rates: Rates | None = None,
        short: float = 0.0,
        tiny: float = 0.0,
        later: float = 0.0,
        answered: Sequence[str] = (),
    ) -> None:
        self.molecules = molecules
        self.named = [pair for pair in molecules if pair[0].name]
        self._by_formula: dict[str, list[tuple[Molecule, Facts]]] = defaultdict(list)
        for pair in molecules:
            self._by_formula[pair[1].formula].append(pair)
        self.outside = outside
        self.rng = random.Random(seed)
        self.rates = rates or Rates()
        self.short = short
        """Share of short dialogues: few turns, few card lines. Copying is learned on them first."""
        self.tiny = tiny
        """Share of tiny dialogues: one or two values asked of a card of one to three lines."""
        self.later = later
        """Share of dialogues whose molecules have the numbers of a long chat, not 1, 2, 3, 4."""
        self.answered = tuple(answered)
        """Topics that are not declined, for something else teaches to answer them."""
        self._size: Literal["tiny", "short", "full"] = "full"
        self._asked: tuple[int, str] | None = None
        """Molecule and key of the question before, if it was about one fact."""

    def write(self) -> Dialogue:
        """One conversation of 1 to 12 turns with 0 to 4 molecules."""
        rng = self.rng
        first = rng.randint(2, _LAST_FIRST) if rng.random() < self.later else 1
        dialogue = Dialogue(Conversation(next_number=first))
        self._asked = None
        self._size = "tiny" if rng.random() < self.tiny else "full"
        if self._size == "full" and rng.random() < self.short:
            self._size = "short"
        if self._size != "tiny" and rng.random() < 0.07:
            self._chat_without_molecule(dialogue)
            return dialogue
        n_molecules = 1 if self._size == "tiny" else rng.choices((1, 2, 3, 4), (52, 34, 10, 4))[0]
        most = {"tiny": 2, "short": 4, "full": 12}[self._size]
        n_turns = rng.randint(max(1 if most == 2 else 2, n_molecules), most)
        introductions = (
            sorted(rng.sample(range(1, n_turns), n_molecules - 1)) if n_molecules > 1 else []
        )
        if n_molecules > 1 and rng.random() < 0.5:
            introductions[0] = 0
        for turn in range(n_turns):
            arriving = (turn == 0) + introductions.count(turn)
            self._turn(dialogue, arriving)
        return dialogue

    def _turn(self, dialogue: Dialogue, arriving: int) -> None:
        """One question about a molecule, a pair, or something else, and its answer."""
        rng = self.rng
        numbers = [self._introduce(dialogue) for _ in range(arriving)]
        known = list(dialogue.views)
        if len(known) > 2 and rng.random() < 0.15:
            question, answer, intent = comparing.most_of_all(rng, dialogue.views)
            self._add(dialogue, question, answer, intent, numbers, compared=known)
            return
        if len(known) >= 2 and (len(numbers) >= 2 or rng.random() < 0.3):
            first, second = (numbers if len(numbers) >= 2 else rng.sample(known, 2))[:2]
            question, answer, intent = comparing.compare(rng, dialogue.views, first, second)
            self._add(dialogue, question, answer, intent, numbers, compared=[first, second])
            return
        if self.outside.get(PASSAGES) and rng.random() < 0.03:
            question, answer, intent = self._passage()
            self._add(dialogue, question, answer, intent, numbers)
            return
        if not numbers and rng.random() < 0.10:
            question, answer, intent = self._aside()
            self._add(dialogue, question, answer, intent, [])
            return
        target = numbers[-1] if numbers else rng.choice(known)
        focus = self._focus_after(dialogue, numbers)
        naming = Naming(rng, target, alone=len(known) == 1, in_focus=focus == (target,))
        built_on = self._on_the_last(dialogue, naming, arrived=bool(numbers))
        question, answer, intent = built_on or self._about(dialogue.views[target], naming)
        attached = numbers
        if target not in referred_numbers(question) and focus != (target,):
            attached = [*numbers, target]
        self._add(dialogue, question, answer, intent, attached)
        self._asked = (target, intent.removeprefix("fact ")) if intent.startswith("fact ") else None

    def _passage(self) -> tuple[str, str, str]:
        """A text to go on with: what is said of molecules leaves other text as it was."""
        start, rest = self.rng.choice(self.outside[PASSAGES]).split("\n", 1)
        return fill("tasks/continue", start=start), rest, GOES_ON

    def _on_the_last(
        self, dialogue: Dialogue, naming: Naming, *, arrived: bool
    ) -> tuple[str, str, str] | None:
        """A question that only the one before it explains; None for a question of its own."""
        rng = self.rng
        if dialogue.intents and dialogue.intents[-1] == "correction" and not arrived:
            return replies.accepted(rng) if naming.in_focus and rng.random() < 0.3 else None
        if self._asked is None or rng.random() > 0.2:
            return None
        number, key = self._asked
        view = dialogue.views[naming.number]
        if number != naming.number:
            question = rng.choice(wording.SAME_FOR_OTHER).format(m=naming.asked())
            return question, answers.state(rng, view, naming, key), f"fact {key}"
        if not arrived and naming.in_focus and self._size != "tiny":
            return replies.doubt(rng, view, naming, key)
        return None

    def _about(self, view: View, naming: Naming) -> tuple[str, str, str]:
        """A question about one molecule."""
        choices: dict[Callable[..., tuple[str, str, str]], int] = {
            answers.value: 52,
            answers.group: 14,
            answers.group_count: 4,
            answers.groups: 7,
            answers.describe: 10,
            answers.properties: 2,
            replies.name: 7,
            replies.smiles: 2,
            answers.chirality: 4,
            answers.rule_of_five: 4,
            answers.alerts: 3,
            replies.unknown: 14,
            replies.correction: 6,
            replies.insisted_group: 4,
            replies.two_facts: 5,
            both: 7,
            replies.again: 2,
            replies.definition: 2,
            answers.element: 7,
            answers.threshold: 5,
            answers.charged: 2,
            answers.aromatic: 2,
        }
        while True:
            write = self.rng.choices(list(choices), list(choices.values()))[0]
            if self._size == "tiny" and self.rng.random() < 0.85:
                write = answers.value
            question, answer, intent = write(self.rng, view, naming)
            if intent != "unknown" or not any(topic in answer for topic in self.answered):
                return question, answer, intent

    def _aside(self) -> tuple[str, str, str]:
        """Small talk, an off-topic question, or general chemistry."""
        rng = self.rng
        kind = rng.choices(("small", "off_topic", "general_chemistry"), (40, 40, 20))[0]
        if kind == "small" or not self.outside.get(kind):
            questions, replies = rng.choice(wording.SMALL_TALK)
            return rng.choice(questions), rng.choice(replies), "small talk"
        says = wording.SAY_OFF_TOPIC if kind == "off_topic" else wording.SAY_GENERAL_CHEMISTRY
        return rng.choice(self.outside[kind]), rng.choice(says), kind

    def _chat_without_molecule(self, dialogue: Dialogue) -> None:
        rng = self.rng
        for _ in range(rng.randint(1, 4)):
            if self.outside.get(PASSAGES) and rng.random() < 0.2:
                question, answer, intent = self._passage()
                self._add(dialogue, question, answer, intent, [])
            elif rng.random() < 0.45:
                question = rng.choice(wording.ASK_WITHOUT)
                if "{x}" in question:
                    question = question.format(
                        x=rng.choice(wording.SYNONYMS[rng.choice(CARD_KEYS)])
                    )
                self._add(dialogue, question, rng.choice(wording.SAY_WITHOUT), "no molecule", [])
            elif rng.random() < 0.2:
                question, answer, intent = replies.definition(rng, None, None)
                self._add(dialogue, question, answer, intent, [])
            else:
                question, answer, intent = self._aside()
                self._add(dialogue, question, answer, intent, [])

    def _introduce(self, dialogue: Dialogue) -> int:
        """Adds a molecule that is not in the conversation yet and decides what is shown of it."""
        rng = self.rng
        molecule, facts = self._drawn(dialogue)
        if molecule.name is None and rng.random() < INVENTED_NAMES:
            molecule = replace(molecule, name=invented_name(rng))
        role = rng.choice(_ROLES) if rng.random() < 0.08 else None
        conversation, number = dialogue.conversation.with_molecule(molecule, role)
        dialogue.conversation = conversation
        if number not in dialogue.views:
            dialogue.views[number] = self._view(molecule, facts)
        return number

    def _drawn(self, dialogue: Dialogue) -> tuple[Molecule, Facts]:
        """A molecule at random; now and then an isomer of the last one, so that values agree."""
        rng = self.rng
        if dialogue.views and rng.random() < ISOMERS and (isomers := self._new_isomers(dialogue)):
            return rng.choice(isomers)
        known = bool(self.named) and rng.random() < KNOWN_NAMES
        return rng.choice(self.named if known else self.molecules)

    def _new_isomers(self, dialogue: Dialogue) -> list[tuple[Molecule, Facts]]:
        """Isomers of the last molecule that are not in the conversation."""
        there = {dialogue.conversation.molecule(n).molecule.smiles for n in dialogue.views}
        formula = dialogue.views[max(dialogue.views)].facts.formula
        return [pair for pair in self._by_formula[formula] if pair[0].smiles not in there]

    def _view(self, molecule: Molecule, facts: Facts) -> View:
        rng, rates = self.rng, self.rates
        values = {line.key: line.value for line in card_lines(facts)}
        if rng.random() < 0.5:
            values = {k: v for k, v in values.items() if rng.random() >= rates.line}
        if self._size != "full":
            few, many = (1, 3) if self._size == "tiny" else (2, 6)
            kept = set(rng.sample(list(values), min(len(values), rng.randint(few, many))))
            values = {k: v for k, v in values.items() if k in kept}
            if rng.random() < rates.blind:
                values = {}
            graph = self._size == "short" and rng.random() < 0.3
            return View(values, facts, molecule.name, None, graph)
        smiles: str | None = molecule.smiles if rng.random() >= rates.smiles else None
        graph = rng.random() >= rates.graph
        if rng.random() < rates.card and (smiles or graph):
            values = {}
        if rng.random() < rates.blind:
            values, smiles, graph = {}, None, False
        return View(values, facts, molecule.name, smiles, graph)

    def _focus_after(self, dialogue: Dialogue, attached: list[int]) -> tuple[int, ...]:
        """The focus of a turn that names nothing itself."""
        if attached:
            return tuple(attached)
        conversation = dialogue.conversation
        return conversation.with_message(Message("user", "?")).focus(conversation.n_turns)

    def _add(
        self,
        dialogue: Dialogue,
        question: str,
        answer: str,
        intent: str,
        attached: list[int],
        *,
        compared: Sequence[int] = (),
    ) -> None:
        """Adds a turn; molecules that are compared are attached unless the words already say so."""
        if intent not in ("again", GOES_ON):
            question = as_typed(self.rng, self._with_talk(question, intent)).strip()
        asked = Message("user", question, tuple(dict.fromkeys(attached)))
        conversation = dialogue.conversation.with_message(asked)
        if not set(compared) <= set(conversation.focus(conversation.n_turns - 1)):
            asked = Message("user", question, tuple(dict.fromkeys((*attached, *compared))))
            conversation = dialogue.conversation.with_message(asked)
        dialogue.conversation = conversation.with_message(Message("assistant", answer))
        dialogue.intents.append(intent)

    def _with_talk(self, question: str, intent: str) -> str:
        """What people say around a question; small talk and questions from elsewhere stay alone."""
        rng = self.rng
        if intent in (
            "small talk",
            "off_topic",
            "general_chemistry",
            "no molecule",
            "accepted",
            "are you sure",
            GOES_ON,
        ):
            return question
        if intent != "unknown" and rng.random() < 0.05 and self.outside.get("off_topic"):
            # Whatever else is said: what can be answered is answered.
            return f"{rng.choice(self.outside['off_topic']).rstrip('.?')}. {question}"
        if rng.random() < 0.25:
            before = rng.choice(wording.BEFORE)
            goes_on = before.rstrip()[-1] in ",:"
            if goes_on and question[1:2].islower() and rng.random() < 0.7:
                question = question[0].lower() + question[1:]
            question = before + question
        if rng.random() < 0.15:
            question = question.rstrip(".") + rng.choice(wording.AFTER)
        return question
