"""What a base run starts from: which sources its directory was prepared from, and an encoder."""

import json
from pathlib import Path

from assistant.checkpoint import load_weights, read_config
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig

_NOTE = "sources.json"


def check_sources(directory: Path, *, licensed_only: bool, start: Path | None = None) -> None:
    """Notes which sources a run's directory is prepared from, or compares with what it noted.

    Args:
        directory: Of the run.
        licensed_only: Whether only clearly licensed sources are used.
        start: Directory of another run that this one goes on from.

    Raises:
        AssistantError: One of them was prepared from other sources.
    """
    if start is not None and licensed_only and not _is_licensed_only(start):
        raise AssistantError(
            f"{start} was not trained with licensed_only = true, so a run that is cannot start from"
            " it."
        )
    if (directory / _NOTE).is_file() or (directory / "molecules.pkl").is_file():
        if _is_licensed_only(directory) != licensed_only:
            raise AssistantError(
                f"{directory} was prepared with licensed_only = {str(not licensed_only).lower()};"
                " name a new directory with --run."
            )
        return
    (directory / _NOTE).write_text(json.dumps({"licensed_only": licensed_only}), encoding="utf-8")


def _is_licensed_only(directory: Path) -> bool:
    """As the run noted; one without a note is older than the choice and used all sources."""
    note = directory / _NOTE
    return note.is_file() and json.loads(note.read_text(encoding="utf-8"))["licensed_only"]


def load_encoder(directory: Path, encoder: GraphEncoder) -> None:
    """Loads a pre-trained encoder into one of the same sizes.

    Raises:
        AssistantError: The directory holds no encoder, or one of other sizes.
    """
    found = read_config(directory, GraphEncoderConfig, component="encoder")
    if found != encoder.config:
        raise AssistantError(f"{directory} holds an encoder of {found}, not of {encoder.config}.")
    load_weights(directory, encoder)
