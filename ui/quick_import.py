"""Halves the time that importing Gradio takes, and keeps it from writing beside our files.

Gradio parses the source of every component class at each import, only to keep `.pyi` stub files up
to date, which no running program reads. The one function that does so is replaced while its module
is being imported; where a newer Gradio has no such function nothing is changed.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

MODULE, FUNCTION = "gradio.component_meta", "create_or_modify_pyi"


class StubFilesOff(MetaPathFinder):
    """Finds the one module as usual, and replaces the one function once it has been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec with a loader that replaces the function; None for other modules."""
        if fullname != MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_replace(module: ModuleType) -> None:
            execute(module)
            if hasattr(module, FUNCTION):
                setattr(module, FUNCTION, lambda *_, **__: None)

        spec.loader.exec_module = execute_and_replace
        return spec


def prepare_gradio() -> None:
    """Call before the first `import gradio`; later it has no effect."""
    if MODULE not in sys.modules and not any(isinstance(f, StubFilesOff) for f in sys.meta_path):
        sys.meta_path.insert(0, StubFilesOff())
