"""How molecules come in and leave: paste, drop, copy; and what is taken back or takes its time."""

import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rdkit import Chem

from tests.ui.browser import (
    BOX,
    GRADIO_WARNINGS,
    QUESTION,
    READY_MS,
    SETTLE_MS,
    ask,
    enter,
    wait_below,
)
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from tests.ui.served import served
from ui.handle import AssistantHandle

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.usefixtures("without_sketcher"),
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

SDF = Path(__file__).parent / "data" / "one_bad_record.sdf"
ALANINE = "C[C@H](N)C(=O)O"
INCHI = "InChI=1S/C3H7NO2/c1-2(4)3(5)6/h2H,4H2,1H3,(H,5,6)/t2-/m0/s1"
MOLBLOCK = Chem.MolToMolBlock(Chem.MolFromSmiles(ALANINE))
FORMS = {
    "SMILES": ALANINE,
    "InChI": INCHI,
    "name": "caffeine",
    "molblock": MOLBLOCK,
    "broken line": "CC(=O)Oc1ccccc1C(=O\n)O",
}
PASTE = """text => {
  const data = new DataTransfer()
  data.setData('text/plain', text)
  const target = document.activeElement
  const event = new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})
  if (target.dispatchEvent(event) && target.matches('input, textarea'))
    document.execCommand('insertText', false, text)
}"""
DROP = """([content, name, selector]) => {
  const data = new DataTransfer()
  data.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name))
  const target = document.querySelector(selector)
  const send = kind => target.dispatchEvent(
    new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}))
  send('dragover')
  const overlay = getComputedStyle(document.body, '::after').content
  send('drop')
  return overlay
}"""


def paste(page: "Page", text: str) -> None:
    page.evaluate(PASTE, text)


def drop(page: "Page", path: Path, selector: str) -> str:
    """Drops a file on an element; gives the words of the overlay meanwhile."""
    content = base64.b64encode(path.read_bytes()).decode()
    return page.evaluate(DROP, [content, path.name, selector])


def said(page: "Page", words: str) -> None:
    page.wait_for_function(
        "words => document.querySelector('#voice')?.textContent.includes(words)", arg=words
    )


@pytest.mark.parametrize("form", ["SMILES", "InChI", "name", "molblock"])
def test_a_molecule_pasted_into_the_question_becomes_a_chip_before_it_is_sent(
    chat: "Page", form: str, fake: FakeAssistant
) -> None:
    chat.focus(QUESTION)
    paste(chat, FORMS[form])
    chat.wait_for_selector(".chip.on[data-number='1']")
    chat.wait_for_function("q => document.querySelector(q).value === ''", arg=QUESTION)
    wait_below(chat, "caffeine" if form == "name" else "1 of 1 stereocentre set")
    ask(chat, "What is it?")
    chat.wait_for_selector(".checked")
    assert fake.asked[-1].focus(0) == (1,)


def test_what_is_pasted_beside_words_is_named_and_words_stay_words(chat: "Page") -> None:
    chat.focus(QUESTION)
    chat.keyboard.type("Does this dissolve: ")
    paste(chat, ALANINE)
    chat.wait_for_selector(".chip.on[data-number='1']")
    chat.wait_for_function(
        "q => document.querySelector(q).value === 'Does this dissolve: molecule 1'", arg=QUESTION
    )
    chat.keyboard.type(" in ")
    paste(chat, "water")
    chat.wait_for_timeout(1000)
    assert chat.input_value(QUESTION) == "Does this dissolve: molecule 1 in water"
    assert chat.locator(".chip").count() == 1
    chat.fill(QUESTION, "")
    paste(chat, "What is the boiling point of this molecule?\nAnd why?")
    chat.wait_for_timeout(1000)
    assert chat.input_value(QUESTION).startswith("What is the boiling point")
    assert chat.locator(".chip").count() == 1


def test_several_lines_pasted_into_the_question_are_several_molecules(chat: "Page") -> None:
    chat.focus(QUESTION)
    paste(chat, "caffeine\nCCO\nInChI=1S/CH4O/c1-2/h2H,1H3")
    chat.wait_for_selector(".chip.on >> nth=2")
    assert chat.locator(".chip").count() == 3
    assert chat.input_value(QUESTION) == ""


