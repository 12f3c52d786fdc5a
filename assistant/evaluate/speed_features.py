"""How fast molecules become graphs, for the speed table: against PyG's `from_smiles`, one core."""

import time
from collections.abc import Callable

from rdkit import Chem

from assistant.chem.graph import rdmols_to_graphs, smiles_to_graphs, to_graph
from assistant.chem.molecule import Molecule
from assistant.evaluate.speed_rows import SMILES, Pair, in_turns

_ROUNDS = 10


def from_text(repeats: int) -> Pair:
    """C10a: molecules per second from SMILES to graph."""
    return _against_pyg(lambda: list(smiles_to_graphs(SMILES)), repeats)


def from_parsed(repeats: int) -> Pair:
    """C10b: molecules per second from a parsed molecule to its graph, PyG from SMILES."""
    mols = [Chem.MolFromSmiles(text) for text in SMILES]
    return _against_pyg(lambda: list(rdmols_to_graphs(mols)), repeats)


def by_identity(repeats: int) -> Pair:
    """C10c: the way of what a person wrote: caps, canonical SMILES until stable, then its graph."""
    return _against_pyg(lambda: [to_graph(Molecule.parse(text)) for text in SMILES], repeats)


def bare_parse(repeats: int) -> Pair:
    """C10d: RDKit's `MolFromSmiles` alone, which nothing that reads text is faster than."""
    return _against_pyg(lambda: [Chem.MolFromSmiles(text) for text in SMILES], repeats)


def _against_pyg(ours: Callable[[], object], repeats: int) -> Pair:
    from torch_geometric.utils import from_smiles

    return in_turns(
        lambda: _rate(ours),
        lambda: _rate(lambda: [from_smiles(text) for text in SMILES]),
        repeats,
    )


def _rate(work: Callable[[], object]) -> float:
    """Molecules per second of a way through all of `SMILES`."""
    begin = time.perf_counter()
    for _ in range(_ROUNDS):
        work()
    return _ROUNDS * len(SMILES) / (time.perf_counter() - begin)
