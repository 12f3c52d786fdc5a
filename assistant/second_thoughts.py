"""An answer that the structure contradicts is written again, from the place of a close call on.

answer ✗ ─► scored: its tokens and what else could stand there ─► closest calls of the wrong
  sentence ─► for each: the answer up to there, the other token, the rest drawn ─► checked
  ─► one that puts the claim right and says nothing wrong, or else the first attempt

All of it is the model's own text. It belongs to the question: one place in the queue, one stop, one
time limit. Nothing random is added, so that a passport asked again gives the same. What else could
stand in a place is scored without experts (as all scores are); what follows is drawn with them.
"""

import logging
import math
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace

from assistant.answering import Written
from assistant.chat.check import Check
from assistant.chat.sentences import sentence_spans, tokens_within
from assistant.llm.layout import end_of_turn_ids
from assistant.llm.load import LoadedLLM
from assistant.llm.offsets import token_offsets
from assistant.llm.outcomes import FAILURES
from assistant.llm.requests import (
    Done,
    Engine,
    Progress,
    Request,
    Rescoring,
    Scored,
    TimedStop,
    Token,
)
from assistant.llm.sampling import AnswerText
from assistant.repairs import Repair, repair, wrong_part

MAX_TRIES = 8
MAX_TOKENS = 512
"""Drawn in all tries together: it bounds the time of a long answer."""

_OTHERS_OF_CLAIM = 5  # of a token of the wrong claim; of the others of its sentence one
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        written: The answer to show.
        n_tried: How many were tried.
        ended: Whether it was neither stopped nor failed.
    """

    written: Written
    n_tried: int
    ended: bool


@dataclass(frozen=True)
class Proposal:
    """Another beginning of an answer.

    Attributes:
        begun: Token ids up to a place, and the other token.
        gap: Log-probability of what stands there, less that of the other.
    """

    begun: tuple[int, ...]
    gap: float


class Writer:
    """Writes one answer again.

    Args:
        engine: Draws and scores.
        llm: Its language model.
        request: What the first attempt was drawn by, with its place in the queue.
        check: Checks a text as the answer.
    """

    def __init__(
        self,
        engine: Engine,
        llm: LoadedLLM,
        request: Request,
        check: Callable[[str], tuple[Check, ...]],
    ) -> None:
        self._engine = engine
        self._llm = llm
        self._request = request
        self._check = check
        self._n_left = MAX_TOKENS

    def write_again(self, first: Written) -> Generator[None, None, Outcome]:
        """A better answer, or the first attempt where a few tries found none.

        Better is one that nothing contradicts and that says rightly what was said wrong (`Repair`):
        the first such one that confirms no less than the first attempt, else the best. One that
        says nothing on it is not better: the mark on the wrong claim shows the true value. The
        first attempt also stays when this was stopped or took too long. Where it failed, what
        was found before counts.

        Args:
            first: Has a contradicted claim.

        Yields:
            Nothing, after each token: closing it there ends the request that is being drawn.
        """
        best, worth, n_tried = first, (Repair.NONE, 0), 0
        wrong = min(first.contradicted, key=lambda check: check.start)
        since, until = wrong_part(first.text, wrong)
        try:
            for proposal in self._proposals(first, since, until)[:MAX_TRIES]:
                n_tried += 1
                found = yield from self.goes_on(proposal.begun)
                if self.is_stopped:
                    return Outcome(first, n_tried, ended=False)
                if found is not None:
                    repaired = repair(found, first, wrong, since)
                    if repaired and (repaired, len(found.confirmed)) > worth:
                        best, worth = found, (repaired, len(found.confirmed))
                if worth[0] is Repair.WHOLE or self._n_left <= 0:
                    break
        except FAILURES as error:
            # The text of an error may hold a structure.
            log.warning("the search for a better answer failed (%s)", type(error).__name__)
            log.debug("what failed", exc_info=error)
            return Outcome(best, n_tried, ended=False)
        was_scored = n_tried > 0 or not self._request.stop.is_set()
        return Outcome(best, n_tried, ended=was_scored)

    def _proposals(self, first: Written, since: int, until: int) -> list[Proposal]:
        """Other beginnings that change a part of the answer, the closest calls first."""
        ids = first.done.token_ids
        scored = self._scored(ids)
        if scored is None:
            return []
        offsets = token_offsets(self._llm.tokenizer, ids)
        claims = [c for c in first.contradicted if since <= c.start < until]
        ends = self._llm.end_ids | end_of_turn_ids(self._llm.tokenizer)
        found: list[Proposal] = []
        for place in tokens_within(offsets, since, until):
            start, end = offsets[place]
            in_claim = any(start < claim.end and claim.start < end for claim in claims)
            others = [other for other in scored.others[place] if other.token_id not in ends]
            for other in others[: _OTHERS_OF_CLAIM if in_claim else 1]:
                gap = scored.log_probabilities[place] - other.log_probability
                found.append(Proposal((*ids[:place], other.token_id), gap))
        return sorted((p for p in found if len(p.begun) < self._room), key=lambda p: p.gap)

    @property
    def _room(self) -> int:
        """Longest answer; a beginning that is as long leaves nothing to draw."""
        request = self._request
        left = self._llm.context - request.spliced.n_tokens
        return min(request.sampling.max_new_tokens, left)

    def _scored(self, ids: tuple[int, ...]) -> Scored | None:
        request = self._request
        rescoring = Rescoring(
            (request.spliced,),
            ids,
            request.stop,
            request.visitor,
            _OTHERS_OF_CLAIM + 1,  # one of them may be an end
            request.place,
        )
        return next((e for e in self._engine.rescore(rescoring) if isinstance(e, Scored)), None)

    @property
    def is_stopped(self) -> bool:
        """Whether the answer is to end."""
        return self._request.stop.is_set()

    def goes_on(self, begun: tuple[int, ...]) -> Generator[None, None, Written | None]:
        """The answer that begins so; None as soon as a whole sentence of it is contradicted too.

        Args:
            begun: Token ids of its beginning.

        Yields:
            Nothing, after each token: closing it there ends the request that is being drawn.
        """
        stop = TimedStop(self._request.stop, Progress(), math.inf)
        if len(begun) >= self._room:
            return None
        request = replace(self._request, begun=begun, stop=stop, progress=Progress())
        text = _Growing(self._llm, begun)
        n_sentences = 1
        with closing(self._engine.stream(request)) as events:
            for event in events:
                if isinstance(event, Token) and event.token_id is not None:
                    self._n_left -= 1
                    text.add(event.token_id)
                    spans = sentence_spans(text.text)
                    if len(spans) > n_sentences and not stop.is_set():
                        n_sentences = len(spans)
                        if self._is_wrong(text.text[: spans[-1].since]):
                            stop.set()
                    if self._n_left <= 0:
                        stop.set()
                    yield
                elif isinstance(event, Done) and event.reason != "stopped":
                    whole = text.finished()
                    return Written(whole, event, self._check(whole))
        return None

    def _is_wrong(self, text: str) -> bool:
        return any(check.verdict == "contradicted" for check in self._check(text))


class _Growing:
    """The text of an answer while it is drawn, what it was begun with included."""

    def __init__(self, llm: LoadedLLM, begun: tuple[int, ...]) -> None:
        self._answer = AnswerText(llm.tokenizer, ())
        self.text = ""
        for token_id in begun:
            self.add(token_id)

    def add(self, token_id: int) -> None:
        """One more token."""
        self.text += self._answer.add(token_id)[0]

    def finished(self) -> str:
        """All of it."""
        return self.text + self._answer.flush()
