"""What is kept of each tab."""

from ui.tab_store import TabStore


def test_the_longest_unused_gives_way_and_what_is_replaced_is_ended() -> None:
    ended: list[str] = []
    store = TabStore[str](2, ended.append)
    store.put(("v", "a"), "first")
    store.put(("v", "b"), "second")
    assert store.get(("v", "a")) == "first"  # used: the other one is older now
    store.put(("w", "c"), "third")
    assert (store.get(("v", "b")), ended) == (None, ["second"])
    store.put(("v", "a"), "another")
    assert (store.get(("v", "a")), ended) == ("another", ["second", "first"])
    assert len(store) == 2


def test_the_other_tabs_are_those_of_the_same_visitor() -> None:
    store = TabStore[str](5, lambda _: None)
    for key in (("v", "a"), ("v", "b"), ("w", "c")):
        store.put(key, key[1])
    assert store.others(("v", "a")) == ["b"]
    assert store.others(("x", "a")) == []


def test_a_tab_that_is_closed_has_its_work_ended_and_is_no_younger_for_it() -> None:
    ended: list[str] = []
    store = TabStore[str](2, ended.append)
    store.put(("v", "a"), "first")
    store.put(("v", "b"), "second")
    store.end(("v", "a"))
    store.end(("v", "never there"))
    assert (ended, len(store)) == (["first"], 2)
    store.put(("v", "c"), "third")
    assert (store.get(("v", "a")), store.get(("v", "b"))) == (None, "second")
