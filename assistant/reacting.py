"""An answer of the bundle's specialist for reactions, in the place of the language model's.

question ─┬► likely templates ─► candidates ─► log p of the specialist ─► the likeliest few
          └► (none fits) short question, SMILES alone ─► specialist writes ─► structure
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from assistant.answering import Turn, Written, sampling_of
from assistant.chat import events
from assistant.chat.events import Event, Notice, TextDelta
from assistant.chat.figures import Figures
from assistant.chat.reaction_checks import reaction_checks
from assistant.chat.reaction_words import AskedReaction
from assistant.chat.short_tasks import SHORT_TASKS, ShortTask
from assistant.chem.controlled import controlled
from assistant.chem.molecule import Molecule
from assistant.errors import (
    AssistantError,
    ChemistryTimeoutError,
    InputTooLargeError,
    PromptTooLongError,
)
from assistant.llm import requests as llm_requests
from assistant.llm.layout import layout
from assistant.llm.memory import cache_bytes_per_token
from assistant.llm.place import Place
from assistant.llm.stopwatch import Stopwatch
from assistant.prompting import Fitted
from assistant.replying import first_written
from assistant.specialist.candidates import Candidate, Ranked, ranked
from assistant.specialist.service import Specialist

MOST_SHOWN = 5
LEAST_SHARE = 0.02
"""Of a candidate that is shown after the first."""
_ALONE = "{why}: written by a language model for reactions alone, which is seldom right then"
_WITHHELD = "I do not tell what this reaction gives: it would be {name}, {kind}."
_WAY_BACK = {
    "retrosynthesis": "templates for products make the molecule of them",
    "product": "templates for reactants make it of these",
}
"""What the probability of the way back is of, by task."""
log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


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
    proposer = specialist.proposers.get(asked.task)
    if proposer is None:
        how_good = _measured(specialist, asked.task)
        how = f"Predicted by a language model for reactions, {how_good}"
        yield from _written(specialist, asked, turn, how)
        return
    try:
        candidates = proposer.candidates(asked.smiles, stop=turn.options.stop)
        why_none = "No reaction template fits"
    except (ChemistryTimeoutError, InputTooLargeError) as error:  # may hold a structure
        log.warning("no templates were applied (%s)", type(error).__name__)
        candidates, why_none = (), "Reaction templates could not be applied in time"
    if candidates:
        yield from _chosen(specialist, asked, candidates, turn)
    else:
        yield from _written(specialist, asked, turn, _ALONE.format(why=why_none))


def _with_short_prompt(specialist: Specialist, asked: AskedReaction, fitted: Fitted) -> Fitted:
    molecules = {n: fitted.conversation.molecule(n).molecule for n in asked.numbers}
    prompt = SHORT_TASKS[asked.task].prompt(asked.smiles)
    prompt = replace(prompt, molecules=molecules, focus=(asked.numbers,))
    return replace(fitted, prompt=prompt, layout=layout(prompt, specialist.llm.tokenizer))


def _chosen(
    specialist: Specialist, asked: AskedReaction, candidates: Sequence[Candidate], turn: Turn
) -> Iterator[Event]:
    """The events of an answer that is chosen among candidates."""
    how_good = (
        "Made by reaction templates and chosen with a language model for reactions,"
        f" {_measured(specialist, asked.task)}"
    )
    yield Notice(f"{how_good}.")
    options, task = turn.options, SHORT_TASKS[asked.task]
    smiles = [candidate.smiles for candidate in candidates]
    asking = specialist.log_probabilities(
        asked.task, asked.smiles, smiles, stop=options.stop, visitor=options.visitor
    )
    try:
        values = yield from _passed_on(asking, _waits)
    except PromptTooLongError:  # templates know no such limit
        values = (0.0,) * len(candidates)
    if len(values) < len(candidates):
        yield _of_specialist(specialist, turn, Written("", _ended("stopped"), ()))
        return
    order = ranked(candidates, values, specialist.proposers[asked.task].config)
    if withheld := _withheld(order[0].candidate.smiles, task):
        text, checks = withheld, ()
    else:
        shown = _shown(order, task)
        text = task.several([r.candidate.smiles for r in shown], [r.share for r in shown])
        remarks = {r.candidate.smiles: _remark(r, task) for r in shown}
        checks = reaction_checks(text, task, asked.smiles, how_good, remarks)
    yield TextDelta(text)
    written = Written(text, _ended("end"), checks)
    yield _of_specialist(specialist, turn, written, by_program=bool(withheld))


def _ended(reason: str) -> llm_requests.Done:
    return llm_requests.Done(reason, (), 0.0, 0.0)


def _shown(order: Sequence[Ranked], task: ShortTask) -> list[Ranked]:
    """The likeliest few, without what is not to be told."""
    first, *others = order
    likely = [r for r in others[: MOST_SHOWN - 1] if r.share >= LEAST_SHARE]
    return [first, *(r for r in likely if not _withheld(r.candidate.smiles, task))]


def _remark(of: Ranked, task: ShortTask) -> str:
    remark = f"by a template of {of.candidate.n_reactions:,} training reactions"
    if of.candidate.returned is None:
        return remark
    return f"{remark}; {_WAY_BACK[task.name]}: {of.candidate.returned:.0%}"


def _written(
    specialist: Specialist, asked: AskedReaction, turn: Turn, how_good: str
) -> Iterator[Event]:
    """The events of an answer that the specialist's language model writes alone."""
    task = SHORT_TASKS[asked.task]
    spliced = specialist.spliced(turn.fitted.layout)
    if spliced.n_tokens >= specialist.llm.context:
        raise PromptTooLongError(
            f"The SMILES takes {spliced.n_tokens} tokens where the language model for reactions"
            f" reads {specialist.llm.context}, and no templates answer for it. Ask about a part."
        )
    check = partial(reaction_checks, task=task, given=asked.smiles, how_good=how_good)
    yield Notice(f"{how_good}.")
    with Place() as place:
        progress = llm_requests.Progress()
        request = llm_requests.Request(
            spliced,
            sampling_of(turn.options),
            llm_requests.TimedStop(turn.options.stop, progress, turn.options.max_seconds),
            turn.options.visitor,
            progress=progress,
            place=place,
        )
        token_bytes = cache_bytes_per_token(specialist.llm.model.config, specialist.llm.activations)
        stopwatch = Stopwatch(request, turn.began, token_bytes)
        writing = first_written(specialist.engine, request, stopwatch, check)
        written = yield from _passed_on(writing, _without_text)
    if withheld := _withheld(task.smiles_in(written.text), task):
        written = Written(withheld, replace(written.done, token_ids=()), ())
    yield TextDelta(written.text)
    figures = stopwatch.done(written.done, len(written.done.token_ids))
    yield _of_specialist(specialist, turn, written, figures, by_program=bool(withheld))


