"""The page's scripts in a browser without a server: a test gives parts their values itself."""

from typing import TYPE_CHECKING

from ui.page_look import page_head
from ui.parts import ASSETS

if TYPE_CHECKING:
    from playwright.sync_api import Page

ADDRESS = "http://127.0.0.1:9/"  # answered by the browser's own test hooks
_LINKS = """() => {
window.sent = [];
window.links = {};
window.place = (kind) => {
  const link = links[kind] = {
    element: document.getElementById(kind), props: { value: { rev: 0 } },
    trigger: (name, data) => sent.push([kind, name, data]),
    watch: (_, told) => { link.told = told; },
  };
  moleculeChat.mount(kind, link);
};
window.give = (kind, value) => {
  const { props, told } = links[kind];
  props.value = { rev: props.value.rev + 1, ...value };
  told();
};
}"""


class Scripts:
    """Parts of the page, as Gradio would place them.

    Args:
        page: A fresh tab.
        kinds: Names of the parts; they stand in this order.
    """

    def __init__(self, page: "Page", *kinds: str) -> None:
        self.page = page
        body = "".join(
            f'<div id="{kind}" class="part">{(ASSETS / f"{kind}.html").read_text("utf-8")}</div>'
            for kind in kinds
        )
        html = f"<!doctype html><meta charset=utf-8>{page_head()}<body>{body}"
        page.route(ADDRESS, lambda route: route.fulfill(body=html, content_type="text/html"))
        self.kinds = kinds
        self.load()

    def load(self) -> None:
        """Loads the page, again."""
        self.page.goto(ADDRESS)
        self.page.evaluate(_LINKS)
        for kind in self.kinds:
            self.page.evaluate("place", kind)

    def give(self, kind: str, /, **value: object) -> None:
        """A new value of a part."""
        self.page.evaluate("([kind, value]) => give(kind, value)", [kind, value])

    def sent(self, kind: str, name: str) -> list[dict[str, object]]:
        """The data of the events of one name that a part has sent so far."""
        sent = self.page.evaluate("sent")
        return [data for part, event, data in sent if (part, event) == (kind, name)]
