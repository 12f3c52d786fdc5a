"""The sketcher in a real browser: both directions, and nothing leaves the machine."""

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gradio as gr
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from assistant.chem.draw import to_molblock
from assistant.chem.molecule import Molecule
from tests.ui.browser import (
    SETTLE_MS,
    click_in_sketcher,
    free_port,
    open_sketcher,
    open_tab,
    post_to_sketcher,
    serve,
)
from ui.sketcher import Sketcher, to_drawing
from ui.static_files import STATIC

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

MEGABYTE = 2**20
BENZENE, SINGLE_BOND, HAND = (
    f'[data-testid="{name}"]:visible' for name in ("template-0", "bonds", "hand")
)
CHIRAL = "C[C@H](N)C(=O)O"
ROUND_TRIP = {
    "two stereocentres": "C[C@@H](O)[C@H](N)C(=O)O",
    "double bond": "C/C(F)=C(/C)Cl",
    "charges": "C[N+](C)(C)CC([O-])=O",
    "isotopes": "[2H]C([13CH3])=O",
    "radical": "C[CH]C",
    "salt": "CC(=O)[O-].[Na+]",
    "steroid": "C[C@]12CC[C@H]3[C@@H](CCc4cc(O)ccc43)[C@@H]1CC[C@@H]2O",
    "aromatic NH": "c1ccc2[nH]ccc2c1",
    "sulfoxide": "C[S@](=O)c1ccccc1",
    "metal": "[Cu+2].[Cl-].[Cl-]",
}


def molblock(smiles: str) -> str:
    return to_molblock(Molecule.parse(smiles))


def smiles_of(block: str) -> str:
    mol = Chem.MolFromMolBlock(block)
    return "" if mol is None or mol.GetNumAtoms() == 0 else Chem.MolToSmiles(mol)


