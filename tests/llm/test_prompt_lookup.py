"""Guessed tokens change nothing of an answer, and are left off where they do not pay."""

import pytest
import torch

from assistant.adapters.lora import wrap
from assistant.adapters.sites import find_sites
from assistant.encoding import MoleculeEncoding
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.prompt_lookup import Payoff, PromptLookup
from assistant.llm.requests import Request, Token
from assistant.llm.row_passes import Passes
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced
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


@pytest.fixture(scope="module")
def repeating() -> LoadedLLM:
    """A model whose next token depends on the last one only, so that it soon goes in circles."""
    loaded = make_llm()
    with torch.no_grad():
        for layer in loaded.model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    return loaded


def plain_question(llm: LoadedLLM, text: str = "acid? the molecule") -> Spliced:
    return spliced_of(llm, {}, prompt_of(((), text, None)))


def endless(llm: LoadedLLM) -> ContinuousEngine:
    """An engine whose answers end at their limit only."""
    return ContinuousEngine(llm, end_ids=frozenset())


def set_guessing(monkeypatch: pytest.MonkeyPatch, on: bool) -> None:
    monkeypatch.setattr(Payoff, "is_due", property(lambda self: on))


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tokens of each pass over one row that decodes."""
    sizes: list[int] = []
    compute = Passes.run

    def recording(self, work, *meanwhile):
        sizes.extend(n for row, n in work if row.is_decoding)
        return compute(self, work, *meanwhile)

    monkeypatch.setattr(Passes, "run", recording)
    return sizes


def test_what_followed_the_last_time_is_guessed():
    said = PromptLookup()
    said.extend([1, 2, 3, 4, 5, 9, 2, 3, 7, 8, 6, 6, 2, 3])
    assert said.guess(3) == [7, 8, 6]
    said.extend([4])
    assert said.guess(8) == [5, 9, 2, 3, 7, 8, 6, 6]
    said.extend([11])
    assert said.guess(4) == []


def test_graph_tokens_are_never_guessed():
    said = PromptLookup()
    said.extend([1, 2, "a:0", "a:1", 3, 1, 2])
    assert said.guess(4) == []
    assert PromptLookup().guess(4) == []


def both_answers(
    llm: LoadedLLM, spliced: Spliced, monkeypatch: pytest.MonkeyPatch, passes: list[int]
) -> list[tuple[int, ...]]:
    """Without and with guesses."""
    answers = []
    for on in (False, True):
        set_guessing(monkeypatch, on)
        passes.clear()
        answers.append(ask(endless(llm), spliced, max_new_tokens=60).token_ids)
    return answers


def test_guessing_changes_no_answer(llm, encodings, monkeypatch, passes):
    n_guesses = 0
    for spliced in questions(llm, encodings):
        without, found = both_answers(llm, spliced, monkeypatch, passes)
        assert found == without
        n_guesses += sum(passes) - len(passes)
    assert n_guesses > 0


def test_right_guesses_save_passes(repeating, monkeypatch, passes):
    without, found = both_answers(repeating, plain_question(repeating), monkeypatch, passes)
    assert found == without
    assert len(found) == 60
    assert len(passes) < 30


def test_the_next_turn_finds_the_cache_without_wrong_guesses(llm, encodings, monkeypatch):
    set_guessing(monkeypatch, True)
    engine = endless(llm)
    for n in range(1, 6):
        first = spliced_of(llm, encodings, prompt_of(((n,), "acid? " * 5, None)))
        done = ask(engine, first, visitor=str(n), max_new_tokens=23)
        turn = ((n,), "acid? " * 5, done.token_ids)
        second = spliced_of(llm, encodings, prompt_of(turn, ((2,), "is it not", None)))
        warm = ask(engine, second, visitor=str(n), max_new_tokens=23)
        assert warm.cached_tokens >= first.n_tokens + len(done.token_ids) - 1
        assert warm.token_ids == ask(endless(llm), second, max_new_tokens=23).token_ids


def test_a_guess_never_passes_the_limit_or_a_stop_text(repeating, monkeypatch):
    spliced = plain_question(repeating)
    set_guessing(monkeypatch, False)
    plain = endless(repeating)
    long = ask(plain, spliced, max_new_tokens=40)
    stream = plain.stream(Request(spliced, Sampling(max_new_tokens=40)))
    text = "".join(event.text_delta for event in stream if isinstance(event, Token))
    stop = (text[len(text) // 2 :][:3],)
    stopped = ask(plain, spliced, max_new_tokens=40, stop=stop)
    set_guessing(monkeypatch, True)
    engine = endless(repeating)
    assert ask(engine, spliced, max_new_tokens=40, stop=stop).token_ids == stopped.token_ids
    for limit in range(1, 24):
        assert ask(engine, spliced, max_new_tokens=limit).token_ids == long.token_ids[:limit]


def test_rows_side_by_side_do_not_guess(llm, encodings, monkeypatch, passes):
    set_guessing(monkeypatch, False)
    asked = questions(llm, encodings)[:3]
    alone = [ask(endless(llm), s, max_new_tokens=30).token_ids for s in asked]
    set_guessing(monkeypatch, True)
    engine = endless(llm)
    jobs = [
        lambda s=s, n=n: ask(engine, s, visitor=str(n), max_new_tokens=30).token_ids
        for n, s in enumerate(asked)
    ]
    assert together(jobs) == alone
    assert has_slots_free(engine)


def test_a_pass_with_guesses_that_fails_is_repeated(repeating, monkeypatch):
    spliced = plain_question(repeating)
    set_guessing(monkeypatch, True)
    expected = ask(endless(repeating), spliced, max_new_tokens=40).token_ids
    compute = Passes._packed_pass
    failed: list[int] = []

    def failing(self, work):
        ready = compute(self, work)
        if work[0][1] > 1 and work[0][0].is_decoding and not failed:
            failed.append(work[0][1])
            raise torch.OutOfMemoryError("CUDA out of memory")
        return ready

    monkeypatch.setattr(Passes, "_packed_pass", failing)
    retried = ask(endless(repeating), spliced, max_new_tokens=40).token_ids
    assert failed
    assert retried == expected


def test_a_sampled_answer_is_never_guessed(llm, encodings, monkeypatch, passes):
    set_guessing(monkeypatch, True)
    for options in ({"temperature": 1.0}, {"repetition_penalty": 1.3}):
        ask(endless(llm), questions(llm, encodings)[0], max_new_tokens=30, **options)
    assert set(passes) == {1}


@pytest.mark.parametrize(("guessed", "pays"), [(0.4, True), (2.0, False)])
def test_what_does_not_pay_is_left_off_and_tried_again_later(guessed, pays):
    payoff = Payoff()
    used = []
    for _ in range(200):
        due = payoff.is_due
        used.append(due)
        payoff.note(1, guessed if due else 1.0, guessed=due)
    assert not any(used[:8])
    assert used[8]
    assert (sum(used[9:]) > 150) == pays
    assert sum(used[9:]) >= 2
