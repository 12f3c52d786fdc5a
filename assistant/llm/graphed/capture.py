"""The decode step as CUDA graphs: one replay per token instead of some hundred launches.

    rows ─► batch of 1, 2, 4 or 8 ─► static inputs, ΔW rows ─► replay ─► logits
              └─ first time: run each candidate, check it against the packed forward, time it,
                 keep the fastest

A graph is captured when a batch of its size is first needed. When none can be captured (no Triton,
8-bit weights, a capture that fails or computes something else) the packed forward goes on, and the
log says why.
"""

import importlib.util
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from assistant.adapters.packed import PackedDeltas, TokenDeltas
from assistant.llm.graphed.cuda_graph import Graph, capture_errors
from assistant.llm.graphed.deltas import DeltaBuffers, DeltaLayout
from assistant.llm.graphed.nf4 import join_nf4, nf4_obstacle
from assistant.llm.graphed.step import Layer, StaticStep, StepRow, TorchOps, shape_of
from assistant.llm.llama import LlamaForward, Span

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PreTrainedModel

    from assistant.llm.graphed.nf4 import Nf4Matrix

logger = logging.getLogger(__name__)

BATCHES = (1, 2, 4, 8)
"""Rows of the graphs; a step with other numbers of rows takes the next larger one."""

Products = Literal["auto", "model", "nf4", "none"]
"""Whose 4-bit products a graph may use: the fastest, the model's modules', our kernel's; or that
there are to be no graphs."""

RowResult = tuple[Tensor, float, int]
"""What a row draws from: its logits (vocabulary,), the highest and its token."""

_TOLERANCE = 0.1  # ‖graph − packed forward‖ / ‖packed forward‖; a wrong kernel is near 1
_WARM_UP_PROMPT = 16


def graph_obstacle(model: "PreTrainedModel") -> str:
    """Why the model's decode step cannot be captured; empty when it can be tried."""
    if model.device.type != "cuda":
        return "the model is not on a CUDA device"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    width = int(model.model.layers[0].self_attn.head_dim)
    if width < 32 or width & (width - 1):
        return f"its attention heads are {width} wide, no power of two from 32"
    if model.config.num_attention_heads // model.config.num_key_value_heads > 16:
        return "more than 16 query heads share a key-value head"
    if model.get_input_embeddings().weight.dtype not in (torch.bfloat16, torch.float16):
        return "it does not compute in 16 bit"
    layer = Layer(model, 0)
    for module in (*layer.qkv, *layer.o, *layer.gate_up, *layer.down):
        if type(module) is not nn.Linear and type(module).__name__ != "Linear4bit":
            return f"its weights are {type(module).__name__}"
    return ""


