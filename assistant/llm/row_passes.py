"""What the decode thread runs the model for: the tokens that several rows compute next.

    rows ─► scaling pass of rows with experts ─┐
         ├► a graph, for rows that decode, where there is one (CUDA) ─┐
         └► one packed pass over all others ──────────────────────────┴─► what rows draw from

A pass leaves no trace when it fails: what a row has computed is what its marks say.
"""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from assistant.adapters.packed import refuse_misfits
from assistant.adapters.xlora.mixture import Mixture
from assistant.llm.expert_rows import ExpertRows
from assistant.llm.graphed.capture import Products, make_decoder
from assistant.llm.graphed.step import StepRow
from assistant.llm.llama import LlamaForward
from assistant.llm.load import LoadedLLM
from assistant.llm.outcomes import Ready
from assistant.llm.packs import Packs, Work
from assistant.llm.prefix import KeptCache
from assistant.llm.row_caches import RowCaches
from assistant.llm.rows import Answer, Row

_SCORED_AT_ONCE = 64  # tokens: a row of logits for each of a long answer would be gigabytes


class Passes:
    """The passes of one model.

    Args:
        llm: A model that `LlamaForward` runs.
        products: On CUDA, whose 4-bit products the graphs of the decode step may use.
        mixture: The experts, if there are any.
        max_bytes: Memory for the caches of conversations between their turns.

    Attributes:
        forward: The packed pass.
        graphs: The captured decode steps; None where there are none.
        caches: Of the conversations between their turns.
        packs: The ΔW of the rows of a step.
    """

    def __init__(
        self, llm: LoadedLLM, *, products: Products, mixture: Mixture | None, max_bytes: int
    ) -> None:
        self._llm = llm
        self.forward = LlamaForward(llm.model, llm.context, llm.plan)
        self._embed = llm.model.get_input_embeddings()
        self.graphs = make_decoder(llm.model, self.forward, products=products)
        self.caches = RowCaches(
            llm, self.forward.new_cache, max_bytes=max_bytes, with_scalings=mixture is not None
        )
        self.packs = Packs(self.forward.groups, self.forward.like)
        self._fit: set[str] = set()  # hashes of ΔW that were checked
        self._experts: ExpertRows | None = None
        if mixture is not None:
            self._experts = ExpertRows(mixture, self.forward, self._embed)

    def new_row(self, answer: Answer) -> Row:
        """The row of an answer.

        Raises:
            BundleError: A ΔW does not fit the model.
        """
        request = answer.request
        experts = None
        if self._experts is not None and request.experts is not None:
            experts = self._experts.of(request, self.caches.take_scalings(request))
        empty = KeptCache(request.visitor, [], self.forward.new_cache())
        row = Row(answer, self._llm, empty, experts)
        for content, delta in row.deltas.items():
            if content not in self._fit:
                refuse_misfits(delta, self.forward.groups)
                self._fit.add(content)
        self.caches.open(row)
        return row

    def run(self, work: Work, meanwhile: Callable[[], None] = lambda: None) -> list[Ready]:
        """All rows by the packed pass, or those that decode by a graph where there is one.

        Args:
            work: The rows.
            meanwhile: Is called once the device has its work, or before it gets it.
        """
        for row, _ in work:
            self.caches.open(row)
        # A row that is behind takes part in the scaling pass alone.
        real = [(row, row.at_most(n_tokens)) for row, n_tokens in work if not row.n_behind]
        if self._experts is not None:
            self._experts.scale(work)
        plain = [row for row, _ in real if row.is_decoding and row.experts is None]
        graphed = self._replay(plain, meanwhile)
        if graphed is None:
            meanwhile()
            ready = self._packed_pass(real)
        else:
            others = [item for item in real if item[0] not in plain]
            ready = graphed + self._packed_pass(others)
        for row, n_tokens in real:
            row.computed(1 if row.guesses else n_tokens)
        return ready

    @torch.inference_mode()
    def _replay(self, rows: list[Row], meanwhile: Callable[[], None]) -> list[Ready] | None:
        """The next token of each row by a graph; None when there is none for them."""
        if self.graphs is None or not rows:
            return None
        inputs = []
        for row in rows:
            cache, content = row.span(1).cache, row.next_deltas(1)[0]
            cache.reserve(1)
            delta = None if content is None else row.deltas[content]
            inputs.append(StepRow(row.ids[-1], cache, content, delta))
        result = self.graphs.step(inputs, meanwhile)
        if result is None:
            return None
        for row in inputs:
            row.cache.length += 1
        return [Ready(row, *found) for row, found in zip(rows, result, strict=True)]

    @torch.inference_mode()
    def _packed_pass(self, work: Work) -> list[Ready]:
        if not work:
            return []
        embeds = self._embeds(work)
        deltas = self.packs.of(work)
        experts = None if self._experts is None else self._experts.planned(work)
        spans = [row.span(n_tokens) for row, n_tokens in work]
        hidden = self.forward.hidden(embeds, spans, deltas, experts)
        ends = list(itertools.accumulate(n_tokens for _, n_tokens in work))
        self._score(work, ends, hidden)
        last = [
            (row, end - n + i if row.guesses else end - 1, i - 1)
            for (row, n), end in zip(work, ends, strict=True)
            if row.guesses or (row.n_left == n and not row.forced)
            for i in range(1 + len(row.guesses))
        ]
        ready = self._ready(last, hidden)
        for row, _, _ in last:
            if row.experts is not None:
                row.experts.drew(len(row.kept.marks) + row.n_left)
        return ready

    def _score(self, work: Work, ends: list[int], hidden: Tensor) -> None:
        """What the step says of answers that are there already, some tokens at a time."""
        for (row, n_tokens), end in zip(work, ends, strict=True):
            places = row.places_to_score(n_tokens)
            for start in range(places.start, places.stop, _SCORED_AT_ONCE):
                part = range(start, min(start + _SCORED_AT_ONCE, places.stop))
                first = end - n_tokens + part.start
                logits = self.forward.logits(hidden[first : first + len(part)])
                row.score(part, logits.float().log_softmax(dim=-1))

    def _ready(self, wanted: list[tuple[Row, int, int]], hidden: Tensor) -> list[Ready]:
        """What rows draw from, of rows with a place in `hidden` and the guess that leads there."""
        if not wanted:
            return []
        rows, places, guesses = (list(part) for part in zip(*wanted, strict=True))
        chosen = hidden if len(places) == len(hidden) else hidden[places]
        logits = self.forward.logits(chosen)
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
        parts += [
            row.embeds(len(row.kept.marks), n, self._embed)
            for row, n in work
            if not row.is_decoding
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)
