from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.chat.check import Check
from assistant.chat.parts import Left
from tests.ui.fakes import claim
from ui.answer_header import check_header
from ui.render import Figure, answer_html, drawing, live_parts, plain_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LOOK = Path(__file__).parents[2] / "ui" / "assets" / "dialogue.css"
EVIL = "<script>alert(1)</script> <img src=x onerror=alert(1)> \"'&"


def test_everything_in_an_answer_is_escaped() -> None:
    html = answer_html(EVIL, (), {})
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_a_claim_and_its_truth_are_escaped() -> None:
    check = claim("it has <b>2</b> rings", "<b>2</b>", "contradicted", truth='"><script>')
    html = answer_html("it has <b>2</b> rings", (check,), {})
    assert "<script" not in html
    assert "<b>" not in html


def test_a_persons_words_are_escaped_and_keep_their_lines() -> None:
    assert plain_html("<b>\na") == "&lt;b&gt;<br>a"


@pytest.mark.parametrize("smiles", ["C[C@H](N)C(=O)O", "*1**1*", "C*C**N", "[Na+].[Cl-]", "C#N"])
def test_a_smiles_is_never_read_as_markup(smiles: str) -> None:
    text = f"It is {smiles} here"
    html = answer_html(text, (claim(text, smiles, "confirmed", kind="smiles", smiles=smiles),), {})
    assert smiles in html
    assert "<strong>" not in html
    assert "<a" not in html


def test_paragraphs_lists_bold_and_code_are_formatted() -> None:
    html = answer_html("One **bold** `code`.\n\n- a\n- b\n\n1. x\n2. y\n\nEnd", (), {})
    assert "<p>One <strong>bold</strong> <code>code</code>.</p>" in html
    assert "<ul><li>a</li><li>b</li></ul>" in html
    assert "<ol><li>x</li><li>y</li></ol>" in html
    assert html.endswith("<p>End</p>")


def test_a_list_begins_with_the_number_it_was_given() -> None:
    html = answer_html("1. first, then\n\nOthers:\n\n2. x\n2. y\n9. z", (), {})
    assert "<ol><li>first, then</li></ol>" in html
    assert '<ol start="2"><li>x</li><li>y</li><li>z</li></ol>' in html


def test_each_verdict_has_its_sign_and_the_true_value() -> None:
    text = "2 rings, C6H6, bitter"
    html = answer_html(
        text,
        (
            claim(text, "2 rings", "contradicted", truth="1 ring"),
            claim(text, "C6H6", "confirmed", truth="C6H6"),
            claim(text, "bitter", "unverifiable"),
        ),
        {},
    )
    assert all(sign in html for sign in ("✗", "✓", ">?<"))
    assert "computed: 1 ring" in html


def test_a_sign_is_not_broken_off_its_word() -> None:
    text = "It has a benzene ring."
    html = answer_html(text, (claim(text, "a benzene ring", "confirmed"),), {})
    assert 'a benzene <span class="end">ring<button' in html
    long = "C" * 60
    html = answer_html(long, (claim(long, long, "confirmed", kind="smiles", smiles=long),), {})
    assert 'class="end"' not in html  # it could not be broken at all, and would leave the column


def test_a_claim_over_bold_words_keeps_its_mark_once() -> None:
    text = "It has **two rings** now"
    html = answer_html(text, (claim(text, "has **two rings**", "confirmed"),), {})
    assert html.count("✓") == 1
    assert "<strong>two rings</strong>" in html


def test_claims_that_overlap_or_leave_the_text_do_no_harm() -> None:
    text = "abc"
    checks = (
        Check(0, 2, "confirmed", "x", "ab", None),
        Check(1, 3, "contradicted", "x", "bc", None),
        Check(2, 9, "confirmed", "x", "c", None),
    )
    html = answer_html(text, checks, {})
    assert html.count("✓") == 1
    assert "✗" not in html


def test_a_structure_is_drawn_once_and_offers_its_number() -> None:
    text = "CCO and again CCO"
    checks = (
        claim(text, "CCO", "confirmed", kind="smiles", smiles="CCO"),
        Check(14, 17, "confirmed", "smiles", "CCO", None, smiles="CCO"),
    )
    html = answer_html(text, checks, {"CCO": Figure("CCO", "<svg></svg>", 3, known=False)})
    assert html.count("<svg>") == 1
    assert "open in sketcher as molecule 3" in html


