"""What the screenshots are taken with: a visitor's tab, what is done in it, pictures of it."""

import io
import time
from pathlib import Path

from PIL import Image  # comes with Gradio
from playwright.sync_api import Browser, Error, Page

SCREENS = Path(__file__).resolve().parent / "screens"
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


def shoot_hovering(page: Page, name: str) -> None:
    """A picture with the pointer where it is."""
    page.wait_for_timeout(300)
    save(page, name)
