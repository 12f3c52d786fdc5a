import html
import json
import re

from ui.passport import passport_html

PASSPORT = {
    "format_version": 1,
    "time": "2026-11-20T12:00:00+00:00",
    "molecules": {"1": {"smiles": "CCO", "inchikey": "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"}},
    "prompt_sha256": "ab" * 32,
    "model": {
        "model": "default",
        "quantisation": "nf4",
        "adapters": [{"name": "graph tokens", "on": True, "reason": ""}],
        "bundle_sha256": "cd" * 32,
    },
    "sampling": {"seed": 0, "ended": "stop"},
    "versions": {"python": "3.11.7"},
}


def test_the_main_lines_are_readable() -> None:
    shown = re.sub("<[^>]+>", " ", passport_html(PASSPORT))
    wanted = ("default · nf4", "graph tokens on", "1: LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "seed 0")
    assert [words for words in wanted if words not in shown] == []
    assert "sha256 cdcdcdcdcdcd…" in shown


def test_all_of_it_can_be_copied_as_json() -> None:
    copied = re.search(r'data-copy="([^"]*)"', passport_html(PASSPORT))[1]
    assert json.loads(html.unescape(copied)) == PASSPORT


def test_what_was_quoted_is_named() -> None:
    entry = {"smiles": "CCO", "similarity": 0.51, "file": "own.csv", "line": 7}
    shown = passport_html(PASSPORT | {"retrieved": {"1": [entry, "odd"], "2": None}})
    assert "1: own.csv line 7 (similarity 0.51)" in shown


def test_it_is_folded_and_inert() -> None:
    shown = passport_html(PASSPORT | {"time": "<script>alert(1)</script>"})
    assert "<details" in shown
    assert "<details open" not in shown
    assert "<script" not in shown


def test_an_answer_without_one_shows_none_and_odd_values_break_nothing() -> None:
    assert passport_html({}) == ""
    assert "passport" in passport_html({"model": "a name", "molecules": [1], "sampling": None})
