"""Before the pairs: encoder and alignment learn what RDKit computes of single molecules.

A table of some hundred measured pairs is too small to learn chemistry from. Descriptors cost
nothing and no label is seen: structures alone, in the role of the first molecule. Those of the
table of pairs are left out, whichever rows of it are tested on later.
"""

import math
import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors
from torch import nn

from assistant.chem.graph import rdmols_to_graphs
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.table import read_table
from assistant.graph.pairs.head import PairHead
from assistant.graph.pairs.model import MoleculeTensors
from assistant.train.encoder.molecules import structure_key
from assistant.train.pair_recipe import Descriptors as Settings
from assistant.train.progress import Progress

COMPUTED = {
    "logP": Crippen.MolLogP,
    "molar refractivity": Crippen.MolMR,
    "TPSA": rdMolDescriptors.CalcTPSA,
    "donors": rdMolDescriptors.CalcNumHBD,
    "acceptors": rdMolDescriptors.CalcNumHBA,
    "rotatable bonds": rdMolDescriptors.CalcNumRotatableBonds,
    "surface": rdMolDescriptors.CalcLabuteASA,
    "heavy atoms": lambda mol: mol.GetNumHeavyAtoms(),
    "rings": rdMolDescriptors.CalcNumRings,
    "aromatic rings": rdMolDescriptors.CalcNumAromaticRings,
    "sp3 carbons": rdMolDescriptors.CalcFractionCSP3,
    "valence electrons": Descriptors.NumValenceElectrons,
}
"""What is learned; all of it is computed from the structure."""

_CHARS_PER_ATOM = 2.5


def chosen_molecules(
    settings: Settings, data: Path, seed: int, *, left_out: Iterable[str]
) -> list[Molecule]:
    """Molecules of the table within the size, drawn by the seed.

    Args:
        settings: Table, size and number.
        data: Data directory.
        seed: Of the draw.
        left_out: SMILES of structures that are not taken, stereo aside.

    Raises:
        AssistantError: The table is missing or none fits.
    """
    unwanted = {structure_key(smiles) for smiles in left_out}
    rows = read_table(data / settings.path, ("smiles",))
    texts = [row["smiles"] for row in rows]
    random.Random(seed).shuffle(texts)
    longest = settings.max_atoms * _CHARS_PER_ATOM
    found: list[Molecule] = []
    for text in texts:
        if len(found) == settings.n_molecules:
            break
        if len(text) > longest:
            continue
        try:
            molecule = Molecule.parse(text)
        except AssistantError:
            continue  # of a corpus; nobody waits for this one
        if molecule.rdmol().GetNumHeavyAtoms() > settings.max_atoms:
            continue
        if structure_key(molecule.smiles) not in unwanted:
            found.append(molecule)
    if not found:
        raise AssistantError(
            f"{settings.path} has no molecule of {settings.max_atoms} atoms beside those of the"
            " pairs."
        )
    return found


def descriptor_values(molecules: list[Molecule]) -> np.ndarray:
    """Standardised descriptors, (n, len(COMPUTED))."""
    values = np.array([[f(m.rdmol()) for f in COMPUTED.values()] for m in molecules], dtype=float)
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def learn_descriptors(
    head: PairHead, settings: Settings, data: Path, *, seed: int, left_out: Iterable[str]
) -> float:
    """Trains encoder and alignment of a head in place; returns the last mean loss.

    Args:
        head: Untrained.
        settings: On what and how long.
        data: Data directory.
        seed: Of the molecules and their order.
        left_out: SMILES of the table of pairs.
    """
    molecules = chosen_molecules(settings, data, seed, left_out=left_out)
    targets = torch.from_numpy(descriptor_values(molecules)).float()
    tensors = [MoleculeTensors(graph) for graph in rdmols_to_graphs(m.rdmol() for m in molecules)]
    sizes = head.config.model
    out = nn.Linear(sizes.n_tokens * sizes.d_model, targets.shape[1])
    parameters = [*head.pair.parameters(), *out.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=0.01)
    n_steps = max(1, round(settings.epochs * len(tensors) / settings.batch))
    progress = Progress("descriptors", n_steps, unit="molecules")
    drawn = np.random.default_rng(seed)
    losses: list[float] = []
    head.train()
    for step in range(n_steps):
        rate = 0.5 * (1 + math.cos(math.pi * step / n_steps)) * min(1.0, (step + 1) / 20)
        for group in optimiser.param_groups:
            group["lr"] = settings.lr * rate
        rows = drawn.choice(len(tensors), min(settings.batch, len(tensors)), replace=False)
        roles = [head.config.roles[0]] * len(rows)
        blocks = head.pair.aligned([tensors[i] for i in rows], roles)
        loss = nn.functional.smooth_l1_loss(out(blocks.flatten(1)), targets[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        losses.append(loss.item())
        progress.advance(len(rows), f"loss {np.mean(losses[-20:]):.3f}")
    return float(np.mean(losses[-20:]))
