"""Tests of X-LoRA with caches: equal to two full passes, and how many tokens it costs."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from assistant.adapters.lora import AdapterStep, running, wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.xlora.gate import applied_scalings
from assistant.adapters.xlora.mixture import Mixture
from assistant.adapters.xlora.passes import two_pass
from assistant.encoding import MoleculeEncoding
from assistant.errors import BundleError
from assistant.llm import engine as engine_module
from assistant.llm.engine import Done, Request, SequentialEngine
from assistant.llm.experts import ExactExperts, ExpertMode, turn_means
from assistant.llm.load import LoadedLLM
from assistant.llm.prefix import PrefixStore
from assistant.llm.sampling import Sampling
from assistant.llm.scaling import ScalingPass
from assistant.llm.splice import Spliced
from tests.adapters.xlora.fakes import make_mixture
from tests.llm.fakes import make_deltas, make_llm, prompt_of, spliced_of

MODES: tuple[ExpertMode, ...] = ("exact", "turn")
Turn = tuple[tuple[int, ...], str, tuple[int, ...] | None]


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
    deltas = make_deltas(llm.model, 3)
    return {n + 1: MoleculeEncoding(torch.randn(4, 64), delta) for n, delta in enumerate(deltas)}


@contextmanager
def counted_tokens(llm: LoadedLLM) -> Iterator[list[int]]:
    """The number of tokens of every forward pass through the LLM's first layer."""
    counts: list[int] = []
    hook = llm.model.model.layers[0].register_forward_pre_hook(
        lambda _, inputs: counts.append(inputs[0].shape[1])
    )
    yield counts
    hook.remove()


def ask(
    engine: SequentialEngine,
    spliced: Spliced,
    mode: ExpertMode | None,
    *,
    n_tokens: int = 8,
    visitor: str = "me",
) -> Done:
    # A temperature: the most probable token of random weights may end the answer at once.
    sampling = Sampling(temperature=1.0, seed=1, max_new_tokens=n_tokens)
    *_, done = engine.stream(Request(spliced, sampling, visitor=visitor, experts=mode))
    assert isinstance(done, Done)
    return done


def with_answer(llm: LoadedLLM, spliced: Spliced, ids: tuple[int, ...]) -> Spliced:
    """The prompt with the answer's tokens behind it, for passes without a cache."""
    n, turn = len(ids), spliced.turns[-1]
    embeds = llm.model.get_input_embeddings()(torch.tensor([ids], dtype=torch.long))
    slots = torch.full((1, n), spliced.answer_slot)
    return Spliced(
        torch.cat([spliced.inputs_embeds, embeds], dim=1),
        torch.cat([spliced.segment_index, slots], dim=1),
        spliced.deltas,
        spliced.answer_slot,
        (*spliced.content, *((i, spliced.answer_content) for i in ids)),
        spliced.answer_content,
        (*spliced.turns, *[turn] * n),
        (*spliced.asked, *[False] * n),
    )


