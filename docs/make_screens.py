"""Makes the screenshots of every state: `.venv/bin/python docs/make_screens.py` after `make test`.

Starts the assistant with the default bundle and a history of its own, does what a chemist does in
the headless browser that the tests use, and writes `docs/screens/*.png`, on a light and a dark page
and on a phone. Answers are the model's own. Options go to `launch.py`.
"""

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402  comes with Gradio
from playwright.sync_api import Browser, Error, Page, sync_playwright  # noqa: E402

from assistant.evaluate.serving import free_port  # noqa: E402
from assistant.setup import NO_BROWSER, find_browser  # noqa: E402

SCREENS = ROOT / "docs" / "screens"
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
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
DESKTOP, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
SECONDS = 180
COLOURS = 256  # of a picture; the rare ones too: atoms are told apart by theirs


def shoot(page: Page, name: str) -> None:
    """A picture with the pointer out of the way."""
    page.mouse.move(700, 2)
    page.wait_for_timeout(700)
    save(page, name)


def save(page: Page, name: str) -> None:
    """One picture, with no more colours than it needs."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    palette = picture.quantize(
        COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE
    )
    palette.save(SCREENS / f"{name}.png", optimize=True)


def open_page(browser: Browser, url: str, *, dark: bool = False, phone: bool = False) -> Page:
    """A visitor's first tab."""
    context = browser.new_context(
        viewport=PHONE if phone else DESKTOP,
        color_scheme="dark" if dark else "light",
        device_scale_factor=2 if phone else 1,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    wait_for_page(page, url)
    page.wait_for_selector(".welcome")
    return page


def wait_for_page(page: Page, url: str) -> None:
    """Open the page as soon as it is served."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            page.goto(url)
        except Error as error:
            if "ERR_CONNECTION_REFUSED" not in str(error):
                raise
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"No page at {url}.")


def enter(page: Page, text: str, words: str) -> None:
    """Put a molecule into the box and wait for words below it."""
    page.fill("#bench textarea", text)
    page.press("#bench textarea", "Enter")
    page.wait_for_function(
        "w => document.querySelector('#bench .below').innerText.includes(w)", arg=words
    )


def ask(page: Page, text: str) -> None:
    """Ask and wait for the whole answer."""
    n = page.locator(".answer .actions").count()
    page.fill("#composer textarea", text)
    page.press("#composer textarea", "Enter")
    page.wait_for_function("n => document.querySelectorAll('.answer .actions').length > n", arg=n)


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


def shoot_hovering(page: Page, name: str) -> None:
    """A picture with the pointer where it is."""
    page.wait_for_timeout(300)
    save(page, name)


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
            show_dark(open_page(browser, url, dark=True))
            show_phone(open_page(browser, url, phone=True))
            show_failures(page, server)
            browser.close()
        finally:
            server.kill()
            server.wait(timeout=20)


if __name__ == "__main__":
    main()
