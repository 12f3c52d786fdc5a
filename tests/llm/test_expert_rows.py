"""Tests of experts in the batch: equal to an answer alone, beside rows with and without any."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.xlora.mixture import Mixture
from assistant.encoding import MoleculeEncoding
from assistant.errors import BundleError, PromptTooLongError
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.decode_loop import DecodeLoop
from assistant.llm.engine import SequentialEngine
from assistant.llm.expert_rows import ExpertRows
from assistant.llm.experts import ExpertMode
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Done, Engine, Request
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced
from tests.adapters.xlora.fakes import make_mixture
from tests.llm.crowd import N_MOLECULES, has_slots_free, questions, together
from tests.llm.fakes import make_deltas, make_llm, prompt_of, spliced_of
from tests.llm.test_experts import full_passes, with_answer

MODES: tuple[ExpertMode | None, ...] = ("exact", "turn", None)


@pytest.fixture(scope="module")
def llm() -> LoadedLLM:
    loaded = make_llm()
    wrap(loaded.model, find_sites(loaded.model))
    return loaded


@pytest.fixture(scope="module")
def mixture(llm: LoadedLLM) -> Mixture:
    return make_mixture(llm.model, top_k_lora=2)


@pytest.fixture(scope="module")
def encodings(llm: LoadedLLM) -> dict[int, MoleculeEncoding]:
    torch.manual_seed(5)
    deltas = make_deltas(llm.model, N_MOLECULES)
    return {n + 1: MoleculeEncoding(torch.randn(4, 64), delta) for n, delta in enumerate(deltas)}


def ask(
    engine: Engine,
    spliced: Spliced,
    mode: ExpertMode | None,
    *,
    visitor: str = "me",
    **sampling: object,
) -> Done:
    options = {"temperature": 1.0, "seed": 1, "max_new_tokens": 8} | sampling
    request = Request(spliced, Sampling(**options), visitor=visitor, experts=mode)
    *_, done = engine.stream(request)
    assert isinstance(done, Done)
    return done


def same(found: Done, expected: Done) -> bool:
    if found.token_ids != expected.token_ids or found.reason != expected.reason:
        return False
    pair = torch.tensor(found.scalings), torch.tensor(expected.scalings)
    return pair[0].shape == pair[1].shape and torch.allclose(*pair, atol=1e-5)


@contextmanager
def counted_tokens(engine: ContinuousEngine) -> Iterator[list[int]]:
    """The number of tokens of every packed pass, of the scaling pass too."""
    counts: list[int] = []
    forward = engine._loop._passes.forward
    hidden = forward.hidden

    def counting(embeds, *arguments):
        counts.append(len(embeds))
        return hidden(embeds, *arguments)

    forward.hidden = counting
    yield counts
    del forward.hidden


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pass_value", [0.0, 0.5, None])
def test_an_answer_is_that_of_the_engine_for_one(llm, encodings, mode, pass_value):
    """With graph tokens, ΔW that change within the row, and experts."""
    mixture = make_mixture(llm.model, top_k_lora=2, scaling_pass_value=pass_value)
    spliced = spliced_of(
        llm, encodings, prompt_of(((1,), "acid?", (9, 10)), ((1, 2), "both?", None))
    )
    found = ask(ContinuousEngine(llm, mixture=mixture), spliced, mode, max_new_tokens=12)
    expected = ask(SequentialEngine(llm, mixture=mixture), spliced, mode, max_new_tokens=12)
    assert len(found.token_ids) > 3
    assert same(found, expected)


def test_scalings_that_all_layers_share(llm, encodings):
    mixture = make_mixture(llm.model, layerwise_scalings=False, scaling_pass_value=None)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    found = ask(ContinuousEngine(llm, mixture=mixture), spliced, "exact")
    assert len(found.scalings) == 1
    assert same(found, ask(SequentialEngine(llm, mixture=mixture), spliced, "exact"))


@pytest.mark.parametrize("mode", MODES)
def test_the_logits_are_those_of_two_full_passes(llm, mixture, encodings, mode):
    seen: list[torch.Tensor] = []
    engine = ContinuousEngine(llm, mixture=mixture)
    logits = engine._loop._passes.forward.logits

    def recording(hidden: torch.Tensor) -> torch.Tensor:
        seen.append(logits(hidden))
        return seen[-1]

    engine._loop._passes.forward.logits = recording
    spliced = spliced_of(llm, encodings, prompt_of(((2,), "the molecule " * 80, None)))
    assert spliced.n_tokens > 256  # in several parts
    done = ask(engine, spliced, mode, max_new_tokens=5)
    right, _ = full_passes(llm, mixture, with_answer(llm, spliced, done.token_ids), mode)
    n_drawn = len(done.token_ids) + (done.reason == "end")
    drawn = slice(spliced.n_tokens - 1, spliced.n_tokens - 1 + n_drawn)
    assert n_drawn > 1
    torch.testing.assert_close(torch.cat(seen), right[drawn], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("temperature", [0.0, 1.3])
def test_rows_with_and_without_experts_answer_as_each_alone(llm, mixture, encodings, temperature):
    asked = questions(llm, encodings)
    modes = [MODES[n % 3] for n in range(len(asked))]
    options = {"temperature": temperature, "max_new_tokens": 16}
    alone = [
        ask(ContinuousEngine(llm, mixture=mixture), spliced, mode, **options)
        for spliced, mode in zip(asked, modes, strict=True)
    ]
    assert len({done.token_ids for done in alone}) > 4
    plain = [ask(ContinuousEngine(llm), spliced, None, **options) for spliced in asked]
    assert plain[2].token_ids == alone[2].token_ids  # without experts as in an engine without any
    assert plain[0].token_ids != alone[0].token_ids
    engine = ContinuousEngine(llm, mixture=mixture)
    jobs = [
        lambda n=n, s=s, m=m: ask(engine, s, m, visitor=str(n), **options)
        for n, (s, m) in enumerate(zip(asked, modes, strict=True))
    ]
    for found, expected in zip(together(jobs), alone, strict=True):
        assert same(found, expected)
    assert has_slots_free(engine)


def test_rows_of_all_modes_share_steps(llm, mixture, encodings, monkeypatch):
    steps: list[set[str | None]] = []
    compute = DecodeLoop._compute

    def recording(self, work):
        steps.append({row.answer.request.experts for row, n in work if row.is_decoding})
        return compute(self, work)

    monkeypatch.setattr(DecodeLoop, "_compute", recording)
    engine = ContinuousEngine(llm, mixture=mixture)
    asked = questions(llm, encodings)
    options = {"temperature": 3.0, "max_new_tokens": 40}
    together(
        [
            lambda n=n, s=s: ask(engine, s, MODES[n % 3], visitor=str(n), **options)
            for n, s in enumerate(asked)
        ]
    )
    assert set(MODES) in steps


def test_an_exact_token_costs_two_single_token_passes_and_a_turn_token_one(llm, mixture, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    for mode, per_token in (("exact", 2), ("turn", 1), (None, 1)):
        engine = ContinuousEngine(llm, mixture=mixture)
        with counted_tokens(engine) as counts:
            done = ask(engine, spliced, mode, max_new_tokens=20, temperature=2.0)
        assert len(done.token_ids) > 5
        n_steps = len(done.token_ids) - (done.reason == "length")
        assert sum(counts) == per_token * n_steps + spliced.n_tokens * (2 if mode else 1)


@pytest.mark.parametrize("mode", ["exact", "turn"])
def test_the_next_turn_computes_only_what_is_new(llm, mixture, encodings, mode):
    engine = ContinuousEngine(llm, mixture=mixture)
    first = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    answer = ask(engine, first, mode, max_new_tokens=6).token_ids
    second = spliced_of(
        llm, encodings, prompt_of(((1,), "acid?", answer), ((1, 2), "compare", None))
    )
    with counted_tokens(engine) as counts:
        done = ask(engine, second, mode, max_new_tokens=1)
    new = second.n_tokens - first.n_tokens
    # In mode `turn` the scaling pass catches up with the whole answer.
    behind = len(answer) if mode == "turn" else 1
    assert done.cached_tokens >= first.n_tokens + len(answer) - 1
    assert sum(counts) <= 2 * (new - len(answer) + 1) + behind - 1
    assert same(done, ask(ContinuousEngine(llm, mixture=mixture), second, mode, max_new_tokens=1))


def test_people_share_the_system_text_of_the_scaling_pass_and_nothing_else(llm, mixture, encodings):
    engine = ContinuousEngine(llm, mixture=mixture)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    n_system = sum(turn < 0 for turn in spliced.turns)
    new = []
    for visitor in "aba":
        with counted_tokens(engine) as counts:
            done = ask(engine, spliced, "exact", visitor=visitor, max_new_tokens=1)
        new.append(sum(counts))
    n = spliced.n_tokens
    assert new == [2 * n, 2 * (n - n_system), 1]
    assert same(
        done, ask(ContinuousEngine(llm, mixture=mixture), spliced, "exact", max_new_tokens=1)
    )


def conversation(
    llm: LoadedLLM,
    mixture: Mixture,
    encodings: dict[int, MoleculeEncoding],
    engine: ContinuousEngine,
    seed: int,
    n_turns: int,
) -> int:
    """Cached equals cold; modes change, experts go on and off, questions are edited."""
    chance = random.Random(seed)
    turns: list[tuple[tuple[int, ...], str, tuple[int, ...] | None]] = []
    mode: ExpertMode | None = "exact"
    n_cached = 0
    for _ in range(n_turns):
        if turns and chance.random() < 0.3:
            turns.pop()
        if len(turns) > 3:
            turns = []
        if chance.random() < 0.5:
            mode = chance.choice(MODES)
        focus = tuple(sorted(chance.sample((1, 2, 3), chance.randint(0, 2))))
        question = " ".join(chance.choices(("acid?", "the molecule", "is it not"), k=3))
        spliced = spliced_of(llm, encodings, prompt_of(*turns, (focus, question, None)))
        done = ask(engine, spliced, mode, visitor=str(seed), max_new_tokens=5, seed=seed)
        cold = ask(
            ContinuousEngine(llm, mixture=mixture), spliced, mode, max_new_tokens=5, seed=seed
        )
        assert same(done, cold)
        n_cached += done.cached_tokens
        turns.append((focus, question, done.token_ids))
    return n_cached


def test_cached_equals_cold_over_random_conversations_side_by_side(llm, mixture, encodings):
    engine = ContinuousEngine(llm, mixture=mixture)
    jobs = [
        lambda seed=seed: conversation(llm, mixture, encodings, engine, seed, 6)
        for seed in range(4)
    ]
    assert all(isinstance(cached, int) and cached > 0 for cached in together(jobs))


@pytest.mark.slow
def test_cached_equals_cold_over_many_random_conversations(llm, mixture, encodings):
    engine = ContinuousEngine(llm, mixture=mixture)
    for start in range(0, 40, 8):
        jobs = [
            lambda seed=seed: conversation(llm, mixture, encodings, engine, seed, 8)
            for seed in range(start, start + 8)
        ]
        assert all(isinstance(cached, int) for cached in together(jobs))


@pytest.mark.parametrize("mode", ["exact", "turn"])
def test_stop_during_the_scaling_pass_ends_that_answer_alone(
    llm, mixture, encodings, mode, monkeypatch
):
    engine = ContinuousEngine(llm, mixture=mixture)
    long = spliced_of(llm, encodings, prompt_of(((2,), "the molecule " * 80, None)))
    other = questions(llm, encodings)[0]
    expected = ask(ContinuousEngine(llm, mixture=mixture), other, "exact", max_new_tokens=20)
    stop = threading.Event()
    scale = ExpertRows.scale

    def stopping(self, work):
        scale(self, work)
        if any(row.spliced is long for row, _ in work):
            stop.set()

    with monkeypatch.context() as patch:
        patch.setattr(ExpertRows, "scale", stopping)
        stopped, done = together(
            [
                lambda: list(engine.stream(Request(long, stop=stop, visitor="a", experts=mode)))[
                    -1
                ],
                lambda: ask(engine, other, "exact", visitor="b", max_new_tokens=20),
            ]
        )
    assert (stopped.reason, stopped.token_ids) == ("stopped", ())
    assert same(done, expected)
    assert has_slots_free(engine)
    again = ask(engine, long, mode, visitor="a")  # what was computed is used
    assert same(again, ask(ContinuousEngine(llm, mixture=mixture), long, mode))


def failing_gate(mixture: Mixture, error: Exception, *, when: list[bool]) -> Mixture:
    """The mixture with a gate that raises while `when` is not empty."""

    class Raises(torch.nn.Module):
        n_experts, n_layers = mixture.gate.n_experts, mixture.gate.n_layers

        def __init__(self) -> None:
            super().__init__()
            self.last = mixture.gate.last

        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            if when:
                when.pop()
                raise error
            return mixture.gate(hidden)

    return replace(mixture, gate=Raises())


def test_a_failure_in_the_scaling_pass_of_all_is_computed_again_row_by_row(llm, mixture, encodings):
    asked = questions(llm, encodings)[:4]
    alone = [ask(ContinuousEngine(llm, mixture=mixture), s, "exact") for s in asked]
    once = failing_gate(mixture, IndexError("a wrong index"), when=[True])
    engine = ContinuousEngine(llm, mixture=once)
    jobs = [lambda n=n, s=s: ask(engine, s, "exact", visitor=str(n)) for n, s in enumerate(asked)]
    for found, expected in zip(together(jobs), alone, strict=True):
        assert found.token_ids == expected.token_ids


@pytest.mark.parametrize("mode", ["exact", "turn"])
def test_a_row_that_had_to_give_its_memory_back_answers_all_the_same(
    llm, mixture, encodings, mode, monkeypatch
):
    """Memory runs out at random points, in scaling passes too."""
    asked = questions(llm, encodings)
    modes = [mode if n % 2 else None for n in range(len(asked))]
    alone = [
        ask(ContinuousEngine(llm, mixture=mixture), s, m) for s, m in zip(asked, modes, strict=True)
    ]
    chance = random.Random(0)
    left = 12
    engine = ContinuousEngine(llm, mixture=mixture)
    hidden = engine._loop._passes.forward.hidden

    def full(*arguments):
        nonlocal left
        if left and chance.random() < 0.15:
            left -= 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return hidden(*arguments)

    engine._loop._passes.forward.hidden = full
    n_answered = 0
    while left:
        jobs = [
            lambda n=n, s=s, m=m: ask(engine, s, m, visitor=str(n))
            for n, (s, m) in enumerate(zip(asked, modes, strict=True))
        ]
        for found, expected in zip(together(jobs), alone, strict=True):
            if not isinstance(found, PromptTooLongError):
                assert same(found, expected)
                n_answered += 1
    assert n_answered > 0
    for n, (s, m) in enumerate(zip(asked, modes, strict=True)):
        assert same(ask(engine, s, m, visitor=str(n)), alone[n])
    assert has_slots_free(engine)


def test_a_molecule_that_is_not_finite_ends_only_its_own_answer(llm, mixture, encodings):
    engine = ContinuousEngine(llm, mixture=mixture)
    good = questions(llm, encodings)[0]
    expected = ask(ContinuousEngine(llm, mixture=mixture), good, "exact", max_new_tokens=12)
    broken = {2: MoleculeEncoding(encodings[2].graph_tokens * torch.nan, encodings[2].lora)}
    bad = spliced_of(llm, broken, prompt_of(((2,), "acid?", None)))
    for mode in ("exact", "turn"):
        failed, done = together(
            [
                lambda mode=mode: ask(engine, bad, mode, visitor="a"),
                lambda: ask(engine, good, "exact", visitor="b", max_new_tokens=12),
            ]
        )
        assert "not finite" in str(failed)
        assert same(done, expected)


def test_mixtures_that_cannot_share_a_batch_are_refused_with_the_reason(llm, mixture):
    coupled = make_mixture(
        llm.model,
        top_k_lora=2,
        enable_softmax=False,
        enable_softmax_topk=True,
        topk_softmax="batch",
    )
    with pytest.raises(BundleError, match="two full passes"):
        ContinuousEngine(llm, mixture=coupled)
    name, site = next(iter(mixture.bank.sites.items()))
    bad = replace(site, lora_A=site.lora_A * torch.nan)
    bank = replace(mixture.bank, sites={**mixture.bank.sites, name: bad})
    with pytest.raises(BundleError, match="not finite"):
        ContinuousEngine(llm, mixture=replace(mixture, bank=bank))
    elsewhere = replace(mixture.bank, sites={**mixture.bank.sites, "model.layers.9.mlp": site})
    with pytest.raises(BundleError, match=r"model\.layers\.9\.mlp.*does not have"):
        ContinuousEngine(llm, mixture=replace(mixture, bank=elsewhere))


def test_experts_asked_of_an_engine_without_any_are_a_mistake(llm, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    with pytest.raises(ValueError, match="'turn'"):
        ask(ContinuousEngine(llm), spliced, "turn")
