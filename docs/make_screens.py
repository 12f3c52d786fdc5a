"""Makes the screenshots of the README: `.venv/bin/python docs/make_screens.py` after `make test`.

Starts the assistant with the default bundle, opens it in the headless browser that the tests use,
shows a molecule, asks about it, and writes `docs/screens/*.png`.
"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Error, Page, expect, sync_playwright  # noqa: E402

from assistant.evaluate.serving import free_port  # noqa: E402
from assistant.setup import NO_BROWSER, find_browser  # noqa: E402

SCREENS = ROOT / "docs" / "screens"
MOLECULE = "C[C@H](Cc1ccc(CC(C)C)cc1)C(=O)O"
QUESTION = "Describe this molecule. What is its formula, and which functional groups does it have?"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
SECONDS = 120


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


def ask(page: Page) -> None:
    """Put a molecule into the box, ask about it and wait for the whole answer."""
    page.get_by_label("SMILES or name").fill(MOLECULE)
    expect(page.locator("#sketcher iframe")).to_be_visible(timeout=SECONDS * 1000)
    expect(page.get_by_text("of 1 stereocentre").first).to_be_visible(timeout=SECONDS * 1000)
    page.get_by_label("question", exact=True).fill(QUESTION)
    page.locator("[data-act=send]").click()
    expect(page.locator(".answer .actions").first).to_be_visible(timeout=SECONDS * 1000)
    page.wait_for_timeout(1500)


def main() -> None:
    """Take the pictures."""
    browser_path = find_browser()
    if browser_path is None:
        raise SystemExit(NO_BROWSER)
    SCREENS.mkdir(exist_ok=True)
    port = free_port()
    command = [sys.executable, str(ROOT / "launch.py"), "--no-browser", "--no-history"]
    command += ["--port", str(port)]
    server = subprocess.Popen([*command, *sys.argv[1:]], cwd=ROOT)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            wait_for_page(page, f"http://127.0.0.1:{port}/")
            ask(page)
            page.screenshot(path=SCREENS / "main.png")
            page.get_by_role("tab", name="Facts").click()
            page.wait_for_timeout(1000)
            page.screenshot(path=SCREENS / "facts.png")
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main()
