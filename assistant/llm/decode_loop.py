"""The thread that owns the model: many answers, one step at a time.

    asked for ─► rows ─┬─ stopped or closed? leave
                       ├─ one token of every row that decodes ┐
                       ├─ a part of the prompts that are new  ┴─► one packed pass ─► draw per row
                       └─ ended? hand out, keep the cache

Rows join and leave between steps. A prompt enters in parts beside the others' tokens, so that a
long one does not freeze them. What fails in a pass with several rows is computed again row by row,
and only rows that fail alone end with an error. When memory is short the idle caches go first, then
rows wait for each other, then the person is told.
"""

import itertools
import logging
import sys
import threading
import time

import torch
from torch import Tensor

from assistant.adapters.packed import refuse_misfits
from assistant.errors import AssistantError
from assistant.llm.graphed.capture import Products, make_decoder
from assistant.llm.graphed.step import StepRow
from assistant.llm.layout import end_of_turn_ids
from assistant.llm.llama import LlamaForward
from assistant.llm.load import LoadedLLM
from assistant.llm.outcomes import Ready, draw, is_out_of_memory, tell
from assistant.llm.packs import Packs, Work
from assistant.llm.prefix import PREFILL_CHUNK, KeptCache, PrefixStore
from assistant.llm.prompt_lookup import Payoff
from assistant.llm.requests import EndReason
from assistant.llm.rows import Answer, Row

logger = logging.getLogger(__name__)

CHUNK_BESIDE = 64
"""Tokens of prompts in a step in which other rows decode."""

CUDA_CHUNK = 512
"""The same on a GPU, where a step of so many tokens takes hardly longer than one of few."""

_SCORED_AT_ONCE = 64  # tokens: a row of logits for each of a long answer would be gigabytes
_LINGER_SECONDS = 30.0
_KEPT_CONVERSATIONS = 64

# What a pass over one request's numbers can raise. Anything else is a bug and ends the thread.
_FAILURES = (AssistantError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)


