"""The state of a training in its run's directory: written so that a crash leaves the one before."""

from collections.abc import Mapping
from pathlib import Path

import torch

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
