"""Pairs as the language model takes them: interaction tokens, kept per pair, task and order.

    MoleculePair ─► canonical order ─► graphs, conformers ─► pair model ─► tokens (k, h)

Where the order does not matter a pair is encoded in its canonical order, so that both ways round
give the same tokens to the last bit. A molecule without a 3D shape is never given a made-up one: a
model with a 2D encoder reads the graph without it and says so, one without (also one that reads 1D
views: tokens are aligned from atoms) gives no tokens and says why.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from assistant.adapters.weights import tensor_hash
from assistant.chem.graph import to_graph
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import MoleculePair
from assistant.errors import ChemistryTimeoutError, InvalidMoleculeError, QueueFullError
from assistant.graph.pairs.encoders1d import view_tensors
from assistant.graph.pairs.model import MoleculeTensors, PairModel, PairTensors

MAX_KEPT = 512
"""Pairs, and molecules' conformers, that are kept; a pair takes k · h values."""

T = TypeVar("T")

ShapesOf = Callable[[Molecule, int], npt.NDArray[np.floating]]


@dataclass(frozen=True)
class PairEncoding:
    """Interaction tokens of a pair; None where there are none.

    Attributes:
        tokens: (k, h).
        tokens_hash: Stands for the values in cache keys; computed when not given.
        note: What the person should know: a shape that is missing, and what follows from it.
    """

    tokens: Tensor | None = None
    tokens_hash: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.tokens is not None and not self.tokens_hash:
            object.__setattr__(self, "tokens_hash", tensor_hash(self.tokens))


class PairEncoder:
    """Encodes pairs for one LLM; safe to call from several threads.

    Args:
        model: The pair model.
        shapes_of: Gives conformers (c, n, 3) of a molecule, or raises why there are none; asked
            only when the model has a 3D encoder.
        device: Where the LLM computes.
        dtype: In what type the LLM computes.
        max_kept: Pairs, and conformer sets, that are kept.
    """

    def __init__(
        self,
        model: PairModel,
        shapes_of: ShapesOf,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        max_kept: int = MAX_KEPT,
    ) -> None:
        self.model = model.eval().requires_grad_(False).to(device)
        self._shapes_of = shapes_of
        self._dtype = dtype
        self._kept = _Kept[PairEncoding](max_kept)
        self._shapes = _Kept[tuple[Tensor | None, str]](max_kept)

    @property
    def n_tokens(self) -> int:
        """Interaction tokens per pair."""
        return self.model.config.n_tokens

    def encode(self, pairs: Sequence[MoleculePair]) -> list[PairEncoding]:
        """Encodes pairs in order; those seen before come from the cache.

        One at a time: the last bits then do not depend on which pairs came along.
        """
        return [self._encode(pair) for pair in pairs]

    def clear(self) -> None:
        """Empties the caches."""
        self._kept.clear()
        self._shapes.clear()

    def _encode(self, pair: MoleculePair) -> PairEncoding:
        known = self._kept.get("\0".join(pair.key))
        if known is not None:
            return known
        encoding, keep = self._compute(pair.canonical())
        if keep:
            self._kept.put("\0".join(pair.key), encoding)
        return encoding

    def _compute(self, pair: MoleculePair) -> tuple[PairEncoding, bool]:
        """The encoding, and whether it would be the same next time (a time-out might not)."""
        sides = [self._tensors(molecule) for molecule in (pair.first, pair.second)]
        lasting = all(is_lasting for _, _, is_lasting in sides)
        reasons = [reason for _, reason, _ in sides if reason]
        if reasons and self.model.config.encoder_2d is None:
            return PairEncoding(note=_without_tokens(reasons)), lasting
        first, second = (tensors for tensors, _, _ in sides)
        with torch.no_grad():
            tokens = self.model([PairTensors(first, second, pair.task)])[0].to(self._dtype)
        note = _without_shape(reasons) if reasons else ""
        return PairEncoding(tokens, note=note), lasting

    def _tensors(self, molecule: Molecule) -> tuple[MoleculeTensors, str, bool]:
        """A molecule for the model, why it has no shape (if it should), and whether that lasts."""
        graph, config = to_graph(molecule), self.model.config
        names = config.encoder_1d.views if config.encoder_1d is not None else ()
        views = view_tensors(molecule.rdmol(), names)
        if config.encoder_3d is None:
            return MoleculeTensors(graph, views=views), "", True
        known = self._shapes.get(molecule.smiles)
        lasting = True
        if known is None:
            known, lasting = self._find_shapes(molecule)
            if lasting:
                self._shapes.put(molecule.smiles, known)
        positions, reason = known
        return MoleculeTensors(graph, positions, views), reason, lasting

    def _find_shapes(self, molecule: Molecule) -> tuple[tuple[Tensor | None, str], bool]:
        try:
            positions = self._shapes_of(molecule, self.model.config.n_conformers)
        except InvalidMoleculeError as error:
            return (None, str(error)), True
        except (ChemistryTimeoutError, QueueFullError) as error:
            return (None, str(error)), False
        return (torch.from_numpy(np.asarray(positions, dtype=np.float32)), ""), True


def _without_shape(reasons: Sequence[str]) -> str:
    who = "One molecule of the pair was" if len(reasons) == 1 else "Both molecules were"
    return f"{who} read without a 3D shape. {' '.join(dict.fromkeys(reasons))}"


def _without_tokens(reasons: Sequence[str]) -> str:
    return (
        "The pair model needs 3D shapes, so this answer comes without interaction tokens."
        f" {' '.join(dict.fromkeys(reasons))}"
    )


class _Kept(Generic[T]):
    """The most recently used values by key."""

    def __init__(self, max_kept: int) -> None:
        self._values: OrderedDict[str, T] = OrderedDict()
        self._max_kept = max_kept
        self._lock = threading.Lock()

    def get(self, key: str) -> T | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: str, value: T) -> None:
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._max_kept:
                self._values.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
