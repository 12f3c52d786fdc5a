"""The List tab's own script: comparisons read with forgiveness, own columns sorted and shown."""

import json
from typing import TYPE_CHECKING

import pytest

from tests.ui.scripted import Scripts

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

HEADS = ["pIC50", "IC50 (nM)", "series", "MW"]
ROWS = [  # name, mass, alerts, own cells
    ("alpha", 180.16, ["Brenk: ester"], ["7.3", "50", "II", "1"]),
    ("beta", 250.5, [], ["10", "> 1000", "I", "2"]),
    ("gamma", 320.0, [], ["6,95", "", "I", "3"]),
    ("delta", 199.9, [], ["n.d.", "120", "x<b>y</b>", "4"]),
]
NAMES = """() => [...document.querySelectorAll('.list-line')]
  .sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex'))
  .map((line) => line.querySelector('.name strong').textContent)"""


def value(*, columns: list[str], same: int | None = None) -> dict[str, object]:
    updates: list[dict[str, object]] = []
    for i, (name, mass, alerts, own) in enumerate(ROWS):
        updates.append({"i": i, "smiles": "CC=O" if i else "CCN", "name": name, "own": own})
        if same is not None and i == 2:
            updates[-1]["same"] = same
        facts = ["C2H4O", mass, 1.5 + i, 40.0, 1, 2, 3, 4, 0.5]
        updates.append(
            {"i": i, "facts": facts, "alerts": alerts, "groups": "amide", "stereo": "", "svg": ""}
        )
    state = {
        "title": "mine.csv",
        "problems": [],
        "notices": ["1 cell of the file cut after 300 characters."],
        "columns": columns,
        "same": 0 if same is None else 1,
        "facts": len(ROWS),
        "total": len(ROWS),
        "computing": False,
        "asked": None,
    }
    return {
        "table": "t",
        "start": 0,
        "end": len(updates),
        "updates": json.dumps(updates),
        "length": len(updates),
        "state": state,
        "problem": "",
        "file": None,
    }


@pytest.fixture
def listed(page: "Page") -> "Page":
    scripts = Scripts(page, "list")
    page.add_style_tag(content=".list-table { height: 600px }")
    scripts.give("list", **value(columns=HEADS, same=1))
    return page


def rows_of(page: "Page", text: str) -> list[str]:
    """Names of the rows that a filter leaves, without waiting for what is being typed."""
    return page.evaluate(
        """text => {
          const part = moleculeChat.parts.list;
          const { tests } = moleculeChat.listFilter.read(part, text);
          const holds = (row) => tests.every((test) => test(part, row));
          return part.rows.filter(holds).map((row) => row.name);
        }""",
        text,
    )


def hints_of(page: "Page", text: str) -> str:
    read = "text => moleculeChat.listFilter.read(moleculeChat.parts.list, text).hints.join(' ')"
    return page.evaluate(read, text)


EVERY = [name for name, *_ in ROWS]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("mass<200", ["alpha", "delta"]),
        ("mass < 200", ["alpha", "delta"]),
        ("  average_mass  <=  199.9 beta", []),
        ("molwt<200 mass > 190", ["delta"]),
        ("rotb=3 hbd=1 hba = 2 rings=4 psa=40 tpsa≥40 qed>0.4", EVERY),
        ("logp>=3.5 clogp≤3.5", ["gamma"]),
        ("alerts=0", ["beta", "gamma", "delta"]),
        ("amide mass<200", ["alpha", "delta"]),
        ("pIC50>7", ["alpha", "beta"]),
        ("pic50 > 6.9", ["alpha", "beta", "gamma"]),
        ("IC50 (nM) > 100", ["beta", "delta"]),
        ("IC50 (nM)<2000", ["alpha", "delta"]),  # of ">1000" nobody knows
        ("IC50 (nM)=1000", []),
        ("series=I", ["beta", "gamma"]),
        ('series="ii"', ["alpha"]),
        ("mw=2", ["beta"]),  # the file's own column goes before another name of the mass
        ("name=gamma", ["gamma"]),
        ("c=o", ["beta", "gamma", "delta"]),  # a piece of a SMILES is no comparison
        ("n.d.", ["delta"]),  # own cells are searched
        ("same", ["gamma"]),
        ("mass<260 and clogp>2", ["beta", "delta"]),
        ("mass<260, alerts=0; clogp<3", ["beta"]),
        ("200 < mass < 300", ["beta"]),
        ("199.9<=mass", ["beta", "gamma", "delta"]),
        ("mass<", EVERY),  # still being typed
        ("mass", EVERY),
    ],
)
def test_comparisons_are_read_with_blanks_common_names_and_own_columns(
    listed: "Page", text: str, names: list[str]
) -> None:
    assert rows_of(listed, text) == names


def test_mw_is_the_mass_where_the_file_has_no_column_of_that_name(page: "Page") -> None:
    Scripts(page, "list").give("list", **value(columns=["a", "b", "c", "d"]))
    assert rows_of(page, "mw < 200") == rows_of(page, "MW<200") == ["alpha", "delta"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("foo<200", "There is no column “foo”, so it does not filter. Columns: mass, cLogP, TPSA"),
        ("foo > heavy", "There is no column “foo”"),
        ("pKi = 7", "of your file: pIC50, IC50 (nM), series, MW."),
        ("series>2", "“series” holds words, not numbers: series=…"),
        ("mass<heavy", "“heavy” is not a number"),
        ("mass<1e9 or mass>1", "“or” is not understood"),
        ("rings", "“rings” is a column: compare it, as in rings<3."),
    ],
)
def test_what_is_not_understood_is_told_and_does_not_filter(
    listed: "Page", text: str, hint: str
) -> None:
    assert rows_of(listed, text) == EVERY
    assert hint in hints_of(listed, text)


