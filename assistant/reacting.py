"""An answer of the bundle's specialist for reactions, in the place of the language model's.

question ─► short question, SMILES alone ─► specialist ─► structure ─► is it a controlled one?
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial

from assistant.answering import Written, sampling_of
from assistant.chat.events import Event, Notice, TextDelta
from assistant.chat.figures import Figures
from assistant.chat.reaction_checks import reaction_checks
from assistant.chat.reaction_words import AskedReaction
from assistant.chat.reply import ReplyOptions
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


@dataclass(frozen=True)
class Reacted:
    """What came of it.

    Attributes:
        written: The answer.
        fitted: The conversation with the prompt that the specialist read.
        figures: What it took.
    """

    written: Written
    fitted: Fitted
    figures: Figures


def reacted(
    specialist: Specialist,
    asked: AskedReaction,
    fitted: Fitted,
    options: ReplyOptions,
    began: float,
) -> Generator[Event, None, Reacted]:
    """The events of an answer, and then the whole.

    Its text comes at once: a structure says nothing before it is whole, and one that is not to be
    told has not been shown then.

    Args:
        specialist: Answers.
        asked: What of.
        fitted: The conversation.
        options: How it is drawn.
        began: When the person asked (perf_counter).
    """
    fitted = _with_short_prompt(specialist, asked, fitted)
    task, how_good = SHORT_TASKS[asked.task], _how_good(specialist, asked.task)
    check = partial(reaction_checks, task=task, given=asked.smiles, how_good=how_good)
    yield Notice(f"{how_good}.")
    with Place() as place:
        progress = llm_requests.Progress()
        request = llm_requests.Request(
            specialist.spliced(fitted.prompt),
            sampling_of(options),
            llm_requests.TimedStop(options.stop, progress, options.max_seconds),
            options.visitor,
            progress=progress,
            place=place,
        )
        config = specialist.llm.model.config
        token_bytes = cache_bytes_per_token(config, specialist.llm.activations)
        stopwatch = Stopwatch(request, began, token_bytes)
        written = yield from _held_back(first_written(specialist.engine, request, stopwatch, check))
    written = _told(written, task)
    yield TextDelta(written.text)
    figures = stopwatch.done(written.done, len(written.done.token_ids))
    return Reacted(written, fitted, figures)


def _with_short_prompt(specialist: Specialist, asked: AskedReaction, fitted: Fitted) -> Fitted:
    molecules = {n: fitted.conversation.molecule(n).molecule for n in asked.numbers}
    prompt = specialist.prompt(asked.task, asked.smiles)
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


def _told(written: Written, task: ShortTask) -> Written:
    """The answer, or why it is not given.

    What something is made from is told: hydrogen cyanide and phosgene are in many textbooks' steps.
    """
    smiles = task.smiles_in(written.text) if task.name == "product" else ""
    try:
        found = controlled(Molecule.parse(smiles)) if smiles else None
    except AssistantError:  # no structure: its mark says so
        return written
    if found is None:
        return written
    text = _WITHHELD.format(name=found.name, kind=found.kind)
    return Written(text, replace(written.done, token_ids=()), ())
