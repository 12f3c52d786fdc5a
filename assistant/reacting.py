"""An answer of the bundle's specialist for reactions, in the place of the language model's.

question ─► short question, SMILES alone ─► specialist ─► structure ─► is it a controlled one?
"""

from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial

from assistant.answering import Turn, Written, sampling_of
from assistant.chat.events import Event, Notice, TextDelta
from assistant.chat.reaction_checks import reaction_checks
from assistant.chat.reaction_words import AskedReaction
from assistant.chat.short_tasks import SHORT_TASKS, ShortTask
from assistant.chem.controlled import controlled
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.llm import requests as llm_requests
from assistant.llm.layout import layout
from assistant.llm.memory import cache_bytes_per_token
from assistant.llm.place import Place
from assistant.llm.stopwatch import Stopwatch
from assistant.prompting import Fitted
from assistant.replying import first_written
from assistant.specialist.service import Specialist

_WITHHELD = "I do not tell what this reaction gives: it would be {name}, {kind}."


def reacted(specialist: Specialist, asked: AskedReaction, turn: Turn) -> Iterator[Event]:
    """The events of an answer.

    Its text comes at once: a structure says nothing before it is whole, and one that is not to be
    told has not been shown then.

    Args:
        specialist: Answers.
        asked: What of.
        turn: The question as the language model would read it.
    """
    turn = replace(turn, fitted=_with_short_prompt(specialist, asked, turn.fitted))
    task, how_good = SHORT_TASKS[asked.task], _how_good(specialist, asked.task)
    check = partial(reaction_checks, task=task, given=asked.smiles, how_good=how_good)
    yield Notice(f"{how_good}.")
    with Place() as place:
        progress = llm_requests.Progress()
        request = llm_requests.Request(
            specialist.spliced(turn.fitted.layout),
            sampling_of(turn.options),
            llm_requests.TimedStop(turn.options.stop, progress, turn.options.max_seconds),
            turn.options.visitor,
            progress=progress,
            place=place,
        )
        token_bytes = cache_bytes_per_token(specialist.llm.model.config, specialist.llm.activations)
        stopwatch = Stopwatch(request, turn.began, token_bytes)
        written = yield from _held_back(first_written(specialist.engine, request, stopwatch, check))
    if withheld := _withheld(written.text, task):
        written = Written(withheld, replace(written.done, token_ids=()), ())
    yield TextDelta(written.text)
    figures = stopwatch.done(written.done, len(written.done.token_ids))
    finished = turn.finished(written, figures, by="program" if withheld else "specialist")
    # Its token ids mean nothing to the language model, which reads the text later.
    message = replace(finished.message, model=specialist.llm.fingerprint)
    yield replace(finished, message=message)


def _with_short_prompt(specialist: Specialist, asked: AskedReaction, fitted: Fitted) -> Fitted:
    molecules = {n: fitted.conversation.molecule(n).molecule for n in asked.numbers}
    prompt = SHORT_TASKS[asked.task].prompt(asked.smiles)
    prompt = replace(prompt, molecules=molecules, focus=(asked.numbers,))
    return replace(fitted, prompt=prompt, layout=layout(prompt, specialist.llm.tokenizer))


def _how_good(specialist: Specialist, task: str) -> str:
    measured = specialist.info.measured.get(task)
    known = measured.in_words if measured is not None else "which nobody has measured"
    return f"Predicted by a language model for reactions, {known}"


def _held_back(
    events: Generator[Event, None, Written],
) -> Generator[Event, None, Written]:
    """The events without the text."""
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            return end.value
        if not isinstance(event, TextDelta):
            yield event


def _withheld(answer: str, task: ShortTask) -> str:
    """What is said in the place of an answer that is a controlled product; "" for any other.

    What something is made from is told: hydrogen cyanide and phosgene are in many textbooks' steps.
    """
    smiles = task.smiles_in(answer) if task.name == "product" else ""
    try:
        found = controlled(Molecule.parse(smiles)) if smiles else None
    except AssistantError:  # no structure: its mark says so
        return ""
    return "" if found is None else _WITHHELD.format(name=found.name, kind=found.kind)
