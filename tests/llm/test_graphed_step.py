"""Tests of the step over static buffers: equal to the packed forward, with ΔW, in any company."""

import pytest
import torch
from torch import Tensor, nn

from assistant.adapters.lora import wrap
from assistant.adapters.packed import PackedDeltas, TokenDeltas
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LoraWeights, LowRank
from assistant.llm.graphed.deltas import DeltaBuffers, DeltaLayout
from assistant.llm.graphed.step import Layer, StaticStep, StepRow, TorchOps, shape_of
from assistant.llm.kv import RowCache
from assistant.llm.llama import LlamaForward, Span
from tests.llm.fakes import make_deltas, make_model

LENGTHS = (5, 1, 9)


class Setting:
    """A tiny model, its packed forward, and rows with a history of their own."""

    def __init__(self) -> None:
        self.model = make_model()
        wrap(self.model, find_sites(self.model))
        for name, parameter in self.model.named_parameters():
            if "norm" in name:
                nn.init.normal_(parameter, mean=1.0, std=0.3)
        self.forward = LlamaForward(self.model, 512)
        self.layers = [Layer(self.model, i) for i in range(3)]
        self.ops = TorchOps(shape_of(self.model, self.forward), self.layers)
        self.deltas = make_deltas(self.model, 2)
        own = make_deltas(self.model, 1, rank=3, seed=8)[0]
        self.deltas.append({n: p for n, p in own.items() if "k_proj" in n or "mlp" in n})

    def history(self) -> list[RowCache]:
        torch.manual_seed(3)
        caches = [self.forward.new_cache() for _ in LENGTHS]
        for cache, n_tokens in zip(caches, LENGTHS, strict=True):
            self.forward.hidden(torch.randn(n_tokens, 64), [Span(cache, n_tokens)])
        return caches

    def expected(self, tokens: list[int], which: list[int]) -> tuple[Tensor, list[RowCache]]:
        caches = self.history()
        packed = PackedDeltas.pack(self.deltas, self.forward.groups, self.forward.like)
        embeds = self.model.get_input_embeddings()(torch.tensor(tokens))
        spans = [Span(cache, 1) for cache in caches]
        deltas = TokenDeltas(packed, tuple(which)) if any(w >= 0 for w in which) else None
        return self.forward.logits(self.forward.hidden(embeds, spans, deltas)), caches

    def step(self, n_rows: int, deltas: DeltaBuffers | None) -> StaticStep:
        spare = self.forward.new_cache()
        spare.reserve(1)
        return StaticStep(self.model, self.layers, self.ops, n_rows, deltas, spare)

    def buffers(self, deltas: list[LoraWeights], n_rows: int = 8) -> DeltaBuffers:
        return DeltaBuffers(self.forward.groups, DeltaLayout.of(deltas), n_rows, self.forward.like)

    def rows(self, tokens: list[int], which: list[int]) -> list[StepRow]:
        rows = []
        for token, cache, number in zip(tokens, self.history(), which, strict=True):
            cache.reserve(1)
            content = None if number < 0 else str(number)
            delta = None if number < 0 else self.deltas[number]
            rows.append(StepRow(token, cache, content, delta))
        return rows


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting()


@torch.inference_mode()
def run(step: StaticStep, rows: list[StepRow]) -> tuple[Tensor, Tensor, Tensor]:
    places = step.bind(rows)
    return tuple(value[places] for value in step.run())


@pytest.mark.parametrize("which", [[-1, -1, -1], [0, 1, 0], [2, -1, 1], [0, 2, -1]])
@pytest.mark.parametrize("n_rows", [4, 8])
def test_equals_the_packed_forward(setting, which, n_rows):
    tokens = [7, 40, 99]
    expected, caches = setting.expected(tokens, which)
    used = any(w >= 0 for w in which)
    step = setting.step(n_rows, setting.buffers(setting.deltas) if used else None)
    rows = setting.rows(tokens, which)
    logits, highest, best = run(step, rows)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(highest, expected.max(dim=-1).values, atol=1e-4, rtol=1e-4)
    assert best.tolist() == expected.argmax(dim=-1).tolist()
    for row, cache, n_tokens in zip(rows, caches, LENGTHS, strict=True):
        written, right = row.cache.keys[2][:, n_tokens], cache.keys[2][:, n_tokens]
        torch.testing.assert_close(written, right, atol=1e-4, rtol=1e-4)


def test_rows_change_their_deltas_in_place(setting):
    tokens = [7, 40, 99]
    step = setting.step(4, setting.buffers(setting.deltas))
    addresses = {part.data_ptr() for part in (step.inputs, step._parts[0].qkv_in.lora_A)}
    for which in ([0, 1, 2], [2, -1, 0], [-1, -1, 1], [1, 1, 1]):
        expected, _ = setting.expected(tokens, which)
        logits, *_ = run(step, setting.rows(tokens, which))
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    assert {p.data_ptr() for p in (step.inputs, step._parts[0].qkv_in.lora_A)} == addresses


