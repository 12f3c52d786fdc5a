"""The thread that owns the model: many answers, one step at a time.

    asked for ─► rows ─┬─ stopped or closed? leave
                       ├─ one token of every row that decodes ┐
                       ├─ a part of the prompts that are new  ┴─► one packed pass ─► draw per row
                       └─ ended? hand out, keep the cache

Rows join and leave between steps. A prompt enters in parts beside the others' tokens, so that a
long one does not freeze them. What fails in a pass with several rows is computed again row by row,
and only rows that fail alone end with an error. When memory is short the idle caches go first (on a
GPU to the memory of the machine), then rows wait for each other, then the person is told.
"""

import logging
import sys
import threading
import time

import torch

from assistant.adapters.xlora.mixture import Mixture
from assistant.llm.graphed.capture import GraphedDecoder, Products
from assistant.llm.layout import end_of_turn_ids
from assistant.llm.load import LoadedLLM
from assistant.llm.outcomes import FAILURES, Ready, draw, is_out_of_memory, tell
from assistant.llm.packs import Work
from assistant.llm.prefix import PREFILL_CHUNK
from assistant.llm.prompt_lookup import Payoff
from assistant.llm.requests import EndReason
from assistant.llm.row_passes import Passes
from assistant.llm.rows import Answer, Row

logger = logging.getLogger(__name__)

CHUNK_BESIDE = 64
"""Tokens of prompts in a step in which other rows decode."""

CUDA_CHUNK = 512
"""The same on a GPU, where a step of so many tokens takes hardly longer than one of few."""

_LINGER_SECONDS = 30.0


