"""An answer written again from a place on: what could stand there, and requests of one question."""

import threading

import pytest
import torch

from assistant.encoding import MoleculeEncoding
from assistant.errors import VisitorLimitError
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.engine import SequentialEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.metered import MeteredEngine
from assistant.llm.place import Place
from assistant.llm.queue import VisitorLimits
from assistant.llm.requests import Done, Request, Rescoring, Scored
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced
from assistant.metrics import Registry
from tests.llm.fakes import make_deltas, make_wrapped_llm, prompt_of, spliced_of
from tests.test_metrics import parse

ENGINES = pytest.mark.parametrize("make", [ContinuousEngine, SequentialEngine])
LENGTH = Sampling(max_new_tokens=8)


@pytest.fixture(scope="module")
def llm() -> LoadedLLM:
    return make_wrapped_llm()


@pytest.fixture(scope="module")
def prompt(llm: LoadedLLM) -> Spliced:
    (delta,) = make_deltas(llm.model, 1)
    torch.manual_seed(0)
    encodings = {1: MoleculeEncoding(torch.randn(3, 64), delta)}
    return spliced_of(llm, encodings, prompt_of(((1,), "is it an acid?", None)))


def drawn(engine, request: Request) -> Done:
    [done] = [event for event in engine.stream(request) if isinstance(event, Done)]
    return done


def scored(engine, rescoring: Rescoring) -> Scored:
    [one] = [event for event in engine.rescore(rescoring) if isinstance(event, Scored)]
    return one


@ENGINES
def test_an_answer_goes_on_from_what_it_was_begun_with(llm, prompt, make):
    engine = make(llm)
    whole = drawn(engine, Request(prompt, LENGTH)).token_ids
    assert len(whole) == 8
    for n_begun in (1, 5, 7):
        again = drawn(engine, Request(prompt, LENGTH, begun=whole[:n_begun]))
        assert again.token_ids == whole  # greedy, and of the same length in all


@ENGINES
def test_tokens_that_it_was_begun_with_count_as_repeated(llm, prompt, make):
    engine = make(llm)
    sampling = Sampling(max_new_tokens=8, repetition_penalty=5.0)
    whole = drawn(engine, Request(prompt, sampling)).token_ids
    assert drawn(engine, Request(prompt, sampling, begun=whole[:4])).token_ids == whole


@ENGINES
def test_the_likeliest_other_tokens_are_named_and_never_the_one_that_stands_there(
    llm, prompt, make
):
    engine = make(llm)
    best = drawn(engine, Request(prompt, LENGTH)).token_ids
    found = scored(engine, Rescoring([prompt], best, n_others=3))
    assert [len(others) for others in found.others] == [3] * len(best)
    for own, token, others in zip(found.log_probabilities, best, found.others, strict=True):
        values = [other.log_probability for other in others]
        assert token not in {other.token_id for other in others}
        assert [own, *values] == sorted([own, *values], reverse=True)
    # Where another token stands, the best one is the first of the others.
    other = found.others[2][0].token_id
    changed = (*best[:2], other, *best[3:])
    again = scored(engine, Rescoring([prompt], changed, n_others=1))
    assert [one.token_id for one in again.others[2]] == [best[2]]
    assert again.others[2][0].log_probability == pytest.approx(found.log_probabilities[2], abs=1e-4)
    assert scored(engine, Rescoring([prompt], best)).others == ()


@ENGINES
def test_all_requests_of_a_question_share_its_place_and_count_once(llm, prompt, make):
    engine = make(llm, limits=VisitorLimits(running=1, waiting=1, per_minute=1))
    with Place() as place:
        first = drawn(engine, Request(prompt, LENGTH, visitor="a", place=place))
        assert engine.load.n_running == 1  # it is held between two of them
        scored(engine, Rescoring([prompt], first.token_ids, visitor="a", place=place))
        begun = first.token_ids[:2]
        again = drawn(engine, Request(prompt, LENGTH, visitor="a", place=place, begun=begun))
    assert again.token_ids == first.token_ids
    assert (engine.load.n_running, engine.load.n_waiting) == (0, 0)
    with pytest.raises(VisitorLimitError):
        drawn(engine, Request(prompt, LENGTH, visitor="a"))


@ENGINES
def test_a_question_that_was_stopped_gets_nothing_more(llm, prompt, make):
    engine, stop = make(llm), threading.Event()
    with Place() as place:
        begun = drawn(engine, Request(prompt, LENGTH, stop=stop, place=place)).token_ids[:3]
        stop.set()
        again = drawn(engine, Request(prompt, LENGTH, stop=stop, place=place, begun=begun))
        assert (again.reason, again.token_ids) == ("stopped", begun)
        assert not list(engine.rescore(Rescoring([prompt], begun, stop=stop, place=place)))
    assert engine.load.n_running == 0


def test_an_answer_that_is_written_again_does_not_compute_its_prompt_again(llm, prompt):
    engine = ContinuousEngine(llm)
    with Place() as place:
        ids = drawn(engine, Request(prompt, LENGTH, place=place)).token_ids
        scored(engine, Rescoring([prompt], ids, place=place, n_others=1))
        again = drawn(engine, Request(prompt, LENGTH, place=place, begun=ids[:4]))
    assert again.cached_tokens >= prompt.n_tokens


def test_scores_after_a_kept_cache_are_those_without_one(llm, prompt):
    """The cache of the question holds its prompt, and also the answer, which is to be scored."""
    engine = ContinuousEngine(llm)
    with Place() as place:
        ids = drawn(engine, Request(prompt, LENGTH, place=place)).token_ids
        kept = scored(engine, Rescoring([prompt], ids, place=place, n_others=2))
    fresh = scored(ContinuousEngine(llm), Rescoring([prompt], ids, n_others=2))
    assert kept.log_probabilities == pytest.approx(fresh.log_probabilities, abs=1e-4)
    assert [[o.token_id for o in others] for others in kept.others] == [
        [o.token_id for o in others] for others in fresh.others
    ]


def test_what_is_written_again_is_no_other_request_in_the_metrics(llm, prompt):
    registry = Registry()
    engine = MeteredEngine(ContinuousEngine(llm), registry)
    with Place() as place:
        ids = drawn(engine, Request(prompt, LENGTH, place=place)).token_ids
        assert drawn(engine, Request(prompt, LENGTH, place=place, begun=ids[:3])).token_ids == ids
    counted = parse(registry.text())
    (generated,) = (v for name, v in counted.items() if name.endswith("generated_tokens_total"))
    (requests,) = (
        v for k, v in counted.items() if k.endswith("requests_total") and "cache" not in k
    )
    assert sum(generated.values()) == 8 + 5
    assert sum(requests.values()) == 1
