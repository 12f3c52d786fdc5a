"""An answer that is there already is scored by the engines, beside the answers of others."""

import threading

import pytest
import torch

from assistant.adapters.lora import step_adapters
from assistant.encoding import MoleculeEncoding
from assistant.errors import PromptTooLongError, VisitorLimitError
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.decode_loop import CHUNK_BESIDE, DecodeLoop
from assistant.llm.engine import SequentialEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.metered import MeteredEngine
from assistant.llm.queue import VisitorLimits
from assistant.llm.requests import Done, Queued, Request, Rescoring, Scored, Token
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced
from assistant.metrics import Registry
from tests.llm.fakes import make_deltas, make_wrapped_llm, prompt_of, spliced_of

ANSWER = (60, 61, 7, 100, 45, 46)


@pytest.fixture(scope="module")
def llm() -> LoadedLLM:
    return make_wrapped_llm()


@pytest.fixture(scope="module")
def prompts(llm: LoadedLLM) -> list[Spliced]:
    """The same question about two molecules' graphs and ΔW, a long one, and one without any."""
    deltas = make_deltas(llm.model, 2)
    torch.manual_seed(0)
    encodings = [{1: MoleculeEncoding(torch.randn(3, 64), delta)} for delta in deltas]
    asked = prompt_of(((1,), "is it an acid?", None))
    long = prompt_of(((1,), "the molecule is a carboxylic acid, is it not? " * 8, None))
    return [
        spliced_of(llm, encodings[0], asked),
        spliced_of(llm, encodings[1], asked),
        spliced_of(llm, encodings[1], long),
        spliced_of(llm, {}, asked),
    ]


def by_one_pass(llm: LoadedLLM, spliced: Spliced, ids: tuple[int, ...]) -> list[float]:
    """The same from one forward pass of `transformers` over prompt and answer, no cache."""
    embed = llm.model.get_input_embeddings()
    embeds = torch.cat([spliced.inputs_embeds, embed(torch.tensor([ids]))], dim=1)
    slots = torch.full((1, len(ids)), spliced.answer_slot)
    index = torch.cat([spliced.segment_index, slots], dim=1)
    with torch.no_grad(), step_adapters(spliced.deltas, index):
        rows = llm.model(inputs_embeds=embeds, use_cache=False).logits[0].log_softmax(dim=-1)
    return [float(rows[spliced.n_tokens - 1 + k, token]) for k, token in enumerate(ids)]


def scores(engine: ContinuousEngine | SequentialEngine, rescoring: Rescoring) -> list[list[float]]:
    found = list(engine.rescore(rescoring))
    return [list(one.log_probabilities) for one in found if isinstance(one, Scored)]


@pytest.mark.parametrize("make", [ContinuousEngine, SequentialEngine])
def test_each_token_has_the_probability_of_one_uncached_pass(llm, prompts, make):
    engine = make(llm)
    found = scores(engine, Rescoring(prompts, ANSWER))
    wanted = [by_one_pass(llm, prompt, ANSWER) for prompt in prompts]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(wanted), atol=1e-4, rtol=1e-4)
    assert engine.load.n_running == 0


def test_one_token_is_scored_too(llm, prompts):
    found = scores(ContinuousEngine(llm), Rescoring(prompts[:1], (60,)))
    assert found[0] == pytest.approx(by_one_pass(llm, prompts[0], (60,)), abs=1e-4)


def test_scores_are_the_same_each_time_and_whatever_was_scored_before(llm, prompts):
    engine = ContinuousEngine(llm)
    first = scores(engine, Rescoring(prompts, ANSWER))
    assert scores(engine, Rescoring(prompts, ANSWER)) == first
    assert scores(engine, Rescoring(prompts[::-1], ANSWER)) == first[::-1]


def test_what_is_drawn_has_the_probability_that_scoring_gives(llm, prompts):
    """Greedy: the scores are those of the best tokens, under the ΔW of the answer."""
    engine = ContinuousEngine(llm)
    [done] = [
        event
        for event in engine.stream(Request(prompts[0], Sampling(max_new_tokens=5)))
        if isinstance(event, Done)
    ]
    best = done.token_ids
    other = (*best[:-1], (best[-1] + 1) % 300)
    [[*_, last]] = scores(engine, Rescoring(prompts[:1], best))
    [[*_, changed]] = scores(engine, Rescoring(prompts[:1], other))
    assert last > changed


