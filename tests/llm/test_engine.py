"""Tests of the engine: caches, Stop, the queue, and that adapters belong to their step."""

import threading
from collections.abc import Iterator

import pytest
import torch

from assistant.adapters.lora import step_adapters, wrap
from assistant.adapters.sites import find_sites
from assistant.encoding import MoleculeEncoding
from assistant.errors import PromptTooLongError, QueueFullError
from assistant.llm import engine as engine_module
from assistant.llm.engine import SequentialEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Done, EngineEvent, Queued, Request, Token
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced
from tests.llm.fakes import make_deltas, make_llm, prompt_of, spliced_of


@pytest.fixture
def llm() -> LoadedLLM:
    loaded = make_llm()
    wrap(loaded.model, find_sites(loaded.model))
    return loaded


@pytest.fixture
def encodings(llm: LoadedLLM) -> dict[int, MoleculeEncoding]:
    torch.manual_seed(5)
    deltas = make_deltas(llm.model, 2)
    return {n + 1: MoleculeEncoding(torch.randn(4, 64), delta) for n, delta in enumerate(deltas)}


def one_pass_logits(llm: LoadedLLM, spliced: Spliced) -> torch.Tensor:
    with torch.no_grad(), step_adapters(spliced.deltas, spliced.segment_index):
        return llm.model(inputs_embeds=spliced.inputs_embeds).logits[0]


def greedy_without_cache(
    llm: LoadedLLM, spliced: Spliced, n_tokens: int
) -> tuple[list[int], torch.Tensor]:
    """The answer by full forward passes, one per token."""
    embeds, index = spliced.inputs_embeds, spliced.segment_index
    ids: list[int] = []
    for _ in range(n_tokens):
        with torch.no_grad(), step_adapters(spliced.deltas, index):
            logits = llm.model(inputs_embeds=embeds).logits[0, -1]
        ids.append(int(logits.argmax()))
        embeds = torch.cat([embeds, llm.model.get_input_embeddings()(torch.tensor([ids[-1:]]))], 1)
        index = torch.cat([index, torch.tensor([[spliced.answer_slot]])], 1)
    return ids, logits


def run(engine: SequentialEngine, spliced: Spliced, **sampling: float) -> tuple[Done, list[Token]]:
    events = list(engine.stream(Request(spliced, Sampling(**sampling), visitor="me")))
    done = events[-1]
    assert isinstance(done, Done)
    return done, [event for event in events if isinstance(event, Token)]


def test_cached_answer_equals_full_passes_with_two_molecules(llm, encodings):
    spliced = spliced_of(
        llm, encodings, prompt_of(((1,), "acid?", (9, 10)), ((1, 2), "both?", None))
    )
    expected, _ = greedy_without_cache(llm, spliced, 12)
    done, _ = run(SequentialEngine(llm), spliced, max_new_tokens=12)
    expected = expected[: expected.index(2)] if 2 in expected else expected
    assert list(done.token_ids) == expected


def test_turn_by_turn_cached_forward_equals_one_segmented_pass(llm, encodings, monkeypatch):
    """Design §4.1: three turns with changing focus; every turn reuses the cache of the last."""
    engine = SequentialEngine(llm)
    seen: list[torch.Tensor] = []
    prefill = engine_module._Run.prefill

    def recording(self):
        logits = prefill(self)
        seen.append(logits.clone())
        return logits

    monkeypatch.setattr(engine_module._Run, "prefill", recording)
    turns: list[tuple[tuple[int, ...], str, tuple[int, ...] | None]] = []
    for focus, question in [
        ((1,), "acid?"),
        ((2,), "and this?"),
        ((1, 2), "compare"),
        ((1,), "so"),
    ]:
        turns.append((focus, question, None))
        spliced = spliced_of(llm, encodings, prompt_of(*turns))
        done, _ = run(engine, spliced, max_new_tokens=6)
        assert (done.cached_tokens > 0) == (len(turns) > 1)
        torch.testing.assert_close(
            seen[-1], one_pass_logits(llm, spliced)[-1], atol=1e-4, rtol=1e-4
        )
        turns[-1] = (focus, question, done.token_ids)


def test_prompt_longer_than_a_chunk_is_prefilled_right(llm, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((2,), "the molecule " * 80, None)))
    assert spliced.n_tokens > 256
    expected, _ = greedy_without_cache(llm, spliced, 3)
    done, _ = run(SequentialEngine(llm), spliced, max_new_tokens=3)
    assert list(done.token_ids) == (expected[: expected.index(2)] if 2 in expected else expected)


def test_cache_is_not_reused_for_another_delta_of_the_same_number(llm, encodings):
    engine = SequentialEngine(llm)
    prompt = prompt_of(((1,), "acid?", None))
    run(engine, spliced_of(llm, encodings, prompt), max_new_tokens=4)
    changed = {1: MoleculeEncoding(encodings[1].graph_tokens, make_deltas(llm.model, 1, seed=9)[0])}
    spliced = spliced_of(llm, changed, prompt)
    done, _ = run(engine, spliced, max_new_tokens=4)
    fresh, _ = run(SequentialEngine(llm), spliced, max_new_tokens=4)
    assert done.token_ids == fresh.token_ids
    assert done.cached_tokens == sum(1 for slot in spliced.segment_index[0] if slot == 0)


def test_cache_is_not_reused_for_another_visitor(llm, encodings):
    engine = SequentialEngine(llm)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    for visitor in ("a", "b"):
        *_, done = engine.stream(Request(spliced, Sampling(max_new_tokens=2), visitor=visitor))
        assert done.cached_tokens == 0


