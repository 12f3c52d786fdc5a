"""How soon the facts follow the molecule box: `python -m assistant.evaluate.latency [--runs 8]`.

Starts `launch.py` and measures in a headless browser, with the facts panel open, from the last
change of the box (a paste, or the last key of a SMILES that was typed) until the panel with the new
formula has been painted. Once while the model is loading (as often as there is time), once with
nothing else to do, and once while an answer is being written.
"""

import argparse
import itertools
import statistics
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from assistant.evaluate.serving import (
    PATIENCE_S,
    open_browser,
    percentile,
    print_measured,
    running,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

BOX, QUESTION, STOP = "#bench textarea", "#composer textarea", "#composer [data-act=stop]"
KEY_MS = 60  # between two keys: a quick typist
BREAK_MS = 500  # between two measurements
LONG_QUESTION = "Describe CC(=O)Oc1ccccc1C(=O)O, its groups and every number you know of it"
MOLECULES = {
    "CC(=O)Oc1ccccc1C(=O)O": "C9H8O4",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C": "C8H10N4O2",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O": "C13H18O2",
    "CN1CCC[C@H]1c1cccnc1": "C10H14N2",
    "OCC(O)C(O)CO": "C4H10O4",
    "NCCc1ccc(O)c(O)c1": "C8H11NO2",
}
WATCH = """(formula) => {
  const [box, panel] = [document.querySelector('#bench textarea'), document.querySelector('#facts')]
  const seen = window.latency = {}
  const change = () => { seen.change = performance.now() }
  const look = () => {
    if (!panel.textContent.includes(formula)) return
    observer.disconnect()
    box.removeEventListener('input', change, true)
    requestAnimationFrame(() => setTimeout(() => { seen.ms = performance.now() - seen.change }))
  }
  const observer = new MutationObserver(look)
  box.addEventListener('input', change, true)
  observer.observe(panel, {subtree: true, childList: true, characterData: true})
}"""
PASTE = """(text) => {
  document.execCommand('insertText', false, text)
  document.activeElement.dispatchEvent(new ClipboardEvent('paste', {bubbles: true}))
}"""


def measure(page: "Page", smiles: str, formula: str, *, typed: bool) -> float:
    """Milliseconds from the last change of the box to the painted formula."""
    page.fill(BOX, "")
    page.wait_for_timeout(BREAK_MS)
    page.evaluate(WATCH, formula)
    page.focus(BOX)
    if typed:
        page.keyboard.type(smiles, delay=KEY_MS)
    else:
        page.evaluate(PASTE, smiles)
    page.wait_for_function("window.latency.ms")
    return float(page.evaluate("window.latency.ms"))


def state_of(page: "Page") -> str:
    """What the model is doing: `loading`, `ready` or `failed`."""
    return str(page.evaluate("document.documentElement.dataset.model"))


def keep_answering(page: "Page") -> None:
    """Ask again when the answer before has ended."""
    if not page.is_visible(STOP):
        page.fill(QUESTION, LONG_QUESTION)
        page.press(QUESTION, "Enter")
        page.wait_for_selector(STOP)


def samples(page: "Page", n_runs: int) -> Iterator[tuple[str, str, float]]:
    """Phase, kind of change and milliseconds of every measurement."""
    molecules = itertools.cycle(MOLECULES.items())
    kinds = ("paste", "typed")
    for kind in kinds * n_runs:
        if state_of(page) != "loading":
            break
        milliseconds = measure(page, *next(molecules), typed=kind == "typed")
        if state_of(page) == "loading":
            yield "loading", kind, milliseconds
    page.wait_for_function("document.documentElement.dataset.model === 'ready'")
    for phase, kind, _ in itertools.product(("idle", "answering"), kinds, range(n_runs)):
        if phase == "answering":
            keep_answering(page)
        yield phase, kind, measure(page, *next(molecules), typed=kind == "typed")


def measure_page(arguments: list[str], n_runs: int) -> list[tuple[str, str, float]]:
    """Start the assistant and make all measurements.

    Raises:
        AssistantError: There is no browser, or the assistant did not start.
    """
    import httpx

    # The browser first, so that the page is open while the model is loading.
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE_S * 1000)
        with running(arguments) as served:
            with httpx.Client(base_url=served.address, timeout=PATIENCE_S) as client:
                served.wait_for_page(client)
            page.goto(served.address)
            page.get_by_role("tab", name="Facts").click()
            return list(samples(page, n_runs))


def report(found: list[tuple[str, str, float]]) -> str:
    """Median, 95th percentile and worst per phase and kind."""
    lines = ["from the last change of the box to the painted facts, ms: median, p95, worst, runs"]
    groups: dict[tuple[str, str], list[float]] = {}
    for phase, kind, milliseconds in found:
        groups.setdefault((phase, kind), []).append(milliseconds)
    for (phase, kind), values in groups.items():
        median, worst = statistics.median(values), max(values)
        p95 = percentile(values, 95)
        lines.append(f"{phase:<10} {kind:<6} {median:5.0f} {p95:5.0f} {worst:5.0f} {len(values):4}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.latency",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=8, help="per row (default: 8)")
    return print_measured(parser, lambda options, rest: measure_page(rest, options.runs), report)


if __name__ == "__main__":
    sys.exit(main())
