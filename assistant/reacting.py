"""An answer of the bundle's specialist for reactions, in the place of the language model's.

question ─┬► likely templates ───────────────┬► candidates ─► the way back, log p of the
          └► language model writes drafts ───┘   language model ─► the likeliest few
"""

import logging
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from assistant.answering import Turn, Written
from assistant.chat import events
from assistant.chat.events import Event, Notice, TextDelta
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
from assistant.llm.place import Place
from assistant.prompting import Fitted
from assistant.specialist.candidates import Candidate, Opinion, Proposer, Ranked, ranked
from assistant.specialist.service import Specialist
from assistant.specialist.writer import Asking

MOST_SHOWN = 5
LEAST_SHARE = 0.02
"""Of a candidate that is shown after the first."""
_CHOSEN = (
    "Made by reaction templates and a language model for reactions, and chosen by what both say"
)
_PREDICTED = "Predicted by a language model for reactions"
_ALONE = "{why}: written by a language model for reactions alone"
_SELDOM = "seldom right"
_NONE_FITS = "No reaction template fits"
_TOO_SLOW = "Reaction templates could not be applied in time"
_NOTHING = {
    "retrosynthesis": "I found no reactants: no reaction template fits, and nothing that the"
    " language model for reactions wrote is a structure.",
    "product": "I found no product: no reaction template fits, and nothing that the language model"
    " for reactions wrote is a new structure.",
}
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
    progress = llm_requests.Progress()
    stop = llm_requests.TimedStop(turn.options.stop, progress, turn.options.max_seconds)
    with Place() as place:
        asking = Asking(stop, turn.options.visitor, place, progress)
        proposed = yield from _proposed(specialist, asked, asking)
        if proposed.order:
            yield Notice(f"{proposed.how}, {proposed.how_good}.")
            written, by_program = _told(proposed, asked, stop)
        elif stop.is_set():
            reason = "time" if stop.is_over_time else "stopped"
            written, by_program = Written("", _ended(reason), ()), False
        else:
            written, by_program = Written(_NOTHING[asked.task], _ended("end"), ()), True
    if written.text:
        yield TextDelta(written.text)
    yield _of_specialist(specialist, turn, written, by_program=by_program)


@dataclass(frozen=True)
class _Proposed:
    """What may be the answer.

    Attributes:
        order: The likeliest first; none where nothing was found or it was stopped.
        how: Where they come from.
        how_good: What tests say of such answers.
        are_compared: Whether templates had a say, so that the shares mean something.
        proposer: Proposes them.
    """

    order: tuple[Ranked, ...]
    how: str
    how_good: str
    are_compared: bool
    proposer: Proposer


def _proposed(
    specialist: Specialist, asked: AskedReaction, asking: Asking
) -> Generator[Event, None, _Proposed]:
    """Candidates of templates and language model, ranked by what both think of them."""
    task, given, proposer = asked.task, asked.smiles, specialist.proposers[asked.task]
    too_long = None
    try:
        drafting = specialist.writer.drafts(task, given, specialist.n_drafts, asking=asking)
        written = yield from _passed_on(drafting, _waits)
    except PromptTooLongError as error:  # templates know no such limit
        written, too_long = {}, error
    if asking.stop.is_set():
        return _Proposed((), "", "", False, proposer)
    candidates, why_alone = _candidates(proposer, given, written)
    if not candidates and too_long is not None:
        raise PromptTooLongError(
            "The SMILES is too long for the language model for reactions, which reads"
            f" {specialist.llm.context} tokens, and no templates answer for it. Ask about a part."
        ) from too_long
    are_compared = any(candidate.probability for candidate in candidates)
    config = proposer.config
    if not are_compared:
        config = replace(config, weights=config.alone)
    opinions: tuple[Opinion, ...] = (Opinion(),) * len(candidates)
    if candidates and too_long is None and (config.weights.lm or config.weights.lm_return):
        opinions = yield from _opinions(specialist, asked, candidates, asking)
    order = ranked(candidates, opinions, config) if opinions else ()
    how, how_good = _CHOSEN if are_compared else _PREDICTED, _measured(specialist, task)
    if not are_compared and proposer.templates is not None:
        how, how_good = _ALONE.format(why=why_alone), _SELDOM
    return _Proposed(order, how, how_good, are_compared, proposer)