@pytest.mark.parametrize("form", list(FORMS))
def test_the_molecule_box_takes_every_form(chat: "Page", form: str) -> None:
    chat.focus(BOX)
    paste(chat, FORMS[form])
    expected = {"name": "194.19 g/mol", "broken line": "180.16 g/mol"}.get(form, "1 of 1 stereo")
    wait_below(chat, expected)
    chat.wait_for_selector(".chip.pending.on")


def test_a_paste_outside_of_every_box_is_a_molecule(chat: "Page") -> None:
    chat.evaluate("document.activeElement.blur()")
    paste(chat, ALANINE)
    wait_below(chat, "1 of 1 stereocentre set")
    said(chat, "pasted into the molecule box")


@pytest.mark.parametrize("where", ["#transcript", "#history", "#workbench", "#header"])
def test_a_file_is_dropped_anywhere(chat: "Page", where: str) -> None:
    overlay = drop(chat, SDF, where)
    assert "Drop" in overlay
    chat.wait_for_selector(".chip >> nth=1")
    assert not chat.evaluate("document.documentElement.classList.contains('dropping')")


def test_a_file_on_the_open_list_is_a_list(chat: "Page") -> None:
    chat.click("#tab-list")
    assert "table" in drop(chat, SDF, "#list")
    chat.wait_for_selector(".list-line >> nth=1")
    assert chat.locator(".chip").count() == 0


def test_a_picture_is_refused_with_what_can_be_dropped_instead(
    chat: "Page", tmp_path: Path
) -> None:
    picture = tmp_path / "scheme.png"
    picture.write_bytes(bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(range(256)))
    drop(chat, picture, "#transcript")
    chat.wait_for_selector("#composer .notice:has-text('scheme.png')")
    assert "MOL" in chat.inner_text("#composer .notice")


def test_any_drawing_is_copied_as_smiles_molfile_svg_and_png(chat: "Page") -> None:
    chat.context.grant_permissions(["clipboard-read", "clipboard-write"])
    enter(chat, "aspirin")
    wait_below(chat, "aspirin")
    ask(chat, "What is it made from?")
    chat.wait_for_selector(".figure .copy-structure")

    def copy(kind: str) -> str:
        chat.evaluate("navigator.clipboard.writeText('nothing yet')")
        chat.click(".figure .copy-structure")
        chat.click(f".copier [data-kind={kind}]")
        for _ in range(100):
            text = chat.evaluate("navigator.clipboard.readText()")
            if text != "nothing yet":
                break
            chat.wait_for_timeout(100)
        return text

    salicylic = Chem.CanonSmiles("O=C(O)c1ccccc1O")
    assert Chem.CanonSmiles(copy("smiles")) == salicylic
    assert Chem.MolToSmiles(Chem.MolFromMolBlock(copy("molfile"))) == salicylic
    assert "<svg" in copy("svg")
    chat.click(".figure .copy-structure")
    chat.keyboard.press("ArrowDown")
    chat.keyboard.press("ArrowDown")
    chat.keyboard.press("Enter")
    said(chat, "copied the picture")
    size = chat.evaluate(
        """async () => {
          const [item] = await navigator.clipboard.read()
          const {width, height} = await createImageBitmap(await item.getType('image/png'))
          return [width, height]
        }"""
    )
    assert min(size) > 300
    for drawing in (".card", ".chip", "#chats .entry .thumb"):
        chat.click(f"{drawing} >> nth=0", button="right")
        chat.wait_for_selector(".copier:visible")
        chat.keyboard.press("Escape")
        chat.wait_for_selector(".copier", state="hidden")
    chat.click("#tab-facts")
    chat.click("#facts .copy-structure")
    chat.click(".copier [data-kind=smiles]")
    said(chat, "copied the SMILES")


