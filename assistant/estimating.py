"""An answer with a number that the bundle's specialist writes, in the language model's place."""

from collections.abc import Iterator
from dataclasses import replace

from assistant.answering import Turn, Written, checker
from assistant.chat.check import Check
from assistant.chat.events import Event, Notice, TextDelta
from assistant.chat.number_words import AskedNumber
from assistant.llm import requests as llm_requests
from assistant.llm.place import Place
from assistant.predicted.values import PredictedValues
from assistant.short_answers import asked_shortly, ended, of_specialist, passed_on
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
        asked: Which one, and of which molecule.
        turn: The question as the language model would read it.
    """
    number = specialist.numbers[asked.name]
    molecule = turn.fitted.conversation.molecule(asked.molecule).molecule
    about = {"key": number.value.key, "number": asked.molecule}
    if why := number.info.domain.obstacle(molecule):
        text = _OUTSIDE.format(kind=number.info.domain.in_words, why=why, **about)
        yield TextDelta(text)
        yield turn.finished(Written(text, ended("end"), ()), by="program")
        return
    progress = llm_requests.Progress()
    stop = llm_requests.TimedStop(turn.options.stop, progress, turn.options.max_seconds)
    with Place() as place:
        asking = Asking(stop, turn.options.visitor, place, progress)
        value = yield from passed_on(
            number.written(molecule, specialist.llm, specialist.engine, asking)
        )
    by_program = False
    if value is not None:
        yield Notice(f"{_HOW}; {_how_good(number)}.")
        text = number.value.answer(value)
        yield TextDelta(text)
        if number.measured is not None and not number.measured.is_read:
            yield Notice(_LOOKING)  # the first time it takes seconds
        written = Written(text, ended("end"), _checks(number, text, asked, turn))
    elif stop.is_set():
        reason = "time" if stop.is_over_time else "stopped"
        written = Written("", ended(reason), ())
    else:
        written, by_program = Written(_NO_NUMBER.format(**about), ended("end"), ()), True
        yield TextDelta(written.text)
    prompt = replace(number.value.prompt(asked.molecule), molecules={asked.molecule: molecule})
    turn = asked_shortly(specialist, turn, prompt)
    yield of_specialist(specialist, turn, written, by_program=by_program)


def _how_good(number: WrittenNumber) -> str:
    if number.measured is None:
        return _UNMEASURED
    figures = number.measured.figures
    return (
        f"off by {figures.with_unit(figures.mae)} on average for {figures.n_test:,} test molecules"
    )


def _checks(number: WrittenNumber, text: str, asked: AskedNumber, turn: Turn) -> tuple[Check, ...]:
    """What stands at the claim of an answer: how far such numbers are off, and what is near."""
    checks = checker(turn.fitted)(text)
    if number.measured is None:
        return checks
    known = PredictedValues({number.value.key: number.measured})
    molecules = {m.number: m.molecule for m in turn.fitted.conversation.molecules}
    return known.annotated(checks, molecules, (asked.molecule,))
