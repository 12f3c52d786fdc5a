"""Files that arrived from the page: in the upload folder only, no bigger than what is read."""

from pathlib import Path

import gradio as gr

from assistant.chem.limits import MAX_FILE_BYTES
from assistant.errors import AssistantError, InputTooLargeError


def received(path: str) -> Path:
    """The path of an upload; anything outside the upload folder is refused."""
    folder = Path(gr.utils.get_upload_folder()).resolve()
    resolved = Path(path).resolve()
    if not resolved.is_relative_to(folder) or not resolved.is_file():
        raise AssistantError("The file did not arrive. Drop it again.")
    return resolved


def refuse_big(path: Path, name: str) -> None:
    """Refuses a file over the cap, by the name the person gave it."""
    size = path.stat().st_size / 2**20
    limit = MAX_FILE_BYTES / 2**20
    if size > limit:
        raise InputTooLargeError(
            f"“{name}” is {size:.0f} MB; at most {limit:.0f} MB are read. "
            "Split it, or keep the records you ask about."
        )
