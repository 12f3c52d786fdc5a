"""Tests of the engine for several people: an answer depends on its own request only."""

import random
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.encoding import MoleculeEncoding
from assistant.errors import PromptTooLongError, QueueFullError
from assistant.llm.continuous import ContinuousEngine, make_engine
from assistant.llm.decode_loop import CHUNK_BESIDE, DecodeLoop
from assistant.llm.engine import SequentialEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Done, EngineEvent, Queued, Request, Token
from assistant.llm.sampling import Sampler, Sampling
from assistant.llm.splice import Spliced
from tests.adapters.xlora.fakes import make_mixture
from tests.llm.crowd import N_MOLECULES, ask, has_slots_free, questions, together
from tests.llm.fakes import make_deltas, make_llm, prompt_of, spliced_of

Turn = tuple[tuple[int, ...], str, tuple[int, ...] | None]


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


def test_the_engine_fits_the_model(llm):
    assert isinstance(make_engine(llm), ContinuousEngine)
    other = make_llm(supports_cache=False)
    other.model.config.hidden_act = "gelu"
    assert isinstance(make_engine(other), SequentialEngine)
    mixed = make_llm()
    assert isinstance(make_engine(mixed, mixture=make_mixture(mixed.model)), ContinuousEngine)
    other = make_llm(supports_cache=False)
    other.model.config.hidden_act = "gelu"
    assert isinstance(make_engine(other, mixture=make_mixture(other.model)), SequentialEngine)


@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.2, "top_p": 0.9, "seed": 4}])
def test_an_answer_is_that_of_the_engine_for_one(llm, encodings, sampling):
    spliced = spliced_of(
        llm, encodings, prompt_of(((1,), "acid?", (9, 10)), ((1, 2), "both?", None))
    )
    expected = ask(SequentialEngine(llm), spliced, max_new_tokens=12, **sampling)
    found = ask(ContinuousEngine(llm), spliced, max_new_tokens=12, **sampling)
    assert (found.token_ids, found.reason) == (expected.token_ids, expected.reason)
    assert len(found.token_ids) > 3