class DecodeLoop:
    """Answers requests side by side in a thread of its own, which starts when there is work.

    Args:
        llm: A model that `LlamaForward` runs.
        max_bytes: Memory for the caches of conversations between their turns.
        end_ids: Tokens that end an answer; by default the model's own.
        products: On CUDA, whose 4-bit products the graphs of the decode step may use.
        mixture: The experts, if there are any.
    """

    def __init__(
        self,
        llm: LoadedLLM,
        *,
        max_bytes: int,
        end_ids: frozenset[int] | None = None,
        products: Products = "auto",
        mixture: Mixture | None = None,
    ) -> None:
        self._llm = llm
        self._passes = Passes(llm, products=products, mixture=mixture, max_bytes=max_bytes)
        self._chunk = CUDA_CHUNK if llm.device.type == "cuda" else 0
        own_ends = frozenset(llm.end_ids | end_of_turn_ids(llm.tokenizer))
        self._end_ids = own_ends if end_ids is None else end_ids
        self._rows: list[Row] = []
        self._payoff = Payoff()
        self._inbox: list[Answer] = []
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def graphs(self) -> GraphedDecoder | None:
        """The captured decode steps; None where there are none."""
        return self._passes.graphs

    @property
    def cache_bytes(self) -> int:
        """Memory of the conversations' caches between their turns, where the model computes."""
        return self._passes.caches.n_bytes

    @property
    def spilled_bytes(self) -> int:
        """Memory of those that lie elsewhere than the model computes."""
        return self._passes.caches.n_spilled_bytes

    def submit(self, answer: Answer) -> None:
        """Puts an answer into the next step."""
        with self._wake:
            self._inbox.append(answer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _run(self) -> None:
        try:
            while self._admit():
                self._step()
        finally:
            # Ended by a bug, which goes on to the thread's exception hook: nobody may wait forever.
            error = sys.exc_info()[1]
            if error is not None:
                self._abandon(error)

    def _abandon(self, error: BaseException) -> None:
        with self._wake:
            waiting = [row.answer for row in self._rows] + self._inbox
            self._rows, self._inbox, self._thread = [], [], None
            self._passes.caches.clear()
        for answer in waiting:
            answer.events.put(error)

    def _admit(self) -> bool:
        """Takes in what was asked, or waits for it; False ends the thread."""
        with self._wake:
            if not self._rows and not self._wake.wait_for(lambda: self._inbox, _LINGER_SECONDS):
                self._thread = None
                self._passes.packs.clear()
                return False
        # One leaves the inbox when it has a row: a bug on the way there must reach its reader too.
        while self._inbox:
            try:
                self._rows.append(self._passes.new_row(self._inbox[0]))
            except FAILURES as error:
                tell(self._inbox[0], error)
            with self._wake:
                del self._inbox[0]
        return True

    def _step(self) -> None:
        self._llm.threads.settle()
        for row in list(self._rows):
            if row.ended:
                self._finish(row, row.ended)
        work = self._work()
        if not work:
            self._hand_out()
            return
        begin = time.perf_counter()
        n_drawn = 0
        for ready in self._compute(work):
            row = ready.row
            if row not in self._rows or (ready.guess >= 0 and not row.is_right(ready.guess)):
                continue
            n_drawn += 1
            try:
                ended = row.accept(draw(ready), self._end_ids)
            except FAILURES as error:
                self._fail(row, error)
                continue
            if ended:
                self._finish(row, ended)
        for row, _ in work:
            if row.is_scored and row in self._rows:
                self._finish(row, "end")
        row, n_tokens = work[0]
        is_plain = row.experts is None and (row.guesses or n_tokens == 1)
        if len(work) == 1 and n_drawn and is_plain:
            seconds = time.perf_counter() - begin
            self._payoff.note(n_drawn, seconds, guessed=bool(row.guesses))
        row.guesses = []  # only a row alone has some

    def _work(self) -> list[tuple[Row, int]]:
        """Rows with the number of tokens each computes in the next step."""
        if self._rows and all(row.parked for row in self._rows):
            self._rows[0].parked = False
        rows = [row for row in self._rows if not row.parked]
        work = [(row, 1) for row in rows if row.is_decoding]
        if len(rows) == len(work) == 1 and self.graphs is None and self._payoff.is_due:
            rows[0].guess()
            return [(rows[0], 1 + len(rows[0].guesses))]
        room = self._chunk or (CHUNK_BESIDE if work else PREFILL_CHUNK)
        for row in rows:
            if not row.is_decoding and room > 0:
                work.append((row, min(room, row.n_behind or row.n_left)))
                room -= work[-1][1]
        return work

    def _compute(self, work: Work) -> list[Ready]:
        """One pass, and the rows that can draw after it."""
        try:
            return self._passes.run(work, self._hand_out)
        except FAILURES as error:
            logger.debug("a pass over %d rows failed: %s", len(work), error)
            if is_out_of_memory(error):
                self._free_idle()
        results = []
        for row, n_tokens in work:
            try:
                results += self._passes.run([(row, n_tokens)], self._hand_out)
            except FAILURES as error:
                if is_out_of_memory(error):
                    self._out_of_memory(row, error)
                else:
                    self._fail(row, error)
        return results

    def _out_of_memory(self, row: Row, error: BaseException) -> None:
        """The row waits for another one to leave; alone it must give up."""
        if all(other is row or other.parked for other in self._rows):
            self._fail(row, error)
            return
        row.forget(self._passes.forward.new_cache)
        row.parked = True

    def _free_idle(self) -> None:
        self._passes.caches.free()
        self._passes.packs.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _finish(self, row: Row, reason: EndReason) -> None:
        self._leave(row)
        row.forget_wrong_guesses()
        if row.may_use_its_cache:  # elsewhere nobody goes on from there
            self._passes.caches.keep(row)
        row.finish(reason)

    def _hand_out(self) -> None:
        """What the readers are owed goes out while the device computes, whom it would keep idle."""
        for row in list(self._rows):
            try:
                row.hand_out()
            except FAILURES as error:
                self._fail(row, error)

    def _fail(self, row: Row, error: BaseException) -> None:
        self._leave(row)
        row.hand_out()
        tell(row.answer, error)

    def _leave(self, row: Row) -> None:
        self._rows.remove(row)
        for other in self._rows:
            if other.parked:
                other.parked = False  # it may have the room now
                break
