"""What a base run starts from: which sources its directory was prepared from, and an encoder."""

import json
from pathlib import Path

from assistant.checkpoint import load_weights, read_config
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig


def check_sources(directory: Path, *, licensed_only: bool) -> None:
    """Notes which sources a run's directory is prepared from, or compares with what it noted.

    Raises:
        AssistantError: It was prepared from others.
    """
    note = directory / "sources.json"
    if not note.is_file():
        prepared = (directory / "molecules.pkl").is_file()  # before there was a choice: from all
        note.write_text(json.dumps({"licensed_only": licensed_only and not prepared}), "utf-8")
    if json.loads(note.read_text("utf-8"))["licensed_only"] != licensed_only:
        raise AssistantError(
            f"{directory} was prepared with licensed_only = {str(not licensed_only).lower()}; name"
            " a new directory with --run."
        )


def load_encoder(directory: Path, encoder: GraphEncoder) -> None:
    """Loads a pre-trained encoder into one of the same sizes.

    Raises:
        AssistantError: The directory holds no encoder, or one of other sizes.
    """
    found = read_config(directory, GraphEncoderConfig, component="encoder")
    if found != encoder.config:
        raise AssistantError(f"{directory} holds an encoder of {found}, not of {encoder.config}.")
    load_weights(directory, encoder)