@pytest.mark.parametrize("temperature", [0.0, 1.3])
def test_eight_together_answer_as_each_alone(llm, encodings, temperature):
    asked = questions(llm, encodings)
    options = {"temperature": temperature, "max_new_tokens": 20}
    alone = [
        ask(ContinuousEngine(llm), spliced, seed=n, **options).token_ids
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


def test_rows_really_share_steps(llm, encodings, monkeypatch):
    sizes: list[int] = []
    compute = DecodeLoop._compute

    def recording(self, work):
        sizes.append(len(work))
        return compute(self, work)

    monkeypatch.setattr(DecodeLoop, "_compute", recording)
    engine = ContinuousEngine(llm)
    streams = [
        engine.stream(Request(s, Sampling(max_new_tokens=30, temperature=2.0), visitor=str(n)))
        for n, s in enumerate(questions(llm, encodings))
    ]
    together([lambda stream=stream: list(stream) for stream in streams])
    assert max(sizes) >= 4


def test_a_long_prompt_enters_in_parts_beside_the_others(llm, encodings, monkeypatch):
    steps: list[list[tuple[bool, int]]] = []
    compute = DecodeLoop._compute

    def recording(self, work):
        steps.append([(row.is_decoding, n) for row, n in work])
        return compute(self, work)

    monkeypatch.setattr(DecodeLoop, "_compute", recording)
    engine = ContinuousEngine(llm)
    short = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    long = spliced_of(llm, encodings, prompt_of(((2,), "the molecule " * 80, None)))
    assert long.n_tokens > 256
    expected = ask(ContinuousEngine(llm), long, max_new_tokens=4).token_ids
    stop = threading.Event()
    sampling = Sampling(max_new_tokens=450, temperature=3.0)
    running = engine.stream(Request(short, sampling, stop=stop, visitor="a"))
    next(running)
    steps.clear()
    assert ask(engine, long, visitor="b", max_new_tokens=4).token_ids == expected
    stop.set()
    *_, done = running
    assert done.reason == "stopped"
    beside = [step for step in steps if any(n > 1 for _, n in step) and len(step) > 1]
    assert len(beside) >= long.n_tokens // CHUNK_BESIDE
    assert all(step[0] == (True, 1) and step[1][1] <= CHUNK_BESIDE for step in beside)


def test_the_next_turn_computes_only_what_is_new(llm, encodings):
    engine = ContinuousEngine(llm)
    first = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    answer = ask(engine, first, max_new_tokens=6, temperature=1.0).token_ids
    second = spliced_of(
        llm, encodings, prompt_of(((1,), "acid?", answer), ((1, 2), "compare", None))
    )
    done = ask(engine, second, max_new_tokens=6)
    assert done.cached_tokens >= first.n_tokens + len(answer) - 1
    assert done.token_ids == ask(ContinuousEngine(llm), second, max_new_tokens=6).token_ids


def test_people_share_the_system_text_and_nothing_else(llm, encodings):
    engine = ContinuousEngine(llm)
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid?", None)))
    n_system = sum(turn < 0 for turn in spliced.turns)
    assert n_system > 0
    cached = [ask(engine, spliced, visitor=v, max_new_tokens=2).cached_tokens for v in "aba"]
    assert cached == [0, n_system, spliced.n_tokens - 1]


def test_another_delta_of_the_same_number_is_not_mistaken(llm, encodings):
    engine = ContinuousEngine(llm)
    prompt = prompt_of(((1,), "acid?", None))
    ask(engine, spliced_of(llm, encodings, prompt), max_new_tokens=4)
    changed = {1: MoleculeEncoding(encodings[1].graph_tokens, encodings[2].lora)}
    spliced = spliced_of(llm, changed, prompt)
    done = ask(engine, spliced, max_new_tokens=4)
    assert done.cached_tokens == sum(1 for slot in spliced.segment_index[0] if slot == 0)
    assert done.token_ids == ask(ContinuousEngine(llm), spliced, max_new_tokens=4).token_ids


def conversations(
    llm: LoadedLLM, encodings: dict[int, MoleculeEncoding], seed: int, n_turns: int
) -> Iterator[tuple[list[Turn], Spliced]]:
    """Random turns about several molecules, with edits, undo and branches; takes the answers."""
    chance = random.Random(seed)
    turns: list[Turn] = []
    branches: list[list[Turn]] = []
    for _ in range(n_turns):
        if turns and chance.random() < 0.3:
            branches.append(list(turns))
            turns = turns[: chance.randrange(len(turns))]
        elif branches and chance.random() < 0.3:
            turns = list(chance.choice(branches))
        if len(turns) > 4:
            turns = []
        focus = tuple(sorted(chance.sample((1, 2, 3), chance.randint(0, 2))))
        question = " ".join(chance.choices(("acid?", "the molecule", "is it not"), k=3))
        yield turns, spliced_of(llm, encodings, prompt_of(*turns, (focus, question, None)))
        turns[-1:] = [(focus, question, turns[-1][2])]


def check_conversation(
    llm: LoadedLLM,
    encodings: dict[int, MoleculeEncoding],
    engine: ContinuousEngine,
    seed: int,
    n_turns: int,
) -> int:
    """Cached equals cold for every turn; the number of cached tokens."""
    n_cached = 0
    for turns, spliced in conversations(llm, encodings, seed, n_turns):
        options = {"max_new_tokens": 5, "temperature": 1.0, "seed": seed}
        done = ask(engine, spliced, visitor=f"visitor {seed}", **options)
        cold = ask(ContinuousEngine(llm), spliced, **options)
        assert done.token_ids == cold.token_ids
        n_cached += done.cached_tokens
        turns.append(((), "", done.token_ids))
    return n_cached


def test_cached_equals_cold_over_random_conversations_side_by_side(llm, encodings):
    engine = ContinuousEngine(llm)
    jobs = [
        lambda seed=seed: check_conversation(llm, encodings, engine, seed, 6) for seed in range(4)
    ]
    assert all(isinstance(cached, int) and cached > 0 for cached in together(jobs))


@pytest.mark.slow
def test_cached_equals_cold_over_many_random_conversations(llm, encodings):
    engine = ContinuousEngine(llm)
    for start in range(0, 200, 8):
        jobs = [
            lambda seed=seed: check_conversation(llm, encodings, engine, seed, 8)
            for seed in range(start, start + 8)
        ]
        assert all(isinstance(cached, int) for cached in together(jobs))


def test_stop_ends_one_answer_within_a_token_and_the_others_go_on(llm, encodings, monkeypatch):
    first, second, *_ = questions(llm, encodings)
    stop = threading.Event()
    late: list[bool] = []  # steps that began with the stopped row in them
    compute = DecodeLoop._compute

    def recording(self, work):
        if any(row.spliced is first for row, _ in work):
            late.append(stop.is_set())
        return compute(self, work)

    options = {"temperature": 3.0, "max_new_tokens": 60, "seed": 1}
    expected = ask(ContinuousEngine(llm), second, **options).token_ids
    monkeypatch.setattr(DecodeLoop, "_compute", recording)
    engine = ContinuousEngine(llm)
    long = Sampling(temperature=3.0, max_new_tokens=450)
    stopped = engine.stream(Request(first, long, stop=stop, visitor="a"))
    other = engine.stream(Request(second, Sampling(**options), visitor="b"))
    next(stopped), next(other)
    stop.set()
    *_, done = stopped
    assert done.reason == "stopped"
    assert len(done.token_ids) < 450
    assert sum(late) <= 1
    *_, done = other
    assert done.token_ids == expected


def test_closing_the_iterator_frees_the_slot(llm, encodings):
    engine = ContinuousEngine(llm, n_slots=1)
    spliced = questions(llm, encodings)[0]
    first = engine.stream(Request(spliced, Sampling(max_new_tokens=400, temperature=3.0)))
    next(first)
    waiting = engine.stream(Request(spliced, Sampling(max_new_tokens=1), visitor="b"))
    assert isinstance(next(waiting), Queued)
    first.close()
    assert isinstance(list(waiting)[-1], Done)
    assert has_slots_free(engine)
    assert engine._loop._rows == []


def test_slots_then_places_then_a_refusal(llm, encodings):
    engine = ContinuousEngine(llm, n_slots=2, max_waiting=1)
    spliced = questions(llm, encodings)[0]

    def start(visitor: str) -> tuple[Iterator[EngineEvent], EngineEvent]:
        sampling = Sampling(max_new_tokens=400, temperature=3.0)
        stream = engine.stream(Request(spliced, sampling, visitor=visitor))
        return stream, next(stream)

    running = [start("a"), start("b")]
    assert all(isinstance(event, Token) for _, event in running)
    waiting, event = start("c")
    assert event == Queued(1, None)
    with pytest.raises(QueueFullError, match="waiting"):
        start("d")
    running[0][0].close()
    assert isinstance(next(waiting), Token)
    waiting.close()
    running[1][0].close()
    assert has_slots_free(engine)


def test_twenty_clients_on_a_queue_of_eight(llm, encodings):
    """One is answered and eight wait; the excess is refused at once and nobody else notices."""
    engine = ContinuousEngine(llm, n_slots=1, max_waiting=8)
    spliced = questions(llm, encodings)[0]
    alone = ask(ContinuousEngine(llm), spliced, temperature=3.0, max_new_tokens=5, seed=1)
    first = engine.stream(Request(spliced, Sampling(max_new_tokens=450, temperature=3.0)))
    assert isinstance(next(first), Token)  # it has the model until it is closed
    inside, outcomes = threading.Barrier(19), threading.Semaphore(0)
    waited: list[float] = []

    def client(n: int) -> Done:
        inside.wait(timeout=60)
        sampling = Sampling(temperature=3.0, max_new_tokens=5, seed=1)
        begin = time.perf_counter()
        try:
            stream = engine.stream(Request(spliced, sampling, visitor=str(n)))
            next(stream)  # its place in the queue
            outcomes.release()
            *_, done = stream
            return done
        except QueueFullError:
            waited.append(time.perf_counter() - begin)
            outcomes.release()
            raise

    def closer() -> None:
        for _ in range(19):
            assert outcomes.acquire(timeout=60)
        first.close()

    *results, _ = together([*(lambda n=n: client(n) for n in range(19)), closer])
    refused = [r for r in results if isinstance(r, QueueFullError)]
    assert len(refused) == len(waited) == 11
    assert all(seconds < 0.5 for seconds in waited)
    assert "8 questions are waiting" in str(refused[0])
    answered = [r for r in results if isinstance(r, Done)]
    assert len(answered) == 8
    assert all(done.token_ids == alone.token_ids for done in answered)
    assert has_slots_free(engine)


def test_a_stop_text_ends_the_answer(llm, encodings):
    spliced = questions(llm, encodings)[0]
    options = {"temperature": 2.0, "seed": 2, "max_new_tokens": 40}
    request = Request(spliced, Sampling(**options))
    text = "".join(
        e.text_delta for e in ContinuousEngine(llm).stream(request) if isinstance(e, Token)
    )
    stop = text[8:11]
    for engine in (ContinuousEngine(llm), SequentialEngine(llm)):
        *tokens, done = engine.stream(Request(spliced, Sampling(**options, stop=(stop, "never"))))
        assert "".join(token.text_delta for token in tokens) == text[: text.index(stop)]
        assert done.reason == "end"


def test_an_answer_that_repeats_itself_ends_where_that_is_wanted(llm, encodings, monkeypatch):
    monkeypatch.setattr(Sampler, "draw", lambda self, logits: 17)
    monkeypatch.setattr(Sampler, "takes_the_best", False)
    spliced = questions(llm, encodings)[0]
    for engine in (ContinuousEngine(llm), SequentialEngine(llm)):
        for ends_circles, found in ((True, ("circles", 96)), (False, ("length", 120))):
            sampling = Sampling(max_new_tokens=120, ends_circles=ends_circles)
            *_, done = engine.stream(Request(spliced, sampling))
            assert (done.reason, len(done.token_ids)) == found


def test_prompt_over_the_context_is_refused_with_the_numbers(llm, encodings):
    spliced = spliced_of(llm, encodings, prompt_of(((1,), "acid? " * 300, None)))
    with pytest.raises(PromptTooLongError, match="512"):
        next(ContinuousEngine(llm).stream(Request(spliced)))
