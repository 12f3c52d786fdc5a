"""Tests of the engine whose rows decode by graphs; here the step runs uncaptured on the CPU."""

import logging
import threading
import weakref

import pytest
import torch

from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LowRank
from assistant.encoding import MoleculeEncoding
from assistant.llm import decode_loop, row_passes
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.engine import SequentialEngine
from assistant.llm.graphed.capture import GraphedDecoder, graph_obstacle, make_decoder
from assistant.llm.graphed.step import StepRow, TorchOps
from assistant.llm.llama import LlamaForward, Span
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Done, Request, Rescoring, Scored
from assistant.llm.rows import Row
from assistant.llm.sampling import AnswerText, Sampling
from assistant.llm.scoring import score_tokens
from tests.adapters.xlora.fakes import make_mixture
from tests.llm.crowd import N_MOLECULES, ask, has_slots_free, questions, together
from tests.llm.fakes import make_deltas, make_llm, prompt_of, spliced_of
from tests.llm.uncaptured import Uncaptured, UncapturedDecoder, make_uncaptured


@pytest.fixture(scope="module")
def llm() -> LoadedLLM:
    loaded = make_llm()
    wrap(loaded.model, find_sites(loaded.model))
    return loaded


@pytest.fixture(scope="module")
def encodings(llm: LoadedLLM) -> dict[int, MoleculeEncoding]:
    torch.manual_seed(5)
    deltas = make_deltas(llm.model, N_MOLECULES)
    return {n + 1: MoleculeEncoding(torch.randn(4, 64), delta) for n, delta in enumerate(deltas)}


@pytest.fixture
def decoders(monkeypatch) -> list[GraphedDecoder]:
    made: list[GraphedDecoder] = []

    def make(model, forward, *, products):
        made.append(make_uncaptured(model, forward, products=products))
        return made[-1]

    monkeypatch.setattr(row_passes, "make_decoder", make)
    return made


@pytest.mark.parametrize("temperature", [0.0, 1.3])
def test_eight_together_answer_as_each_alone_without_graphs(llm, encodings, decoders, temperature):
    asked = questions(llm, encodings)
    options = {"temperature": temperature, "max_new_tokens": 20}
    alone = [
        ask(SequentialEngine(llm), spliced, seed=n, **options).token_ids
        for n, spliced in enumerate(asked)
    ]
    assert len(set(alone)) > 4
    engine = ContinuousEngine(llm)
    jobs = [
        lambda n=n, spliced=spliced: ask(engine, spliced, visitor=str(n), seed=n, **options)
        for n, spliced in enumerate(asked)
    ]
    assert [done.token_ids for done in together(jobs)] == alone
    assert has_slots_free(engine)
    assert sum(graph.n_replays for graph in decoders[0].graphs) > 10


def test_tokens_are_handed_out_while_the_device_computes(llm, encodings, decoders, monkeypatch):
    order: list[str] = []
    replay, hand_out = Uncaptured.replay, Row.hand_out

    def replaying(self):
        order.append("launched")
        return replay(self)

    def handing_out(self):
        if self._unsaid:
            order.append("handed out")
        return hand_out(self)

    monkeypatch.setattr(Uncaptured, "replay", replaying)
    monkeypatch.setattr(Row, "hand_out", handing_out)
    engine = ContinuousEngine(llm, end_ids=frozenset())
    done = ask(engine, questions(llm, encodings)[0], max_new_tokens=6)
    assert len(done.token_ids) == 6
    # The first token comes from the prompt; the warm-up and the choice of a graph launch some, too.
    assert order[-11:] == [*["launched", "handed out"] * 5, "handed out"]


@pytest.mark.parametrize("stop", [(), ("never said",)])
def test_a_text_that_fails_ends_its_own_answer(llm, encodings, decoders, monkeypatch, stop):
    first, second, *_ = questions(llm, encodings)
    options = {"max_new_tokens": 12, "temperature": 1.3, "seed": 2, "stop": stop}
    expected = ask(ContinuousEngine(llm), second, **options).token_ids
    add = AnswerText.add
    broken = []

    def failing(self, token_id):
        if not broken or broken[0] is self:
            broken[:] = [self]
            raise ValueError("no text for it")
        return add(self, token_id)

    engine = ContinuousEngine(llm)
    monkeypatch.setattr(AnswerText, "add", failing)
    with pytest.raises(ValueError, match="no text for it"):
        ask(engine, first, **options)
    assert ask(engine, second, **options).token_ids == expected
    assert has_slots_free(engine)


def test_what_was_drawn_comes_before_the_error(llm, encodings, decoders, monkeypatch):
    engine = ContinuousEngine(llm)
    drawn = []

    def failing(ready):
        if len(drawn) == 3:
            raise ValueError("nothing to draw from")
        drawn.append(ready.best)
        return ready.best

    monkeypatch.setattr(decode_loop, "draw", failing)
    heard = []

    def listen() -> None:
        for event in engine.stream(Request(questions(llm, encodings)[0], Sampling())):
            heard.append(event.token_id)

    with pytest.raises(ValueError, match="nothing to draw from"):
        listen()
    assert heard == drawn
    assert len(heard) == 3


