"""The page's own settings of Gradio, in a process that has not imported it yet."""

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from ui.quick_import import prepare_gradio
prepare_gradio()
prepare_gradio()
import gradio
from gradio import component_meta, utils
assert component_meta.create_or_modify_pyi(gradio.HTML, "HTML", []) is None
with utils.MatplotlibBackendMananger():
    assert "matplotlib" not in sys.modules
"""


def test_no_stub_files_are_written_and_matplotlib_stays_out(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