def _of_specialist(
    specialist: Specialist,
    turn: Turn,
    written: Written,
    figures: Figures | None = None,
    *,
    by_program: bool = False,
) -> events.Finished:
    finished = turn.finished(written, figures, by="program" if by_program else "specialist")
    # Its token ids mean nothing to the language model, which reads the text later.
    message = replace(finished.message, model=specialist.llm.fingerprint)
    return replace(finished, message=message)


def _measured(specialist: Specialist, task: str) -> str:
    measured = specialist.info.measured.get(task)
    return measured.in_words if measured is not None else "which nobody has measured"


def _passed_on(
    inner: Generator[T, None, R], change: Callable[[T], Event | None]
) -> Generator[Event, None, R]:
    """The events of a generator, changed or left out (None), and in the end what it returns."""
    while True:
        try:
            event = change(next(inner))
        except StopIteration as end:
            return end.value
        if event is not None:
            yield event


def _waits(event: llm_requests.Queued) -> Event:
    return events.Queued(event.position, event.seconds)


def _without_text(event: Event) -> Event | None:
    return None if isinstance(event, TextDelta) else event


def _withheld(smiles: str, task: ShortTask) -> str:
    """What is said in the place of an answer that is a controlled product; "" for any other.

    What something is made from is told: hydrogen cyanide and phosgene are in many textbooks' steps.

    Args:
        smiles: The structure of the answer; may be "" or none.
        task: What was asked.
    """
    try:
        found = controlled(Molecule.parse(smiles)) if smiles and task.name == "product" else None
    except AssistantError:  # no structure: its mark says so
        return ""
    return "" if found is None else _WITHHELD.format(name=found.name, kind=found.kind)
