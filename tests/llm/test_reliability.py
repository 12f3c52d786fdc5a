"""Tests of what goes wrong: it ends one answer with a message, and the others go on."""

import random
import threading
from collections.abc import Callable, Sequence
from queue import Queue

import psutil
import pytest
import torch

from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LowRank
from assistant.encoding import MoleculeEncoding
from assistant.errors import AnswerFailedError, BundleError, PromptTooLongError
from assistant.llm import decode_loop, row_caches
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.decode_loop import DecodeLoop
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Done, Request
from assistant.llm.row_passes import Passes
from assistant.llm.sampling import Sampling
from assistant.llm.splice import continued
from tests.llm.crowd import N_MOLECULES, ask, has_slots_free, questions, together
from tests.llm.fakes import make_deltas, make_llm, prompt_of, spliced_of


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


def test_a_molecule_whose_adapter_is_broken_ends_only_its_own_answer(llm, encodings):
    engine = ContinuousEngine(llm)
    good = questions(llm, encodings)[0]
    expected = ask(ContinuousEngine(llm), good, max_new_tokens=12).token_ids
    name = next(iter(encodings[2].lora))
    part = encodings[2].lora[name]
    for A, match in (
        (torch.full_like(part.lora_A, torch.nan), "not finite"),
        (part.lora_A[:, :-1], "63 ->"),
    ):
        lora = {**encodings[2].lora, name: LowRank(A, part.lora_B, part.scaling)}
        broken = {2: MoleculeEncoding(encodings[2].graph_tokens, lora)}
        bad = spliced_of(llm, broken, prompt_of(((2,), "acid?", None)))
        failed, done = together(
            [lambda bad=bad: ask(engine, bad), lambda: ask(engine, good, max_new_tokens=12)]
        )
        assert isinstance(failed, BundleError)
        assert match in str(failed)
        assert done.token_ids == expected
    assert has_slots_free(engine)


def test_numbers_that_are_not_finite_end_only_their_own_answer(llm, encodings):
    engine = ContinuousEngine(llm)
    good = questions(llm, encodings)[0]
    expected = ask(ContinuousEngine(llm), good, max_new_tokens=12).token_ids
    broken = {2: MoleculeEncoding(encodings[2].graph_tokens * torch.nan, encodings[2].lora)}
    bad = spliced_of(llm, broken, prompt_of(((2,), "acid?", None)))
    failed, done = together(
        [lambda: ask(engine, bad), lambda: ask(engine, good, max_new_tokens=12)]
    )
    assert isinstance(failed, AnswerFailedError)
    assert "not finite" in str(failed)
    assert done.token_ids == expected


def failing(
    monkeypatch: pytest.MonkeyPatch, fails: Callable[[Sequence[object]], Exception | None]
) -> None:
    """Lets passes raise what `fails` gives for their rows, after they were computed."""
    compute = Passes.run

    def hurt(self, work, *meanwhile):
        ready = self.forward.logits
        error = fails([row for row, _ in work])

        def raising(hidden):
            if error is not None:
                raise error
            return ready(hidden)

        self.forward.logits = raising
        try:
            return compute(self, work, *meanwhile)
        finally:
            del self.forward.logits

    monkeypatch.setattr(Passes, "run", hurt)


def test_a_request_that_raises_inside_the_step_ends_alone(llm, encodings, monkeypatch):
    asked = questions(llm, encodings)[:3]
    options = {"max_new_tokens": 15, "temperature": 1.0}
    alone = [ask(ContinuousEngine(llm), s, **options).token_ids for s in asked]

    def fails(rows):
        hit = [row for row in rows if row.spliced is asked[1] and len(row.ids) == 4]
        return IndexError("a wrong index") if hit else None

    engine = ContinuousEngine(llm)
    with monkeypatch.context() as patch:
        failing(patch, fails)
        jobs = [
            lambda s=s, n=n: ask(engine, s, visitor=str(n), **options) for n, s in enumerate(asked)
        ]
        results = together(jobs)
    assert results[0].token_ids == alone[0]
    assert results[2].token_ids == alone[2]
    assert isinstance(results[1], IndexError)
    assert has_slots_free(engine)


