"""Halves the time that importing Gradio takes, and keeps it from writing beside our files.

Gradio parses the source of every component class at each import, only to keep `.pyi` stub files up
to date, which no running program reads. The one function that does so is replaced while its module
is being imported; where a newer Gradio has no such function nothing is changed.
"""

from types import ModuleType

from assistant.imports import change_after_import

MODULE, FUNCTION = "gradio.component_meta", "create_or_modify_pyi"


def prepare_gradio() -> None:
    """Call before the first `import gradio`; later it has no effect."""
    change_after_import(MODULE, _write_no_stub_files)


def _write_no_stub_files(component_meta: ModuleType) -> None:
    if hasattr(component_meta, FUNCTION):
        setattr(component_meta, FUNCTION, lambda *_, **__: None)
