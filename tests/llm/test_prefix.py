"""Tests of the store of conversations' caches: what is found, shared, copied and dropped."""

from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig

from assistant.llm import prefix
from assistant.llm.kv import CacheShape, RowCache
from assistant.llm.prefix import KeptCache, Mark, PrefixStore

SHAPE = CacheShape(1, 1, 4, torch.float32, torch.device("cpu"))
BYTES_OF_A_BLOCK = 2 * 256 * 4 * 4


HOST = torch.device("cpu")  # stands for the memory of the machine beside that of a GPU


def make_store(**options: object) -> PrefixStore:
    sizes = {"max_conversations": 8} | options
    return PrefixStore(LlamaConfig(), enabled=True, fresh=lambda: RowCache(SHAPE), **sizes)


def marks_of(text: str) -> list[Mark]:
    return [(letter, "") for letter in text]


def kept(visitor: str, text: str) -> KeptCache:
    cache = RowCache(SHAPE)
    cache.reserve(len(text))
    cache.keys[0][0, : len(text), 0] = torch.tensor([float(ord(letter)) for letter in text])
    cache.length = len(text)
    return KeptCache(visitor, marks_of(text), cache)


def text_of(found: KeptCache) -> str:
    values = found.cache.keys[0][0, : found.cache.length, 0].tolist()
    assert [mark for mark, _ in found.marks] == [chr(int(value)) for value in values]
    return "".join(chr(int(value)) for value in values)


def test_the_longest_true_prefix_of_the_same_person_is_found():
    store = make_store()
    for visitor, text in (("me", "sys a"), ("me", "sys abc"), ("you", "sys abcdef")):
        store.keep(kept(visitor, text))
    assert text_of(store.take("me", marks_of("sys abcdef"))) == "sys abc"
    assert text_of(store.take("me", marks_of("sys abcdef"))) == "sys a"
    assert text_of(store.take("me", marks_of("sys abcdef"))) == ""


def test_the_last_token_is_left_to_compute():
    store = make_store()
    store.keep(kept("me", "abc"))
    assert text_of(store.take("me", marks_of("abc"))) == "ab"


def test_a_branch_leaves_the_longer_conversation_in_place():
    store = make_store()
    store.keep(kept("me", "sys a long conversation"))
    assert text_of(store.take("me", marks_of("sys other"))) == "sys "
    assert text_of(store.take("me", marks_of("sys a long conversation goes on"))) == (
        "sys a long conversation"
    )


def test_only_the_system_text_is_shared():
    store = make_store()
    store.keep(kept("me", "sys secret"), n_system=4)
    assert text_of(store.take("you", marks_of("sys secret"))) == "sys "
    assert text_of(store.take("you", marks_of("another"))) == ""


def test_the_least_recently_used_goes_first_by_bytes():
    store = make_store(max_bytes=2 * BYTES_OF_A_BLOCK)
    for text in ("one", "two", "six"):
        store.keep(kept("me", text))
    assert store.n_bytes == 2 * BYTES_OF_A_BLOCK
    assert text_of(store.take("me", marks_of("one more"))) == ""
    assert text_of(store.take("me", marks_of("two more"))) == "two"


def test_what_has_no_room_is_spilled_and_found_again():
    store = make_store(max_bytes=BYTES_OF_A_BLOCK, spill_to=HOST)
    for text in ("one", "two", "six"):
        store.keep(kept("me", text))
    assert (store.n_bytes, store.n_spilled_bytes) == (BYTES_OF_A_BLOCK, 2 * BYTES_OF_A_BLOCK)
    found = store.take("me", marks_of("one more"))
    assert text_of(found) == "one"
    assert not found.is_spilled
    assert store.n_spilled_bytes == BYTES_OF_A_BLOCK
    store.keep(found)  # it has been used last now
    assert (store.n_bytes, store.n_spilled_bytes) == (BYTES_OF_A_BLOCK, 2 * BYTES_OF_A_BLOCK)
    assert text_of(store.take("me", marks_of("six more"))) == "six"


def test_where_the_other_memory_is_full_the_longest_unused_is_dropped():
    room = 2 * BYTES_OF_A_BLOCK
    store = make_store(max_bytes=0, spill_to=HOST, max_spilled_bytes=room)
    for text in ("one", "two", "six"):
        store.keep(kept("me", text))
    assert (store.n_bytes, store.n_spilled_bytes) == (0, room)
    assert text_of(store.take("me", marks_of("one more"))) == ""
    assert text_of(store.take("me", marks_of("two more"))) == "two"


def test_only_a_share_of_the_machines_free_memory_is_filled(monkeypatch):
    memory = SimpleNamespace(available=BYTES_OF_A_BLOCK / prefix._HOST_SHARE)
    monkeypatch.setattr(prefix.psutil, "virtual_memory", lambda: memory)
    store = make_store(max_bytes=0, spill_to=HOST)
    store.keep(kept("me", "one"))
    memory.available -= BYTES_OF_A_BLOCK
    store.keep(kept("me", "two"))
    assert store.n_spilled_bytes == BYTES_OF_A_BLOCK
    assert text_of(store.take("me", marks_of("two more"))) == "two"


def test_freeing_spills_everything_and_the_system_text_stays_shared():
    store = make_store(spill_to=HOST)
    store.keep(kept("me", "sys secret"), n_system=4)
    store.free()
    assert (store.n_bytes, store.n_spilled_bytes) == (0, BYTES_OF_A_BLOCK)
    assert text_of(store.take("you", marks_of("sys secret"))) == "sys "
    assert text_of(store.take("me", marks_of("sys other"))) == "sys "  # the branch leaves it there
    assert text_of(store.take("me", marks_of("sys secret is out"))) == "sys secret"
    assert store.n_spilled_bytes == 0


def test_caches_of_nothing_are_dropped_with_the_others():
    store = make_store(max_bytes=BYTES_OF_A_BLOCK)
    for text in ("", "one", "two"):
        store.keep(kept("me", text))
    assert store.n_bytes == BYTES_OF_A_BLOCK
    assert text_of(store.take("me", marks_of("two more"))) == "two"


def test_freeing_without_other_memory_drops_everything():
    store = make_store()
    store.keep(kept("me", "sys secret"), n_system=4)
    store.free()
    assert text_of(store.take("me", marks_of("sys secret"))) == ""


def test_a_spilled_cache_that_has_no_room_to_come_back_only_costs_time(monkeypatch):
    store = make_store(max_bytes=0, spill_to=HOST)
    store.keep(kept("me", "one"))

    def full(self: RowCache, length: int) -> RowCache:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(RowCache, "fork", full)
        assert text_of(store.take("me", marks_of("one more"))) == ""
    assert text_of(store.take("me", marks_of("one more"))) == "one"


def test_caches_that_disagree_with_their_marks_are_not_kept():
    store = make_store()
    wrong = kept("me", "abc")
    wrong.cache.crop(-1)
    store.keep(wrong)
    assert store.n_bytes == 0


@pytest.mark.parametrize("enabled", [True, False])
def test_clearing_and_models_without_a_reusable_cache(enabled):
    store = PrefixStore(LlamaConfig(), enabled=enabled, fresh=lambda: RowCache(SHAPE))
    store.keep(kept("me", "abc"), n_system=1)
    assert (store.n_bytes > 0) == enabled
    store.clear()
    assert store.n_bytes == 0
    assert text_of(store.take("me", marks_of("abcd"))) == ""