@dataclass
class Bench:
    """A page with a sketcher, a box that sets it, and what Python heard from it."""

    drawn: list[dict[str, object]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def on_draw(self, drawing: dict[str, object]) -> None:
        self.drawn.append(drawing)

    @property
    def smiles(self) -> str | None:
        """The newest drawing, None before the first."""
        if not self.drawn:
            return None
        if self.drawn[-1]["rxn"]:
            return AllChem.ReactionToSmiles(AllChem.ReactionFromRxnBlock(self.drawn[-1]["rxn"]))
        return smiles_of(str(self.drawn[-1]["molfile"]))

    def wait_for_drawing(self, page: "Page", smiles: str) -> None:
        deadline = time.monotonic() + SETTLE_MS / 1000
        while self.smiles != smiles:
            assert time.monotonic() < deadline, f"Python heard {self.smiles!r}, not {smiles!r}"
            page.wait_for_timeout(50)

    def on_text(self, text: str) -> dict[str, object] | None:
        return {"molfile": molblock(text), "n": next(self.numbers)} if text else None

    def app(self) -> gr.Blocks:
        now = {"queue": False, "show_progress": "hidden", "trigger_mode": "multiple"}
        with gr.Blocks(analytics_enabled=False) as app:
            box = gr.Textbox(elem_id="box")
            sketcher = Sketcher()
            sketcher.draw(self.on_draw, sketcher, None, **now)
            box.submit(self.on_text, box, sketcher, **now)
        return app


@pytest.fixture(scope="module")
def bench() -> Iterator[tuple[Bench, str]]:
    bench = Bench()
    with serve(bench.app()) as address:
        yield bench, address


@pytest.fixture(scope="module")
def tab(bench: tuple[Bench, str], browser: "Browser") -> "Iterator[tuple[Page, Frame]]":
    """One tab for all tests: loading Ketcher takes seconds."""
    with open_tab(browser) as page:
        yield page, open_sketcher(page, bench[1])


@pytest.fixture
def sketcher(bench: tuple[Bench, str], tab: "tuple[Page, Frame]") -> "tuple[Bench, Page, Frame]":
    """The sketcher, empty and with nothing to undo."""
    page, frame = tab
    page.mouse.move(5, 5)
    page.keyboard.press("Escape")
    while not frame.evaluate("ketcher.editor.struct().isBlank()"):
        post_to_sketcher(page, type="clear")  # without effect while a drawing is being reported
        page.wait_for_timeout(300)
    frame.evaluate("ketcher.editor.clearHistory()")
    page.wait_for_timeout(300)
    bench[0].drawn.clear()
    return bench[0], page, frame


def set_by_python(page: "Page", text: str) -> None:
    page.fill("#box textarea", text)
    page.press("#box textarea", "Enter")


def wait_for_structure(frame: "Frame", smiles: str) -> None:
    """Wait until Ketcher's own molfile is this structure."""
    wanted = Chem.CanonSmiles(smiles) if smiles else ""
    deadline = time.monotonic() + SETTLE_MS / 1000
    while (found := smiles_of(frame.evaluate("ketcher.getMolfile('v2000')"))) != wanted:
        assert time.monotonic() < deadline, f"the sketcher holds {found!r}, not {wanted!r}"
        frame.page.wait_for_timeout(100)


@pytest.mark.browser
def test_a_ring_drawn_by_mouse_arrives_in_python(sketcher):
    bench, page, frame = sketcher
    frame.click(BENZENE)
    click_in_sketcher(page, 300, 150)
    bench.wait_for_drawing(page, "c1ccccc1")
    page.wait_for_timeout(500)
    assert len(bench.drawn) == 1
    assert bench.drawn[0]["origin"] == "user"
    assert Chem.CanonSmiles(str(bench.drawn[0]["smiles"])) == "c1ccccc1"


@pytest.mark.browser
def test_the_ghost_of_a_template_under_the_mouse_is_not_part_of_the_drawing(sketcher):
    bench, page, frame = sketcher
    frame.click(BENZENE)
    click_in_sketcher(page, 300, 150)
    click_in_sketcher(page, 500, 150)
    page.mouse.move(700, 500, steps=5)
    bench.wait_for_drawing(page, "c1ccccc1.c1ccccc1")


@pytest.mark.browser
def test_a_click_on_a_bond_changes_it(sketcher):
    bench, page, frame = sketcher
    set_by_python(page, "CC")
    wait_for_structure(frame, "CC")
    frame.click(SINGLE_BOND)
    bond = frame.locator('[data-testid="bond"]').first.bounding_box()
    page.mouse.click(bond["x"] + bond["width"] / 2, bond["y"] + bond["height"] / 2)
    bench.wait_for_drawing(page, "C=C")


@pytest.mark.browser
def test_structures_survive_the_way_in_and_out_with_their_stereochemistry(sketcher):
    bench, page, frame = sketcher
    for smiles in ROUND_TRIP.values():
        set_by_python(page, smiles)
        wait_for_structure(frame, smiles)
        frame.evaluate("ketcher.editor.selection(null)")
        bench.drawn.clear()
        post_to_sketcher(page, type="get")
        bench.wait_for_drawing(page, Chem.CanonSmiles(smiles))


@pytest.mark.browser
def test_a_big_molecule_is_shown_whole_and_a_small_one_at_full_size_again(sketcher):
    _, page, frame = sketcher
    for smiles, is_full_size in (("C" * 60 + "O", False), ("CCO", True)):
        set_by_python(page, smiles)
        wait_for_structure(frame, smiles)
        assert (frame.evaluate("ketcher.editor.zoom()") == 1) == is_full_size
        outside = frame.evaluate(
            """() => {
              const area = document.querySelector('.cliparea').getBoundingClientRect()
              return [...document.querySelectorAll('.cliparea text')].filter((letter) => {
                const box = letter.getBoundingClientRect()
                return box.width && (box.left < area.left || box.right > area.right)
              }).length
            }"""
        )
        assert outside == 0


@pytest.mark.browser
def test_the_cation_of_a_salt_has_its_charge_and_no_other_mark(sketcher):
    _, page, frame = sketcher
    set_by_python(page, "CC(=O)[O-].[Na+]")
    wait_for_structure(frame, "CC(=O)[O-].[Na+]")
    shown = frame.evaluate("[...document.querySelectorAll('tspan')].map((t) => t.textContent)")
    assert {"Na", "+"} <= set(shown)
    assert not [text for text in shown if "(" in text]


@pytest.mark.browser
def test_what_python_sets_is_not_reported_as_a_drawing(sketcher):
    bench, page, frame = sketcher
    set_by_python(page, CHIRAL)
    wait_for_structure(frame, CHIRAL)
    set_by_python(page, "")
    wait_for_structure(frame, "")
    page.wait_for_timeout(700)
    assert bench.drawn == []


@pytest.mark.browser
def test_a_canvas_cleared_by_the_person_arrives_empty(sketcher):
    bench, page, frame = sketcher
    set_by_python(page, CHIRAL)
    wait_for_structure(frame, CHIRAL)
    frame.click('[data-testid="clear-canvas"]:visible')
    bench.wait_for_drawing(page, "")
    page.wait_for_timeout(500)
    assert [each["molfile"] for each in bench.drawn] == [""]


@pytest.mark.browser
def test_setting_a_drawing_leaves_the_caret_in_the_box(sketcher):
    _, page, frame = sketcher
    set_by_python(page, CHIRAL)
    wait_for_structure(frame, CHIRAL)
    page.keyboard.type("x")
    assert page.input_value("#box textarea") == CHIRAL + "x"


@pytest.mark.browser
def test_undo_goes_back_behind_a_drawing_set_by_python(sketcher):
    bench, page, frame = sketcher
    frame.click(BENZENE)
    click_in_sketcher(page, 300, 150)
    bench.wait_for_drawing(page, "c1ccccc1")
    set_by_python(page, CHIRAL)
    wait_for_structure(frame, CHIRAL)
    bench.drawn.clear()
    frame.click(HAND)
    page.keyboard.press("Control+z")
    bench.wait_for_drawing(page, "c1ccccc1")


class Pen:
    """The mouse over the sketcher, in pixels from its corner."""

    def __init__(self, page: "Page") -> None:
        self._mouse = page.mouse
        self._corner = page.query_selector("#sketcher iframe").bounding_box()

    def press(self, x: int, y: int = 150) -> None:
        self._mouse.move(self._corner["x"] + x, self._corner["y"] + y)
        self._mouse.down()

    def drag(self, x: int, y: int = 150) -> None:
        self._mouse.move(self._corner["x"] + x, self._corner["y"] + y, steps=5)

    def lift(self) -> None:
        self._mouse.up()


@pytest.mark.browser
@pytest.mark.parametrize("pause", [0, 400])
def test_a_drawing_set_during_a_stroke_does_not_replace_the_stroke(sketcher, pause):
    bench, page, frame = sketcher
    frame.click(SINGLE_BOND)
    pen = Pen(page)
    pen.press(300)
    pen.drag(350)
    page.wait_for_timeout(pause)  # any state left by the click on the button has run out
    post_to_sketcher(page, type="set", molfile=molblock(CHIRAL))
    page.wait_for_timeout(300)
    pen.lift()
    bench.wait_for_drawing(page, "CC")
    wait_for_structure(frame, "CC")


@pytest.mark.browser
def test_a_drawing_set_during_a_stroke_waits_through_the_next_stroke_too(sketcher):
    bench, page, frame = sketcher
    frame.click(SINGLE_BOND)
    pen = Pen(page)
    pen.press(300)
    pen.drag(350)
    post_to_sketcher(page, type="set", molfile=molblock(CHIRAL))
    pen.lift()
    pen.press(300, 300)
    pen.drag(350, 300)
    page.wait_for_timeout(400)
    pen.lift()
    bench.wait_for_drawing(page, "CC.CC")
    wait_for_structure(frame, "CC.CC")


@pytest.mark.browser
def test_a_drawing_set_while_the_mouse_rests_pressed_is_shown_afterwards(sketcher):
    _, page, frame = sketcher
    frame.click(HAND)
    pen = Pen(page)
    pen.press(300)
    post_to_sketcher(page, type="set", molfile=molblock(CHIRAL))
    page.wait_for_timeout(300)
    assert frame.evaluate("ketcher.editor.struct().isBlank()")
    pen.lift()
    wait_for_structure(frame, CHIRAL)


@pytest.mark.browser
def test_a_drawing_made_before_the_newest_edit_was_known_is_dropped(sketcher):
    bench, page, frame = sketcher
    frame.click(BENZENE)
    click_in_sketcher(page, 300, 150)
    bench.wait_for_drawing(page, "c1ccccc1")
    edit = bench.drawn[-1]["edit"]
    post_to_sketcher(page, type="set", molfile=molblock(CHIRAL), edit=edit - 1)
    page.wait_for_timeout(300)
    wait_for_structure(frame, "c1ccccc1")
    post_to_sketcher(page, type="set", molfile=molblock(CHIRAL), edit=edit)
    wait_for_structure(frame, CHIRAL)


@pytest.mark.browser
def test_a_value_that_was_overtaken_by_a_newer_one_is_not_shown(sketcher):
    bench, page, frame = sketcher
    set_by_python(page, CHIRAL)
    wait_for_structure(frame, CHIRAL)
    bench.numbers = itertools.chain([1], bench.numbers)
    set_by_python(page, "CCO")
    page.wait_for_timeout(500)
    wait_for_structure(frame, CHIRAL)
    set_by_python(page, "CCN")
    wait_for_structure(frame, "CCN")


@pytest.mark.browser
def test_a_reaction_arrives_as_a_reaction(sketcher):
    bench, page, frame = sketcher
    frame.evaluate("ketcher.addFragment('CCO>>CC=O')")
    bench.wait_for_drawing(page, "CCO>>CC=O")
    assert bench.drawn[-1]["molfile"] == ""
    assert str(bench.drawn[-1]["rxn"]).startswith("$RXN")


@pytest.mark.browser
def test_a_smiles_alone_is_laid_out_by_the_sketcher(sketcher):
    _, page, frame = sketcher
    post_to_sketcher(page, type="set", smiles="F/C=C/F")
    wait_for_structure(frame, "F/C=C/F")


@pytest.mark.browser
def test_atoms_can_be_highlighted_by_number(sketcher):
    _, page, frame = sketcher
    set_by_python(page, "CCO")
    wait_for_structure(frame, "CCO")
    page.evaluate(
        "document.querySelector('#sketcher .sketcher')"
        ".dispatchEvent(new CustomEvent('highlight', {detail: [3]}))"
    )
    frame.wait_for_function(
        "ketcher.editor.highlights.getAll().flatMap((each) => each.highlight.atoms).length === 1",
        timeout=SETTLE_MS,
    )


@pytest.mark.browser
def test_messages_of_strangers_are_ignored(sketcher):
    bench, page, _ = sketcher
    page.evaluate(
        "window.postMessage({source: 'sketcher', type: 'change', molfile: 'x', smiles: 'x'}, '*')"
    )
    page.wait_for_timeout(400)
    assert bench.drawn == []


@pytest.mark.slow
@pytest.mark.browser
def test_the_sketcher_works_below_a_prefix(page):
    import uvicorn
    from fastapi import FastAPI

    app = gr.mount_gradio_app(FastAPI(), Bench().app(), path="/chat", ssr_mode=False)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        frame = open_sketcher(page, f"http://127.0.0.1:{port}/chat/")
        assert frame.url.startswith(f"http://127.0.0.1:{port}/chat/gradio_api/file=")
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.mark.browser
def test_the_frame_cannot_hold_up_the_page(sketcher):
    _, page, frame = sketcher
    frame.evaluate(
        "window.setTimeout(() => { const end = Date.now() + 3000; while (Date.now() < end); })"
    )
    page.wait_for_timeout(100)
    began = time.monotonic()
    assert page.evaluate("1 + 1") == 2
    assert time.monotonic() - began < 1.5
    assert page.evaluate("document.querySelector('#sketcher iframe').contentDocument") is None
    assert frame.evaluate("1 + 1") == 2


@pytest.mark.browser
@pytest.mark.parametrize("missing", ["index.html", "assets/index-*.js"])
def test_a_sketcher_without_its_files_says_so(bench, page, missing):
    _, address = bench
    page.route(f"**/ketcher/{missing}", lambda route: route.fulfill(status=404, body="gone"))
    page.goto(address)
    page.wait_for_function(
        "document.querySelector('.sketcher-note')?.textContent.includes('could not be loaded')",
        timeout=SETTLE_MS,
    )
    assert page.is_visible(".sketcher-note")
    assert "SMILES" in page.inner_text(".sketcher-note")


def test_a_drawing_from_a_browser_holds_text_only():
    value = {"molfile": 5, "rxn": None, "smiles": ["C"], "origin": "<b>", "n": "7", "edit": []}
    blank = {"molfile": "", "rxn": "", "smiles": "", "origin": "page", "n": 0, "edit": 0}
    assert to_drawing(value) == blank


def test_a_smiles_or_nothing_is_a_drawing_too():
    assert to_drawing("CCO")["smiles"] == "CCO"
    assert not any(to_drawing(None)[key] for key in ("molfile", "rxn", "smiles"))


def test_the_address_of_the_frame_names_no_directory_of_the_owner(monkeypatch):
    monkeypatch.chdir(STATIC.parent.parent)
    assert Sketcher(render=False).props["page"] == "ui/static/ketcher/index.html"


def test_the_shipped_files_are_small_and_complete():
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 20 * MEGABYTE
    assert not [path.name for path in files if path.suffix == ".map"]
    assert (STATIC / "LICENSES.md").is_file()


def test_the_built_sketcher_has_the_names_of_its_source() -> None:
    source = STATIC.parent / "build" / "ketcher" / "public" / "names.js"
    assert (STATIC / "ketcher" / "names.js").read_bytes() == source.read_bytes()