def test_model_without_reusable_cache_computes_every_turn_again(encodings):
    llm = make_llm(supports_cache=False)
    wrap(llm.model, find_sites(llm.model))
    engine = SequentialEngine(llm)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    first, _ = run(engine, spliced, max_new_tokens=4)
    second, _ = run(engine, spliced, max_new_tokens=4)
    assert second.cached_tokens == 0
    assert first.token_ids == second.token_ids


def test_stop_ends_the_answer_within_one_token(llm, encodings):
    stop = threading.Event()
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    request = Request(spliced, Sampling(max_new_tokens=100, temperature=1.0), stop=stop)
    after = 0
    done = None
    for count, event in enumerate(SequentialEngine(llm).stream(request)):
        after += stop.is_set() and isinstance(event, Token) and event.token_id is not None
        done = event
        if count == 2:
            stop.set()
    assert isinstance(done, Done)
    assert done.reason == "stopped"
    assert after <= 1
    assert len(done.token_ids) <= 4


def test_closing_the_iterator_frees_the_model(llm, encodings):
    engine = SequentialEngine(llm)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    first = engine.stream(Request(spliced, Sampling(max_new_tokens=50, temperature=1.0)))
    next(first)
    waiting = engine.stream(Request(spliced, Sampling(max_new_tokens=1), visitor="b"))
    assert isinstance(next(waiting), Queued)
    first.close()
    assert isinstance(list(waiting)[-1], Done)


def test_stop_while_waiting_leaves_the_queue(llm, encodings):
    engine = SequentialEngine(llm, max_waiting=1)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    first = engine.stream(Request(spliced, Sampling(max_new_tokens=50, temperature=1.0)))
    next(first)
    stop = threading.Event()
    second = engine.stream(Request(spliced, stop=stop, visitor="b"))
    assert next(second) == Queued(1, None)
    with pytest.raises(QueueFullError, match="waiting"):
        next(engine.stream(Request(spliced, visitor="c")))
    stop.set()
    assert list(second) == [Done("stopped", (), 0.0, 0.0)]
    first.close()


def test_the_callers_thread_sees_no_adapters_between_tokens(llm, encodings):
    """A generator shares its caller's context: the step's adapters must be gone at each yield."""
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        base = llm.model(ids).logits
        for _ in SequentialEngine(llm).stream(Request(spliced, Sampling(max_new_tokens=3))):
            assert torch.equal(llm.model(ids).logits, base)


def test_two_engines_in_two_threads_do_not_mix_molecules(llm, encodings):
    """Adapter state on the module mixed 15 of 30 outputs; as an argument of the step, none."""
    prompts = [prompt_of(((n,), "acid?", None)) for n in (1, 2)]
    spliced = [spliced_of(llm, encodings, prompt) for prompt in prompts]
    alone = [run(SequentialEngine(llm), s, max_new_tokens=8)[0].token_ids for s in spliced]
    assert alone[0] != alone[1]
    wrong: list[int] = []

    def answer(which: int) -> None:
        for _ in range(10):
            done, _ = run(SequentialEngine(llm), spliced[which], max_new_tokens=8)
            if done.token_ids != alone[which]:
                wrong.append(which)

    threads = [threading.Thread(target=answer, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_seed_gives_the_same_sampled_answer_again(llm, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))

    def draw(seed: int) -> tuple[int, ...]:
        torch.manual_seed(0)  # the global state has no say
        return run(SequentialEngine(llm), spliced, temperature=1.5, seed=seed, max_new_tokens=20)[
            0
        ].token_ids

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_deltas_of_text_join_to_the_decoded_answer(llm, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    done, tokens = run(SequentialEngine(llm), spliced, temperature=2.0, seed=3, max_new_tokens=60)
    text = "".join(token.text_delta for token in tokens)
    assert text == llm.tokenizer.decode(list(done.token_ids), skip_special_tokens=True)
    assert tuple(t.token_id for t in tokens if t.token_id is not None) == done.token_ids


def test_prompt_over_the_context_is_refused_with_the_numbers(llm, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid? " * 300, None)))
    with pytest.raises(PromptTooLongError, match="512"):
        next(SequentialEngine(llm).stream(Request(spliced)))


def test_full_gpu_memory_is_told_politely_and_frees_the_model(llm, encodings, monkeypatch):
    engine = SequentialEngine(llm)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))

    def full(self, token_id):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(engine_module._Run, "step", full)
        with pytest.raises(PromptTooLongError, match="memory"):
            list(engine.stream(Request(spliced, Sampling(max_new_tokens=5))))
    done, _ = run(engine, spliced, max_new_tokens=2)
    assert done.cached_tokens == 0


def test_people_take_turns_when_one_asks_a_lot(llm, encodings):
    engine = SequentialEngine(llm)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))

    def ask(visitor: str) -> Iterator[EngineEvent]:
        return engine.stream(Request(spliced, Sampling(max_new_tokens=2), visitor=visitor))

    running = ask("a")
    next(running)
    second_of_a, third_of_a, first_of_b = ask("a"), ask("a"), ask("b")
    assert [next(ask_) for ask_ in (second_of_a, third_of_a, first_of_b)] == [
        Queued(1, None),
        Queued(2, None),
        Queued(1, None),
    ]
    for rest in (running, first_of_b, second_of_a, third_of_a):
        list(rest)
