"""Answers in the language model's place: what the program says, what a specialist is asked."""

from collections.abc import Iterator

from assistant.answering import Turn
from assistant.chat.computed_words import computed_answer
from assistant.chat.conversation import Conversation
from assistant.chat.events import Event, Finished
from assistant.chat.making import declined_making
from assistant.chat.number_words import asked_number
from assistant.chat.reaction_words import asked_reaction
from assistant.estimating import estimated
from assistant.metrics import Registry
from assistant.reacting import reacted
from assistant.short_answers import said_by_the_program
from assistant.specialist.service import Specialist

_SECONDS = (0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class InsteadCounts:
    """Counts such answers for `/metrics`: by whom, how long they took, who waits for them.

    Args:
        metrics: Where the counts go.
        specialist: Of the bundle, if it has one.
    """

    def __init__(self, metrics: Registry, specialist: Specialist | None) -> None:
        self._by = metrics.counter(
            "answers_instead_total",
            "Answers in the language model's place, by who gave them.",
            "by",
            ("program", "specialist"),
        )
        self._seconds = metrics.histogram(
            "answers_instead_seconds", "Seconds that they took.", _SECONDS
        )
        if specialist is None:
            return
        engine = specialist.engine
        metrics.read(
            "specialist_running",
            "Questions that the specialist works on.",
            lambda: engine.load.n_running,
        )
        metrics.read(
            "specialist_waiting",
            "Questions that wait for the specialist.",
            lambda: engine.load.n_waiting,
        )

    def counted(self, events: Iterator[Event]) -> Iterator[Event]:
        """The same events; the last one of an answer is counted."""
        for event in events:
            if isinstance(event, Finished):
                sampling = event.message.passport.get("sampling") or {}
                self._by.add(value=str(sampling.get("by", "program")))
                self._seconds.observe(event.seconds)
            yield event


def answered_instead(specialist: Specialist | None, turn: Turn) -> Iterator[Event] | None:
    """The events of an answer that the language model has no part in; None where it is asked.

    Args:
        specialist: Of the bundle, if it has one.
        turn: The question.
    """
    conversation = turn.fitted.conversation
    if declined := declined_making(conversation):
        return said_by_the_program(declined, turn)
    computed, checks = computed_answer(conversation)
    if computed:
        return said_by_the_program(computed, turn, checks)
    if specialist is None:
        return None
    _read_ahead(specialist, conversation)
    reaction = asked_reaction(conversation)
    if reaction is not None and reaction.task in specialist.info.tasks:
        return reacted(specialist, reaction, turn)
    number = asked_number(conversation)
    if number is not None and number.name in specialist.numbers:
        return estimated(specialist, number, turn)
    return None


def _read_ahead(specialist: Specialist, conversation: Conversation) -> None:
    """Who asks about such a molecule may ask for its number next, whose neighbours take seconds."""
    for number in conversation.focus(conversation.n_turns - 1):
        molecule = conversation.molecule(number).molecule
        for written in specialist.numbers.values():
            if written.measured is not None and not written.info.domain.obstacle(molecule):
                written.measured.begin_reading()