def test_full_memory_makes_rows_wait_and_loses_no_answer(llm, encodings, monkeypatch):
    """Only passes over one row fit: rows are set aside, start again, and answer the same."""
    asked = questions(llm, encodings)[:4]
    options = {"max_new_tokens": 10, "temperature": 1.0}
    alone = [ask(ContinuousEngine(llm), s, **options).token_ids for s in asked]
    holders: set[int] = set()

    def fails(rows):
        holders.intersection_update(id(r) for r in engine._loop._rows if r.kept.marks)
        if len(holders | {id(r) for r in rows}) > 2:
            return torch.OutOfMemoryError("CUDA out of memory")
        holders.update(id(r) for r in rows)
        return None

    engine = ContinuousEngine(llm)
    with monkeypatch.context() as patch:
        failing(patch, fails)
        jobs = [
            lambda s=s, n=n: ask(engine, s, visitor=str(n), **options) for n, s in enumerate(asked)
        ]
        assert [done.token_ids for done in together(jobs)] == alone


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_full_memory_spills_the_caches_and_the_next_turn_goes_on_from_them(
    llm, encodings, monkeypatch, temperature
):
    """The machine's memory stands for itself, the same memory for that of a GPU."""
    monkeypatch.setattr(row_caches, "memory_elsewhere", lambda device: torch.device("cpu"))
    first, other = questions(llm, encodings)[:2]
    options = {"max_new_tokens": 10, "temperature": temperature}
    engine = ContinuousEngine(llm)
    done = ask(engine, first, **options)
    longer = continued(first, done.token_ids, llm.model.get_input_embeddings())
    kept = engine.load.cache_bytes
    failed: list[bool] = []

    def fails_once(rows):
        if failed:
            return None
        failed.append(True)
        return torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        failing(patch, fails_once)
        ask(engine, other, visitor="you", **options)
    assert failed
    assert engine.load.spilled_bytes == kept
    warm, cold = ask(engine, longer, **options), ask(ContinuousEngine(llm), longer, **options)
    assert warm.cached_tokens >= first.n_tokens
    assert cold.cached_tokens == 0
    assert warm.token_ids == cold.token_ids
    assert engine.load.spilled_bytes == 0


def test_memory_full_for_one_alone_is_told_politely(llm, encodings, monkeypatch):
    engine = ContinuousEngine(llm)
    spliced = questions(llm, encodings)[0]
    with monkeypatch.context() as patch:
        failing(patch, lambda rows: torch.OutOfMemoryError("CUDA out of memory"))
        with pytest.raises(PromptTooLongError, match="memory is full"):
            ask(engine, spliced)
    assert ask(engine, spliced, max_new_tokens=2).cached_tokens == 0


@pytest.mark.parametrize(("owner", "where"), [(DecodeLoop, "_compute"), (Passes, "new_row")])
def test_a_bug_in_the_thread_reaches_everyone_and_the_next_question_works(
    llm, encodings, monkeypatch, owner, where
):
    engine = ContinuousEngine(llm)
    spliced = questions(llm, encodings)[0]

    class Bug(Exception):
        pass

    def broken(self, work):
        raise Bug

    errors: Queue[Bug] = Queue()

    def read(visitor: str) -> None:
        try:
            ask(engine, spliced, visitor=visitor)
        except Bug as error:
            errors.put(error)

    seen: list[object] = []
    hooked = threading.Event()

    def hook(args):
        seen.append(args.exc_type)
        hooked.set()

    monkeypatch.setattr(threading, "excepthook", hook)
    with monkeypatch.context() as patch:
        patch.setattr(owner, where, broken)
        for visitor in "ab":
            threading.Thread(target=read, args=(visitor,), daemon=True).start()
        assert isinstance(errors.get(timeout=60), Bug)
        assert isinstance(errors.get(timeout=60), Bug)
    assert hooked.wait(timeout=60)
    assert set(seen) == {Bug}
    assert isinstance(ask(engine, spliced, max_new_tokens=2), Done)


def test_an_idle_thread_ends_and_a_later_question_starts_another(llm, encodings, monkeypatch):
    monkeypatch.setattr(decode_loop, "_LINGER_SECONDS", 0.01)
    engine = ContinuousEngine(llm)
    spliced = questions(llm, encodings)[0]
    first = ask(engine, spliced, max_new_tokens=3)
    thread = engine._loop._thread
    if thread is not None:
        thread.join(timeout=10)
    assert engine._loop._thread is None
    assert ask(engine, spliced, max_new_tokens=3).token_ids == first.token_ids


