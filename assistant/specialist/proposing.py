"""All that may be the answer to a question about a reaction, with all opinions on it.

drafts of the language model ─┬► candidates ─► opinions of the language model ─► ranked
what templates make ──────────┘
"""

import logging
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from assistant.errors import ChemistryTimeoutError, InputTooLargeError, PromptTooLongError
from assistant.llm.requests import Queued
from assistant.specialist.candidates import Candidate, Opinion, Proposer, Ranked, ranked
from assistant.specialist.service import Specialist
from assistant.specialist.writer import Asking

Situation = Literal["both", "unread", "none fits", "too slow", "no templates", "stopped"]
"""Templates and language model have a say; templates alone, since the SMILES is too long for the
language model; the language model alone, since no template fits, they took too long, or there are
none; nobody, since it was stopped."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proposal:
    """What may be the answer.

    Attributes:
        candidates: May be none.
        opinions: The language model's, one for each; all alike where it was not asked.
        situation: Who has a say.
        proposer: Proposes them.
    """

    candidates: tuple[Candidate, ...]
    opinions: tuple[Opinion, ...]
    situation: Situation
    proposer: Proposer

    @property
    def by_templates(self) -> bool:
        """Whether templates have a say, so that shares mean something."""
        return self.situation in ("both", "unread")

    def ranked(self) -> tuple[Ranked, ...]:
        """The candidates, the likeliest first."""
        if not self.candidates:
            return ()
        config = self.proposer.config
        if not self.by_templates:
            config = replace(config, weights=config.alone)
        return ranked(self.candidates, self.opinions, config)


def propose(
    specialist: Specialist, task: str, given: str, *, asking: Asking, everything: bool = False
) -> Generator[Queued, None, Proposal]:
    """The candidates of templates and language model.

    Args:
        specialist: Has both, or one of them.
        task: A name of `SHORT_TASKS`.
        given: Canonical SMILES of the question.
        asking: Who asks.
        everything: Asks for opinions that have no weight, too.

    Yields:
        Where the question waits.

    Raises:
        PromptTooLongError: The SMILES is too long for the language model, and templates make
            nothing of it; or the memory is full.
        QueueFullError: Too many requests are waiting, or the children are busy.
        VisitorLimitError: The visitor has asked enough for now.
        AnswerFailedError: The language model's numbers are not finite.
    """
    writer, proposer = specialist.writer, specialist.proposers[task]
    written = yield from writer.drafts(task, given, specialist.n_drafts, asking=asking)
    if asking.stop.is_set():
        return Proposal((), (), "stopped", proposer)
    proposal = _candidates(proposer, given, written)
    if not writer.reads(task, given):
        if not proposal.candidates:
            raise PromptTooLongError(
                "The SMILES is too long for the language model for reactions, which reads"
                f" {specialist.llm.context} tokens, and no templates answer for it. Ask about a"
                " part."
            )
        return replace(proposal, situation="unread")
    weights = proposer.config.weights if proposal.by_templates else proposer.config.alone
    if proposal.candidates and (everything or weights.lm or weights.lm_return):
        structures = [candidate.smiles for candidate in proposal.candidates]
        opinions = yield from writer.opinions(task, given, structures, asking=asking)
        if not opinions:
            return Proposal((), (), "stopped", proposer)
        return replace(proposal, opinions=opinions)
    return proposal


def _candidates(proposer: Proposer, given: str, written: Mapping[str, int]) -> Proposal:
    """What both propose; nobody has been asked for an opinion."""
    situation: Situation = "none fits" if proposer.templates is not None else "no templates"
    try:
        found = proposer.candidates(given, written=written)
    except (ChemistryTimeoutError, InputTooLargeError) as error:  # may hold a structure
        log.warning("no templates were applied (%s)", type(error).__name__)
        proposer, situation = proposer.alone(), "too slow"
        found = proposer.candidates(given, written=written)
    if any(candidate.probability for candidate in found):
        situation = "both"
    return Proposal(found, (Opinion(),) * len(found), situation, proposer)
