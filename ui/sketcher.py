"""The molecule sketcher: Ketcher in a frame of the same origin, as a Gradio component.

The frame and the page talk by `postMessage` (`static/sketcher.js` here, `build/ketcher/src` in the
frame). The molfile is what counts: Ketcher's SMILES loses stereochemistry. Nothing is parsed here.
"""

from collections.abc import Mapping
from typing import Literal, TypedDict

from ui.component import StaticComponent, given, number_of, text_of
from ui.static_files import static_path


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


class Sketcher(StaticComponent):
    """A molecule sketcher; its value is a `Drawing`.

    Python draws by returning a `Drawing`, a part of one, or a SMILES; None clears. What is set this
    way does not come back as an event. A person's edit sets the value and then triggers `draw`,
    whose event data is the new `Drawing`; `ready` and `failed` tell how loading the frame went.

    A script of the page can mark atoms, numbered from 1 in the order of the molfile:
    `document.querySelector("#sketcher .sketcher").dispatchEvent(new CustomEvent("highlight",
    {detail: [1, 2]}))`.
    """

    MARKUP = "sketcher"

    def __init__(
        self,
        value: str | Mapping[str, object] | None = None,
        *,
        height: int = 400,
        elem_id: str | None = "sketcher",
        **layout: object,
    ) -> None:
        frame = static_path("ketcher/index.html")
        super().__init__(value, height=height, elem_id=elem_id, page=frame, **layout)

    @classmethod
    def to_value(cls, value: object) -> Drawing:
        """A whole `Drawing`."""
        return to_drawing(value)


def to_drawing(value: object) -> Drawing:
    """A whole `Drawing` from a SMILES, a part of one, or nothing; other types become empty."""
    values = given(value, text="smiles")
    return Drawing(
        molfile=text_of(values, "molfile"),
        rxn=text_of(values, "rxn"),
        smiles=text_of(values, "smiles"),
        origin="user" if values.get("origin") == "user" else "page",
        n=number_of(values, "n"),
        edit=number_of(values, "edit"),
    )