def interleaved(llm: LoadedLLM, encodings: dict[int, MoleculeEncoding], n_requests: int) -> None:
    """Eight threads ask about distinct molecules; every answer equals its solo run."""
    asked = questions(llm, encodings)
    options = {"max_new_tokens": 8}
    alone = [ask(ContinuousEngine(llm), s, **options).token_ids for s in asked]
    engine = ContinuousEngine(llm)

    def person(n: int) -> list[int]:
        chance = random.Random(n)
        wrong = []
        for count in range(n_requests // 8):
            which = chance.randrange(len(asked))
            # Half of the questions find a cache, the others are new.
            visitor = f"{n}" if chance.random() < 0.5 else f"{n} {count}"
            if ask(engine, asked[which], visitor=visitor, **options).token_ids != alone[which]:
                wrong.append(which)
        return wrong

    assert together([lambda n=n: person(n) for n in range(8)]) == [[]] * 8
    assert has_slots_free(engine)


def test_interleaved_requests_answer_as_each_alone(llm, encodings):
    interleaved(llm, encodings, 64)


@pytest.mark.slow
def test_ten_thousand_interleaved_requests_answer_as_each_alone(llm, encodings):
    interleaved(llm, encodings, 10_000)


def cancelled(
    llm: LoadedLLM, encodings: dict[int, MoleculeEncoding], engine: ContinuousEngine, n: int
) -> None:
    """Answers are stopped or their readers go away at random moments; one goes on throughout."""
    asked = questions(llm, encodings)
    options = {"temperature": 3.0, "seed": 7, "max_new_tokens": 40}
    expected = ask(ContinuousEngine(llm), asked[0], **options).token_ids

    def impatient(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(n // 4):
            stop = threading.Event()
            sampling = Sampling(temperature=3.0, max_new_tokens=40, seed=seed)
            request = Request(chance.choice(asked), sampling, stop=stop, visitor=str(seed))
            stream = engine.stream(request)
            for count, _ in enumerate(stream):
                if count == chance.randrange(6):
                    if chance.random() < 0.5:
                        stream.close()
                        break
                    stop.set()

    def patient() -> list[tuple[int, ...]]:
        return [ask(engine, asked[0], visitor="patient", **options).token_ids for _ in range(4)]

    jobs = [lambda seed=seed: impatient(seed) for seed in range(4)]
    *_, answers = together([*jobs, patient])
    assert answers == [expected] * 4
    assert has_slots_free(engine)


def test_cancels_at_random_moments_free_every_slot(llm, encodings):
    cancelled(llm, encodings, ContinuousEngine(llm), 32)


@pytest.mark.slow
def test_a_thousand_cancels_leave_the_memory_as_it_was(llm, encodings):
    engine = ContinuousEngine(llm)
    cancelled(llm, encodings, engine, 200)
    before = psutil.Process().memory_info().rss
    cancelled(llm, encodings, engine, 1000)
    assert psutil.Process().memory_info().rss <= before * 1.01


def memory_failures(
    llm: LoadedLLM,
    encodings: dict[int, MoleculeEncoding],
    monkeypatch: pytest.MonkeyPatch,
    n_failures: int,
) -> None:
    """Passes run out of memory at random; each answer is as ever, or the person is told."""
    asked = questions(llm, encodings)
    options = {"temperature": 1.0, "max_new_tokens": 8}
    alone = [ask(ContinuousEngine(llm), s, **options).token_ids for s in asked]
    chance = random.Random(0)
    left = n_failures

    def fails(rows: Sequence[object]) -> Exception | None:
        nonlocal left
        if left and chance.random() < 0.2:
            left -= 1
            return torch.OutOfMemoryError("CUDA out of memory")
        return None

    engine = ContinuousEngine(llm)
    failing(monkeypatch, fails)
    while left:
        jobs = [
            lambda s=s, n=n: ask(engine, s, visitor=str(n), **options) for n, s in enumerate(asked)
        ]
        for result, expected in zip(together(jobs), alone, strict=True):
            told = isinstance(result, PromptTooLongError)
            assert told or (isinstance(result, Done) and result.token_ids == expected)
    monkeypatch.undo()
    for n, spliced in enumerate(asked):
        assert ask(engine, spliced, visitor=str(n), **options).token_ids == alone[n]
    assert has_slots_free(engine)


@pytest.mark.parametrize("elsewhere", [None, torch.device("cpu")], ids=["dropped", "spilled"])
def test_memory_failures_at_random_points_lose_no_conversation(
    llm, encodings, monkeypatch, elsewhere
):
    monkeypatch.setattr(row_caches, "memory_elsewhere", lambda device: elsewhere)
    memory_failures(llm, encodings, monkeypatch, 10)


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [None, torch.device("cpu")], ids=["dropped", "spilled"])
def test_a_hundred_memory_failures_lose_no_conversation(llm, encodings, monkeypatch, elsewhere):
    monkeypatch.setattr(row_caches, "memory_elsewhere", lambda device: elsewhere)
    memory_failures(llm, encodings, monkeypatch, 100)