class DecodeLoop:
    """Answers requests side by side in a thread of its own, which starts when there is work.

    Args:
        llm: A model that `LlamaForward` runs.
        max_bytes: Memory for the caches of conversations between their turns.
        end_ids: Tokens that end an answer; by default the model's own.
        products: On CUDA, whose 4-bit products the graphs of the decode step may use.

    Attributes:
        graphs: The captured decode steps; None where there are none.
    """

    def __init__(
        self,
        llm: LoadedLLM,
        *,
        max_bytes: int,
        end_ids: frozenset[int] | None = None,
        products: Products = "auto",
    ) -> None:
        self._llm = llm
        self._forward = LlamaForward(llm.model, llm.context, llm.plan)
        self._embed = llm.model.get_input_embeddings()
        self.graphs = make_decoder(llm.model, self._forward, products=products)
        self._chunk = CUDA_CHUNK if llm.device.type == "cuda" else 0
        own_ends = frozenset(llm.end_ids | end_of_turn_ids(llm.tokenizer))
        self._end_ids = own_ends if end_ids is None else end_ids
        self._store = PrefixStore(
            llm.model.config,
            enabled=llm.supports_cache,
            fresh=self._forward.new_cache,
            max_conversations=_KEPT_CONVERSATIONS,
            max_bytes=max_bytes,
        )
        self._rows: list[Row] = []
        self._packs = Packs(self._forward.groups, self._forward.like)
        self._payoff = Payoff()
        self._fit: set[str] = set()  # hashes of ΔW that were checked
        self._inbox: list[Answer] = []
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def cache_bytes(self) -> int:
        """Memory of the conversations' caches between their turns."""
        return self._store.n_bytes

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
            self._store.clear()
        for answer in waiting:
            answer.events.put(error)

    def _admit(self) -> bool:
        """Takes in what was asked, or waits for it; False ends the thread."""
        with self._wake:
            if not self._rows and not self._wake.wait_for(lambda: self._inbox, _LINGER_SECONDS):
                self._thread = None
                self._packs.clear()
                return False
            asked, self._inbox = self._inbox, []
        for answer in asked:
            try:
                self._rows.append(self._row(answer))
            except _FAILURES as error:
                tell(answer, error)
        return True

    def _row(self, answer: Answer) -> Row:
        request = answer.request
        find = self._store.start if request.forced else self._store.take
        kept = find(request.visitor, request.spliced.content)
        row = Row(answer, self._llm, kept)
        for content, delta in row.deltas.items():
            if content not in self._fit:
                refuse_misfits(delta, self._forward.groups)
                self._fit.add(content)
        return row

    def _step(self) -> None:
        self._llm.threads.settle()
        for row in list(self._rows):
            if row.ended:
                self._finish(row, row.ended)
        work = self._work()
        if not work:
            return
        begin = time.perf_counter()
        n_drawn = 0
        for ready in self._compute(work):
            row = ready.row
            if ready.guess >= 0 and not (row in self._rows and row.is_right(ready.guess)):
                continue
            n_drawn += 1
            try:
                ended = row.accept(draw(ready), self._end_ids)
            except _FAILURES as error:
                self._fail(row, error)
                continue
            if ended:
                self._finish(row, ended)
        for row, _ in work:
            if row.is_scored and row in self._rows:
                self._finish(row, "end")
        row, n_tokens = work[0]
        if len(work) == 1 and n_drawn and (row.guesses or n_tokens == 1):
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
                work.append((row, min(room, row.n_left)))
                room -= work[-1][1]
        return work

    def _compute(self, work: Work) -> list[Ready]:
        """One pass, and the rows that can draw after it."""
        try:
            return self._pass(work)
        except _FAILURES as error:
            logger.debug("a pass over %d rows failed: %s", len(work), error)
            if is_out_of_memory(error):
                self._free_idle()
        results = []
        for row, n_tokens in work:
            try:
                results += self._pass([(row, n_tokens)])
            except _FAILURES as error:
                if is_out_of_memory(error):
                    self._out_of_memory(row, error)
                else:
                    self._fail(row, error)
        return results

    def _pass(self, work: Work) -> list[Ready]:
        """All rows by the packed pass, or those that decode by a graph where there is one."""
        decoding = [row for row, _ in work if row.is_decoding]  # they come first
        new = work[len(decoding) :]
        ready = self._packed_pass(new) if decoding and new and self.graphs else []
        graphed = self._replay(decoding)
        ready = self._packed_pass(work) if graphed is None else graphed + ready
        for row, n_tokens in work:
            row.computed(1 if row.guesses else n_tokens)
        return ready

    @torch.inference_mode()
    def _replay(self, rows: list[Row]) -> list[Ready] | None:
        """The next token of each row by a graph; None when there is none for them."""
        if self.graphs is None or not rows:
            return None
        inputs = []
        for row in rows:
            cache, content = row.span(1).cache, row.next_deltas(1)[0]
            cache.reserve(1)
            delta = None if content is None else row.deltas[content]
            inputs.append(StepRow(row.ids[-1], cache, content, delta))
        result = self.graphs.step(inputs)
        if result is None:
            return None
        for row in inputs:
            row.cache.length += 1
        logits, *found = result
        highest, best = (values.tolist() for values in found)
        return [Ready(*parts) for parts in zip(rows, logits, highest, best, strict=True)]

    @torch.inference_mode()
    def _packed_pass(self, work: Work) -> list[Ready]:
        embeds = self._embeds(work)
        deltas = self._packs.of(work)
        spans = [row.span(n_tokens) for row, n_tokens in work]
        hidden = self._forward.hidden(embeds, spans, deltas)
        ends = list(itertools.accumulate(n_tokens for _, n_tokens in work))
        self._score(work, ends, hidden)
        last = [
            (row, end - n + i if row.guesses else end - 1, i - 1)
            for (row, n), end in zip(work, ends, strict=True)
            if row.guesses or (row.n_left == n and not row.forced)
            for i in range(1 + len(row.guesses))
        ]
        return self._ready(last, hidden)

    def _score(self, work: Work, ends: list[int], hidden: Tensor) -> None:
        """What the step says of answers that are there already, some tokens at a time."""
        for (row, n_tokens), end in zip(work, ends, strict=True):
            places = row.places_to_score(n_tokens)
            for start in range(places.start, places.stop, _SCORED_AT_ONCE):
                part = range(start, min(start + _SCORED_AT_ONCE, places.stop))
                first = end - n_tokens + part.start
                logits = self._forward.logits(hidden[first : first + len(part)])
                row.score(part, logits.float().log_softmax(dim=-1))

    def _ready(self, wanted: list[tuple[Row, int, int]], hidden: Tensor) -> list[Ready]:
        """What rows draw from, of rows with a place in `hidden` and the guess that leads there."""
        if not wanted:
            return []
        rows, places, guesses = (list(part) for part in zip(*wanted, strict=True))
        chosen = hidden if len(places) == len(hidden) else hidden[places]
        logits = self._forward.logits(chosen)
        highest, best = (values.tolist() for values in logits.max(dim=-1))
        return [Ready(*parts) for parts in zip(rows, logits, highest, best, guesses, strict=True)]

    def _embeds(self, work: Work) -> Tensor:
        """Packed embeddings (n, h); the tokens of all rows that decode are looked up at once."""
        decoding = [row for row, _ in work if row.is_decoding]
        parts = []
        if decoding:  # they come first
            ids = [token for row in decoding for token in (row.ids[-1], *row.guesses)]
            ids = torch.tensor(ids, device=self._llm.device)
            parts.append(self._embed(ids))
        parts += [row.embeds(n, self._embed) for row, n in work if not row.is_decoding]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _out_of_memory(self, row: Row, error: BaseException) -> None:
        """The row waits for another one to leave; alone it must give up."""
        if all(other is row or other.parked for other in self._rows):
            self._fail(row, error)
            return
        row.kept = KeptCache(row.kept.visitor, [], self._forward.new_cache())
        row.parked = True

    def _free_idle(self) -> None:
        self._store.clear()
        self._packs.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _finish(self, row: Row, reason: EndReason) -> None:
        self._leave(row)
        if row.forced:  # nobody goes on from there
            row.finish(reason)
            return
        row.forget_wrong_guesses()
        n_system = 0
        for turn in row.spliced.turns:
            if turn >= 0:
                break
            n_system += 1
        self._store.keep(row.kept, n_system=n_system)
        row.finish(reason)

    def _fail(self, row: Row, error: BaseException) -> None:
        self._leave(row)
        tell(row.answer, error)

    def _leave(self, row: Row) -> None:
        self._rows.remove(row)
        for other in self._rows:
            if other.parked:
                other.parked = False  # it may have the room now
                break
