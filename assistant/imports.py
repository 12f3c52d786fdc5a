"""Quick imports: leaves out what large libraries do at import and this program never uses.

transformers and bitsandbytes mark functions for `torch.compile` while they are imported, which
imports the whole compiler: 700 modules, a third of the processor time until the model is loaded.
Here the compiler is imported when something is compiled, not when something is marked for it.
Where a newer version of a library does something else, the imports go their usual way.
"""

import ctypes
import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_COMPILER = "torch._dynamo"


class AfterImport(MetaPathFinder):
    """Finds one module as usual and changes it right after it was executed.

    Args:
        module: Full name of the module.
        change: Called once with the module.
    """

    def __init__(self, module: str, change: Callable[[ModuleType], None]) -> None:
        self._module = module
        self._change = change

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec with a loader that also changes it; None for other modules."""
        if fullname != self._module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_change(module: ModuleType) -> None:
            execute(module)
            self._change(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)

        spec.loader.exec_module = execute_and_change
        return spec


def change_after_import(module: str, change: Callable[[ModuleType], None]) -> None:
    """Has a module changed when it is imported; without effect if it is imported already."""
    if module not in sys.modules:
        sys.meta_path.insert(0, AfterImport(module, change))


def load_torch_library() -> None:
    """Loads torch's library in a thread of its own, before torch is imported; does nothing else.

    An import holds the interpreter's lock while it loads a library. This one takes a quarter of a
    second, seconds from a cold disk, in which no other thread would get on. A function called
    through `ctypes` does not hold it. Only on Linux without CUDA, whose libraries have an order.
    """
    found = importlib.util.find_spec("torch")
    if not sys.platform.startswith("linux") or found is None:
        return
    folder = Path(found.submodule_search_locations[0]) / "lib"
    library = folder / "libtorch_python.so"
    if library.is_file() and not (folder / "libtorch_cuda.so").exists():
        ctypes.CDLL(None).dlopen(str(library).encode(), os.RTLD_LAZY | os.RTLD_LOCAL)


@contextmanager
def quick_imports() -> Iterator[None]:
    """For importing and loading a model: both take about two thirds of the processor time.

    Everything works as it does without; using it is never necessary.
    """
    change_after_import("transformers.utils.import_utils", _list_folders_once)
    import torch

    if _COMPILER in sys.modules:
        yield
        return
    stand_in = _Compiler()
    compile_now = torch.compile
    sys.modules[_COMPILER] = torch._dynamo = stand_in
    torch.compile = functools.partial(_compile_later, compile_now)
    try:
        yield
    finally:
        torch.compile = compile_now
        stand_in.give_way()


def _list_folders_once(import_utils: ModuleType) -> None:
    """Keeps what transformers gathers from the source of all its model files, twice the same."""
    list_folder = getattr(import_utils, "create_import_structure_from_path", None)
    if list_folder is None:
        return
    known: dict[str, object] = {}

    @functools.wraps(list_folder)
    def list_folder_once(module_path: str | os.PathLike[str]) -> object:
        path = os.fspath(module_path)
        folder = os.path.dirname(path) if os.path.isfile(path) else path
        if folder not in known:
            known[folder] = list_folder(folder)
        return deepcopy(known[folder])

    import_utils.create_import_structure_from_path = list_folder_once


class _Compiler(ModuleType):
    """Stands in for `torch._dynamo`: notes marks, gives way when anything else is asked of it."""

    def __init__(self) -> None:
        super().__init__(_COMPILER)
        real = importlib.util.find_spec(_COMPILER)
        # Some of its modules are imported by themselves, without the rest.
        self.__path__ = list(real.submodule_search_locations)
        self._later: list[Callable[[ModuleType], object]] = []

    def disable(
        self, function: Callable | None = None, *options: object, **named: object
    ) -> Callable:
        """Keeps a function out of compiling, which there is only once the compiler is imported."""
        if function is None:
            return lambda function: self.disable(function, *options, **named)
        target = function

        @functools.wraps(function)
        def call(*arguments: object, **more: object) -> object:
            return target(*arguments, **more)

        def keep_out(real: ModuleType) -> None:
            nonlocal target
            target = real.disable(function, *options, **named)
            vars(call).update(vars(target))  # the compiler knows by attributes what to keep out

        self._later.append(keep_out)
        return call

    def allow_in_graph(self, function: Callable) -> Callable:
        """Marks a function, once the compiler is there."""
        self._later.append(lambda real: real.allow_in_graph(function))
        return function

    def assume_constant_result(self, function: Callable) -> Callable:
        """Marks a function, once the compiler is there."""
        self._later.append(lambda real: real.assume_constant_result(function))
        return function

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        self.give_way()
        return getattr(importlib.import_module(_COMPILER), name)

    def give_way(self) -> None:
        """Leaves the place to the real one, which takes over marks and modules when it comes."""
        import torch

        if sys.modules.get(_COMPILER) is self:
            del sys.modules[_COMPILER], torch._dynamo
            change_after_import(_COMPILER, self._hand_over)

    def _hand_over(self, real: ModuleType) -> None:
        prefix = f"{_COMPILER}."
        for name, module in list(sys.modules.items()):
            part = name.removeprefix(prefix)
            if name.startswith(prefix) and "." not in part and not hasattr(real, part):
                setattr(real, part, module)
        for catch_up in self._later:
            catch_up(real)


def _compile_later(
    compile_now: Callable, function: Callable | None = None, **options: object
) -> Callable:
    """`torch.compile` that begins with the first call of the function."""
    if function is None:
        return functools.partial(_compile_later, compile_now, **options)
    compiled = functools.cache(lambda: compile_now(function, **options))

    @functools.wraps(function)
    def call(*arguments: object, **named: object) -> object:
        return compiled()(*arguments, **named)

    return call
