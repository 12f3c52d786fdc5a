"""The molecule sketcher: Ketcher in a frame of the same origin, as a Gradio component.

The frame and the page talk by `postMessage` (`static/sketcher.js` here, `build/ketcher/src` in the
frame). The molfile is what counts: Ketcher's SMILES loses stereochemistry. Nothing is parsed here.
"""

from collections.abc import Mapping
from typing import Literal, TypedDict

import gradio as gr

from ui.static_files import markup, static_path


class Drawing(TypedDict):
    """What the sketcher holds; all texts are empty when it is blank.

    Attributes:
        molfile: V2000, or V3000 where that is needed; empty when an arrow is drawn.
        rxn: The reaction as an RXN file, empty without an arrow.
        smiles: For a quick look only: may lack stereochemistry.
        origin: `user` when it was drawn, anything else when Python set it.
        n: Number of this value. A new number sets the drawing again even if its text is the same;
            a lower one than before is out of date and not shown. 0 is always shown.
        edit: Number of the person's edit that this is, or of the newest one that Python had seen
            when it made this: the sketcher drops what was made before a drawing it has told of.
            0: not known, always shown.
    """

    molfile: str
    rxn: str
    smiles: str
    origin: Literal["user", "page"]
    n: int
    edit: int


class Sketcher(gr.HTML):
    """A molecule sketcher; its value is a `Drawing`.

    Python draws by returning a `Drawing`, a part of one, or a SMILES; None clears. What is set this
    way does not come back as an event. A person's edit sets the value and then triggers `draw`,
    whose event data is the new `Drawing`; `ready` and `failed` tell how loading the frame went.

    A script of the page can mark atoms, numbered from 1 in the order of the molfile:
    `document.querySelector("#sketcher .sketcher").dispatchEvent(new CustomEvent("highlight",
    {detail: [1, 2]}))`.

    Args:
        value: First drawing.
        height: Height of the frame in pixels.
        elem_id: Id of the element.
        layout: Further arguments of `gr.HTML`.
    """

    def __init__(
        self,
        value: str | Mapping[str, object] | None = None,
        *,
        height: int = 400,
        elem_id: str | None = "sketcher",
        **layout: object,
    ) -> None:
        super().__init__(
            value=value,
            apply_default_css=False,
            elem_id=elem_id,
            height=height,
            page=static_path("ketcher/index.html"),
            **markup("sketcher"),
            **layout,
        )

    def preprocess(self, payload: object) -> Drawing:
        """The drawing as the page holds it."""
        return to_drawing(payload)

    def postprocess(self, value: str | Mapping[str, object] | None) -> Drawing:
        """The drawing as it goes to the page."""
        return to_drawing(value)

    def api_info(self) -> dict[str, str]:
        """A JSON object."""
        return {"type": "object", "description": "molfile, rxn, smiles, origin, n, edit"}

    def get_block_name(self) -> str:
        """Gradio's own HTML component draws it."""
        return "html"


def to_drawing(value: object) -> Drawing:
    """A whole `Drawing` from a SMILES, a part of a drawing, or nothing.

    Also what a visitor's browser sent comes through here: other types than text become empty.
    """
    given: Mapping[str, object] = {}
    if isinstance(value, str):
        given = {"smiles": value}
    elif isinstance(value, Mapping):
        given = value
    n, edit = given.get("n"), given.get("edit")
    return Drawing(
        molfile=_text(given.get("molfile")),
        rxn=_text(given.get("rxn")),
        smiles=_text(given.get("smiles")),
        origin="user" if given.get("origin") == "user" else "page",
        n=n if isinstance(n, int) else 0,
        edit=edit if isinstance(edit, int) else 0,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
