"""Halves the time that importing Gradio takes, and spares the first event a third of a second.

Gradio parses the source of every component class at each import, only to keep `.pyi` stub files up
to date, which no running program reads and which would lie beside our files. And it sets up
matplotlib round every event, where that is installed; this page draws nothing with it. Where a
newer Gradio has these no more nothing is changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType

from assistant.imports import change_after_import


def prepare_gradio() -> None:
    """Call before the first `import gradio`; later it has no effect."""
    change_after_import("gradio.component_meta", _write_no_stub_files)
    change_after_import("gradio.utils", _leave_matplotlib_alone)


def _write_no_stub_files(component_meta: ModuleType) -> None:
    if hasattr(component_meta, "create_or_modify_pyi"):
        component_meta.create_or_modify_pyi = lambda *_, **__: None


def _leave_matplotlib_alone(utils: ModuleType) -> None:
    if hasattr(utils, "MatplotlibBackendMananger"):
        utils.MatplotlibBackendMananger = nullcontext


@contextmanager
def one_server_app() -> Iterator[None]:
    """Builds a page without the web applications that only `launch` needs.

    Gradio makes one when a page is begun, one at its end, one for its queue, and a last one in
    `launch`, which is the one that serves: each takes a sixth of a second, the first three for
    nothing.
    """
    from gradio.routes import App

    make = App.__dict__["create_app"]
    App.create_app = staticmethod(lambda *_, **__: None)
    try:
        yield
    finally:
        App.create_app = make