def test_an_answer_goes_on_beside_a_prompt_that_is_scored_in_small_parts(llm, prompts, monkeypatch):
    steps: list[list[tuple[bool, int]]] = []
    compute = DecodeLoop._compute

    def recording(self, work):
        steps.append([(bool(row.forced), n) for row, n in work])
        return compute(self, work)

    monkeypatch.setattr(DecodeLoop, "_compute", recording)
    engine = ContinuousEngine(llm, end_ids=frozenset())
    alone = [
        event.token_ids
        for event in ContinuousEngine(llm, end_ids=frozenset()).stream(
            Request(prompts[0], Sampling(max_new_tokens=60))
        )
        if isinstance(event, Done)
    ]
    steps.clear()
    stream = engine.stream(Request(prompts[0], Sampling(max_new_tokens=60), visitor="a"))
    next(event for event in stream if isinstance(event, Token))
    found = scores(engine, Rescoring([prompts[2]] * 3, ANSWER, visitor="b"))
    beside = [event.token_ids for event in stream if isinstance(event, Done)]
    assert beside == alone
    assert len(found) == 3
    shared = [step for step in steps if len(step) == 2]
    assert shared
    assert max(n for step in shared for is_forced, n in step if is_forced) <= CHUNK_BESIDE


def test_scoring_leaves_the_caches_of_conversations_alone(llm, prompts):
    engine = ContinuousEngine(llm)
    list(engine.stream(Request(prompts[0], Sampling(max_new_tokens=3), visitor="a")))
    kept = engine.load.cache_bytes
    scores(engine, Rescoring(prompts, ANSWER, visitor="a"))
    assert engine.load.cache_bytes == kept
    [done] = [
        e
        for e in engine.stream(Request(prompts[0], Sampling(max_new_tokens=3), visitor="a"))
        if isinstance(e, Done)
    ]
    assert done.cached_tokens == prompts[0].n_tokens - 1


@pytest.mark.parametrize("make", [ContinuousEngine, SequentialEngine])
def test_a_stop_ends_it_and_frees_the_place(llm, prompts, make):
    engine, stop = make(llm), threading.Event()
    found = []
    for one in engine.rescore(Rescoring(prompts * 50, ANSWER, stop=stop)):
        found.append(one)
        if isinstance(one, Scored):
            stop.set()
    assert len([one for one in found if isinstance(one, Scored)]) == 1
    assert (engine.load.n_running, engine.load.n_waiting) == (0, 0)


@pytest.mark.parametrize("make", [ContinuousEngine, SequentialEngine])
def test_it_counts_as_one_question_however_many_prompts(llm, prompts, make):
    engine = make(llm, limits=VisitorLimits(running=1, waiting=1, per_minute=1))
    assert len(scores(engine, Rescoring(prompts, ANSWER, visitor="a"))) == len(prompts)
    with pytest.raises(VisitorLimitError):
        scores(engine, Rescoring(prompts, ANSWER, visitor="a"))


def test_giving_way_between_prompts_makes_no_new_question_of_it(llm, prompts):
    engine = SequentialEngine(llm, limits=VisitorLimits(per_minute=1))
    queue = engine._queue

    def someone_asks_before_each():
        for number, prompt in enumerate(prompts):
            waiting = queue.enter(f"other {number}")
            yield prompt
            queue.leave(waiting)

    running = engine.rescore(Rescoring(someone_asks_before_each(), ANSWER, visitor="a"))
    found = []
    for one in running:
        if isinstance(one, Queued):  # it is the other's turn, who is quickly done
            for ticket in [t for t in queue._waiting if t.visitor != "a"]:
                assert queue.try_start(ticket, timeout=0)
                queue.leave(ticket)
        else:
            found.append(one)
    assert len(found) == len(prompts)
    assert (engine.load.n_running, engine.load.n_waiting) == (0, 0)


@pytest.mark.parametrize("n_made", [0, 1])
def test_memory_that_is_full_while_a_prompt_is_made_is_told_politely(llm, prompts, n_made):
    engine = SequentialEngine(llm)

    def made():
        yield from prompts[:n_made]
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(PromptTooLongError, match=r"The memory is full\."):
        list(engine.rescore(Rescoring(made(), ANSWER)))
    assert engine.load.n_running == 0


def test_what_does_not_fit_the_context_is_refused_with_both_numbers(llm, prompts):
    with pytest.raises(PromptTooLongError, match="512"):
        scores(ContinuousEngine(llm), Rescoring(prompts, ANSWER * 100))


def test_the_metered_engine_passes_it_on(llm, prompts):
    engine = MeteredEngine(ContinuousEngine(llm), Registry())
    assert len(scores(engine, Rescoring(prompts[:2], ANSWER))) == 2
