"""Small heads with made-up weights, for tests of what is around them."""

import csv
import gzip
from pathlib import Path

import torch

from assistant.bundle import Bundle
from assistant.checkpoint import ComponentInfo, save_component
from assistant.graph.pairs.alignment import AlignmentConfig
from assistant.graph.pairs.encoders2d import Encoder2DConfig
from assistant.graph.pairs.head import PAIR_HEAD_COMPONENT, PairHead, PairHeadConfig
from assistant.graph.pairs.interactions import InteractionConfig
from assistant.graph.pairs.model import PairConfig
from assistant.pairing.figures import Domain, HeadFigures, TaskFigures
from assistant.pairing.known import FILE
from assistant.retrieval.error_bins import Bin

KNOWN = [
    ("CN(C)c1ccc(C#N)cc1", "CCO", "300", "360"),
    ("CN(C)c1ccc(C#N)cc1", "Cc1ccccc1", "296", ""),
    ("O=c1ccc2ccccc2o1", "CCO", "312", "390"),
    ("c1ccc2ccccc2c1", "CCCCCC", "275", "322"),
]


def head_config(
    tasks: tuple[str, ...],
    interaction: str = "gated_fusion",
    *,
    logarithmic: tuple[bool, ...] | None = None,
) -> PairHeadConfig:
    """A small configuration; values around 400, spread 40."""
    model = PairConfig(
        d_llm=16,
        d_model=16,
        encoder_2d=Encoder2DConfig("gin", 16, 2),
        alignment=AlignmentConfig("mlp", 2),
        interaction=InteractionConfig(interaction, n_heads=2, rank=4),
    )
    is_value = tasks != ("drug_drug",)
    n = len(tasks)
    means, scales = ((400.0,) * n, (40.0,) * n) if is_value else ((0.0,), (1.0,))
    return PairHeadConfig(model, tasks, means, scales, logarithmic or (False,) * n, 16)


def figures_of(tasks: tuple[str, ...]) -> HeadFigures:
    """Made-up figures of tasks."""
    is_label = tasks == ("drug_drug",)
    one = TaskFigures(
        n_train=4,
        base=0.32 if is_label else 295.5,
        low=0.0 if is_label else 275.0,
        high=1.0 if is_label else 312.0,
        n_test=21,
        split="pairs that training never saw",
        mae=None if is_label else 21.5,
        rmse=None if is_label else 30.25,
        auc=0.9 if is_label else None,
        bins=(Bin(0.0, 0.3, 0, 0.0), Bin(0.3, 0.85, 11, 31.0), Bin(0.85, 1.0, 10, 12.0)),
    )
    domain = Domain(("C", "N", "O", "S", "Cl", "F"), 60, (-1, 1))
    return HeadFigures(
        dict.fromkeys(tasks, one), (domain, domain), "made up", "python -m made.up", "2026-11-26"
    )


def write_head(directory: Path, tasks: tuple[str, ...]) -> PairHead:
    """Writes a component with known pairs; returns its head, in training precision."""
    torch.manual_seed(11)
    config = head_config(tasks)
    head = PairHead(config).eval()
    save_component(directory, head, config, ComponentInfo(PAIR_HEAD_COMPONENT))
    figures_of(tasks).write(directory)
    with gzip.open(directory / FILE, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["first", "second", *tasks])
        writer.writerows([row[: 2 + len(tasks)] for row in KNOWN])
    return head


def write_bundle(directory: Path, *heads: tuple[str, ...]) -> Path:
    """A bundle with nothing but pair heads."""
    Bundle.write(directory, directory.name, {"pair_heads": "pair_heads"})
    for tasks in heads:
        write_head(directory / "pair_heads" / "_".join(tasks), tasks)
    return directory