def test_every_destructive_act_is_taken_back(chat: "Page") -> None:
    enter(chat, "CCO\nCCN")
    chat.wait_for_selector(".chip >> nth=1")
    chat.click(".chip[data-number='2'] .remove")  # a molecule off the list
    chat.wait_for_selector("#composer .notice:has-text('Molecule 2 was taken off')")
    assert chat.locator(".chip").count() == 1
    chat.click("#composer .notice button")
    chat.wait_for_selector(".chip.on[data-number='2']")

    chat.click("#bench [data-act=clear]")  # the molecule box
    chat.wait_for_function("b => document.querySelector(b).value === ''", arg=BOX)
    chat.keyboard.press("Control+z")
    chat.wait_for_function("b => document.querySelector(b).value.includes('CCN')", arg=BOX)

    enter(chat, "CC(=O)[O-].[Na+]")  # a salt and its parent
    wait_below(chat, "82.03 g/mol")
    chat.click("#tab-facts")
    chat.click("#facts [data-act=parent]")
    wait_below(chat, "60.05 g/mol")
    chat.click("#facts [data-act=restore]")
    wait_below(chat, "82.03 g/mol")

    ask(chat, "What is it?")  # a chat: left, then deleted
    chat.wait_for_selector(".checked")
    chat.click("#composer [data-act=fresh]")
    chat.wait_for_selector(".welcome")
    chat.click("#composer [data-act=undo]")
    chat.wait_for_selector(".checked")
    chat.focus("#chats .entry .open")
    chat.keyboard.press("Delete")
    chat.wait_for_selector(".welcome")
    chat.click(".undo-bar button")
    chat.wait_for_selector(".checked")

    chat.click("#tab-list")  # a list
    chat.fill("#list-paste", "CCO\nCCN")
    chat.click("#list [data-act=make]")
    chat.wait_for_selector(".list-line >> nth=1")
    chat.click("#list [data-act=new]")
    chat.fill("#list-paste", "c1ccccc1")
    chat.click("#list [data-act=make]")
    chat.wait_for_selector(".list-count:has-text('1 molecules')")
    chat.click("#list [data-act=new]")
    chat.click("#list [data-act=back]")
    chat.wait_for_selector(".list-count:has-text('2 molecules')")


class SlowChemistry(InProcessChemistry):
    """Waits before some tasks until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.slow: set[str] = set()
        self.go = threading.Event()

    def call(
        self, task: str, *, seconds: float | None = None, **payload: object
    ) -> dict[str, object]:
        if task in self.slow:
            assert self.go.wait(30)
        return super().call(task, seconds=seconds, **payload)


@pytest.fixture
def slow(page: "Page") -> "Iterator[SlowChemistry]":
    chemistry = SlowChemistry()
    with served(AssistantHandle.ready(FakeAssistant()), chemistry) as address:
        page.set_default_timeout(SETTLE_MS)
        page.goto(address)
        page.wait_for_selector(".welcome", timeout=READY_MS)
        yield chemistry
        chemistry.go.set()


@pytest.mark.slow
def test_what_takes_longer_than_half_a_second_says_so_and_then_stops_saying_it(
    page: "Page", slow: SlowChemistry
) -> None:
    def waits(words: str, task: str, region: str) -> None:
        note = f"{region} .slow-note:has-text('{words}')"
        page.wait_for_selector(note)
        assert page.get_attribute(region, "aria-busy") == "true"
        said(page, words)
        slow.slow.discard(task)
        slow.go.set()
        page.wait_for_selector(note, state="detached")
        slow.go.clear()

    slow.slow = {"inspect", "file", "conformer", "find"}
    enter(page, "CCO")
    waits("reading the molecule", "inspect", "#bench")
    page.set_input_files("#composer input[type=file]", str(SDF))
    waits("reading the file", "file", "#composer")
    page.click("#tab-shape")
    waits("computing a 3D shape", "conformer", "#viewer3d")
    ask(page, "What is it?")
    page.wait_for_selector(".checked")
    page.fill("#chats [data-slot=query]", "CCO")
    waits("searching", "find", "#chats")


def test_empty_places_say_what_to_do(chat: "Page") -> None:
    assert "Draw it, paste a SMILES, type a name or drop a file" in chat.inner_text(".welcome")
    assert "Ask a question, and it is kept" in chat.inner_text("#chats") or (
        "Nothing is written to the disk" in chat.inner_text("#chats .empty")
    )
    chat.click("#tab-facts")
    assert "Draw a molecule, or type its SMILES or name" in chat.inner_text("#facts")
    chat.click("#tab-shape")
    chat.wait_for_selector(".viewer3d-note:has-text('Draw or enter a molecule')")
    chat.click("#tab-list")
    chat.wait_for_selector("#list :text('Paste molecules, one on each line')")
    chat.click("#chats .grouped")
    chat.wait_for_selector("#chats .empty:has-text('No molecules yet')")
    chat.click("#exporter .opener")
    chat.click("#exporter [data-format=pdf], #exporter [data-act=save] >> nth=0")
    chat.wait_for_selector("#composer .notice:not(:empty)")