def test_hints_stand_below_the_filter_and_a_word_that_is_nowhere_has_one(listed: "Page") -> None:
    hint = listed.locator("#list-hint")
    listed.fill(".list-filter", "foo<200")
    listed.wait_for_function("document.querySelector('#list-hint').textContent.includes('“foo”')")
    assert listed.inner_text(".list-count") == "4 molecules · 1 duplicate"
    assert listed.get_attribute(".list-filter", "aria-invalid") == "true"
    listed.fill(".list-filter", "thiazole")
    listed.wait_for_selector(".list-count:has-text('0 of 4')")
    assert "“thiazole” is in no name" in hint.inner_text()
    listed.fill(".list-filter", "mass < 200 mass > 300")
    listed.wait_for_function(
        "document.querySelector('#list-hint').textContent.startsWith('No mol')"
    )
    listed.fill(".list-filter", "mass < 200")
    listed.wait_for_selector(".list-count:has-text('2 of 4')")
    assert hint.inner_text() == ""
    assert listed.get_attribute(".list-filter", "aria-invalid") == "false"


def test_own_columns_are_marked_inert_and_sort_as_numbers_where_they_are(listed: "Page") -> None:
    heads = listed.locator(".list-head .own")
    assert heads.locator(".title").all_inner_texts() == HEADS
    assert heads.locator("small").all_inner_texts() == ["from your file"] * 4
    assert listed.inner_text(".list-to-own") == "4 columns of your file →"
    assert "1 cell of the file cut" in listed.inner_text(".list-remarks")
    cells = listed.locator(".list-line", has_text="delta").locator(".own")
    assert cells.all_inner_texts() == ["n.d.", "120", "x<b>y</b>", "4"]
    for orders in (["gamma", "alpha", "beta", "delta"], ["beta", "alpha", "gamma", "delta"]):
        listed.click(".list-head [data-by=own0] button")  # 6,95 < 7.3 < 10; n.d. stays below
        assert listed.evaluate(NAMES) == orders
    listed.click(".list-head [data-by=own2] button")
    assert listed.evaluate(NAMES)[:2] == ["beta", "gamma"]  # words by the alphabet
    assert listed.get_attribute(".list-head [data-by=own2]", "aria-sort") == "ascending"


@pytest.mark.parametrize(
    ("cells", "text", "names"),
    [
        (["0,125", "1,250", "> 10,500", "n.d."], "EC50<2", ["alpha", "beta"]),
        (["0,125", "1,250", "> 10,500", "n.d."], "EC50>1,2", ["beta", "gamma"]),
        (["0,125", "0,250", "0,5", "-0,125"], "EC50<0,2", ["alpha", "delta"]),
        (["1,250", "3,100", "2,000", "4,000"], "EC50<2", []),  # nobody knows: thousands?
    ],
)
def test_numbers_with_three_digits_behind_a_decimal_comma_are_compared(
    page: "Page", cells: list[str], text: str, names: list[str]
) -> None:
    news = value(columns=["EC50"])
    updates = json.loads(str(news["updates"]))
    own = iter(cells)
    news["updates"] = json.dumps(
        [u | ({"own": [next(own)]} if "own" in u else {}) for u in updates]
    )
    Scripts(page, "list").give("list", **news)
    assert rows_of(page, text) == (names or EVERY)  # what does not compare has a hint
    assert bool(hints_of(page, text)) == (not names)


def test_a_long_cell_is_read_whole_by_keyboard(page: "Page") -> None:
    scripts = Scripts(page, "list")
    page.add_style_tag(content=".list-table { height: 600px }")
    text = "<i>no markup</i> " * 12
    news = value(columns=["comment"])
    updates = json.loads(str(news["updates"]))
    news["updates"] = json.dumps([u | ({"own": [text]} if "own" in u else {}) for u in updates])
    scripts.give("list", **news)
    page.focus(".list-line .whole >> nth=0")
    page.keyboard.press("Enter")
    assert page.text_content("#list dialog .own-text") == text
    assert page.get_attribute("#list dialog", "aria-label") == "comment of alpha, from your file"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "whole"


def test_a_later_row_says_which_earlier_one_is_the_same(listed: "Page") -> None:
    assert listed.locator(".list-same").all_inner_texts() == ["≡ same as row 2"]
    assert "same as row 2" in listed.inner_text(".list-line:has-text('gamma')")


def test_the_next_list_has_none_of_the_columns_before(listed: "Page") -> None:
    news = value(columns=[]) | {"table": "other"}
    news["updates"] = "[]"
    news |= {"end": 0, "length": 0}
    listed.evaluate("value => give('list', value)", news)
    assert listed.locator(".list-head .own").count() == 0
    assert listed.is_hidden(".list-to-own")
    assert listed.locator(".list-table.has-own").count() == 0
