"""Answers that a test writes, with the real checks on them, one per column."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from assistant.chat.check import check_answer
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Event, Finished, Measured, TextDelta
from assistant.chat.figures import Figures
from assistant.chat.mixture import ExpertScalings
from assistant.chat.reply import EXPERTS, GRAPH, LORA, AdapterStatus, ReplyOptions
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O", name="aspirin")
ETHANOL = Molecule.parse("CCO", name="ethanol")
ALL_ON = tuple(AdapterStatus(name, True) for name in (GRAPH, LORA, EXPERTS))
SCALINGS = ExpertScalings(
    "exact",
    ("mol", "rxn"),
    (
        "model.layers.0.self_attn.q_proj",
        "model.layers.0.mlp.down_proj",
        "model.layers.1.self_attn.q_proj",
    ),
    ((0.2, 0.8), (0.4, 0.6), (0.9, 0.1)),
)


def figures(n_tokens: int, memory: int = 1000) -> Figures:
    return Figures(0.1, 0.2, 30.0, n_tokens, 100, 5, memory, own_bytes=4_200_000)


def asked(text: str = "What is it?", *molecules: Molecule) -> Conversation:
    conversation, numbers = Conversation(), []
    for molecule in molecules or (ASPIRIN,):
        conversation, number = conversation.with_molecule(molecule)
        numbers.append(number)
    return conversation.with_message(Message("user", text, tuple(numbers)))


def answer(
    text: str, molecule: Molecule = ASPIRIN, number: int = 1, scalings: ExpertScalings | None = None
) -> Message:
    checks = check_answer(text, {number: compute_facts(molecule)}, (number,))
    return Message("assistant", text, checks=checks, scalings=scalings)


def name_of(options: ReplyOptions) -> str:
    """The column that options belong to, by what is on."""
    on = (options.graph_tokens, options.instance_lora, options.experts != "off")
    return {
        (False, False, False): "base",
        (True, False, False): "graph",
        (False, True, False): "lora",
        (False, False, True): "experts",
    }.get(on, "all")


@dataclass
class Columns:
    """Answers by what is on, word by word; an exception is raised behind the third word.

    While `held` is set every answer waits behind its first words, until it is stopped. With `meet`
    none goes on behind its first word before all have come to it.
    """

    texts: dict[str, str | Exception]
    delay: float = 0.0
    meet: threading.Barrier | None = None
    refuse: Sequence[Exception] = ()
    held: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[Conversation, ReplyOptions]] = field(default_factory=list)
    most_at_once: int = 0
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.refuse = list(self.refuse)

    def reply(self, conversation: Conversation, *, options: ReplyOptions) -> Iterator[Event]:
        with self._lock:
            self.asked.append((conversation, options))
            if self.refuse:
                raise self.refuse.pop()
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
        try:
            yield from self._words(conversation, options)
        finally:
            with self._lock:
                self._running -= 1

    def _words(self, conversation: Conversation, options: ReplyOptions) -> Iterator[Event]:
        said = self.texts.get(name_of(options), self.texts["all"])
        problem = said if isinstance(said, Exception) else None
        words = ("It is a " if problem else str(said)).split(" ")
        written = ""
        for place, word in enumerate(words):
            if options.stop.is_set():
                break
            written += word if place == 0 else f" {word}"
            yield TextDelta(word if place == 0 else f" {word}")
            yield Measured(figures(place + 1, memory=1000 + place))
            time.sleep(self.delay)
            if place == 0 and self.meet is not None:
                self.meet.wait(60)
            while place == 1 and self.held.is_set() and not options.stop.is_set():
                time.sleep(0.01)
        if problem:
            raise problem
        entry = conversation.molecules[-1]
        facts = {m.number: compute_facts(m.molecule) for m in conversation.molecules}
        scalings = SCALINGS if options.experts != "off" else None
        message = Message(
            "assistant",
            written,
            checks=check_answer(written, facts, (entry.number,)),
            stopped=written != str(said),
            scalings=scalings,
            passport={"sampling": {"seed": options.seed}},
        )
        yield Finished(message, 1.5, 0.2, 30.0, figures(len(words)))