def test_the_header_counts_claims_and_offers_to_ask_again_only_when_one_is_wrong() -> None:
    text = "a b c"
    good, wrong, unknown = (
        claim(text, "a", "confirmed"),
        claim(text, "b", "contradicted"),
        claim(text, "c", "unverifiable"),
    )
    html = check_header((good, wrong, unknown), 0)
    assert "2 of 3 claims checked" in html
    assert "1 contradicted" in html
    assert 'data-act="again"' in html
    assert 'data-act="again"' not in check_header((good, unknown), 0)
    assert check_header((), 0) == ""


def test_a_growing_answer_only_appends() -> None:
    text = "First **x**.\n\nSecond *1* part\n\nThird"
    before: tuple[list[str], str] = ([], "")
    for end in range(1, len(text) + 1):
        blocks, tail = live_parts(text[:end])
        if blocks == before[0]:
            assert tail.startswith(before[1])
        before = (blocks, tail)
    assert before[1] == "Third"


def test_a_drawing_takes_the_colours_of_the_page() -> None:
    html = drawing("<svg><path style='fill:#FF0000;stroke:#000000'/></svg>", 'a "b"')
    assert "var(--atom-o)" in html
    assert "currentColor" in html
    assert 'aria-label="a &quot;b&quot;"' in html


def test_a_predicted_number_shows_its_error_and_the_nearest_training_molecule() -> None:
    text = "HOMO energy: -0.2630 Hartree"
    note = "predicted by the language model, not computed: off by <0.0058> Hartree"
    check = replace(claim(text, text, "unverifiable", kind="HOMO energy"), note=note, near="CCO")
    figure = Figure("CCO", "<svg></svg>", 2, known=False)
    html = answer_html(text, (check,), {"CCO": figure})
    assert html.count(note.replace("<", "&lt;").replace(">", "&gt;")) == 3  # tip, label, below
    assert "most similar training molecule" in html
    assert 'data-smiles="CCO"' in html
    assert "— computed" not in html
    without = answer_html(text, (replace(check, near=None),), {})
    assert "most similar" not in without
    assert note.replace("<", "&lt;").replace(">", "&gt;") in without


def proposals() -> str:
    """Two structures with their drawings and notes, as an answer about a reaction has them."""
    text = "Reactants: CCO (64%)\n\nLess likely:\n2. CCCO (8%)"
    found = [
        replace(claim(text, smiles, "unverifiable", kind="smiles"), smiles=smiles, note=note)
        for smiles, note in (("CCO", "right for 42% of " * 9), ("CCCO", "by a template"))
    ]
    svg = "<svg width='240' height='140'></svg>"
    figures = {s: Figure(s, svg, n, known=False) for n, s in enumerate(("CCO", "CCCO"), 2)}
    return answer_html(text, found, figures)


def test_a_note_beside_a_drawing_names_no_kind() -> None:
    html = proposals()
    assert "</span> Right for 42% of " in html
    assert "</span> By a template." in html
    assert "smiles: by a template" not in html


@pytest.mark.parametrize(("width", "beside"), [(560, True), (300, False)])
def test_a_note_stands_beside_its_drawing_where_there_is_room(
    browser: "Browser", width: int, beside: bool
) -> None:
    look = LOOK.read_text(encoding="utf-8")
    page = browser.new_page()
    page.set_content(
        f"<style>{look}</style><div class='prose-answer' style='width: {width}px'>{proposals()}"
        "</div><p id='after'>after</p>"
    )
    boxes = {
        name: [one.bounding_box() for one in page.locator(name).all()]
        for name in (".figure", ".predicted", "p", "#after")
    }
    for figure, note in zip(boxes[".figure"], boxes[".predicted"], strict=True):
        is_beside = note["x"] >= figure["x"] + figure["width"]
        assert is_beside is beside
        if not beside:
            assert note["y"] >= figure["y"] + figure["height"]
    lowest = max(b["y"] + b["height"] for b in boxes[".figure"] + boxes[".predicted"])
    assert boxes["#after"][0]["y"] >= lowest
    less_likely = boxes["p"][1]
    first = max(boxes[".figure"][0], boxes[".predicted"][0], key=lambda b: b["y"] + b["height"])
    assert less_likely["y"] >= first["y"] + first["height"]
    page.close()


def test_what_was_not_answered_stands_beside_what_was_checked_and_can_be_asked_for() -> None:
    text = "1 ring"
    checks = (claim(text, text, "confirmed"),)
    left = (Left("TPSA", "What is the TPSA of {}?"), Left("<b>", "<b> of {}?"))
    header = check_header(checks, 0, left=left, about=2)
    assert "1 of 1 claim checked" in header
    assert 'data-text="What is the TPSA of molecule 2?"' in header
    assert "&lt;b&gt;" in header
    assert "<b>" not in header
    assert "not answered: TPSA, &lt;b&gt;" in check_header(checks, 0, left=left)
    assert "not answered" not in check_header(checks, 0)