def _opinions(
    specialist: Specialist,
    asked: AskedReaction,
    candidates: Sequence[Candidate],
    asking: Asking,
) -> Generator[Event, None, tuple[Opinion, ...]]:
    """What the language model thinks of them; the same of all where one is too long for it."""
    structures = [candidate.smiles for candidate in candidates]
    weighing = specialist.writer.opinions(asked.task, asked.smiles, structures, asking=asking)
    try:
        return (yield from _passed_on(weighing, _waits))
    except PromptTooLongError:
        return (Opinion(),) * len(candidates)


def _candidates(
    proposer: Proposer, given: str, written: Mapping[str, int]
) -> tuple[tuple[Candidate, ...], str]:
    """The candidates, and why no template has made one where that is so."""
    try:
        return proposer.candidates(given, written=written), _NONE_FITS
    except (ChemistryTimeoutError, InputTooLargeError) as error:  # may hold a structure
        log.warning("no templates were applied (%s)", type(error).__name__)
    return proposer.alone().candidates(given, written=written), _TOO_SLOW


def _told(proposed: _Proposed, asked: AskedReaction, stop: threading.Event) -> tuple[Written, bool]:
    """The answer, and whether the program has written it in the place of what is not told."""
    task, (first, *_) = SHORT_TASKS[asked.task], proposed.order
    if withheld := _withheld(first.candidate.smiles, task):
        return Written(withheld, _ended("end"), ()), True
    shown = _shown(proposed.order, task) if proposed.are_compared else [first]
    structures = [ranked.candidate.smiles for ranked in shown]
    text = task.answer(structures[0])
    if proposed.are_compared:
        text = task.several(structures, [ranked.share for ranked in shown])
    remarks = {
        ranked.candidate.smiles: _remark(ranked.candidate, proposed.proposer, asked, stop)
        for ranked in shown
    }
    checks = reaction_checks(text, task, asked.smiles, proposed.how_good, remarks)
    return Written(text, _ended("end"), checks), False


def _with_short_prompt(specialist: Specialist, asked: AskedReaction, fitted: Fitted) -> Fitted:
    molecules = {n: fitted.conversation.molecule(n).molecule for n in asked.numbers}
    prompt = SHORT_TASKS[asked.task].prompt(asked.smiles)
    prompt = replace(prompt, molecules=molecules, focus=(asked.numbers,))
    return replace(fitted, prompt=prompt, layout=layout(prompt, specialist.llm.tokenizer))


def _ended(reason: llm_requests.EndReason) -> llm_requests.Done:
    return llm_requests.Done(reason, (), 0.0, 0.0)


def _shown(order: Sequence[Ranked], task: ShortTask) -> list[Ranked]:
    """The likeliest few, without what is not to be told."""
    first, *others = order
    likely = [r for r in others[: MOST_SHOWN - 1] if r.share >= LEAST_SHARE]
    return [first, *(r for r in likely if not _withheld(r.candidate.smiles, task))]


def _remark(of: Candidate, proposer: Proposer, asked: AskedReaction, stop: threading.Event) -> str:
    """Where a structure comes from, and whether templates lead back from it."""
    if of.probability:
        remark = f"by a template of {of.n_reactions:,} training reactions"
        if of.n_written:
            remark += ", and written by the language model for reactions"
    else:
        remark = "written by the language model for reactions, made by no likely template"
    returned = None if stop.is_set() else proposer.returned(of.smiles, asked.smiles)
    return remark if returned is None else f"{remark}; {_WAY_BACK[asked.task]}: {returned:.0%}"


def _of_specialist(
    specialist: Specialist, turn: Turn, written: Written, *, by_program: bool
) -> events.Finished:
    finished = turn.finished(written, None, by="program" if by_program else "specialist")
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
