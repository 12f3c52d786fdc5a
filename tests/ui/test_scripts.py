"""The page's scripts by themselves: values that come late, twice, or of something else."""

import json
from typing import TYPE_CHECKING

import pytest

from tests.ui.scripted import Scripts

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def news(table: str, *, start: int = 0, length: int, running: bool = False) -> dict[str, object]:
    """A value of the List tab with a row for each of `start` … `length`."""
    updates = [{"i": i, "smiles": "C" * (i + 1), "name": f"m{i}"} for i in range(start, length)]
    asked = {"number": 0, "text": "Why?", "done": 0, "total": length, "running": True}
    state = {
        "title": table,
        "problems": [],
        "facts": length,
        "total": length,
        "computing": False,
        "asked": asked if running else None,
    }
    return {
        "table": table,
        "start": start,
        "end": length,
        "updates": json.dumps(updates),
        "length": length,
        "state": state,
        "problem": "",
        "file": None,
    }


def test_a_list_made_while_another_is_asked_appears(page: "Page") -> None:
    scripts = Scripts(page, "list")
    scripts.give("list", **news("first", length=2, running=True))
    scripts.give("list", **news("second", length=3))
    assert page.inner_text(".list-title") == "second"
    assert page.inner_text(".list-count") == "3 molecules"


def test_late_news_of_a_replaced_list_leave_the_next_one_asking_for_what_it_misses(
    page: "Page",
) -> None:
    scripts = Scripts(page, "list")
    scripts.give("list", **news("first", length=1))
    scripts.give("list", **news("second", length=2) | {"length": 3})
    scripts.give("list", **news("first", length=1))
    page.wait_for_function("sent.some(([, name]) => name === 'catch')")
    assert scripts.sent("list", "catch")[0] == {"from": 2, "table": "second"}
