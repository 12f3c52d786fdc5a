"""An answer of the bundle's specialist for reactions, in the place of the language model's.

question ─┬► likely templates ───────────────┬► candidates ─► the way back, log p of the
          └► language model writes drafts ───┘   language model ─► the likeliest few
"""

import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace

from assistant.answering import Turn, Written
from assistant.chat.events import Event, Notice, TextDelta
from assistant.chat.reaction_checks import reaction_checks
from assistant.chat.reaction_words import AskedReaction
from assistant.chat.short_tasks import SHORT_TASKS, ShortTask
from assistant.chem.controlled import controlled
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.llm import requests as llm_requests
from assistant.llm.place import Place
from assistant.short_answers import asked_shortly, ended, of_specialist, passed_on
from assistant.specialist.candidates import Candidate, Proposer, Ranked
from assistant.specialist.proposing import Proposal, Situation, propose
from assistant.specialist.service import Specialist
from assistant.specialist.writer import Asking

MOST_SHOWN = 5
LEAST_SHARE = 0.02
"""Of a candidate that is shown after the first."""
_HOW: Mapping[Situation, str] = {
    "both": "Made by reaction templates and a language model for reactions, and chosen by what both"
    " say",
    "unread": "Made by reaction templates alone, since the SMILES is too long for the language"
    " model for reactions",
    "none fits": "No reaction template fits: written by a language model for reactions alone",
    "too slow": "Reaction templates could not be applied in time: written by a language model for"
    " reactions alone",
    "no templates": "Predicted by a language model for reactions",
}
_NOTHING: Mapping[Situation, str] = {
    "none fits": "no reaction template fits, and ",
    "too slow": "reaction templates could not be applied in time, and ",
    "no templates": "",
}
_WHAT = {"retrosynthesis": "reactants", "product": "product"}
_UNMEASURED = "which nobody has measured"
_SELDOM = "seldom right"
_WITHHELD = "I do not tell what this reaction gives: it would be {name}, {kind}."
_WAY_BACK = {
    "retrosynthesis": "templates for products make the molecule of them",
    "product": "templates for reactants make it of these",
}
"""What the probability of the way back is of, by task."""


def reacted(specialist: Specialist, asked: AskedReaction, turn: Turn) -> Iterator[Event]:
    """The events of an answer.

    Its text comes at once: a structure says nothing before it is whole, and one that is not to be
    told has not been shown then.

    Args:
        specialist: Answers.
        asked: What of.
        turn: The question as the language model would read it.
    """
    turn = _as_asked(specialist, asked, turn)
    progress = llm_requests.Progress()
    stop = llm_requests.TimedStop(turn.options.stop, progress, turn.options.max_seconds)
    with Place() as place:
        asking = Asking(stop, turn.options.visitor, place, progress)
        proposing = propose(specialist, asked.task, asked.smiles, asking=asking)
        proposal = yield from passed_on(proposing)
    if proposal.candidates:
        how_good = _how_good(specialist, asked.task, proposal.situation)
        yield Notice(f"{_HOW[proposal.situation]}, {how_good}.")
        written, by_program = yield from _told(proposal, asked, how_good, stop)
    elif proposal.situation == "stopped":
        reason = "time" if stop.is_over_time else "stopped"
        written, by_program = Written("", ended(reason), ()), False
    else:
        written, by_program = Written(_nothing(asked.task, proposal), ended("end"), ()), True
        yield TextDelta(written.text)
    yield of_specialist(specialist, turn, written, by_program=by_program)


def _how_good(specialist: Specialist, task: str, situation: Situation) -> str:
    """What tests say of such answers."""
    if situation in ("none fits", "too slow"):
        return _SELDOM
    measured = specialist.info.measured.get(task)
    if measured is None or situation == "unread":
        return _UNMEASURED
    return measured.in_words


def _nothing(task: str, proposal: Proposal) -> str:
    return (
        f"I found no {_WHAT[task]}: {_NOTHING[proposal.situation]}nothing that the language model"
        " for reactions wrote can be right."
    )


def _told(
    proposal: Proposal, asked: AskedReaction, how_good: str, stop: threading.Event
) -> Generator[Event, None, tuple[Written, bool]]:
    """The answer, and whether the program has written it in the place of what is not told.

    Yields:
        Its text, before the marks: the ways back that they tell take a fifth of the whole time.
    """
    task, order = SHORT_TASKS[asked.task], proposal.ranked()
    first = order[0]
    if withheld := _withheld(first.candidate.smiles, task):
        yield TextDelta(withheld)
        return Written(withheld, ended("end"), ()), True
    shown = _shown(order, task) if proposal.by_templates else [first]
    structures = [ranked.candidate.smiles for ranked in shown]
    text = task.answer(structures[0])
    if proposal.by_templates:
        text = task.several(structures, [ranked.share for ranked in shown])
    yield TextDelta(text)
    remarks = {
        ranked.candidate.smiles: _remark(ranked.candidate, proposal.proposer, asked, stop)
        for ranked in shown
    }
    checks = reaction_checks(text, task, asked.smiles, how_good, remarks)
    return Written(text, ended("end"), checks), False


def _as_asked(specialist: Specialist, asked: AskedReaction, turn: Turn) -> Turn:
    molecules = {n: turn.fitted.conversation.molecule(n).molecule for n in asked.numbers}
    prompt = SHORT_TASKS[asked.task].prompt(asked.smiles)
    prompt = replace(prompt, molecules=molecules, focus=(asked.numbers,))
    return asked_shortly(specialist, turn, prompt)


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
        remark = "written by the language model for reactions"
        if proposer.templates is not None:
            remark += ", made by no likely template"
    returned = None if stop.is_set() else proposer.returned(of.smiles, asked.smiles)
    return remark if returned is None else f"{remark}; {_WAY_BACK[asked.task]}: {returned:.0%}"


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
