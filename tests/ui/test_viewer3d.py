"""The 3D viewer in a real browser: a picture, a plain sentence, and never an exception."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import gradio as gr
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from tests.ui.browser import SETTLE_MS, serve
from ui.viewer3d import Viewer3D, to_shape

if TYPE_CHECKING:
    from playwright.sync_api import Page

NO_CONFORMER = "No 3D structure within 2 seconds."
NO_WEBGL = """
  const real = HTMLCanvasElement.prototype.getContext
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    return kind.includes('webgl') ? null : real.call(this, kind, ...rest)
  }
"""


def conformer(smiles: str) -> str:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    return Chem.MolToMolBlock(mol)


def show(text: str) -> dict[str, object]:
    if text == "broken":
        return {"molblock": "not a molblock"}
    return {"molblock": conformer(text)} if text else {"message": NO_CONFORMER}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    now = {"queue": False, "show_progress": "hidden", "trigger_mode": "multiple"}
    with gr.Blocks(analytics_enabled=False) as app:
        box = gr.Textbox(elem_id="box")
        box.submit(show, box, Viewer3D(), **now)
    with serve(app) as address:
        yield address


def ask_for(page: "Page", text: str) -> None:
    page.fill("#box textarea", text)
    page.press("#box textarea", "Enter")


def wait_for_note(page: "Page", words: str) -> None:
    page.wait_for_function(
        "words => document.querySelector('.viewer3d-note').textContent.includes(words)",
        arg=words,
        timeout=SETTLE_MS,
    )


def open_viewer(page: "Page", address: str) -> list[str]:
    """Open the page; gives a list that grows by every exception of the page."""
    exceptions: list[str] = []
    page.on("pageerror", lambda error: exceptions.append(str(error)))
    page.goto(address)
    page.wait_for_selector(".viewer3d")
    return exceptions


@pytest.mark.browser
def test_a_conformer_is_drawn_or_a_sentence_says_why_not(address, page):
    exceptions = open_viewer(page, address)
    ask_for(page, "CCO")
    page.wait_for_function(
        "document.querySelector('.viewer3d').dataset.state === 'shown'"
        " || document.querySelector('.viewer3d-note').textContent.includes('WebGL')",
        timeout=SETTLE_MS,
    )
    if page.is_visible(".viewer3d-canvas"):
        assert page.locator(".viewer3d-canvas canvas").count() >= 1
        assert page.is_visible(".viewer3d-reset")
        page.click(".viewer3d-reset")
        page.focus(".viewer3d-canvas")
        for key in ("ArrowLeft", "ArrowUp", "+", "-", "0", "Tab"):
            page.keyboard.press(key)
        assert not page.evaluate("document.activeElement.matches('.viewer3d-canvas')")
    assert exceptions == []


@pytest.mark.slow
@pytest.mark.browser
def test_the_library_is_fetched_once_and_on_the_first_molecule_only(address, page):
    fetched: list[str] = []
    page.on("request", lambda r: fetched.append(r.url) if "3Dmol" in r.url else None)
    open_viewer(page, address)
    wait_for_note(page, "appears here")
    assert fetched == []
    if not page.evaluate("!!document.createElement('canvas').getContext('webgl')"):
        pytest.skip("this browser has no WebGL, so the library is never needed")
    for smiles in ("C", "CC"):
        ask_for(page, smiles)
        page.wait_for_selector(".viewer3d-canvas:visible", timeout=SETTLE_MS)
        ask_for(page, "")
        wait_for_note(page, NO_CONFORMER)
    assert len(fetched) == 1


@pytest.mark.browser
def test_without_a_conformer_the_sentence_is_shown(address, page):
    open_viewer(page, address)
    ask_for(page, "")
    wait_for_note(page, NO_CONFORMER)
    assert not page.is_visible(".viewer3d-canvas")
    assert not page.is_visible(".viewer3d-reset")


@pytest.mark.browser
def test_without_webgl_there_is_a_sentence_and_no_exception(address, page):
    page.add_init_script(NO_WEBGL)
    exceptions = open_viewer(page, address)
    ask_for(page, "CCO")
    wait_for_note(page, "WebGL")
    assert exceptions == []


@pytest.mark.browser
def test_a_missing_library_is_said(address, page):
    page.route("**/3Dmol-min.js", lambda route: route.abort())
    exceptions = open_viewer(page, address)
    if not page.evaluate("!!document.createElement('canvas').getContext('webgl')"):
        pytest.skip("this browser has no WebGL, so the library is never needed")
    ask_for(page, "CCO")
    wait_for_note(page, "could not be loaded")
    assert exceptions == []


@pytest.mark.browser
def test_a_text_that_is_no_molblock_does_not_break_the_page(address, page):
    exceptions = open_viewer(page, address)
    ask_for(page, "broken")
    page.wait_for_timeout(1000)
    ask_for(page, "")
    wait_for_note(page, NO_CONFORMER)
    assert exceptions == []


def test_a_shape_from_a_browser_holds_text_only():
    value = {"molblock": ["x"], "message": 3, "n": None}
    assert to_shape(value) == {"molblock": "", "message": "", "n": 0}


def test_a_molblock_alone_is_a_shape():
    assert to_shape("block") == {"molblock": "block", "message": "", "n": 0}
