"""An answer of the bundle's specialist for reactions, in the place of the language model's.

question ─┬► likely templates ─► candidates ─► log p of the specialist ─► the likeliest few
          └► (none fits) short question, SMILES alone ─► specialist writes ─► structure
"""

import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial

from assistant.answering import Turn, Written, sampling_of
from assistant.chat import events
from assistant.chat.events import Event, Notice, TextDelta
from assistant.chat.figures import Figures
from assistant.chat.reaction_checks import reaction_checks
from assistant.chat.reaction_words import AskedReaction
from assistant.chat.short_tasks import SHORT_TASKS, ShortTask
from assistant.chem.controlled import controlled
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, PromptTooLongError
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
_WITHHELD = "I do not tell what this reaction gives: it would be {name}, {kind}."
_WAY_BACK = {
    "retrosynthesis": "templates for products make the molecule of them",
    "product": "templates for reactants make it of these",
}
"""What the probability of the way back is of, by task."""
log = logging.getLogger(__name__)


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
    if candidates := _candidates(specialist, asked):
        yield from _chosen(specialist, asked, candidates, turn)
    else:
        yield from _written(specialist, asked, turn)


def _with_short_prompt(specialist: Specialist, asked: AskedReaction, fitted: Fitted) -> Fitted:
    molecules = {n: fitted.conversation.molecule(n).molecule for n in asked.numbers}
    prompt = SHORT_TASKS[asked.task].prompt(asked.smiles)
    prompt = replace(prompt, molecules=molecules, focus=(asked.numbers,))
    return replace(fitted, prompt=prompt, layout=layout(prompt, specialist.llm.tokenizer))


def _candidates(specialist: Specialist, asked: AskedReaction) -> tuple[Candidate, ...]:
    """What templates make; none where none fits or there are none for this."""
    proposer = specialist.proposers.get(asked.task)
    if proposer is None:
        return ()
    try:
        return proposer.candidates(asked.smiles)
    except AssistantError as error:  # too large, or too slow: the language model may still know
        log.warning("no templates were applied (%s)", type(error).__name__)
        return ()


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
        values = yield from _waiting(asking)
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


def _waiting(
    asking: Generator[llm_requests.Queued, None, tuple[float, ...]],
) -> Generator[Event, None, tuple[float, ...]]:
    while True:
        try:
            event = next(asking)
        except StopIteration as end:
            return end.value
        yield events.Queued(event.position, event.seconds)


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


def _written(specialist: Specialist, asked: AskedReaction, turn: Turn) -> Iterator[Event]:
    """The events of an answer that the specialist's language model writes alone."""
    task = SHORT_TASKS[asked.task]
    if asked.task in specialist.proposers:
        how_good = (
            "No reaction template fits: written by a language model for reactions alone, which is"
            " seldom right then"
        )
    else:
        how_good = (
            f"Predicted by a language model for reactions, {_measured(specialist, asked.task)}"
        )
    spliced = specialist.spliced(turn.fitted.layout)
    if spliced.n_tokens >= specialist.llm.context:
        raise PromptTooLongError(
            f"No reaction template fits, and the SMILES takes {spliced.n_tokens} tokens where the"
            f" language model for reactions reads {specialist.llm.context}. Ask about a part of it."
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
        written = yield from _held_back(first_written(specialist.engine, request, stopwatch, check))
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


def _held_back(
    answering: Generator[Event, None, Written],
) -> Generator[Event, None, Written]:
    """The events without the text."""
    while True:
        try:
            event = next(answering)
        except StopIteration as end:
            return end.value
        if not isinstance(event, TextDelta):
            yield event


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
