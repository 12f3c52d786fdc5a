"""A step is a function of its number: epochs see every record once, processes share a step."""

from collections import Counter

import numpy as np
import torch

from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.recipe import ShownRates
from assistant.train.adapt.steps import Share, Steps
from tests.llm.fakes import make_tokenizer
from tests.train.adapt.tiny import records

ENCODER = LessonEncoder(make_tokenizer(), n_graph_tokens=28, sequence=600)


def steps(**changes) -> Steps:
    values = {"batch": 8, "micro_tokens": 1600, "seed": 1}
    return Steps(records(), ENCODER, ShownRates(), **(values | changes))


def rows(batches) -> list[tuple]:
    """The examples of a step, in any order."""
    found = []
    for batch in batches:
        for ids, mask in zip(batch.ids, batch.mask, strict=True):
            found.append(tuple(ids[: int(mask.sum())].tolist()))
    return sorted(found)


def test_the_same_step_is_the_same_whenever_it_is_asked_for():
    first, second = steps(), steps()
    list(first.stream(0, 5))
    for one, two in zip(first[7], second[7], strict=True):
        assert torch.equal(one.ids, two.ids)
        assert torch.equal(one.weights, two.weights)
    later = list(steps().stream(3, 5))
    assert [rows(b) for b in later] == [rows(b) for b in list(steps().stream(0, 5))[3:]]
    assert rows(steps(seed=2)[7]) != rows(first[7])


def test_every_epoch_sees_every_record_once():
    maker, n = steps(), len(records())
    for epoch in range(2):
        seen = Counter(int(maker._order_of(epoch)[i]) for i in range(n))
        assert seen == Counter(range(n))
    assert not np.array_equal(steps()._order_of(0), steps()._order_of(1))


def test_micro_batches_stay_within_their_tokens_and_hold_the_whole_step():
    maker = steps()
    for step in range(4):
        batches = maker[step]
        assert all(b.ids.numel() <= 1600 or len(b.ids) == 1 for b in batches)
        examples = [maker.example(p) for p in range(step * 8, step * 8 + 8)]
        assert rows(batches) == sorted(tuple(e.ids.tolist()) for e in examples if e is not None)


def test_processes_share_a_step():
    whole = rows(steps()[2])
    parts = [rows(steps(share=Share(i, 3))[2]) for i in range(3)]
    assert sorted(row for part in parts for row in part) == whole
    assert all(parts)


def test_workers_write_the_same_steps():
    alone, ahead = (list(steps().stream(1, 3, workers=n)) for n in (0, 1))
    assert [rows(b) for b in ahead] == [rows(b) for b in alone]
