"""Makes the screenshots of every state: `.venv/bin/python docs/make_screens.py` after `make test`.

Starts the assistant with the default bundle and a history of its own, does what a chemist does in
the headless browser that the tests use, and writes `docs/screens/*.png`, on a light and a dark page
and on a phone. Answers are the model's own. Options go to `launch.py`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from assistant.evaluate.serving import free_port  # noqa: E402
from assistant.setup import NO_BROWSER, find_browser  # noqa: E402
from docs.screen_tab import SCREENS, ask, enter, open_page, shoot, shoot_hovering  # noqa: E402

IBUPROFEN = "C[C@H](C(=O)O)c1ccc(CC(C)C)cc1"  # (S)
QUESTION = "Describe this molecule. What is its formula, and which functional groups does it have?"
LIST = """CC(=O)Oc1ccccc1C(=O)O aspirin
CN1C=NC2=C1C(=O)N(C(=O)N2C)C caffeine
C[C@H](C(=O)O)c1ccc(CC(C)C)cc1 (S)-ibuprofen
CC(=O)Nc1ccc(O)cc1 paracetamol
CN1CCC[C@H]1c1cccnc1 nicotine
O=[N+]([O-])c1ccccc1 nitrobenzene
NCCc1ccc(O)c(O)c1 dopamine
C1CCC(C broken
OCC(O)C(O)CO erythritol
"""
PRODAN = "CCC(=O)c1ccc2cc(N(C)C)ccc2c1"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")


def show_dialogue(page: Page) -> None:
    """First visit, a molecule, an answer, what it can be asked next."""
    page.wait_for_function("document.documentElement.dataset.model === 'ready'")
    page.wait_for_selector("#sketcher [data-state=ready]")
    shoot(page, "first-visit")
    enter(page, IBUPROFEN, "1 of 1 stereocentre")
    shoot(page, "molecule")
    page.click("#composer [data-act=menu]")
    shoot(page, "tasks")
    page.keyboard.press("Escape")
    ask(page, QUESTION)
    shoot(page, "main")
    page.click(".passport summary")
    page.locator(".passport").scroll_into_view_if_needed()
    shoot(page, "passport")
    page.click(".passport summary")
    page.click("#exporter .opener")
    shoot(page, "export")
    page.keyboard.press("Escape")
    page.click(".card", button="right")
    shoot(page, "copy")
    page.keyboard.press("Escape")
    page.click("#tab-facts")
    page.hover("#facts .group >> nth=0")
    shoot_hovering(page, "facts")
    page.click("#tab-shape")
    page.wait_for_selector(".viewer3d[data-state]")
    page.wait_for_timeout(3000)
    shoot(page, "shape")
    page.click("#tab-draw")


def show_branches_and_history(page: Page) -> None:
    """A second answer beside the first, several chats, by molecule, a deletion."""
    page.click(".action.retry")
    page.wait_for_selector(".answer .variants .count:text-is('2/2')")
    shoot(page, "branches")
    for molecule, words, question in (
        ("caffeine", "194.19", "How lipophilic is it?"),
        ("caffeine", "194.19", "How many rings does it have?"),
        ("CC(=O)Nc1ccc(O)cc1", "151.16", "Is it drug-like?"),
    ):
        page.click("#chats .new")
        page.wait_for_selector(".welcome")
        enter(page, molecule, words)
        ask(page, question)
    shoot(page, "history")
    page.click("#chats .grouped")
    page.wait_for_selector("#chats .molecule")
    shoot(page, "by-molecule")
    page.click("#chats .grouped")
    page.fill("#chats [data-slot=query]", "c1ccccc1")
    page.wait_for_selector("#chats h2:text-is('Contains this structure')")
    shoot(page, "search")
    page.fill("#chats [data-slot=query]", "")
    page.wait_for_selector("#chats .entry >> nth=3")
    page.focus("#chats .entry .open")
    page.keyboard.press("Delete")
    page.wait_for_selector(".undo-bar button")
    shoot(page, "deleted")


def show_list(page: Page) -> None:
    """The empty list, its rows, a question asked of each."""
    page.click("#tab-list")
    shoot(page, "list-empty")
    page.fill("#list-paste", LIST)
    page.click("#list [data-act=make]")
    page.wait_for_selector(".list-line >> nth=4 >> .list-drawing svg")
    page.fill(".list-question", "Which functional groups does it have?")
    page.click("#list [data-slot=ask]")
    page.wait_for_selector(".list-notice:has-text('answered')")
    page.click("#list [data-act=wide]")
    shoot(page, "list")
    page.click("#list [data-act=wide]")
    page.click("#tab-draw")


def show_side_by_side(page: Page) -> None:
    """One question under each adapter, and of two molecules."""
    page.click("#chats .new")
    page.wait_for_selector(".welcome")
    enter(page, IBUPROFEN, "1 of 1 stereocentre")
    ask(page, QUESTION)
    page.click(".action.compare >> nth=-1")
    compared(page)
    shoot(page, "side-by-side")
    page.check("#sidebyside [value=molecules]")
    page.select_option("#sidebyside [data-slot=second]", "0")
    page.fill("#sidebyside [data-slot=otherSecond]", "naproxen")
    page.click("#sidebyside [data-slot=send]")
    compared(page)
    shoot(page, "side-by-side-molecules")
    page.keyboard.press("Escape")


def compared(page: Page) -> None:
    """Wait until every column has come to its end."""
    page.wait_for_selector("#sidebyside [data-slot=csv]:not([disabled])")
    page.wait_for_selector("#sidebyside [data-slot=halt]", state="hidden")


def show_why(page: Page) -> None:
    """What of the molecule a sentence depends on, with what is told of it and without."""
    page.click(".action.why >> nth=-1")
    page.wait_for_selector("#why .why-totals, #why .why-off")
    page.wait_for_selector("#why .why-bar", state="detached")
    shoot(page, "why")
    if page.is_visible("#why [data-told]"):
        page.check("#why [data-told]")
        page.wait_for_selector("#why .why-hint")
        page.wait_for_selector("#why .why-bar", state="detached")
        page.wait_for_selector("#why .why-totals")
        shoot(page, "why-graph")
    page.keyboard.press("Escape")


def show_pair(page: Page, *, phone: bool = False) -> None:
    """A dye in a solvent, then in all solvents."""
    page.click("#tab-pair")
    page.wait_for_selector("#pair .pair-tasks button")
    page.click("#pair [data-task=emission]")
    page.wait_for_selector("#pair [data-task=emission][aria-checked=true]")
    if page.is_visible("#pair .pair-off"):  # a bundle without pair heads says so
        shoot(page, "phone-pair" if phone else "pair")
        return
    for place, text in enumerate((PRODAN, "ethanol")):
        slot = f"#pair .pair-slot[data-place='{place}']"
        page.fill(f"{slot} input", text)
        page.press(f"{slot} input", "Enter")
        page.wait_for_selector(f"{slot} .pair-molecule svg")
    page.wait_for_selector("#pair .pair-value")
    shoot(page, "phone-pair" if phone else "pair")
    if not phone:
        show_sweep(page)


def show_sweep(page: Page) -> None:
    """The dye in all solvents: plot, then table."""
    page.click("#pair [data-slot=run]")
    page.wait_for_selector("#pair [data-slot=csv]:visible")
    page.wait_for_selector("#pair [data-slot=cancel]", state="hidden")
    for part, name in ((".pair-sweep", "pair-sweep"), (".pair-plot + .pair-scroll", "pair-table")):
        page.eval_on_selector(f"#pair {part}", "node => node.scrollIntoView()")
        shoot(page, name)
    page.click("#tab-draw")


def show_failures(page: Page, server: subprocess.Popen) -> None:
    """A mistake in a SMILES, a slip in a question, the server gone; ends the server."""
    page.click("#chats .new")
    page.wait_for_selector(".welcome")
    enter(page, "C1CCC(C", "✗")
    shoot(page, "mistake")
    enter(page, "CCO", "46.07")
    page.fill("#composer textarea", "How does molecule 7 react?")
    page.press("#composer textarea", "Enter")
    page.wait_for_selector("#composer .notice:has-text('molecule 7')")
    shoot(page, "notice")
    page.click(".help-button")
    shoot(page, "keyboard")
    page.keyboard.press("Escape")
    server.kill()
    page.wait_for_selector(".connection:visible")
    shoot(page, "connection-lost")


def show_dark(page: Page) -> None:
    """The main screen on a dark page."""
    enter(page, IBUPROFEN, "1 of 1 stereocentre")
    page.wait_for_selector("#sketcher [data-state=ready]")
    ask(page, QUESTION)
    shoot(page, "dark")
    page.click("#tab-facts")
    shoot(page, "dark-facts")


def show_phone(page: Page) -> None:
    """Dialogue, workbench as a sheet, chats as a sheet."""
    shoot(page, "phone-first-visit")
    page.click("#composer [data-act=sheet]")
    page.wait_for_selector("#bench textarea", state="visible")
    enter(page, IBUPROFEN, "1 of 1 stereocentre")
    page.wait_for_selector("#sketcher [data-state=ready]")
    shoot(page, "phone-sheet")
    page.click("[data-act=close-sheet]")
    ask(page, QUESTION)
    shoot(page, "phone")
    page.click(".chats-button")
    page.wait_for_selector("#history", state="visible")
    shoot(page, "phone-chats")
    page.keyboard.press("Escape")
    page.click("#composer [data-act=sheet]")
    show_pair(page, phone=True)


def main() -> None:
    """Take the pictures."""
    browser_path = find_browser()
    if browser_path is None:
        raise SystemExit(NO_BROWSER)
    SCREENS.mkdir(exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as history, sync_playwright() as playwright:
        command = [sys.executable, str(ROOT / "launch.py"), "--no-browser", "--history", history]
        command += ["--port", str(port)]
        server = subprocess.Popen([*command, *sys.argv[1:]], cwd=ROOT)
        try:
            browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
            page = open_page(browser, url)
            show_dialogue(page)
            show_branches_and_history(page)
            show_list(page)
            show_side_by_side(page)
            show_why(page)
            show_pair(page)
            show_dark(open_page(browser, url, dark=True))
            show_phone(open_page(browser, url, phone=True))
            show_failures(page, server)
            browser.close()
        finally:
            server.kill()
            server.wait(timeout=20)


if __name__ == "__main__":
    main()
