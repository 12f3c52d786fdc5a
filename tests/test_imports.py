"""Quick imports leave everything as the plain imports do, only later."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from assistant.imports import _compile_later, _list_folders_once, change_after_import

MODEL_STACK = """
import sys
from assistant.imports import quick_imports

def is_imported():
    return "torch._dynamo.eval_frame" in sys.modules

with quick_imports():
    import bitsandbytes
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    @torch._dynamo.allow_in_graph
    def marked(x):
        return x * 3
    @torch.compiler.disable(reason="a test")
    def kept_out(x):
        return x + 1
    config = LlamaConfig(
        vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2,
    )
    with torch.device("meta"):
        LlamaForCausalLM(config)
assert not is_imported()
assert not any(name == "torch._dynamo" for name in sys.modules)
one = torch.ones(1)
assert kept_out(one).item() == 2
assert not is_imported()
assert torch.compile(lambda x: marked(x) + kept_out(x), backend="eager")(one).item() == 5
breaks = torch._dynamo.explain(kept_out)(one)
assert breaks.graph_count == 0
assert is_imported()
assert torch._dynamo.is_dynamo_supported() is not None
for part in ("config", "_trace_wrapped_higher_order_op"):
    assert getattr(torch._dynamo, part) is sys.modules[f"torch._dynamo.{part}"]
weight = torch.nn.Parameter(one.clone())
optimizer = torch.optim.Adam([weight], lr=0.5)
weight.sum().backward()
optimizer.step()
assert weight.item() != 1
"""


def test_the_compiler_comes_when_it_is_used_and_knows_what_was_marked_before(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MODEL_STACK], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


LIBRARY = """
import sys
from pathlib import Path
from assistant.imports import load_torch_library
load_torch_library()
assert "torch" not in sys.modules
maps = Path("/proc/self/maps")
with_cuda = list(Path(sys.prefix).rglob("torch/lib/libtorch_cuda.so"))
if maps.exists() and not with_cuda:
    assert "libtorch_cpu.so" in maps.read_text()
import torch
assert torch.ones(2).sum() == 2
"""


def test_the_library_of_torch_can_be_loaded_before_torch(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIBRARY], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def module_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that sets `value` to 1 when it is imported."""
    (tmp_path / "imported_quickly.py").write_text("value = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "imported_quickly", raising=False)
    return "imported_quickly"


def test_a_module_is_changed_right_after_its_import_and_only_once(module_name: str) -> None:
    before = list(sys.meta_path)
    changed: list[ModuleType] = []
    change_after_import(module_name, changed.append)
    __import__(module_name)
    __import__(module_name)
    assert changed == [sys.modules[module_name]]
    assert sys.meta_path == before


def test_a_module_that_is_there_already_is_left_alone(module_name: str) -> None:
    __import__(module_name)
    before = list(sys.meta_path)
    change_after_import(module_name, lambda module: setattr(module, "value", 2))
    assert sys.modules[module_name].value == 1
    assert sys.meta_path == before


def test_compiling_begins_with_the_first_call_with_or_without_options() -> None:
    compiled: list[dict[str, object]] = []

    def compile_now(function, **options):
        compiled.append(options)
        return lambda x: function(x) + 100

    @lambda function: _compile_later(compile_now, function)
    def double(x: int) -> int:
        return 2 * x

    @_compile_later(compile_now, dynamic=False)
    def triple(x: int) -> int:
        return 3 * x

    assert compiled == []
    assert (double(1), double(2), triple(1)) == (102, 104, 103)
    assert compiled == [{}, {"dynamic": False}]
    assert double.__name__ == "double"


def test_a_folder_is_read_once_and_its_list_may_be_changed_by_who_gets_it(tmp_path: Path) -> None:
    read: list[str] = []
    module = ModuleType("import_utils")
    module.create_import_structure_from_path = lambda path: read.append(path) or {"a": {"b"}}
    _list_folders_once(module)
    (tmp_path / "__init__.py").touch()
    first = module.create_import_structure_from_path(tmp_path / "__init__.py")
    first["a"].add("c")
    assert module.create_import_structure_from_path(tmp_path) == {"a": {"b"}}
    assert read == [str(tmp_path)]


def test_a_version_without_that_list_is_left_alone() -> None:
    module = ModuleType("import_utils")
    _list_folders_once(module)
    assert not hasattr(module, "create_import_structure_from_path")