@torch.no_grad()
def full_passes(
    llm: LoadedLLM, mixture: Mixture, spliced: Spliced, mode: ExpertMode | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (t, v) and the scalings that were applied (t, l, expert), without any cache."""
    deltas = AdapterStep.plan(spliced.deltas, spliced.segment_index)
    embeds = spliced.inputs_embeds
    logits, scalings = two_pass(llm.model, mixture, embeds, deltas=deltas)
    if mode == "turn":
        means = turn_means(scalings[0], spliced.turns, spliced.asked)
        scalings = torch.stack([means[turn] for turn in spliced.turns])[None]
        with running(deltas, mixture.step(scalings)):
            logits = llm.model(inputs_embeds=embeds).logits
    elif mode is None:
        with running(deltas):
            logits = llm.model(inputs_embeds=embeds).logits
    return logits[0], applied_scalings(scalings, mixture.config)[0]


@pytest.fixture
def seen_logits(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The logits of every forward pass of an engine's real pass, last token only."""
    seen: list[torch.Tensor] = []
    forward = engine_module._Run._forward

    def recording(self: object, *arguments: object) -> torch.Tensor:
        logits = forward(self, *arguments)
        seen.append(logits.clone())
        return logits

    monkeypatch.setattr(engine_module._Run, "_forward", recording)
    return seen


def assert_equals_full_passes(
    llm: LoadedLLM,
    mixture: Mixture,
    spliced: Spliced,
    mode: ExpertMode | None,
    done: Done,
    seen: list[torch.Tensor],
) -> None:
    """Every distribution a token was drawn from, and the mean scalings, within 1e-4 in fp32."""
    logits, applied = full_passes(llm, mixture, with_answer(llm, spliced, done.token_ids), mode)
    n_drawn = len(done.token_ids) + (done.reason == "end")  # what came before ended a chunk
    drawn = slice(spliced.n_tokens - 1, spliced.n_tokens - 1 + n_drawn)
    torch.testing.assert_close(torch.stack(seen[-n_drawn:]), logits[drawn], atol=1e-4, rtol=1e-4)
    if mode is None:
        assert done.scalings == ()
        return
    mean = torch.tensor(done.scalings)
    torch.testing.assert_close(mean, applied[drawn].mean(dim=0), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pass_value", [0.0, 0.5])
def test_the_cached_answer_equals_two_full_passes(llm, encodings, seen_logits, mode, pass_value):
    """With graph tokens, ΔW that change within the row, and experts."""
    mixture = make_mixture(llm.model, top_k_lora=2, scaling_pass_value=pass_value)
    spliced = spliced_of(
        llm, encodings, prompt_of(((1,), "acid?", (9, 10)), ((1, 2), "both?", None))
    )
    done = ask(SequentialEngine(llm, mixture=mixture), spliced, mode, n_tokens=12)
    assert len(done.token_ids) > 3
    assert_equals_full_passes(llm, mixture, spliced, mode, done, seen_logits)


def test_an_exact_token_costs_two_single_token_steps_and_a_turn_token_one(llm, mixture, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    for mode, per_token in (("exact", 2), ("turn", 1), (None, 1)):
        with counted_tokens(llm) as counts:
            done = ask(SequentialEngine(llm, mixture=mixture), spliced, mode, n_tokens=20)
        assert len(done.token_ids) > 10
        single = [n for n in counts if n == 1]
        assert len(single) <= 2.3 * len(done.token_ids)
        assert len(single) // per_token in (len(done.token_ids), len(done.token_ids) - 1)
        prefill = sum(counts) - len(single)
        assert prefill == spliced.n_tokens * (1 if mode is None else 2)


def random_turn(chance: random.Random) -> tuple[tuple[int, ...], str]:
    focus = tuple(sorted(chance.sample((1, 2, 3), chance.randint(0, 2))))
    words = chance.choices(("acid?", "the molecule", "is it not", "both", "a carboxylic"), k=4)
    return focus, " ".join(words)


@pytest.mark.parametrize("seed", range(4))
def test_cached_equals_cold_over_random_conversations(llm, mixture, encodings, seen_logits, seed):
    """Several molecules and turns; modes change, experts go on and off, questions are edited."""
    chance = random.Random(seed)
    engine = SequentialEngine(llm, mixture=mixture)
    turns: list[Turn] = []
    mode: ExpertMode | None = "exact"
    n_cached = 0
    for _ in range(7):
        if turns and chance.random() < 0.3:
            turns.pop()  # an earlier question is asked anew
        focus, question = random_turn(chance)
        spliced = spliced_of(llm, encodings, prompt_of(*turns, (focus, question, None)))
        if chance.random() < 0.6:
            mode = chance.choice([*MODES, None])
        seen_logits.clear()
        done = ask(engine, spliced, mode, n_tokens=6)
        assert_equals_full_passes(llm, mixture, spliced, mode, done, seen_logits)
        n_cached += done.cached_tokens
        turns.append((focus, question, done.token_ids))
    assert n_cached > 0


@pytest.mark.parametrize("mode", MODES)
def test_a_second_molecule_causes_no_recomputation(llm, mixture, encodings, mode):
    engine = SequentialEngine(llm, mixture=mixture)
    first = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    answer = ask(engine, first, mode, n_tokens=6).token_ids
    second = spliced_of(
        llm, encodings, prompt_of(((1,), "acid?", answer), ((1, 2), "compare", None))
    )
    with counted_tokens(llm) as counts:
        done = ask(engine, second, mode, n_tokens=1)
    # The answer's last token may never have gone through the model, the rest of it has; in mode
    # `turn` the scaling pass catches up with the whole answer.
    new = second.n_tokens - first.n_tokens
    behind = len(answer) if mode == "turn" else 1
    assert done.cached_tokens >= first.n_tokens + len(answer) - 1
    assert sum(counts) <= 2 * (new - len(answer) + 1) + behind - 1


@pytest.mark.parametrize("mode", MODES)
def test_another_delta_leaves_the_scaling_pass_alone(llm, mixture, encodings, mode):
    """ΔW is off in the scaling pass, so only the real pass runs again."""
    engine = SequentialEngine(llm, mixture=mixture)
    prompt = prompt_of(((1,), "acid?", None))
    ask(engine, spliced_of(llm, encodings, prompt), mode, n_tokens=1)
    changed = {1: MoleculeEncoding(encodings[1].graph_tokens, encodings[2].lora)}
    spliced = spliced_of(llm, changed, prompt)
    with counted_tokens(llm) as counts:
        done = ask(engine, spliced, mode, n_tokens=1)
    assert sum(counts) == spliced.n_tokens - done.cached_tokens
    assert done.cached_tokens == sum(1 for slot in spliced.segment_index[0] if slot == 0)


def test_in_turn_mode_the_end_of_a_question_decides_over_its_beginning(llm, mixture, encodings):
    """Two questions that begin alike have other scalings, so their common tokens are not reused."""
    engine = SequentialEngine(llm, mixture=mixture)
    lengths = {}
    for mode in MODES:
        for question in ("is it not a carboxylic acid?", "is it not the molecule"):
            spliced = spliced_of(llm, encodings, prompt_of(((1,), question, None)))
            lengths[mode] = ask(engine, spliced, mode, n_tokens=1).cached_tokens
    n_system = sum(turn < 0 for turn in spliced.turns)
    assert lengths["turn"] == n_system
    assert lengths["exact"] > n_system + 4


def test_modes_do_not_share_a_cache_but_share_the_scaling_pass(llm, mixture, encodings):
    engine = SequentialEngine(llm, mixture=mixture)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    for place, mode in enumerate(("exact", None, "exact", "turn", None, "turn", "exact")):
        with counted_tokens(llm) as counts:
            done = ask(engine, spliced, mode, n_tokens=1)
        assert done.cached_tokens == 0
        n_passes = 2 if place == 0 else 1  # the first one fills the scaling pass's cache
        assert sum(counts) == n_passes * spliced.n_tokens


def test_another_visitor_shares_neither_cache(llm, mixture, encodings):
    engine = SequentialEngine(llm, mixture=mixture)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    for visitor in ("a", "b"):
        with counted_tokens(llm) as counts:
            assert ask(engine, spliced, "exact", n_tokens=1, visitor=visitor).cached_tokens == 0
        assert sum(counts) == 2 * spliced.n_tokens


def test_a_model_without_reusable_cache_computes_every_turn_again(encodings):
    llm = make_llm(supports_cache=False)
    wrap(llm.model, find_sites(llm.model))
    engine = SequentialEngine(llm, mixture=make_mixture(llm.model))
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    first, second = (ask(engine, spliced, "exact") for _ in range(2))
    assert second.cached_tokens == 0
    assert first.token_ids == second.token_ids


@pytest.mark.parametrize("mode", MODES)
def test_a_long_prompt_is_taken_in_chunks(llm, mixture, encodings, seen_logits, mode):
    spliced = spliced_of(llm, encodings, prompt_of(((2,), "the molecule " * 80, None)))
    assert spliced.n_tokens > 256
    done = ask(SequentialEngine(llm, mixture=mixture), spliced, mode, n_tokens=3)
    assert_equals_full_passes(llm, mixture, spliced, mode, done, seen_logits)


@pytest.mark.parametrize("mode", MODES)
def test_stop_during_the_scaling_pass_ends_the_answer(llm, mixture, encodings, mode, monkeypatch):
    engine = SequentialEngine(llm, mixture=mixture)
    spliced = spliced_of(llm, encodings, prompt_of(((2,), "the molecule " * 80, None)))
    stop = threading.Event()
    extend = ScalingPass.extend

    def stopping(self: ScalingPass, *arguments: object) -> None:
        extend(self, *arguments)
        stop.set()

    monkeypatch.setattr(ScalingPass, "extend", stopping)
    with counted_tokens(llm) as counts:
        *_, done = engine.stream(Request(spliced, stop=stop, experts=mode))
    assert (done.reason, done.token_ids) == ("stopped", ())
    assert sum(counts) <= 2 * 256
    monkeypatch.undo()
    again = ask(engine, spliced, mode)  # what was computed is used
    assert again.token_ids == ask(SequentialEngine(llm, mixture=mixture), spliced, mode).token_ids


def test_no_experts_leave_the_model_as_it_is(llm, mixture, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    with_bank = ask(SequentialEngine(llm, mixture=mixture), spliced, None)
    plain = ask(SequentialEngine(llm), spliced, None)
    assert with_bank.token_ids == plain.token_ids
    assert with_bank.scalings == ()
    assert ask(SequentialEngine(llm, mixture=mixture), spliced, "exact").token_ids != (
        plain.token_ids
    )


def test_the_published_softmax_over_the_batch_refuses_the_cache(llm, encodings):
    coupled = make_mixture(
        llm.model,
        top_k_lora=2,
        enable_softmax=False,
        enable_softmax_topk=True,
        topk_softmax="batch",
    )
    with pytest.raises(BundleError, match=r'topk_softmax="batch".*no key-value cache is valid'):
        SequentialEngine(llm, mixture=coupled)
    kept = PrefixStore(llm.model.config, enabled=True).take("", [])
    with pytest.raises(BundleError, match="two full passes"):
        ExactExperts(coupled, spliced_of(llm, encodings, prompt_of(((1,), "a?", None))), kept)


def test_experts_asked_of_an_engine_without_any_are_a_mistake(llm, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    with pytest.raises(ValueError, match="'exact'"):
        ask(SequentialEngine(llm), spliced, "exact")


def test_a_turn_without_a_question_has_no_experts():
    scalings = torch.rand(4, 2, 3)
    means = turn_means(scalings, (-1, 0, 0, 1), (True, True, False, False))
    torch.testing.assert_close(means[-1], scalings[0])
    torch.testing.assert_close(means[0], scalings[1])
    assert not means[1].any()