def test_a_long_prompt_enters_beside_replays(llm, encodings, decoders):
    long = spliced_of(llm, encodings, prompt_of(((2,), "the molecule " * 80, None)))
    short = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    expected = ask(SequentialEngine(llm), long, max_new_tokens=6).token_ids
    engine = ContinuousEngine(llm)
    stop = threading.Event()
    sampling = Sampling(max_new_tokens=300, temperature=3.0)
    running = engine.stream(Request(short, sampling, stop=stop, visitor="a"))
    next(running)
    assert ask(engine, long, visitor="b", max_new_tokens=6).token_ids == expected
    stop.set()
    *_, done = running
    assert done.reason == "stopped"


def test_answers_without_a_molecule_use_a_step_without_deltas(llm, encodings, decoders):
    plain = spliced_of(llm, encodings, prompt_of(((), "acid?", None)))
    expected = ask(SequentialEngine(llm), plain, max_new_tokens=8).token_ids
    engine = ContinuousEngine(llm)
    assert ask(engine, plain, max_new_tokens=8).token_ids == expected
    assert [key for key, graph in decoders[0]._graphs.items() if graph] == [(1, False)]


def test_a_graph_that_computes_something_else_is_not_used(llm, encodings, decoders, caplog):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    expected = ask(SequentialEngine(llm), spliced, max_new_tokens=8).token_ids
    engine = ContinuousEngine(llm)
    decoder = decoders[0]
    wrong = decoder._shape.__class__(**{**vars(decoder._shape), "scale": 40.0})
    decoder._shape = wrong
    with caplog.at_level(logging.WARNING):
        assert ask(engine, spliced, max_new_tokens=8).token_ids == expected
    assert "not used" in caplog.text
    assert "without a CUDA graph" in caplog.text
    assert not decoder.graphs


def test_a_capture_that_fails_leaves_the_packed_pass(llm, encodings, decoders, caplog):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    expected = ask(SequentialEngine(llm), spliced, max_new_tokens=8).token_ids
    engine = ContinuousEngine(llm)

    def fail(step, name):
        raise RuntimeError("operation not permitted when stream is capturing")

    decoders[0]._capture = fail
    with caplog.at_level(logging.WARNING):
        assert ask(engine, spliced, max_new_tokens=8).token_ids == expected
    assert "not permitted when stream is capturing" in caplog.text


def test_no_graph_is_captured_while_the_numbers_are_not_finite(llm):
    forward = LlamaForward(llm.model, 512)
    decoder = make_uncaptured(llm.model, forward, products="auto")
    delta = make_deltas(llm.model, 1)[0]
    broken = {n: LowRank(p.lora_A * torch.inf, p.lora_B, p.scaling) for n, p in delta.items()}
    cache = forward.new_cache()
    forward.hidden(torch.randn(5, 64), [Span(cache, 5)])
    cache.reserve(1)
    assert decoder.step([StepRow(7, cache, "broken", broken)]) is None
    assert not decoder.graphs
    assert decoder.step([StepRow(7, cache, "good", delta)]) is not None
    assert cache.length == 5


class Watched(dict):
    """A ΔW that counts how often somebody looks at its parts."""

    n_looks = 0

    def __getitem__(self, name):
        Watched.n_looks += 1
        return super().__getitem__(name)

    def items(self):
        Watched.n_looks += 1
        return super().items()

    def values(self):
        Watched.n_looks += 1
        return super().values()


def test_a_step_does_not_look_at_weights_that_are_in_place(llm):
    """A ΔW has hundreds of parts: one look at each took longer than the parts cost to compute."""
    decoder = make_uncaptured(llm.model, LlamaForward(llm.model, 512), products="auto")
    deltas = [Watched(delta) for delta in make_deltas(llm.model, 8)]
    rows = rows_of(decoder, deltas)
    decoder.step(rows)
    before = Watched.n_looks
    assert before
    for order in (1, -1):
        assert decoder.step(rows[::order]) is not None
    assert Watched.n_looks == before


class TwoWays(UncapturedDecoder):
    """Another way, which is faster; it is wrong with ΔW where it is told to be."""

    def __init__(self, model, forward, *, wrong):
        self.tried = []
        super().__init__(model, forward)
        self._capture, self._is_wrong = self._timed, wrong

    def _timed(self, step, name):
        self.tried.append((name, step.adapted))
        graph = Uncaptured(step, name)
        graph.ms = {"torch": 2.0, "fast": 1.0}[name]
        if name == "fast" and step.adapted and self._is_wrong:
            graph.replay = lambda: tuple(-value for value in step.run())
        return graph

    def _candidates(self, n_rows):
        yield from super()._candidates(n_rows)
        fast = TorchOps(self._shape, self._layers)
        fast.name = "fast"
        yield fast


