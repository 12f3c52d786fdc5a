"""A component of our own: HTML, CSS and a script from `static/`; its value is a small record."""

from collections.abc import Mapping
from typing import ClassVar

import gradio as gr

from ui.static_files import markup


class StaticComponent(gr.HTML):
    """Gradio's HTML component with markup from `static/`; subclasses say what their value is.

    Args:
        value: First value: whatever `to_value` takes.
        height: Height in pixels.
        elem_id: Id of the element.
        props: What the script reads, and further arguments of `gr.HTML`.
    """

    MARKUP: ClassVar[str]
    """Name of the files in `static/`, without their extensions."""

    def __init__(
        self,
        value: str | Mapping[str, object] | None = None,
        *,
        height: int,
        elem_id: str | None,
        **props: object,
    ) -> None:
        super().__init__(
            value=value,
            apply_default_css=False,
            elem_id=elem_id,
            height=height,
            **markup(self.MARKUP),
            **props,
        )

    @classmethod
    def to_value(cls, value: object) -> Mapping[str, object]:
        """A whole value from a text, a part of one, or nothing.

        Also what a visitor's browser sent comes through here: what has another type becomes empty.
        """
        raise NotImplementedError

    def preprocess(self, payload: object) -> Mapping[str, object]:
        """The value as the page holds it."""
        return self.to_value(payload)

    def postprocess(self, value: str | Mapping[str, object] | None) -> Mapping[str, object]:
        """The value as it goes to the page."""
        return self.to_value(value)

    def api_info(self) -> dict[str, str]:
        """A JSON object."""
        return {"type": "object", "description": ", ".join(self.to_value(None))}

    def get_block_name(self) -> str:
        """Gradio's own HTML component draws it."""
        return "html"


def given(value: object, *, text: str) -> Mapping[str, object]:
    """A value as a mapping; a bare text is taken as the entry `text`."""
    if isinstance(value, str):
        return {text: value}
    return value if isinstance(value, Mapping) else {}


def text_of(values: Mapping[str, object], key: str) -> str:
    """An entry that has to be text, else empty."""
    found = values.get(key)
    return found if isinstance(found, str) else ""


def number_of(values: Mapping[str, object], key: str) -> int:
    """An entry that has to be a whole number, else 0."""
    found = values.get(key)
    return found if isinstance(found, int) else 0
