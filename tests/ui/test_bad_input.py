"""What cannot be read is told in plain words, and neither conversation nor page is lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ui.browser import BELOW, GRADIO_WARNINGS, ask, enter, wait_below
from tests.ui.fakes import FakeAssistant

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.usefixtures("without_sketcher"),
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

REFUSED = {
    "nonsense": ("qwertz", "No molecule named 'qwertz'"),
    "half typed": ("CC(=O)Oc1ccccc1C(=O", "the parenthesis '(' is not closed"),
    "valence": ("C(C)(C)(C)(C)C", "carbon (atom 1, C) has 5 bonds; it takes at most 4"),
    "5,000 characters": ("C" * 5000, "The SMILES has 5,000 characters"),
    "deeply nested": ("C(" * 300 + "C" + ")" * 300, "nested 300 deep"),
    "2,000 fragments": (".".join("C" * 2000), "The SMILES has 3,999 characters"),
    "many fragments": (".".join("C" * 900), "The SMILES has 900 parts"),
    "any bond": ("C~C", "a search pattern"),
    "unknown isotope": ("[999CH4]", "no known isotope of mass number 999"),
    "torn InChI": ("InChI=1S/CH4/h1H", "not a complete InChI"),
    "markup": ("<b>CCO</b>", "the character '<' is not used in SMILES"),
    "question": ("What is aspirin?", "Ask in the question box"),
}
ACCEPTED = {
    "metal": ("[Cu+2].[Cl-].[Cl-]", "Cl2Cu"),
    "dative bonds": ("[NH3]->[Pt](<-[NH3])(Cl)Cl", "H6Cl2N2Pt"),
    "radical": ("CC1(C)CCCC(C)(C)N1[O]", "C9H18NO"),
    "isotopes": ("[2H]O[2H]", "D2O"),
}


@pytest.fixture
def asked(chat: "Page") -> "Iterator[Page]":
    """A conversation of one turn; after the test it is still there, and no script has run."""
    messages: list[str] = []
    chat.on("pageerror", lambda error: messages.append(str(error)))
    chat.on("dialog", lambda dialog: (messages.append(dialog.message), dialog.dismiss()))
    ask(chat, "Keep this")
    chat.wait_for_selector(".checked")
    yield chat
    assert "Keep this" in chat.inner_text(".words >> nth=0")
    assert messages == []


def test_text_that_is_no_molecule_is_told_and_the_molecule_before_stays(asked: "Page") -> None:
    enter(asked, "CCO")
    wait_below(asked, "C2H6O")
    for text, words in REFUSED.values():
        enter(asked, text)
        wait_below(asked, words)
        assert "Drawing and facts still show the last valid molecule." in asked.inner_text(BELOW)
    assert "C2H6O" in asked.text_content("#facts")


def test_unusual_chemistry_has_facts_like_any_other(asked: "Page") -> None:
    for text, formula in ACCEPTED.values():
        enter(asked, text)
        wait_below(asked, formula)


FILES = {
    "empty.sdf": (b"", "is empty"),
    "blank.sdf": (b"\n\n$$$$\n", "No molecule in"),
    "picture.sdf": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is a binary file"),
    "huge.sdf": (b"C" * (50 * 2**20), "is 50 MB; at most 5 MB are read"),
    "prose.txt": (b"milk\neggs\n", "No molecule in"),
}


def test_a_file_without_molecules_is_told_by_its_name(asked: "Page", tmp_path: Path) -> None:
    for name, (content, words) in FILES.items():
        path = tmp_path / name
        path.write_bytes(content)
        asked.set_input_files("#composer input[type=file]", str(path))
        asked.wait_for_selector(f"#composer .notice:has-text('{words}')")
        assert name in asked.inner_text("#composer .notice")
    assert asked.locator(".chip").count() == 0


def test_markup_in_a_file_and_its_names_stays_text(asked: "Page", tmp_path: Path) -> None:
    path = tmp_path / "<img src=x onerror=alert(1)>.smi"
    path.write_text("CCO <script>alert(1)</script>\nC1CC bad<b>one\n", encoding="utf-8")
    asked.set_input_files("#composer input[type=file]", str(path))
    asked.wait_for_selector("#composer .notice:has-text('bad<b>one')")
    asked.wait_for_selector(".chip:has-text('<script>alert(1)</script>')")


def test_a_question_that_cannot_be_asked_stays_in_its_box(
    asked: "Page", fake: FakeAssistant
) -> None:
    for text, words in (
        ("C1CC", "ring 1 is not closed"),
        ("What about molecule 99?", "no molecule 99"),
        ("C" * 5000, "5,000 characters"),
    ):
        ask(asked, text)
        asked.wait_for_selector(f"#composer .notice:has-text('{words}')")
        assert asked.input_value("#composer textarea") == text
    assert len(fake.asked) == 1
