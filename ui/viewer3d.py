"""The 3D viewer: a conformer turned by mouse or keys, drawn by 3Dmol.js from a local file."""

from collections.abc import Mapping
from typing import TypedDict

import gradio as gr

from ui.static_files import markup, static_path


class Shape(TypedDict):
    """What the viewer shows: a molblock with 3D coordinates, or a sentence why there is none.

    Without either it says that a structure appears here. `n` numbers the value.
    """

    molblock: str
    message: str
    n: int


class Viewer3D(gr.HTML):
    """Shows a conformer as sticks, or a plain sentence; its value is a `Shape`.

    The library is fetched on the first molecule only. Without WebGL there is a sentence instead of
    a picture. Nothing moves on its own.

    Args:
        value: A `Shape`, a part of one, or a molblock.
        height: Height in pixels.
        elem_id: Id of the element.
        layout: Further arguments of `gr.HTML`.
    """

    def __init__(
        self,
        value: str | Mapping[str, object] | None = None,
        *,
        height: int = 280,
        elem_id: str | None = "viewer3d",
        **layout: object,
    ) -> None:
        super().__init__(
            value=value,
            apply_default_css=False,
            elem_id=elem_id,
            height=height,
            library=static_path("3dmol/3Dmol-min.js"),
            **markup("viewer3d"),
            **layout,
        )

    def preprocess(self, payload: object) -> Shape:
        """The value as the page holds it."""
        return to_shape(payload)

    def postprocess(self, value: str | Mapping[str, object] | None) -> Shape:
        """The value as it goes to the page."""
        return to_shape(value)

    def api_info(self) -> dict[str, str]:
        """A JSON object."""
        return {"type": "object", "description": "molblock, message, n"}

    def get_block_name(self) -> str:
        """Gradio's own HTML component draws it."""
        return "html"


def to_shape(value: object) -> Shape:
    """A whole `Shape` from a molblock, a part of a shape, or nothing."""
    given: Mapping[str, object] = {}
    if isinstance(value, str):
        given = {"molblock": value}
    elif isinstance(value, Mapping):
        given = value
    molblock, message, n = (given.get(key) for key in ("molblock", "message", "n"))
    return Shape(
        molblock=molblock if isinstance(molblock, str) else "",
        message=message if isinstance(message, str) else "",
        n=n if isinstance(n, int) else 0,
    )
