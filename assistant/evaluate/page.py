"""What the page costs a browser: `python -m assistant.evaluate.page [--runs 5]`.

    open    1,000 turns of history, 100 of them on screen: seconds from the request to the painted
            dialogue and list (bar 1.5 s)
    token   100 turns on screen and an answer that is written by the model: milliseconds of
            processor time of the page's own thread for each token, from Send to the finished answer
            (bar 20 ms)
    table   1,000 rows, scrolled through from the top to the end: milliseconds of each frame, and
            tasks of more than 50 ms, which a person feels

Starts `launch.py` with a history made for this, and measures in a headless browser without a GPU.
"""

import argparse
import hashlib
import os
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.chat.conversation import Conversation, Message
from assistant.chat.history import History
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.serving import (
    PATIENCE_S,
    open_browser,
    percentile,
    print_measured,
    running,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

N_ON_SCREEN = 100
N_TURNS = 1000
TURNS_EACH = 10
N_ROWS = 1000
STEP_PX = 460  # a fling: five rows a frame
COOKIE = "molecule_chat_visitor"
QUESTION = "Describe molecule 1: its formula, mass, groups and every number you know of it."
ANSWER = (
    "This molecule has the formula C9H8O4 and one ring.\n\n- it is an **ester**\n"
    "- it is a carboxylic acid\n\nIts average mass is 180.16 g/mol."
)
MOLECULES = ("CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "CC(C)Cc1ccc(cc1)C(C)C(=O)O")
IS_OPEN = """(n) => document.querySelectorAll('#transcript .turn').length === n
  && document.querySelectorAll('#chats .entry').length > 1"""
PAINTED = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
SCROLL = """async (step) => {
  const table = document.querySelector('.list-table')
  const frames = [], long = []
  new PerformanceObserver(seen => long.push(...seen.getEntries().map(entry => entry.duration)))
    .observe({type: 'longtask'})
  table.scrollTop = 0
  let before = await new Promise(requestAnimationFrame)
  while (table.scrollTop + table.clientHeight < table.scrollHeight - 1) {
    table.scrollTop += step
    const now = await new Promise(requestAnimationFrame)
    frames.push(now - before)
    before = now
  }
  await new Promise(done => setTimeout(done, 300))
  return {frames, long}
}"""


@dataclass(frozen=True)
class Costs:
    """What was measured; lists hold one value for each opening, answer or frame."""

    open_s: list[float]
    reopen_s: list[float]
    token_ms: list[float]
    frames_ms: list[float]
    long_tasks_ms: list[float]


def write_history(directory: Path, visitor: str) -> str:
    """A history of `N_TURNS` turns; the id of the conversation with `N_ON_SCREEN` of them."""
    history = History.open(directory)
    try:
        for _ in range((N_TURNS - N_ON_SCREEN) // TURNS_EACH):
            write_conversation(history, visitor, TURNS_EACH)
        return write_conversation(history, visitor, N_ON_SCREEN)
    finally:
        history.close()


def write_conversation(history: History, visitor: str, n_turns: int) -> str:
    """A conversation of so many turns, each ten about one of three molecules; its id."""
    now = Conversation()
    for smiles in MOLECULES:
        now, _ = now.with_molecule(Molecule.parse(smiles))
    conversation, after = "", None
    for turn in range(n_turns):
        question = Message(
            "user", f"{turn + 1}. What is it made of?", attached=(turn // TURNS_EACH % 3 + 1,)
        )
        place = history.begin_turn(visitor, conversation, after, question, now)
        history.finish(place, Message("assistant", ANSWER))
        conversation, after = place.conversation, place.answer
    return conversation


def measure(arguments: Sequence[str], n_runs: int) -> Costs:
    """Start the assistant and make all measurements.

    Raises:
        AssistantError: There is no browser, or the assistant did not start.
    """
    import httpx

    token = secrets.token_urlsafe(32)
    visitor = hashlib.sha256(f"visitor {token}".encode()).hexdigest()  # as `ui.visitor` does
    with (
        open_browser() as browser,
        tempfile.TemporaryDirectory() as folder,
    ):
        conversation = write_history(Path(folder), visitor)
        with running([*arguments, "--history", folder]) as served:
            with httpx.Client(base_url=served.address, timeout=PATIENCE_S) as client:
                served.wait_for_page(client)
            opened = [
                open_once(browser, served.address, token, conversation) for _ in range(n_runs)
            ]
            page = open_page(browser, served.address, token, conversation)
            page.wait_for_function("document.documentElement.dataset.model === 'ready'")
            page.wait_for_selector("#sketcher [data-state=ready]")
            tokens = [answer_once(page) for _ in range(n_runs)]
            frames, long_tasks = scroll_once(page)
    first, again = zip(*opened, strict=True)
    return Costs(list(first), list(again), tokens, frames, long_tasks)


def open_page(browser: "Browser", address: str, token: str, conversation: str) -> "Page":
    """A tab of the visitor that shows the long conversation."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    page.goto(f"{address}#c={conversation}", wait_until="commit")
    page.wait_for_function(IS_OPEN, arg=N_ON_SCREEN)
    page.evaluate(PAINTED)
    return page


def open_once(
    browser: "Browser", address: str, token: str, conversation: str
) -> tuple[float, float]:
    """Seconds to open the page with an empty cache, and to load it again."""
    start = time.perf_counter()
    page = open_page(browser, address, token, conversation)
    first = time.perf_counter() - start
    start = time.perf_counter()
    page.reload(wait_until="commit")
    page.wait_for_function(IS_OPEN, arg=N_ON_SCREEN)
    page.evaluate(PAINTED)
    again = time.perf_counter() - start
    page.context.close()
    return first, again


def answer_once(page: "Page") -> float:
    """Milliseconds of the page's thread for each token of one answer of the model.

    All that the thread does from Send to the finished answer counts, the question's own turn too.
    """
    n_before = page.locator("#transcript .answer .actions").count()
    session = page.context.new_cdp_session(page)
    # processor time, so that neighbours on a busy machine count little
    session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    session.send("Performance.enable")
    before = busy_seconds(session)
    page.fill("#composer textarea", QUESTION)
    page.press("#composer textarea", "Enter")
    page.wait_for_function(
        "n => document.querySelectorAll('#transcript .answer .actions').length > n", arg=n_before
    )
    page.evaluate(PAINTED)
    spent = busy_seconds(session) - before
    session.detach()
    page.locator(".passport summary").last.click()
    said = page.locator(".passport").last.inner_text()
    found = re.search(r"(\d+) tokens ", said)
    if found is None:
        raise AssistantError("The passport of the answer does not say how many tokens it has.")
    return 1000 * spent / int(found[1])


def busy_seconds(session: "CDPSession") -> float:
    """Processor time of the page's thread so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))


def scroll_once(page: "Page") -> tuple[list[float], list[float]]:
    """Milliseconds of each frame and of each long task while the whole table flies by."""
    page.get_by_role("tab", name="List").click()
    lines = (f"{'C' * (n % 40 + 1)}(=O)N{'C' * (n // 40)}c1ccccc1 m{n}" for n in range(N_ROWS))
    page.fill("#list-paste", "\n".join(lines))
    page.click("#list [data-act=make]")
    page.wait_for_selector(f".list-count:has-text('{N_ROWS:,}')")
    page.wait_for_selector(".list-progress", state="hidden")
    page.wait_for_timeout(1000)
    found = page.evaluate(SCROLL, STEP_PX)
    return found["frames"], found["long"]


def report(costs: Costs) -> str:
    """Medians and what is beside them."""

    def line(name: str, values: Sequence[float], unit: str, digits: int) -> str:
        if not values:
            return f"{name:<34} none"
        median, p95, worst = statistics.median(values), percentile(values, 95), max(values)
        numbers = " ".join(f"{value:7.{digits}f}" for value in (median, p95, worst))
        return f"{name:<34}{numbers} {unit:<3}{len(values):4}"

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    lines = [
        f"{'':<34}{'median':>7} {'p95':>7} {'worst':>7}      n   (load {load:.1f})",
        line(f"open, {N_TURNS:,} turns of history", costs.open_s, "s", 2),
        line("open again", costs.reopen_s, "s", 2),
        line(f"token, {N_ON_SCREEN} turns on screen", costs.token_ms, "ms", 1),
        line(f"frame, {N_ROWS:,} rows scrolled", costs.frames_ms, "ms", 1),
        line("long tasks meanwhile", costs.long_tasks_ms, "ms", 0),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=5, help="openings and answers (default: 5)")
    return print_measured(parser, lambda options, rest: measure(rest, options.runs), report)


if __name__ == "__main__":
    sys.exit(main())