class GraphedDecoder:
    """Decode steps of up to 8 rows by replaying graphs.

    Args:
        model: A model without a `graph_obstacle`.
        forward: Its packed forward, which the graphs are checked against.
        products: Whose 4-bit products are tried.
        capture: Makes a graph of a step with a name.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        forward: LlamaForward,
        *,
        products: Products = "auto",
        capture: Callable[[StaticStep, str], Graph] = Graph,
    ) -> None:
        self._capture = capture
        self._model = model
        self._forward = forward
        self._products = products
        self._shape = shape_of(model, forward)
        self._layers = [Layer(model, index) for index in range(self._shape.n_layers)]
        self._matrices: dict[int, Nf4Matrix] | None = None
        self._deltas: DeltaBuffers | None = None
        self._graphs: dict[tuple[int, bool], Graph | None] = {}
        self._spare = forward.new_cache()
        self._spare.reserve(1)

    @property
    def graphs(self) -> list[Graph]:
        """What is captured."""
        return [graph for graph in self._graphs.values() if graph is not None]

    @torch.inference_mode()
    def step(
        self, rows: Sequence[StepRow], meanwhile: Callable[[], None] = lambda: None
    ) -> list[RowResult] | None:
        """One more token for each row; None when there is no graph for it.

        Args:
            rows: Rows whose caches have room for the token; their length is left as it is.
            meanwhile: Is called while the device computes; not where there is no graph.

        Returns:
            What each row draws from, once the device has computed it; logits are valid until the
            next step.
        """
        n_rows = next((size for size in BATCHES if size >= len(rows)), None)
        if n_rows is None:
            return None
        adapted = any(row.delta for row in rows)
        if adapted:
            self._hold(rows)
        key = (n_rows, adapted)
        if key not in self._graphs:
            expected = self._expected(rows)
            if not expected.isfinite().all():
                return None  # nothing to check a graph against; the next step may have
            deltas = self._deltas if adapted else None
            self._graphs[key] = self._best(n_rows, rows, deltas, expected)
        graph = self._graphs[key]
        if graph is None:
            return None
        places = graph.step.bind(rows)
        logits, highest, best = graph.replay()
        meanwhile()
        each = list(zip(logits, highest.tolist(), best.tolist(), strict=True))
        graph.step.release()
        return [each[place] for place in places]

    @torch.inference_mode()
    def warm_up(self) -> None:
        """Captures the steps without ΔW, so that nobody waits for the compiler later."""
        embed, forward = self._model.get_input_embeddings(), self._forward
        prompt = embed(torch.arange(_WARM_UP_PROMPT, device=forward.like.device))
        rows = []
        for _ in range(BATCHES[-1]):
            cache = forward.new_cache()
            forward.hidden(prompt, [Span(cache, len(prompt))])
            cache.reserve(1)
            rows.append(StepRow(0, cache))
        for n_rows in BATCHES:
            self.step(rows[:n_rows])

    def _hold(self, rows: Sequence[StepRow]) -> None:
        """Makes ΔW buffers that hold these rows' sites and ranks; graphs of smaller ones go.

        What the buffers hold already is not looked at: that would be each part of each row's ΔW,
        step by step.
        """
        held = self._deltas
        new = [r.delta for r in rows if r.delta and not (held and held.holds(r.content))]
        if not new:
            return
        wanted = DeltaLayout.of(new)
        if self._deltas is not None:
            wanted = wanted | self._deltas.layout
            if wanted == self._deltas.layout:
                return
        for key in [key for key in self._graphs if key[1]]:
            del self._graphs[key]
        self._deltas = None
        forward = self._forward
        self._deltas = DeltaBuffers(forward.groups, wanted, BATCHES[-1], forward.like)

    def _best(
        self,
        n_rows: int,
        rows: Sequence[StepRow],
        deltas: DeltaBuffers | None,
        expected: Tensor,
    ) -> Graph | None:
        """The fastest candidate of those that compute what is expected.

        With ΔW it is the one that was the fastest without, as it was for every size on an H200:
        people wait for their next token while others are tried.
        """
        best: Graph | None = None
        known = self._graphs.get((n_rows, False)) if deltas is not None else None
        likely = "" if known is None else known.name
        for ops in sorted(self._candidates(n_rows), key=lambda ops: ops.name != likely):
            if best is not None and best.name == likely:
                break
            try:
                graph = self._captured(ops, n_rows, rows, deltas, expected)
            except capture_errors() as error:
                logger.warning("no graph of %d rows with %s: %s", n_rows, ops.name, error)
                continue
            if graph is not None and (best is None or graph.ms < best.ms):
                best = graph
        if best is None:
            logger.warning("the decode step of %d rows runs without a CUDA graph", n_rows)
        else:
            words = "with ΔW" if deltas is not None else "without ΔW"
            logger.info("CUDA graph of %d rows %s: %s, %.2f ms", n_rows, words, best.name, best.ms)
        return best

    def _captured(
        self,
        ops: TorchOps,
        n_rows: int,
        rows: Sequence[StepRow],
        deltas: DeltaBuffers | None,
        expected: Tensor,
    ) -> Graph | None:
        step = StaticStep(self._model, self._layers, ops, n_rows, deltas, self._spare)
        places = step.bind(rows)
        graph = self._capture(step, ops.name)
        found = graph.replay()[0][places].float()
        error = float((found - expected).norm() / expected.norm())
        if not error < _TOLERANCE:  # NaN is an error too
            logger.warning("%s is off by %.3g and not used", ops.name, error)
            return None
        graph.time()
        logger.info("%d rows, %s: %.2f ms, off by %.3g", n_rows, ops.name, graph.ms, error)
        return graph

    def _expected(self, rows: Sequence[StepRow]) -> Tensor:
        """Logits of the packed forward, in float32."""
        forward = self._forward
        known = {row.content: row.delta for row in rows if row.delta}
        deltas = None
        if known:
            packed = PackedDeltas.pack(list(known.values()), forward.groups, forward.like)
            order = list(known)
            places = tuple(order.index(r.content) if r.delta else -1 for r in rows)
            deltas = TokenDeltas(packed, places)
        lengths = [row.cache.length for row in rows]
        tokens = torch.tensor([row.token for row in rows], device=forward.like.device)
        embeds = self._model.get_input_embeddings()(tokens)
        hidden = forward.hidden(embeds, [Span(row.cache, 1) for row in rows], deltas)
        for row, length in zip(rows, lengths, strict=True):
            row.cache.length = length
        return forward.logits(hidden).float()

    def _candidates(self, n_rows: int) -> Iterator[TorchOps]:
        from assistant.llm.graphed.triton_ops import ONE_ROW, SOME_ROWS, Nf4Ops, TritonOps

        if self._products in ("auto", "model"):
            yield TritonOps(self._shape, self._layers)
        if self._products in ("auto", "nf4") and (matrices := self._joined()):
            for tiling in ONE_ROW if n_rows == 1 else SOME_ROWS:
                yield Nf4Ops(self._shape, self._layers, matrices, tiling)

    def _joined(self) -> "dict[int, Nf4Matrix]":
        if self._matrices is None:
            dtype = self._forward.like.dtype
            lists = [
                modules
                for layer in self._layers
                for modules in (layer.qkv, layer.o, layer.gate_up, layer.down)
            ]
            reason = next(filter(None, map(nf4_obstacle, lists)), "")
            if reason:
                logger.info("no NF4 kernel of our own: %s", reason)
            self._matrices = {} if reason else {id(m): join_nf4(m, dtype) for m in lists}
        return self._matrices


def make_decoder(
    model: "PreTrainedModel", forward: LlamaForward, *, products: Products = "auto"
) -> GraphedDecoder | None:
    """The graphs of a model, warmed up, or None, which the log explains where there is a GPU."""
    reason = graph_obstacle(model)
    if reason:
        level = logging.WARNING if model.device.type == "cuda" else logging.DEBUG
        logger.log(level, "no CUDA graph of the decode step: %s", reason)
        return None
    if products == "none":
        return None
    decoder = GraphedDecoder(model, forward, products=products)
    try:
        decoder.warm_up()
    except capture_errors() as error:
        logger.warning("no CUDA graph of the decode step: %s", error)
        return None
    return decoder
