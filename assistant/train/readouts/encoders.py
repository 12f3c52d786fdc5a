"""The frozen encoders that are read: the one that is named, the bundle's, and random weights."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.bundle import Bundle
from assistant.checkpoint import WEIGHTS, sha256_of
from assistant.errors import AssistantError
from assistant.evaluate.probe import Named, named_encoder, random_encoder
from assistant.train.readouts.data import Asked

SHIPPED = "shipped"
_RANDOM_SEED = 0


@dataclass(frozen=True)
class Encoders:
    """Which encoders are read.

    Attributes:
        main: All variants are trained on it.
        beside: Some of the variants are trained on these.
        hashes: Of the weights of those that are files, by name.
    """

    main: Named
    beside: Sequence[Named]
    hashes: dict[str, str]

    @property
    def all(self) -> list[Named]:
        """All of them, the main one first."""
        return [self.main, *self.beside]


def encoders_of(named: str | None, base: Path, asked: Sequence[Asked]) -> Encoders:
    """The encoders.

    Args:
        named: `DIR` or `NAME=DIR` of the main one; the bundle's for None.
        base: Directory of the bundle.
        asked: Whose training molecules set the batch norms of the random weights.

    Raises:
        AssistantError: A directory holds no encoder or no bundle, or a name cannot be a directory.
    """
    own = Bundle.read(base).components["encoder"]
    main = named_encoder(named or f"{SHIPPED}={own}")
    if not re.fullmatch(r"[\w.-]+", main.name):
        raise AssistantError(
            f"{main.name!r} cannot name a directory: give --encoder NAME=DIR with letters, digits,"
            " dots and hyphens in the name."
        )
    hashes = {main.name: _hash(named.rpartition("=")[2] if named else own)}
    beside: list[Named] = []
    if hashes[main.name] != _hash(own):
        beside.append(named_encoder(f"{SHIPPED}={own}"))
        hashes[SHIPPED] = _hash(own)
    smiles = [e.molecules[0] for question in asked for e in question.train.examples]
    beside.append(random_encoder(main.encoder.config, smiles, seed=_RANDOM_SEED))
    if main.name in {entry.name for entry in beside}:
        raise AssistantError(
            f"{main.name!r} already names another encoder; name this one otherwise: --encoder"
            " NAME=DIR."
        )
    return Encoders(main, beside, hashes)


def _hash(directory: Path | str) -> str:
    return sha256_of(Path(directory) / WEIGHTS)[:12]
