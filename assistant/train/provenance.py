"""What trained weights learned from: a note beside them, which a later training asks.

A run's directory and an encoder's have one. A run that keeps to clearly licensed sources must not
begin with weights that did not.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.checkpoint import write_json
from assistant.errors import AssistantError

NOTE = "sources.json"
UNNOTED = "what it was trained on was not noted"


@dataclass(frozen=True)
class Provenance:
    """The note.

    Attributes:
        licensed_only: Whether all sources have a clear licence (`assistant.train.licences`).
        sources: Of an encoder, what it was trained on with the licences, a line each; of a run,
            the same of the encoder that it began with.
    """

    licensed_only: bool
    sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, directory: Path) -> "Provenance":
        """As noted; without a note nobody knows, so not all is clear."""
        note = directory / NOTE
        if not note.is_file():
            return cls(licensed_only=False)
        values = json.loads(note.read_text(encoding="utf-8"))
        return cls(values["licensed_only"], tuple(values.get("sources", ())))

    def write(self, directory: Path) -> None:
        """Writes the note into a directory."""
        write_json(directory / NOTE, asdict(self))


def encoder_sources(run: Path, recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """What the encoder of a run learned from before the run, a line each; none where it is new.

    Args:
        run: Directory of a base run.
        recipe: As it noted it.
    """
    return Provenance.of(run).sources or ((UNNOTED,) if recipe.get("encoder") else ())


def refuse_unclear_encoder(encoder: Path) -> None:
    """Refuses a pre-trained encoder for a training that is `licensed_only`.

    Raises:
        AssistantError: It was trained on other sources too, or nobody noted on which.
    """
    if not Provenance.of(encoder).licensed_only:
        raise AssistantError(
            f"With licensed_only the encoder {encoder} is refused: no {NOTE} there says that it was"
            " trained on clearly licensed sources only. Train one with python -m"
            " assistant.train.encoder --licensed-only and name it as the encoder."
        )
