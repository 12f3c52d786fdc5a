"""What a base run starts from: its sources, another run's preparation, a pre-trained encoder."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from assistant.checkpoint import load_weights, read_config
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.train.provenance import (
    NOTE,
    UNNOTED,
    Provenance,
    encoder_sources,
    refuse_unclear_encoder,
)
from assistant.train.recipe import Recipe
from assistant.train.state import STATE
from assistant.train.task_mix import KEPT
from assistant.train.text import TEXT

_RECIPE = "recipe.json"
_PREPARED = ("molecules.pkl", "outside.json", "passages.json", TEXT, KEPT)


def begin(recipe: Recipe, directory: Path) -> None:
    """Checks what a run begins with, notes it, and takes over what another run prepared.

    Nothing is written before all that can be refused was: a directory noted for a run that never
    began would be held to it.

    Args:
        recipe: Of the run.
        directory: Of the run.

    Raises:
        AssistantError: Sources, start or encoder do not fit the recipe or the directory.
    """
    start = Path(recipe.start) if recipe.start else None
    encoder = Path(recipe.encoder) if recipe.encoder else None
    check_sources(directory, licensed_only=recipe.licensed_only, start=start, encoder=encoder)
    if start is not None:
        check_start(start, directory, {"seed": recipe.seed, "n_molecules": recipe.n_molecules})
    note_sources(directory, licensed_only=recipe.licensed_only, start=start, encoder=encoder)
    if start is not None:
        take_over(start, directory)


def check_sources(
    directory: Path, *, licensed_only: bool, start: Path | None = None, encoder: Path | None = None
) -> None:
    """Refuses sources that a run's directory, or what it begins with, was not prepared from.

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
    is_prepared = (directory / NOTE).is_file() or (directory / "molecules.pkl").is_file()
    # One without a note is older than the choice and used all sources.
    if is_prepared and Provenance.of(directory).licensed_only != licensed_only:
        raise AssistantError(
            f"{directory} was prepared with licensed_only = {str(not licensed_only).lower()};"
            " name a new directory with --run."
        )


def note_sources(
    directory: Path, *, licensed_only: bool, start: Path | None = None, encoder: Path | None = None
) -> None:
    """Notes which sources a run is prepared from, and what the encoder in it learned from before.

    A directory that has weights keeps the note that they came with.

    Args:
        directory: Of the run.
        licensed_only: Whether only clearly licensed sources are used.
        start: Directory of a finished run that this one goes on from, encoder included.
        encoder: Directory of the pre-trained encoder that it begins with, also where the start
            has another: what that one learned from is in the weights that read it.
    """
    if _has_weights(directory):
        return
    lines: tuple[str, ...] = ()
    if start is not None:
        recipe = json.loads((start / _RECIPE).read_text(encoding="utf-8"))
        lines = encoder_sources(start, recipe)
    if encoder is not None:
        lines = tuple(dict.fromkeys((*lines, *(Provenance.of(encoder).sources or (UNNOTED,)))))
    Provenance(licensed_only, lines).write(directory)


def check_start(start: Path, directory: Path, chosen: Mapping[str, object]) -> None:
    """Refuses a run to go on from whose weights or held-out molecules are of another kind.

    The weights mean the tokens of the tokenizer they were trained with, and what is held out
    depends on the molecules and their order. A directory that has weights of its own needs none.

    Args:
        start: Directory of a finished run.
        directory: Of the run that goes on from it.
        chosen: Values of its recipe that choose the molecules.

    Raises:
        AssistantError: `start` is no finished run or chose other molecules, or `directory` has
            another tokenizer.
    """
    if _has_weights(directory):
        return
    recipe, tokenizer = start / _RECIPE, start / "tokenizer"
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
    if own.is_dir() and _tokens(own) != _tokens(tokenizer):
        raise AssistantError(
            f"{own} is not the tokenizer that the weights of {start} were trained with; name a new"
            " directory with --run."
        )


def take_over(start: Path, directory: Path) -> None:
    """Copies what another run prepared into the directory of one that goes on from its weights.

    A directory that has weights of its own is left alone.

    Args:
        start: Directory of a finished run that `check_start` did not refuse.
        directory: Of the run that goes on from it.
    """
    if _has_weights(directory):
        return
    if not (directory / "tokenizer").is_dir():
        shutil.copytree(start / "tokenizer", directory / "tokenizer")
    for name in _PREPARED:
        if (start / name).is_file() and not (directory / name).exists():
            shutil.copy2(start / name, directory / name)


def _has_weights(directory: Path) -> bool:
    return (directory / STATE).is_file()


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
