"""What a base run starts from: its sources, another run's preparation, a pre-trained encoder."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from assistant.checkpoint import load_weights, read_config
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.train.provenance import NOTE, Provenance, refuse_unclear_encoder
from assistant.train.text import TEXT

_PREPARED = ("molecules.pkl", "outside.json", "passages.json", TEXT)


def check_sources(
    directory: Path, *, licensed_only: bool, start: Path | None = None, encoder: Path | None = None
) -> None:
    """Notes which sources a run's directory is prepared from, or compares with what it noted.

    Args:
        directory: Of the run.
        licensed_only: Whether only clearly licensed sources are used.
        start: Directory of another run that this one goes on from.
        encoder: Directory of the pre-trained encoder that it begins with.

    Raises:
        AssistantError: One of them was prepared from other sources.
    """
    if licensed_only and start is not None and not Provenance.of(start).licensed_only:
        raise AssistantError(
            f"{start} was not trained with licensed_only = true, so a run that is cannot start from"
            " it."
        )
    if licensed_only and encoder is not None:
        refuse_unclear_encoder(encoder)
    if (directory / NOTE).is_file() or (directory / "molecules.pkl").is_file():
        # One without a note is older than the choice and used all sources.
        if Provenance.of(directory).licensed_only != licensed_only:
            raise AssistantError(
                f"{directory} was prepared with licensed_only = {str(not licensed_only).lower()};"
                " name a new directory with --run."
            )
        return
    before = [Provenance.of(place).sources for place in (encoder, start) if place is not None]
    lines = tuple(line for sources in before for line in sources)
    Provenance(licensed_only, lines).write(directory)


def take_over(start: Path, directory: Path, chosen: Mapping[str, object]) -> None:
    """Copies what another run prepared into the directory of one that goes on from its weights.

    The weights mean the tokens of the tokenizer they were trained with, and what is held out
    depends on the molecules and their order. A directory that has weights of its own is left alone.

    Args:
        start: Directory of a finished run.
        directory: Of the run that goes on from it.
        chosen: Values of its recipe that choose the molecules.

    Raises:
        AssistantError: `start` is no finished run or chose other molecules, or `directory` has
            another tokenizer.
    """
    if (directory / "state.pt").is_file():
        return
    recipe, tokenizer = start / "recipe.json", start / "tokenizer"
    if not recipe.is_file() or not tokenizer.is_dir():
        raise AssistantError(
            f"{start} is no finished run of assistant.train.base (recipe.json and tokenizer/ are"
            " looked for); name one in the recipe as start."
        )
    was = json.loads(recipe.read_text(encoding="utf-8"))
    for key, value in chosen.items():
        if was[key] != value:
            raise AssistantError(
                f"{start} was trained with {key} = {was[key]}, this recipe has {value}: what was"
                f" held out there would be trained on. Set {key} = {was[key]}."
            )
    own = directory / "tokenizer"
    if not own.is_dir():
        shutil.copytree(tokenizer, own)
    elif _tokens(own) != _tokens(tokenizer):
        raise AssistantError(
            f"{own} is not the tokenizer that the weights of {start} were trained with; name a new"
            " directory with --run."
        )
    for name in _PREPARED:
        if (start / name).is_file() and not (directory / name).exists():
            shutil.copy2(start / name, directory / name)


def _tokens(tokenizer: Path) -> bytes:
    return (tokenizer / "tokenizer.json").read_bytes()


def load_encoder(directory: Path, encoder: GraphEncoder) -> None:
    """Loads a pre-trained encoder into one of the same sizes.

    Raises:
        AssistantError: The directory holds no encoder, or one of other sizes.
    """
    found = read_config(directory, GraphEncoderConfig, component="encoder")
    if found != encoder.config:
        raise AssistantError(f"{directory} holds an encoder of {found}, not of {encoder.config}.")
    load_weights(directory, encoder)
