"""The page's own settings of Gradio, in a process that has not imported it yet."""

import subprocess
import sys
from pathlib import Path

import pytest

IMPORTS = """
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
SERVER_APPS = """
import gradio
from gradio.routes import App
from ui.quick_import import one_server_app
before = App.__dict__["create_app"]
with one_server_app():
    with gradio.Blocks(analytics_enabled=False) as page:
        gradio.HTML("x")
    page.queue()
    assert page.app is None
assert App.__dict__["create_app"] is before
page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
assert isinstance(page.app, App)
page.close(verbose=False)
"""


@pytest.mark.parametrize("code", [IMPORTS, SERVER_APPS])
def test_gradio_does_less_and_works(code: str, root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