@pytest.mark.parametrize("wrong", [False, True])
def test_with_deltas_the_way_that_was_fastest_without_is_tried_first(llm, wrong):
    decoder = TwoWays(llm.model, LlamaForward(llm.model, 512), wrong=wrong)
    decoder.warm_up()
    assert [graph.name for graph in decoder.graphs] == ["fast"] * 4
    decoder.tried.clear()
    assert decoder.step(rows_of(decoder, make_deltas(llm.model, 8))) is not None
    rest = [("torch", True)] if wrong else []
    assert decoder.tried == [("fast", True), *rest]
    assert decoder.graphs[-1].name == ("torch" if wrong else "fast")


def test_nothing_keeps_the_caches_of_rows_that_left(llm):
    decoder = make_uncaptured(llm.model, LlamaForward(llm.model, 512), products="auto")
    decoder.warm_up()
    rows = rows_of(decoder, make_deltas(llm.model, 8))
    stores = [weakref.ref(row.cache._store) for row in rows]
    for some in (rows, rows[:1], rows[3:6]):
        assert decoder.step(some) is not None
    del rows, some
    assert not [store for store in stores if store() is not None]


def test_results_are_in_the_order_of_the_rows(llm):
    decoder = make_uncaptured(llm.model, LlamaForward(llm.model, 512), products="auto")
    rows = rows_of(decoder, make_deltas(llm.model, 8))
    found = decoder.step(rows)
    backwards = decoder.step(rows[::-1])
    for (logits, highest, best), (same, *numbers) in zip(found, backwards[::-1], strict=True):
        torch.testing.assert_close(logits, same)
        assert [float(logits.max()), int(logits.argmax())] == [highest, best] == numbers


def rows_of(decoder, deltas) -> list[StepRow]:
    """A row for each ΔW, with a history of its own."""
    rows = []
    for number, delta in enumerate(deltas):
        cache = decoder._forward.new_cache()
        decoder._forward.hidden(torch.randn(3 + number, 64), [Span(cache, 3 + number)])
        cache.reserve(1)
        rows.append(StepRow(7 + number, cache, f"ΔW {number}", delta))
    return rows


def test_the_warm_up_captures_every_batch(llm):
    decoder = make_uncaptured(llm.model, LlamaForward(llm.model, 512), products="auto")
    decoder.warm_up()
    assert [graph.step.n_rows for graph in decoder.graphs] == [1, 2, 4, 8]


def test_a_processor_has_no_graphs(llm, caplog):
    assert "CUDA" in graph_obstacle(llm.model)
    with caplog.at_level(logging.INFO):
        assert make_decoder(llm.model, LlamaForward(llm.model, 512)) is None
    assert not caplog.text


def test_an_answer_is_scored_beside_replays(llm, encodings, decoders):
    asked, ids = questions(llm, encodings)[:3], (60, 61, 7, 100)
    expected = [torch.tensor(score_tokens(llm, spliced, ids)[0]) for spliced in asked]
    engine, stop = ContinuousEngine(llm, end_ids=frozenset()), threading.Event()
    sampling = Sampling(max_new_tokens=300, temperature=3.0)
    running = engine.stream(Request(asked[0], sampling, stop=stop, visitor="a"))
    next(running)
    found = [
        torch.tensor(one.log_probabilities)
        for one in engine.rescore(Rescoring(asked, ids, visitor="b"))
        if isinstance(one, Scored)
    ]
    stop.set()
    list(running)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert sum(graph.n_replays for graph in decoders[0].graphs) > 0
    assert has_slots_free(engine)


def test_rows_with_experts_stand_beside_the_graph_of_the_others(llm, encodings, decoders):
    """A row with experts takes the packed pass, the others the graph; each answers as alone."""
    mixture = make_mixture(llm.model, top_k_lora=2)
    asked = questions(llm, encodings)
    modes = [("exact", None, "turn", None)[n % 4] for n in range(len(asked))]
    sampling = Sampling(max_new_tokens=20)

    def ask_with(engine: ContinuousEngine, n: int) -> Done:
        request = Request(asked[n], sampling, visitor=str(n), experts=modes[n])
        *_, done = engine.stream(request)
        assert isinstance(done, Done)
        return done

    alone = [ask_with(ContinuousEngine(llm, mixture=mixture), n) for n in range(len(asked))]
    engine = ContinuousEngine(llm, mixture=mixture)
    assert engine.graphs is decoders[-1]
    found = together([lambda n=n: ask_with(engine, n) for n in range(len(asked))])
    for done, expected in zip(found, alone, strict=True):
        assert done.token_ids == expected.token_ids
        assert torch.allclose(
            torch.tensor(done.scalings), torch.tensor(expected.scalings), atol=1e-4
        )
