"""How fast molecules become graphs, for the speed table: against PyG's `from_smiles`, one core."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from rdkit import Chem

from assistant.chem.graph import rdmols_to_graphs, smiles_to_graphs, to_graph
from assistant.chem.molecule import Molecule
from assistant.evaluate.speed_rows import SMILES, Pair, in_turns

_ROUNDS = 10

_T = TypeVar("_T")


def from_text(repeats: int) -> Pair:
    """C10a: molecules per second from SMILES to graph, as a data set is read: all in one call."""
    return _against_pyg(lambda texts: list(smiles_to_graphs(texts)), SMILES, repeats)


def from_parsed(repeats: int) -> Pair:
    """C10b: molecules per second from a parsed molecule to its graph, PyG from SMILES."""
    mols = [Chem.MolFromSmiles(text) for text in SMILES]
    return _against_pyg(lambda some: list(rdmols_to_graphs(some)), mols, repeats)


def by_identity(repeats: int) -> Pair:
    """C10c: the way of what a person wrote: caps, canonical SMILES until stable, then its graph."""
    return _against_pyg(
        lambda texts: [to_graph(Molecule.parse(text)) for text in texts], SMILES, repeats
    )


def bare_parse(repeats: int) -> Pair:
    """C10d: RDKit's `MolFromSmiles` alone, which nothing that reads text is faster than."""
    return _against_pyg(lambda texts: [Chem.MolFromSmiles(text) for text in texts], SMILES, repeats)


def _against_pyg(ours: Callable[[list[_T]], object], things: Sequence[_T], repeats: int) -> Pair:
    from torch_geometric.utils import from_smiles

    return in_turns(
        lambda: _rate(ours, things),
        lambda: _rate(lambda texts: [from_smiles(text) for text in texts], SMILES),
        repeats,
    )


def _rate(work: Callable[[list[_T]], object], things: Sequence[_T]) -> float:
    """Molecules per second of a way through all of them, some times over."""
    many = _ROUNDS * list(things)
    begin = time.perf_counter()
    work(many)
    return len(many) / (time.perf_counter() - begin)
