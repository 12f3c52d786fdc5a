"""From any drawing to a question about two molecules, or into the Pair tab."""

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from assistant.chem.molecule import Molecule
from tests.ui.browser import GRADIO_WARNINGS, QUESTION, ask, enter, wait_below
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from tests.ui.services import make_services
from ui.events import Services, key_of
from ui.molecules import load
from ui.pasting import PasteHandlers
from ui.session import Session

if TYPE_CHECKING:
    from playwright.sync_api import Page

REQUEST = SimpleNamespace(session_hash="a", headers={})
PHENOL = "Oc1ccccc1"
MENU = "#copier [role=menu]"


@pytest.fixture
def services(chemistry: InProcessChemistry) -> Services:
    return make_services(chemistry, FakeAssistant())


@pytest.fixture
def session(services: Services) -> Session:
    return services.store.get(*key_of(REQUEST))


def compared(services: Services, smiles: str, *, typed: bool = False) -> dict:
    event = SimpleNamespace(_data={"smiles": smiles, "typed": typed})
    return PasteHandlers(services).compared(event, REQUEST)


def test_two_molecules_one_after_the_other_make_a_question(
    services: Services, session: Session
) -> None:
    first = compared(services, "CCO")
    assert first["compare"] == [1]
    second = compared(services, PHENOL)
    assert second["compare"] == [1, 2]
    assert second["attached"] == [1, 2]
    assert session.attached == {1, 2}


def test_the_other_one_is_what_the_next_question_is_about(
    services: Services, session: Session, chemistry: InProcessChemistry
) -> None:
    load(session, "CCO", chemistry)
    load(session, "CCN", chemistry)
    assert session.attached == {2}
    assert compared(services, PHENOL)["compare"] == [2, 3]
    session.chosen = {1}
    session.use_current = False
    assert compared(services, PHENOL)["compare"] == [1, 3]
    assert session.attached == {1, 3}


def test_words_that_are_typed_stay_and_the_molecule_joins_them(
    services: Services, session: Session, chemistry: InProcessChemistry
) -> None:
    load(session, "CCO", chemistry)
    value = compared(services, PHENOL, typed=True)
    assert "compare" not in value
    assert value["notice"]["text"] == "Attached to your question."
    assert session.attached == {1, 2}


def test_what_is_no_molecule_changes_nothing(services: Services, session: Session) -> None:
    value = compared(services, "C1CC")
    assert value["notice"]["tone"] == "error"
    assert "compare" not in value
    assert session.conversation.molecules == ()


def test_the_drawing_that_has_no_number_yet_is_the_other_one(
    services: Services, session: Session, chemistry: InProcessChemistry
) -> None:
    load(session, "CCO", chemistry)
    session.remove_molecule(1)
    assert session.current is not None
    assert session.current_number is None
    value = compared(services, PHENOL)
    numbered = {m.number: m.molecule for m in session.conversation.molecules}
    one, two = value["compare"]
    assert session.attached == {one, two}
    assert (numbered[one], numbered[two]) == (Molecule("CCO"), Molecule(PHENOL))


@pytest.mark.browser
@pytest.mark.usefixtures("without_sketcher", "collected")
@GRADIO_WARNINGS
def test_a_drawing_goes_into_pair_and_into_a_comparison(chat: "Page") -> None:
    enter(chat, "aspirin")
    wait_below(chat, "aspirin")
    ask(chat, "What is it made from?")
    chat.wait_for_selector(".figure .copy-structure")
    chat.focus(".card")
    chat.keyboard.press("Shift+F10")
    chat.wait_for_selector(f"{MENU}:visible")
    chat.keyboard.press("End")
    chat.keyboard.press("ArrowUp")
    chat.keyboard.press("Enter")
    chat.wait_for_selector("#pair .pair-slot[data-place='0'] .pair-name:has-text('aspirin')")
    assert chat.evaluate("document.activeElement.id") == "tab-pair"
    chat.click(".figure .copy-structure")
    chat.click(f"{MENU} [data-act=pair]")
    chat.wait_for_selector("#pair .pair-slot[data-place='1'] .pair-molecule svg")
    assert "is the solvent." in chat.inner_text("#pair .pair-notice")
    chat.click(".figure .copy-structure")
    chat.click(f"{MENU} [data-act=compare]")
    chat.wait_for_selector("#composer .chip.on >> nth=1")
    assert chat.input_value(QUESTION) == "Compare molecule 1 and molecule 2."
    assert chat.evaluate("document.activeElement.matches('#composer textarea')")
