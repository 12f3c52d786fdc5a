"""What the parts of a pair model cost: parameters, time and memory on one drug-like molecule.

    python -m assistant.evaluate.pairs [--smiles SMILES] [--repeats N] [--json OUT]

Each encoder reads the molecule in inference, as often as `--repeats` says; the median counts, in
processor time, so that neighbours on the machine do not show. A 3D encoder does so once with one
conformer and once with all. Memory is what one training pass keeps for its backward pass, counted
tensor by tensor (parameters apart), so it does not depend on the allocator. Interactions are run at
the pair model's own width; the bilinear fusion is also counted at widths of language models.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from assistant.chem.conformer import conformer_positions
from assistant.chem.graph import to_graph
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.graph.encoder import collate
from assistant.graph.pairs.encoders2d import ENCODERS_2D, Encoder2DConfig
from assistant.graph.pairs.encoders3d import ENCODERS_3D, Encoder3DConfig
from assistant.graph.pairs.interactions import INTERACTIONS, InteractionConfig, build_interaction

IMATINIB = "Cc1ccc(cc1Nc1nccc(n1)-c1cccnc1)NC(=O)c1ccc(cc1)CN1CCN(CC1)C"
N_CONFORMERS = 20
D_MODEL, N_TOKENS, RANK = 128, 8, 64
LLM_WIDTHS = (768, 2048, 4096)
_MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What one part costs.

    Attributes:
        part: Its name.
        parameters: Trainable numbers.
        milliseconds: Processor time of one inference pass, median.
        training_mib: Kept for the backward pass of one training pass.
        batch: Conformers per pass for a 3D encoder, else 1.
    """

    part: str
    parameters: int
    milliseconds: float
    training_mib: float
    batch: int = 1


def n_parameters(module: nn.Module) -> int:
    """Numbers in all parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def kept_bytes(run: Callable[[], Tensor], module: nn.Module, apart: Iterable[Tensor] = ()) -> int:
    """Bytes that autograd keeps of a pass, each storage once, parameters and `apart` left out."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *apart)}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = run()  # holds the graph, so that no storage is freed and its address used again
        total = sum(kept.values())
    del output
    return total


def measure(
    part: str, module: nn.Module, run: Callable[[], Tensor], *, repeats: int, batch: int = 1
) -> Cost:
    """Times and counts one part."""
    module.train()
    memory = kept_bytes(run, module)
    module.eval()
    seconds = []
    with torch.inference_mode():
        run()
        for _ in range(repeats):
            began = time.process_time()
            run()
            seconds.append(time.process_time() - began)
    median = statistics.median(seconds) * 1e3
    return Cost(part, n_parameters(module), median, memory / _MIB, batch)


@cache
def conformers(molecule: Molecule) -> Tensor:
    """Positions (c, n, 3) in Å."""
    return torch.from_numpy(conformer_positions(molecule, N_CONFORMERS)).float()


def encoders_2d(molecule: Molecule, repeats: int) -> list[Cost]:
    """Every 2D encoder on one molecule."""
    graph = collate([to_graph(molecule)])
    costs = []
    for kind in ENCODERS_2D:
        torch.manual_seed(0)
        module = ENCODERS_2D[kind](Encoder2DConfig(kind, D_MODEL))
        costs.append(measure(kind, module, lambda m=module: m(graph), repeats=repeats))
    return costs


def encoders_3d(molecule: Molecule, repeats: int) -> list[Cost]:
    """Every 3D encoder on one conformer and on all."""
    positions = conformers(molecule)
    elements = to_graph(molecule).x[:, 0]
    costs = []
    for kind in ENCODERS_3D:
        torch.manual_seed(0)
        module = ENCODERS_3D[kind](Encoder3DConfig(kind, D_MODEL))
        for n_shapes in (1, len(positions)):
            run = _shapes_run(module, elements, positions[:n_shapes])
            costs.append(measure(kind, module, run, repeats=repeats, batch=n_shapes))
    return costs


def _shapes_run(module: nn.Module, elements: Tensor, positions: Tensor) -> Callable[[], Tensor]:
    n_shapes, n_atoms, _ = positions.shape
    batch = torch.arange(n_shapes).repeat_interleave(n_atoms)
    many = elements.repeat(n_shapes)
    return lambda: module(many, positions.flatten(0, 1), batch)


def interactions(repeats: int) -> list[Cost]:
    """Every interaction on two blocks of tokens at the pair model's width."""
    torch.manual_seed(0)
    x1, x2 = torch.randn(1, N_TOKENS, D_MODEL), torch.randn(1, N_TOKENS, D_MODEL)
    x1.requires_grad_()
    costs = []
    for kind in INTERACTIONS:
        module = build_interaction(InteractionConfig(kind, rank=RANK), D_MODEL)
        costs.append(measure(kind, module, lambda m=module: m(x1, x2), repeats=repeats))
    return costs


def bilinear_weights(width: int, rank: int) -> tuple[int, int]:
    """Weights of the full and of the low-rank bilinear fusion, biases included."""
    return width**3 + width, 3 * rank * width + width


def report(molecule: Molecule, repeats: int) -> tuple[str, dict[str, object]]:
    """The printed tables and the same as JSON types."""
    n_atoms = molecule.rdmol().GetNumAtoms()
    began = time.process_time()
    n_found = len(conformers(molecule))
    seconds = time.process_time() - began
    tables = {
        "2D encoders": encoders_2d(molecule, repeats),
        "3D encoders": encoders_3d(molecule, repeats),
        "interactions": interactions(repeats),
    }
    lines = [
        f"{n_atoms} heavy atoms, width {D_MODEL}, {torch.get_num_threads()} thread(s)",
        f"{n_found} of {N_CONFORMERS} conformers embedded and relaxed in {seconds:.2f} CPU s",
    ]
    for title, costs in tables.items():
        lines += [
            "",
            f"{title:<22}{'shapes':>8}{'parameters':>14}{'CPU ms':>10}{'training MiB':>14}",
        ]
        lines += [
            f"{c.part:<22}{c.batch:>8}{c.parameters:>14,}{c.milliseconds:>10.2f}"
            f"{c.training_mib:>14.2f}"
            for c in costs
        ]
    widths = {width: bilinear_weights(width, RANK) for width in (D_MODEL, *LLM_WIDTHS)}
    lines += ["", f"{'bilinear fusion, width':<30}{'full':>20}{f'rank {RANK}':>14}"]
    lines += [f"{width:<30}{full:>20,}{low:>14,}" for width, (full, low) in widths.items()]
    numbers = {title: [asdict(cost) for cost in costs] for title, costs in tables.items()}
    found = {"n_conformers": n_found, "conformer_seconds": seconds}
    return "\n".join(lines) + "\n", numbers | found | {"bilinear fusion": widths}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's first lines."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.pairs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--smiles", default=IMATINIB, help="the molecule (default: imatinib)")
    parser.add_argument("--repeats", type=int, default=7, help="timed passes per part (default: 7)")
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file")
    options = parser.parse_args(arguments)
    try:
        text, numbers = report(Molecule.parse(options.smiles), max(1, options.repeats))
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text)
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
