"""The page's scripts by themselves: values that come late, twice, or of something else."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ui.scripted import Scripts
from ui.examples import predicted_tasks

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


def panel(task: str, /, **sweep: object) -> dict[str, object]:
    """A value of the Pair tab that shows a task."""
    row = {"i": 0, "name": "water", "smiles": "O", "value": 5.0, "text": "5", "measured": None}
    row |= {
        "error": None,
        "around": None,
        "off": "–",
        "known": "",
        "similarity": None,
        "warnings": [],
        "problem": "",
    }
    swept = {"rows": [row], "done": 1, "total": 1, "running": False, "stopped": False}
    swept |= {"problems": ["line 2"], "fixed": "dye", "vary": 1, "axis": "lifetime (ns)"}
    swept |= {"unit": "ns", "errorName": "error", "base": 4.0, "baseName": "training mean"} | sweep
    return {
        "tasks": [{"name": name, "title": name, "on": True} for name in ("absorption", "lifetime")],
        "task": task,
        "symmetric": False,
        "roles": ["Chromophore", "Solvent"],
        "off": "",
        "slots": ["", ""],
        "names": ["", ""],
        "numbers": [],
        "answer": "",
        "problem": "",
    } | ({"sweep": swept} if sweep else {})


def test_the_box_writes_a_comparison_but_not_over_words_that_were_typed(page: "Page") -> None:
    scripts = Scripts(page, "composer", "copier")
    menu = [{"key": "compare", "title": "Compare two", "text": "Compare $molecules."}]
    page.evaluate("menu => { links.composer.props.menu = menu; }", menu)
    box = page.locator("#composer textarea")

    def choose() -> dict[str, object]:
        page.evaluate("moleculeChat.parts.copier.open('CCO', 9, 9, null)")
        page.click("#copier [data-act=compare]")
        return scripts.sent("copier", "compared")[-1]

    assert choose() == {"smiles": "CCO", "typed": False}
    scripts.give("composer", attached=[2], numbers=[1, 2], compare=[2])
    assert box.input_value() == "Compare molecule 2 with "
    assert choose()["typed"] is False  # of its own words
    scripts.give("composer", attached=[1, 2], numbers=[1, 2], compare=[2, 1])
    assert box.input_value() == "Compare molecule 2 and molecule 1."
    assert choose()["typed"] is False
    box.fill("Which one is the stronger acid?")  # before the answer comes
    scripts.give("composer", attached=[1, 2], numbers=[1, 2], compare=[2, 1])
    assert box.input_value() == "Which one is the stronger acid?"
    assert choose()["typed"] is True


def test_tasks_that_the_model_was_not_trained_for_are_last_and_write_nothing(page: "Page") -> None:
    scripts = Scripts(page, "header", "composer")
    keys = ("describe", "product", "compare")
    menu = [{"key": key, "title": key, "text": f"{key} $molecule."} for key in keys]
    page.evaluate("menu => { links.composer.props.menu = menu; }", menu)
    box, items = page.locator("#composer textarea"), page.locator("#composer .menu li")
    box.fill("/")
    assert items.locator("strong").all_inner_texts() == list(keys)
    assert page.locator("#composer .menu [aria-disabled]").count() == 0
    page.keyboard.press("Escape")
    scripts.give("header", html="", state="ready", cannot=["product"])
    box.fill("")
    box.fill("/")
    assert items.locator("strong").all_inner_texts() == ["describe", "compare", "product"]
    assert items.last.get_attribute("aria-disabled") == "true"
    assert "this model was not trained for it" in items.last.inner_text()
    box.press("ArrowUp")  # from the first to the last
    assert items.last.get_attribute("aria-selected") == "true"
    box.press("Enter")
    items.last.click(force=True)  # a browser that is driven waits for what is disabled
    assert box.input_value() == "/"
    assert items.last.is_visible()
    assert scripts.sent("composer", "turn") == []
    box.press("ArrowUp")
    box.press("Enter")
    assert box.input_value() == "compare this molecule."


def test_what_the_model_predicts_is_offered_behind_what_it_was_trained_for(page: "Page") -> None:
    scripts = Scripts(page, "header", "composer")
    menu = [{"key": key, "title": key, "text": f"{key} $molecule."} for key in ("name", "product")]
    page.evaluate("menu => { links.composer.props.menu = menu; }", menu)
    (task,) = predicted_tasks(["HOMO energy"])
    scripts.give("header", html="", state="ready", cannot=["product"], predicts=[asdict(task)])
    scripts.give("composer", attached=[2], numbers=[1, 2])
    box, items = page.locator("#composer textarea"), page.locator("#composer .menu li")
    box.fill("/")
    titles = ["name", "Predict the HOMO energy", "product"]
    assert items.locator("strong").all_inner_texts() == titles
    box.press("ArrowDown")
    box.press("Enter")
    assert box.input_value() == "What is the HOMO energy of molecule 2?"


def test_a_server_that_was_started_again_unnoticed_has_the_page_loaded_again(page: "Page") -> None:
    server = {"app_id": 1}
    page.route("**/gradio_api/app_id", lambda route: route.fulfill(json=server))
    page.clock.install()
    Scripts(page, "composer")
    page.evaluate("() => { window.gradio_config = { app_id: 1 }; window.before = true; }")
    with page.expect_response("**/gradio_api/app_id"):
        page.clock.run_for(10_000)  # an idle page looks
    page.wait_for_timeout(200)
    assert page.evaluate("window.before")
    server["app_id"] = 2
    page.clock.run_for(10_000)
    page.wait_for_function("!window.before")


@pytest.mark.parametrize("writing", [True, False])
def test_stop_stays_while_an_answer_is_written_though_another_request_is_refused(
    page: "Page", writing: bool
) -> None:
    scripts = Scripts(page, "transcript", "composer")
    live = {"turn": 0, "status": "", "notices": [], "blocks": [], "tail": "It is"}
    scripts.give("transcript", turns=["<p>Why?</p>"], live=live if writing else None, welcome="")
    scripts.give("composer", busy=writing)
    page.route("**/refused", lambda route: route.fulfill(status=429))
    page.evaluate("fetch('/refused')")
    page.wait_for_selector(".notice:has-text('Too many requests')")
    assert page.is_visible("[data-act=stop]") is writing
    assert page.is_visible("[data-act=send]") is not writing


def test_the_pair_tab_is_filled_when_the_page_is_loaded_again_on_it(page: "Page") -> None:
    scripts = Scripts(page, "bench", "pair")
    assert scripts.sent("pair", "open") == []
    page.click("#tab-pair")
    scripts.load()
    assert page.get_attribute("html", "data-tab") == "pair"
    assert scripts.sent("pair", "open") == [{}]


@pytest.mark.parametrize("late", [{}, {"task": "lifetime"}], ids=["no news", "late news"])
def test_a_table_is_shown_under_its_own_task_only(page: "Page", late: dict[str, str]) -> None:
    scripts = Scripts(page, "pair")
    of_table = [f"#pair [data-slot={name}]" for name in ("scroll", "plot", "csv", "problems")]
    scripts.give("pair", **panel("lifetime", task="lifetime"))
    assert all(page.is_visible(node) for node in of_table)
    scripts.give("pair", **panel("absorption", **late))
    assert all(page.is_hidden(node) for node in of_table)
    scripts.give("pair", **panel("lifetime"))
    assert all(page.is_visible(node) for node in of_table)


def test_a_sweep_grows_by_its_own_news_and_the_rest_of_the_panel_stays(page: "Page") -> None:
    scripts = Scripts(page, "pair")
    value = panel("lifetime", task="lifetime", done=0, total=2, running=True, rows=[])
    scripts.give("pair", **value | {"answer": "<p class=pair-value>5 ns</p>"})
    assert page.is_hidden("#pair .pair-table")
    news = panel("lifetime", task="lifetime", total=2)["sweep"]
    scripts.give("pair", only="sweep", sweep=news)
    assert page.inner_text("#pair .pair-table tbody tr td >> nth=0") == "water"
    assert page.inner_text("#pair .pair-value") == "5 ns"


ANSWERED = {"answer": "<p class=pair-value>5 ns</p>", "slots": ["<b>a new dye</b>", ""]}


@pytest.mark.parametrize("pieces_first", [True, False])
def test_a_filled_slot_and_the_news_of_a_sweep_may_arrive_in_either_order(
    page: "Page", pieces_first: bool
) -> None:
    scripts = Scripts(page, "pair")
    going = panel("lifetime", task="lifetime", done=0, total=2, running=True, rows=[])
    scripts.give("pair", **going, rev=10)
    filled = panel("lifetime") | ANSWERED
    end = {"only": "sweep", "sweep": panel("lifetime", task="lifetime", done=2, total=2)["sweep"]}
    values = [end | {"rev": 14}, filled | {"rev": 11}]
    if not pieces_first:
        values = [filled | {"rev": 14}, end | {"rev": 11}]
    for value in values:
        scripts.give("pair", **value)
    assert page.inner_text("#pair .pair-value") == "5 ns"
    assert page.is_visible("text=a new dye")
    assert page.is_hidden("#pair [data-slot=cancel]")
    scripts.give("pair", **going, rev=13)  # a whole panel that is late: its sweep is old
    assert page.is_hidden("#pair [data-slot=cancel]")


def test_a_late_panel_is_shown_and_keeps_the_error_that_came_before_it(page: "Page") -> None:
    scripts = Scripts(page, "pair")
    scripts.give("pair", only="problem", problem="This is not a SMILES.", at=1, rev=12)
    scripts.give("pair", **panel("lifetime") | ANSWERED, rev=11)
    assert page.inner_text("#pair .pair-value") == "5 ns"
    assert page.inner_text("#pair .pair-notice") == "This is not a SMILES."
    assert page.locator("#pair [aria-invalid=true]").count() == 1
    scripts.give("pair", **panel("lifetime"), rev=13)
    assert page.inner_text("#pair .pair-notice") == ""
    assert page.locator("#pair [aria-invalid=true]").count() == 0


def test_what_was_said_of_a_slot_stays_when_the_tab_that_was_opened_with_it_answers_later(
    page: "Page",
) -> None:
    scripts = Scripts(page, "pair")
    value = panel("lifetime")
    opened = {key: one for key, one in value.items() if key != "problem"}
    scripts.give("pair", only="loading", loading=True)
    assert page.inner_text("#pair .pair-notice") == "reading the pair models …"
    scripts.give("pair", **opened)
    assert page.inner_text("#pair .pair-notice") == ""
    for said in ("water is the solvent.", "More of it is shown …"):  # by no word it is told apart
        scripts.give("pair", **value, said=said)
        scripts.give("pair", **opened)
        assert page.inner_text("#pair .pair-notice") == said
    scripts.give("pair", **opened, problem="The heads could not be read.")
    assert page.inner_text("#pair .pair-notice") == "The heads could not be read."
    scripts.give("pair", **value)
    assert page.inner_text("#pair .pair-notice") == ""


def test_what_is_said_of_a_slot_is_shown_though_its_molecule_came_with_a_later_value(
    page: "Page",
) -> None:
    scripts = Scripts(page, "bench", "pair")
    notice = page.locator("#pair .pair-notice")
    value = panel("lifetime")
    opened = {key: one for key, one in value.items() if key != "problem"}
    page.evaluate("moleculeChat.parts.pair.take('O')")
    assert notice.inner_text() == "reading the molecule …"
    scripts.give("pair", **opened, rev=21)
    assert notice.inner_text() == "reading the molecule …"
    scripts.give("pair", **value, said="water is the solvent.", rev=20)
    assert notice.inner_text() == "water is the solvent."
    scripts.give("pair", **value, rev=19)
    assert notice.inner_text() == "water is the solvent."


def test_a_molecule_that_is_taken_does_not_open_the_tab_besides(page: "Page") -> None:
    scripts = Scripts(page, "bench", "pair")
    page.evaluate("moleculeChat.parts.pair.take('O')")
    page.wait_for_function("sent.some(([, name]) => name === 'take')")
    assert scripts.sent("pair", "open") == []
    page.click("#tab-draw")
    page.click("#tab-pair")
    page.wait_for_function("sent.some(([, name]) => name === 'open')")


def test_an_error_that_was_read_is_gone_when_the_tab_is_opened_again(page: "Page") -> None:
    scripts = Scripts(page, "bench", "pair")
    notice, wrong = page.locator("#pair .pair-notice"), page.locator("#pair [aria-invalid=true]")
    page.click("#tab-pair")
    scripts.give("pair", only="problem", problem="This is not a SMILES.", at=0)
    assert (notice.inner_text(), wrong.count()) == ("This is not a SMILES.", 1)
    page.click("#tab-draw")
    scripts.give("pair", **panel("lifetime"), said="water is the solvent.")
    page.click("#tab-pair")
    assert (notice.inner_text(), wrong.count()) == ("water is the solvent.", 0)
    scripts.give("pair", only="problem", problem="This is not a SMILES.", at=0)
    page.click("#tab-draw")
    page.click("#tab-pair")
    assert (notice.inner_text(), wrong.count()) == ("", 0)


def test_a_long_table_of_columns_side_by_side_is_saved_whole(page: "Page") -> None:
    scripts = Scripts(page, "exporter", "sidebyside")
    page.evaluate("moleculeChat.parts.sidebyside.open({})")
    table = "\ufeffcolumn,answer\r\n" + "all,≠ ästhetisch\r\n" * 20_000
    shown = {"kind": "adapters", "running": False, "columns": [], "agree": "", "claims": ""}
    scripts.give("sidebyside", **shown, markdown="", csv=table)
    with page.expect_download() as download:
        page.click("#sidebyside [data-act=csv]")
    assert Path(download.value.path()).read_bytes() == table.encode()


def test_what_is_not_known_stays_below_in_both_directions(page: "Page") -> None:
    scripts = Scripts(page, "pair")
    rows = [
        {"i": i, "name": name, "smiles": "C", "value": value, "text": str(value)}
        | {"measured": measured, "known": "", "similarity": None, "warnings": [], "problem": ""}
        for i, (name, value, measured) in enumerate([("b", 1, None), ("a", 2, 5), ("c", 3, 4)])
    ]
    scripts.give("pair", **panel("lifetime", task="lifetime", rows=rows, done=3, total=3))
    names = page.locator("#pair .pair-table tbody td:first-child")
    for order in (["c", "a", "b"], ["a", "c", "b"]):
        page.click("#pair .pair-table [data-by=measured]")
        assert names.all_inner_texts() == order


def test_a_page_goes_on_after_an_answer_has_ended(page: "Page") -> None:
    scripts = Scripts(page, "transcript")
    live = {"turn": 0, "status": "", "notices": [], "blocks": [], "tail": "It is", "figures": ""}
    scripts.give("transcript", turns=["<p>First?</p>"], live=live, welcome="")
    scripts.give("transcript", turns=["<p>First? It is.</p>"], live=None, welcome="")
    assert scripts.sent("transcript", "seen") == [{}]
    scripts.give("transcript", turns=[], live=None, welcome="<p>Ask</p>")
    assert page.inner_text("#transcript .welcome-slot").strip() == "Ask"
    assert page.locator("#transcript .turn").count() == 0
