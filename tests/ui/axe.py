"""axe-core on a page: what people who see, hear or point differently could not use.

The rules are those of WCAG 2.2 A and AA and axe's own good practice; a finding of impact serious or
critical fails a test.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCRIPT = Path(__file__).parent / "vendor" / "axe.min.js"
GRAVE = ("serious", "critical")


def findings(page: "Page") -> list[str]:
    """A line for every grave finding in the page and its frames."""
    for frame in page.frames:
        if not frame.evaluate("() => Boolean(window.axe)"):
            frame.evaluate(SCRIPT.read_text(encoding="utf-8"))
    result = page.evaluate(
        """async () => {
          const {violations} = await axe.run(document, {resultTypes: ['violations']})
          return violations.map(({id, impact, nodes}) => ({id, impact, nodes: nodes.map(
            ({target, failureSummary, html}) =>
              ({target: target.flat().join(' '), why: failureSummary, html: html.slice(0, 200)})
          )}))
        }"""
    )
    return [
        f"{found['impact']} {found['id']}: {node['target']}\n   {node['html']}\n   {node['why']}"
        for found in result
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]
