"""Where the page finds the files it ships with: the sketcher's frame, the 3D viewer's library.

Gradio serves them under `<root>/gradio_api/file=<path>`; the page knows its root, this module the
path. The components' own HTML, CSS and scripts lie there too and are read here.
"""

import mimetypes
from pathlib import Path
from urllib.parse import quote

import gradio as gr

STATIC = Path(__file__).resolve().parent / "static"

# Windows may hold other types for these in its registry; browsers then refuse to run them.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("application/wasm", ".wasm")


def static_path(name: str) -> str:
    """The path of a file below `static/` as a URL needs it; from then on Gradio serves it.

    It is relative to the working directory where possible, so that a visitor of the share link does
    not learn the owner's directories.

    Raises:
        FileNotFoundError: There is no such file.
    """
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; ui/build/ketcher/README.md says how to make it."
        )
    gr.set_static_paths([STATIC])
    here = Path.cwd().resolve()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return quote(shown.as_posix())


def markup(component: str) -> dict[str, str]:
    """HTML, CSS and script of a component, named as `gr.HTML` takes them."""
    return {
        "html_template": _read(f"{component}.html"),
        "css_template": _read(f"{component}.css"),
        "js_on_load": _read("address.js") + _read(f"{component}.js"),
    }


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
