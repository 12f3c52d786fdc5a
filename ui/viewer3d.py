"""The 3D viewer: a conformer turned by mouse or keys, drawn by 3Dmol.js from a local file."""

from collections.abc import Mapping
from typing import TypedDict

from ui.component import StaticComponent, given, number_of, text_of
from ui.static_files import static_path


class Shape(TypedDict):
    """What the viewer shows: a molblock with 3D coordinates, or a sentence why there is none.

    Without either it says that a structure appears here. `n` numbers the value.
    """

    molblock: str
    message: str
    n: int


class Viewer3D(StaticComponent):
    """Shows a conformer as sticks, or a plain sentence; its value is a `Shape`.

    The library is fetched on the first molecule only. Without WebGL there is a sentence instead of
    a picture. Nothing moves on its own.
    """

    MARKUP = "viewer3d"

    def __init__(
        self,
        value: str | Mapping[str, object] | None = None,
        *,
        height: int = 280,
        elem_id: str | None = "viewer3d",
        **layout: object,
    ) -> None:
        library = static_path("3dmol/3Dmol-min.js")
        super().__init__(value, height=height, elem_id=elem_id, library=library, **layout)

    @classmethod
    def to_value(cls, value: object) -> Shape:
        """A whole `Shape`."""
        return to_shape(value)


def to_shape(value: object) -> Shape:
    """A whole `Shape` from a molblock, a part of a shape, or nothing; other types become empty."""
    values = given(value, text="molblock")
    return Shape(
        molblock=text_of(values, "molblock"),
        message=text_of(values, "message"),
        n=number_of(values, "n"),
    )
