"""An answer with a number that the bundle's specialist writes, in the language model's place."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace

from assistant.answering import Turn, Written, checker
from assistant.chat.events import Event, Notice, TextDelta
from assistant.chat.number_words import AskedNumber
from assistant.chem.molecule import Molecule
from assistant.llm import requests as llm_requests
from assistant.llm.place import Place
from assistant.predicted.values import PredictedValues
from assistant.short_answers import (
    asked_shortly,
    ended,
    of_specialist,
    passed_on,
    said_by_the_program,
)
from assistant.specialist.numbers import WrittenNumber
from assistant.specialist.service import Specialist
from assistant.specialist.writer import Asking

_HOW = "Written by a small language model that reads the molecule's graph"
_LOOKING = "Looking for the training molecule most like this one …"
_UNMEASURED = "nobody has measured how far such numbers are off"
_NO_NUMBER = "I do not know the {key} of molecule {number}: what was written is no number."
_OUTSIDE = "I do not know the {key} of molecule {number}: I can tell it only of {kind}; {why}."


def estimated(specialist: Specialist, asked: AskedNumber, turn: Turn) -> Iterator[Event]:
    """The events of an answer.

    Args:
        specialist: Writes such a number.
        asked: Which one, and of which molecules.
        turn: The question as the language model would read it.
    """
    number = specialist.numbers[asked.name]
    conversation = turn.fitted.conversation
    molecules = {n: conversation.molecule(n).molecule for n in asked.molecules}
    if declined := _outside(number, molecules):
        yield from said_by_the_program(declined, turn)
        return
    # From here on the question is about these molecules, whatever else is in focus.
    prompt = number.value.prompt(asked.molecules[0])
    prompt = replace(prompt, molecules=molecules, focus=(asked.molecules,))
    turn = asked_shortly(specialist, turn, prompt)
    progress = llm_requests.Progress()
    stop = llm_requests.TimedStop(turn.options.stop, progress, turn.options.max_seconds)
    with Place() as place:
        asking = Asking(stop, turn.options.visitor, place, progress)
        found = yield from passed_on(
            number.written(list(molecules.values()), specialist.llm, specialist.engine, asking)
        )
    values = {n: value for n, value in zip(molecules, found, strict=True) if value is not None}
    if stop.is_set():
        written = Written("", ended("time" if stop.is_over_time else "stopped"), ())
    elif missing := [n for n in molecules if n not in values]:
        text = _NO_NUMBER.format(key=number.value.key, number=missing[0])
        yield from said_by_the_program(text, turn)
        return
    else:
        written = yield from _told(number, values, turn)
    yield of_specialist(specialist, turn, written, by_program=False)


def _outside(number: WrittenNumber, molecules: Mapping[int, Molecule]) -> str:
    """Why the first molecule that is not like those it has learned from is declined; "" if none."""
    for n, molecule in molecules.items():
        if why := number.info.domain.obstacle(molecule):
            kind = number.info.domain.in_words
            return _OUTSIDE.format(key=number.value.key, number=n, kind=kind, why=why)
    return ""


def _told(
    number: WrittenNumber, values: Mapping[int, float], turn: Turn
) -> Generator[Event, None, Written]:
    """The answer with what stands at its claims: how far such numbers are off, and what is near.

    Yields:
        How good it is, its text, and what is waited for.
    """
    measured = number.measured
    yield Notice(f"{_HOW}; {_how_good(number)}.")
    if len(values) == 1:
        text = number.value.answer(*values.values())
    else:
        error = None if measured is None else measured.figures.mae
        text = number.value.answer_of_several(values, error)
    yield TextDelta(text)
    checks = checker(turn.fitted)(text)
    if measured is not None:
        if not measured.is_read:
            yield Notice(_LOOKING)  # the first time it takes seconds
        known = PredictedValues({number.value.key: measured})
        molecules = {m.number: m.molecule for m in turn.fitted.conversation.molecules}
        checks = known.annotated(checks, molecules, tuple(values))
    return Written(text, ended("end"), checks)


def _how_good(number: WrittenNumber) -> str:
    if number.measured is None:
        return _UNMEASURED
    figures = number.measured.figures
    return (
        f"off by {figures.with_unit(figures.mae)} on average for {figures.n_test:,} test molecules"
    )