class Loads:
    """Counts the ΔW that are copied from what a caller gives."""

    def __init__(self, monkeypatch) -> None:
        self.n = 0
        load = DeltaBuffers._load

        def counting(buffers, row, delta):
            self.n += 1
            load(buffers, row, delta)

        monkeypatch.setattr(DeltaBuffers, "_load", counting)


def test_a_row_keeps_the_place_of_its_delta(setting, monkeypatch):
    step = setting.step(4, setting.buffers(setting.deltas))
    first = step.bind(setting.rows([7, 40, 99], [0, 1, 2]))
    loads = Loads(monkeypatch)
    assert step.bind(setting.rows([7, 40, 99], [2, 1, 0])) == [first[2], first[1], first[0]]
    assert not loads.n


def test_a_new_row_does_not_take_the_place_of_those_that_come_after_it(setting, monkeypatch):
    step = setting.step(4, setting.buffers(setting.deltas))
    before = step.bind(setting.rows([7, 40, 99], [0, 1, -1]))
    loads = Loads(monkeypatch)
    assert step.bind(setting.rows([7, 40, 99], [2, 0, 1]))[1:] == before[:2]
    assert loads.n == 1


def test_those_who_decode_alone_for_a_while_stay_together_in_the_buffers(setting, monkeypatch):
    """Rows join and leave: batches of one and of four take the same buffers in turns."""
    buffers = setting.buffers(setting.deltas)
    alone, all_of_them = setting.step(1, buffers), setting.step(4, buffers)
    run(all_of_them, setting.rows([7, 40, 99], [0, 1, 2]))
    loads = Loads(monkeypatch)
    for number in (2, 1, 0, 1):
        expected, _ = setting.expected([7, 40, 99], [number, -1, -1])
        logits, *_ = run(alone, setting.rows([7, 40, 99], [number, -1, -1])[:1])
        torch.testing.assert_close(logits, expected[:1], atol=1e-4, rtol=1e-4)
        for which in ([0, 1, 2], [2, 0, 1]):
            expected, _ = setting.expected([7, 40, 99], which)
            logits, *_ = run(all_of_them, setting.rows([7, 40, 99], which))
            torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    assert not loads.n


def test_a_row_whose_copy_failed_is_not_taken_for_what_it_held(setting, monkeypatch):
    step = setting.step(4, setting.buffers(setting.deltas))
    step.bind(setting.rows([7, 40, 99], [0, 1, 0])[:2])
    rows = setting.rows([7, 40, 99], [2, 2, 2])
    with monkeypatch.context() as patch:
        patch.setattr(torch, "_foreach_mul", _no_memory)
        with pytest.raises(torch.OutOfMemoryError):
            step.bind(rows)
    for which in ([0, 1, 2], [1, 2, 0]):
        expected, _ = setting.expected([7, 40, 99], which)
        logits, *_ = run(step, setting.rows([7, 40, 99], which))
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def _no_memory(*arguments):
    raise torch.OutOfMemoryError("CUDA out of memory")


class Late:
    """Inputs on a device that is behind: what is copied to them is read later."""

    is_cuda = False

    def __init__(self) -> None:
        self.sources: list[Tensor] = []

    def copy_(self, source: Tensor, *, non_blocking: bool) -> None:
        self.sources.append(source)


def test_the_next_step_leaves_the_inputs_alone_that_the_device_has_not_read_yet(setting):
    step = setting.step(4, None)
    step.inputs = Late()
    for tokens in ([7, 40, 99], [1, 2, 3]):
        step.bind(setting.rows(tokens, [-1, -1, -1]))
    assert [source[0, :3].tolist() for source in step.inputs.sources] == [[7, 40, 99], [1, 2, 3]]


def test_infinite_weights_stay_with_their_row(setting):
    broken = {
        name: LowRank(part.lora_A * float("inf"), part.lora_B, part.scaling)
        for name, part in setting.deltas[0].items()
    }
    expected, _ = setting.expected([7, 40, 99], [-1, 1, -1])
    rows = setting.rows([7, 40, 99], [-1, 1, -1])
    rows[2] = StepRow(99, rows[2].cache, "broken", broken)
    step = setting.step(4, setting.buffers(setting.deltas))
    logits, *_ = run(step, rows)
    torch.testing.assert_close(logits[:2], expected[:2], atol=1e-4, rtol=1e-4)
    assert not logits[2].isfinite().all()
    rows = setting.rows([7, 40, 99], [-1, 1, -1])
    torch.testing.assert_close(run(step, rows)[0], expected, atol=1e-4, rtol=1e-4)


def test_only_what_is_used_has_buffers(setting):
    layout = DeltaLayout.of([setting.deltas[2]])
    assert layout.rank == 8
    layer = DeltaBuffers(setting.forward.groups, layout, 2, setting.forward.like).layers[1]
    assert layer.o_in is None
    assert layer.gate_up_out is None
    assert layer.down_in is None
    assert layer.inner_in.lora_A.shape == (2, 8, 64)
    assert layer.down_out.lora_B.shape == (2, 64, 8)
    wider = layout | DeltaLayout.of(make_deltas(setting.model, 1, rank=12))
    assert wider.rank == 16
    assert wider.sites > layout.sites
