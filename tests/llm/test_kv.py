"""Tests of the cache of one sequence."""

import pytest
import torch

from assistant.llm.kv import CacheShape, RowCache

SHAPE = CacheShape(2, 3, 4, torch.float32, torch.device("cpu"))


def filled(n_tokens: int) -> RowCache:
    cache = RowCache(SHAPE)
    cache.reserve(n_tokens)
    for layer, (keys, values) in enumerate(zip(cache.keys, cache.values, strict=True)):
        keys[:, :n_tokens] = torch.arange(n_tokens)[:, None] + 1000.0 * layer
        values[:, :n_tokens] = -keys[:, :n_tokens]
    cache.length = n_tokens
    return cache


def test_growing_keeps_what_is_there():
    cache = filled(200)
    before = [keys[:, :200].clone() for keys in cache.keys]
    cache.reserve(100)
    assert cache.keys[0].shape == (3, 512, 4)
    for keys, values, old in zip(cache.keys, cache.values, before, strict=True):
        assert torch.equal(keys[:, :200], old)
        assert torch.equal(values[:, :200], -old)
    assert cache.n_bytes == 2 * 2 * 3 * 512 * 4 * 4


def test_a_long_conversation_has_room_for_its_next_turn():
    """Moving it would be a part of the next first token's time."""
    cache = filled(1000)
    address = cache.address
    cache.reserve(100)
    assert cache.address == address


def test_cropping_counts_from_the_end():
    cache = filled(10)
    cache.crop(-4)
    assert cache.get_seq_length() == 6
    for wrong in (1, -7):
        with pytest.raises(ValueError, match="cannot crop"):
            cache.crop(wrong)


def test_a_fork_is_a_copy():
    cache = filled(10)
    copied = cache.fork(4)
    assert copied.length == 4
    assert torch.equal(copied.values[1][:, :4], cache.values[1][:, :4])
    copied.keys[0].zero_()
    assert cache.keys[0][0, 3, 0] == 3
    with pytest.raises(ValueError, match="cannot copy 11 of 10"):
        cache.fork(11)


def test_a_spilled_cache_is_the_same_and_comes_back_in_part():
    cache, expected = filled(300), filled(300)
    cache.spill(torch.device("cpu"))
    assert cache.is_spilled
    cache.crop(-20)
    back = cache.fork(250)
    assert (back.length, back.is_spilled) == (250, False)
    for found, right in zip(
        (*back.keys, *back.values), (*expected.keys, *expected.values), strict=True
    ):
        assert torch.equal(found[:, :250], right[:, :250])
