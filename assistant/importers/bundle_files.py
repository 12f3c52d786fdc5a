"""What every importer does at its end: components and a `bundle.json` that names them."""

import os
import re
from pathlib import Path

from assistant.bundle import Bundle
from assistant.errors import BundleError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def base_model_of(llm: str) -> str:
    """What components write down as their language model.

    Args:
        llm: A directory (known by its embeddings), or a hub id (known by its name; nothing is
            downloaded).

    Raises:
        BundleError: Neither.
    """
    if Path(llm).is_dir():
        from assistant.llm.identity import directory_identity

        return directory_identity(Path(llm))
    if not _HUB_ID.fullmatch(llm):
        raise BundleError(
            f"--llm {llm} is neither a directory nor a hub id (owner/name); name the language model"
            " the checkpoint was trained with."
        )
    return llm


def width_of(llm: str) -> int | None:
    """Hidden width of a local language model; None for a hub id, which is checked when loaded."""
    if not Path(llm).is_dir():
        return None
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(llm, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(f"{llm} has no readable config.json: {error}") from error
    return int(config.get_text_config().hidden_size)


def write_bundle(directory: Path, name: str, parts: list[str], llm: str) -> Bundle:
    """Names the parts, each a directory of its own name, and the language model.

    A local language model outside the bundle is named by its absolute path.
    """
    components = {part: part for part in parts}
    if not Path(llm).is_dir():
        return Bundle.write(directory, name, components, hub_llm=llm)
    place = Path(llm).resolve()
    inside = place.is_relative_to(directory.resolve())
    components["llm"] = os.path.relpath(place, directory.resolve()) if inside else str(place)
    return Bundle.write(directory, name, components)
