"""Molecules as the language model takes them: graph tokens and low-rank weights, kept per molecule.

    Molecule ─► graph ─► encoder ─► levels ─┬► projector ─► graph tokens (k, h)
                    motif rows ─────────────┘
                                            └► generator ─► ΔW

Everything here depends on the structure alone, so it is cached by canonical SMILES; the least
recently used molecules are dropped when the cache exceeds its bytes.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from assistant.adapters.generator import LoraGenerator
from assistant.adapters.mora import MoraGenerator
from assistant.adapters.weights import (
    LoraWeights,
    LowRank,
    content_hash,
    tensor_hash,
)
from assistant.chem.graph import to_graph, to_mora_graph, without_atoms
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import NO_ATOMS, own_motif_rows
from assistant.chem.motifs import motif_rows as published_motif_rows
from assistant.graph.encoder import GraphEncoder
from assistant.graph.frozen import FrozenEncoder, FrozenProjector
from assistant.graph.projector import N_MOTIF_FEATURES, MultiLevelProjector

DEFAULT_CACHE_BYTES = 512 * 2**20

_SMALL_GENERATOR = 2**28  # multiplications for all A of a molecule

_GRAPH_OF = {"ogb": to_graph, "mora": to_mora_graph}
_MOTIF_ROWS_OF = {"own": own_motif_rows, "published": published_motif_rows}


@dataclass(frozen=True)
class MoleculeEncoding:
    """Graph tokens (k, h) and ΔW of one molecule; None where the component is off.

    The hashes stand for the values in cache keys; they are computed when not given.
    """

    graph_tokens: Tensor | None = None
    lora: LoraWeights | None = None
    tokens_hash: str = ""
    lora_hash: str = ""

    def __post_init__(self) -> None:
        if self.graph_tokens is not None and not self.tokens_hash:
            object.__setattr__(self, "tokens_hash", tensor_hash(self.graph_tokens))
        if self.lora and not self.lora_hash:
            object.__setattr__(self, "lora_hash", content_hash(self.lora))

    @property
    def n_bytes(self) -> int:
        """Memory of what belongs to this molecule alone; B is shared."""
        tensors = [part.lora_A for part in self.lora.values()] if self.lora else []
        if self.graph_tokens is not None:
            tensors.append(self.graph_tokens)
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


class MoleculeEncoder:
    """Encodes molecules for one LLM; safe to call from several threads.

    Attributes:
        n_hits: Molecules that came from the cache so far.
        n_misses: Molecules that were computed.

    Args:
        encoder: The graph encoder.
        projector: Gives graph tokens; None switches them off.
        generator: Gives ΔW; None switches them off.
        device: Where the LLM computes.
        dtype: In what type the LLM computes.
        motif_rows: How motif rows are found (of a molecule, and of one without some atoms); as the
            projector was trained when not given.
        max_bytes: Size of the cache.
    """

    def __init__(
        self,
        encoder: GraphEncoder,
        projector: MultiLevelProjector | None,
        generator: LoraGenerator | MoraGenerator | None,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        motif_rows: Callable[..., np.ndarray | None] | None = None,
        max_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self.encoder = encoder.eval().requires_grad_(False).to(device)
        self.projector = projector and projector.eval().requires_grad_(False).to(device)
        self.generator = generator and generator.eval().requires_grad_(False).to(device)
        self._to_graph = _GRAPH_OF[encoder.config.columns]
        self._motif_rows = motif_rows or (
            _MOTIF_ROWS_OF[projector.config.motif_rows] if projector else own_motif_rows
        )
        self._encode = FrozenEncoder(self.encoder)
        self._project = self.projector and FrozenProjector(self.projector)
        if isinstance(self.generator, LoraGenerator):
            self.generator.freeze()
        self._dtype = dtype
        # One B per site for all molecules: its identity is what lets their A be combined.
        shared = self.generator.shared_B() if self.generator is not None else {}
        self._B = {name: B.detach().to(dtype) for name, B in shared.items()}
        self._constant_hash = self._hash_constants()
        self._is_small = torch.device(device).type == "cpu" and _n_products(generator) < (
            _SMALL_GENERATOR
        )
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, MoleculeEncoding] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()
        self.n_hits = self.n_misses = 0

    def encode(self, molecules: Sequence[Molecule]) -> list[MoleculeEncoding]:
        """Encodes molecules in order; those seen before come from the cache."""
        with self._lock:
            found = {m.smiles: self._kept[m.smiles] for m in molecules if m.smiles in self._kept}
            for smiles in found:
                self._kept.move_to_end(smiles)
            wanted = {m.smiles: m for m in molecules if m.smiles not in found}
            self.n_hits += len(found)
            self.n_misses += len(wanted)
        if wanted:
            # One at a time: the last bits then do not depend on which molecules came along, so
            # an answer can be reproduced.
            fresh = {smiles: self._compute(molecule) for smiles, molecule in wanted.items()}
            found |= fresh
            self._keep(fresh)
        return [found[molecule.smiles] for molecule in molecules]

    def encode_without(self, molecule: Molecule, numbers: Set[int]) -> MoleculeEncoding:
        """A molecule as if some of its atoms were not there; not kept in the cache.

        The atoms and their bonds leave the graph before the encoder, so that no level holds
        anything of them, and projector and generator have no key of theirs. (A key-padding mask
        behind the encoder would leave what five rounds of messages told their neighbours.) Motif
        rows are described without them. Nothing is computed again that does not depend on them.

        Args:
            molecule: The molecule.
            numbers: Atoms, from 1; without all of them there is no graph and no ΔW.
        """
        if set(range(1, molecule.rdmol().GetNumAtoms() + 1)) <= numbers:
            return MoleculeEncoding()
        return self._compute(molecule, numbers)

    @property
    def n_bytes(self) -> int:
        """Bytes in the cache."""
        return self._n_bytes

    def clear(self) -> None:
        """Empties the cache (the first thing to go when memory is short)."""
        with self._lock:
            self._kept.clear()
            self._n_bytes = 0

    def _keep(self, fresh: dict[str, MoleculeEncoding]) -> None:
        with self._lock:
            for smiles, encoding in fresh.items():
                if smiles not in self._kept:
                    self._kept[smiles] = encoding
                    self._n_bytes += encoding.n_bytes
            while self._n_bytes > self._max_bytes and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self._n_bytes -= dropped.n_bytes

    def _compute(self, molecule: Molecule, without: Set[int] = NO_ATOMS) -> MoleculeEncoding:
        with one_thread() if self._is_small else nullcontext():
            return self._computed(molecule, without)

    @torch.inference_mode()
    def _computed(self, molecule: Molecule, without: Set[int]) -> MoleculeEncoding:
        graph = self._to_graph(molecule)
        levels = self._encode(without_atoms(graph, without) if without else graph)
        tokens = lora = None
        if self._project is not None:
            rows = self._motif_rows(molecule, without) if without else self._motif_rows(molecule)
            motifs = np.empty((0, N_MOTIF_FEATURES)) if rows is None else rows
            tokens = self._project(levels, torch.from_numpy(motifs)).to(self._dtype)
        lora_hash = ""
        if self.generator is not None:
            stacked = self.generator(levels, dtype=self._dtype)
            lora = {
                name: LowRank(part.lora_A[0], self._B[name], part.scaling)
                for name, part in stacked.items()
            }
            lora_hash = self._lora_hash(lora, stacked.codes)
        return MoleculeEncoding(graph_tokens=tokens, lora=lora, lora_hash=lora_hash)

    def _hash_constants(self) -> str:
        """Of what the ΔW of all molecules have in common: B, and the basis of A."""
        digest = hashlib.sha256(f"{self._dtype}".encode())
        B = {name: LowRank(B.new_empty(0, 0), B) for name, B in self._B.items()}
        digest.update(content_hash(B).encode())
        if isinstance(self.generator, LoraGenerator):
            for kind, basis in self.generator.basis.items():
                digest.update(f"{kind} {tensor_hash(basis)}".encode())
        return digest.hexdigest()

    def _lora_hash(self, lora: LoraWeights, codes: Tensor | None) -> str:
        """Of a ΔW's values, or of the codes that give them by a known basis: far fewer bytes."""
        digest = hashlib.sha256(self._constant_hash.encode())
        if codes is not None:
            digest.update(tensor_hash(codes).encode())
        for name, part in lora.items():
            values = tensor_hash(part.lora_A) if codes is None else ""
            digest.update(f"{name} {part.scaling!r} {values}".encode())
        return digest.hexdigest()


def _n_products(generator: LoraGenerator | MoraGenerator | None) -> int:
    """About how many multiplications the A of one molecule take; few without a generator."""
    if generator is None:
        return 0
    if isinstance(generator, MoraGenerator):
        return sum(parameter.numel() for parameter in generator.parameters())
    config = generator.config
    return config.d_model * config.rank * sum(site.in_features for site in config.sites)


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets the calling thread compute alone: threads that share a small product only wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
