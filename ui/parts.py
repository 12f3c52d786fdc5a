"""The page's own components: HTML that a script of `assets/` fills in, with named events.

A part's value is a small JSON object. The script renders it and ignores values that are older than
the one it shows (`rev`), because Gradio may answer quick events out of order.
"""

import base64
from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
MODEL_CONCURRENCY = 32  # twice what the engine takes: the rest is refused, not kept waiting
# How Gradio takes an event: at once, one at a time; at once, many; one that streams, in a queue of
# its own (name and limit are the page's); in the model's own queue.
QUICK = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
MANY = {**QUICK, "trigger_mode": "multiple"}
LASTING = {**MANY, "queue": True}
ANSWER = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "multiple",
    "concurrency_id": "model",
    "concurrency_limit": MODEL_CONCURRENCY,
}

_MOUNT = """
const link = {element, trigger, props, watch, upload};
(function mount(tries) {
  if (window.moleculeChat) window.moleculeChat.mount("%(kind)s", link);
  else if (tries < 400) setTimeout(() => mount(tries + 1), 25);
})(0);
// events: %(events)s
"""


def part(
    kind: str,
    *,
    events: tuple[str, ...] = (),
    value: dict[str, object] | None = None,
    **props: object,
) -> gr.HTML:
    """One region of the page.

    Args:
        kind: Name of the script that fills it, and of its HTML file in `assets/`.
        events: Names of the events the script may trigger; each becomes a method of the component
            (Gradio finds them as quoted names in the script).
        value: First value.
        **props: Constants the script reads.
    """
    return gr.HTML(
        value=value or {"rev": 0},
        html_template=(ASSETS / f"{kind}.html").read_text(encoding="utf-8"),
        js_on_load=_MOUNT % {"kind": kind, "events": " ".join(f"'{name}'" for name in events)},
        apply_default_css=False,
        elem_id=kind,
        elem_classes=["part"],
        **props,
    )


def file_value(name: str, mime: str, content: str | bytes) -> dict[str, str]:
    """A file in a part's value, as the page's script `chat.download` takes it."""
    data = content.encode() if isinstance(content, str) else content
    return {"name": name, "mime": mime, "base64": base64.b64encode(data).decode()}
