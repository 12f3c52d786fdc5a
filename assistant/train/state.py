"""The state of a training in its run's directory: written so that a crash leaves the one before."""

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from assistant.errors import AssistantError

STATE = "state.pt"


def write_state(directory: Path, state: Mapping[str, object]) -> None:
    """Writes weights, optimiser and progress under a temporary name, then renames the file.

    Args:
        directory: Of the run.
        state: Tensors and plain values, as `torch.load(weights_only=True)` reads them.
    """
    temporary = directory / "state.tmp"
    torch.save(state, temporary)
    temporary.replace(directory / STATE)


def read_state(
    directory: Path,
    *needed: str,
    command: str = "assistant.train.base",
    device: torch.device | str = "cpu",
) -> dict[str, Any]:
    """What `write_state` wrote.

    Args:
        directory: Of the run.
        needed: Parts that the state has to have.
        command: What trains such runs, for errors.
        device: Where the tensors go.

    Raises:
        AssistantError: There is no state, it is damaged, or that of another kind of run.
    """
    path = directory / STATE
    if not path.is_file():
        raise AssistantError(f"There is no {path}: name a run of {command}.")
    try:
        state = torch.load(path, weights_only=True, map_location=device)
    except (pickle.UnpicklingError, RuntimeError, EOFError, struct.error, ValueError) as error:
        raise AssistantError(
            f"{path} cannot be read: it is damaged, or not the state of a training. Name another"
            " run, or remove the file to train it again from the beginning."
        ) from error
    missing = [name for name in needed if not isinstance(state, dict) or name not in state]
    if missing:
        raise AssistantError(
            f"{path} has no {', '.join(missing)}: it is no state of {command}; name a run of it."
        )
    return state
