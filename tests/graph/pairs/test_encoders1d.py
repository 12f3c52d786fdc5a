"""Views in a pair model: what is standardised, the additive part, a model of views alone."""

import pytest
import torch

from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PAIR_TASKS
from assistant.graph.pairs.alignment import AlignmentConfig
from assistant.graph.pairs.encoders1d import (
    Additive,
    Encoder1DConfig,
    Standardised,
    ViewEncoder,
    view_tensors,
)
from assistant.graph.pairs.encoders2d import Encoder2DConfig
from assistant.graph.pairs.head import PairHead, PairHeadConfig
from assistant.graph.pairs.interactions import InteractionConfig
from assistant.graph.pairs.model import MoleculeTensors, PairConfig, PairModel, PairTensors
from tests.graph.pairs.fakes import ALANINE, ASPIRIN, ETHANOL, PLATIN, graph_of

VIEWS = ("morgan", "counts")
ALKANES = ["C" * n for n in range(1, 9)]


def tensors_of(smiles: str, views: tuple[str, ...] = VIEWS) -> MoleculeTensors:
    mol = Molecule.parse(smiles).rdmol()
    return MoleculeTensors(graph_of(smiles), views=view_tensors(mol, views))


def config_of(encoder_2d: bool, interaction: str = "gated_fusion") -> PairConfig:
    return PairConfig(
        d_llm=12,
        d_model=12,
        encoder_2d=Encoder2DConfig("gin", 8, 2) if encoder_2d else None,
        encoder_1d=Encoder1DConfig(VIEWS, 10),
        alignment=AlignmentConfig("mlp", 3),
        interaction=InteractionConfig(interaction, n_heads=2, rank=4),
    )


@pytest.mark.parametrize("with_graph", [True, False])
def test_views_change_the_tokens_and_are_learned_from(with_graph: bool) -> None:
    torch.manual_seed(3)
    model = PairModel(config_of(with_graph))
    first, second = tensors_of(ASPIRIN), tensors_of(ETHANOL)
    tokens = model([PairTensors(first, second, PAIR_TASKS["solvation"])])
    assert tokens.shape == (1, 3, 12)
    other = MoleculeTensors(first.graph, views=tensors_of(ALANINE).views)
    moved = model([PairTensors(other, second, PAIR_TASKS["solvation"])])
    assert not torch.allclose(tokens, moved, atol=1e-4)
    tokens.square().sum().backward()
    assert model.encoder_1d.embed.weight.grad.abs().sum() > 0


@torch.no_grad()
def test_a_model_of_views_is_symmetric_where_the_task_is() -> None:
    torch.manual_seed(3)
    model = PairModel(config_of(False, "bilinear_fusion")).eval()
    a, b = tensors_of(ASPIRIN), tensors_of(ALANINE)
    there, back = (model([PairTensors(*p, PAIR_TASKS["drug_drug"])]) for p in ((a, b), (b, a)))
    torch.testing.assert_close(there, back)
    roles = (model([PairTensors(*p, PAIR_TASKS["solvation"])]) for p in ((a, b), (b, a)))
    assert not torch.allclose(*roles, atol=1e-4)


def test_a_molecule_without_the_views_is_refused() -> None:
    model = PairModel(config_of(False))
    bare = MoleculeTensors(graph_of(ETHANOL))
    with pytest.raises(ValueError, match="no view counts, morgan"):
        model([PairTensors(bare, bare, PAIR_TASKS["solvation"])])


def test_columns_are_standardised_by_training_molecules_and_rare_ones_left_out() -> None:
    standard = Standardised(("physical",))
    rows = torch.randn(40, 32) * 5 + 100
    rows[:, 1] = 7.0  # never varies
    rows[:, 2] = torch.tensor([1.0] + [0.0] * 39)  # seen once
    rows[3, 4] = torch.nan
    used = standard.fit(rows)
    assert not used[1]
    assert not used[2]
    assert int(used.sum()) == 30
    z = standard(rows)
    assert torch.isfinite(z).all()
    assert z[:, 0].mean().item() == pytest.approx(0, abs=1e-4)
    assert z[3, 4] == 0
    far = standard(rows + 1e6)
    assert far.max().item() == pytest.approx(1.2)  # cut at four standard deviations
    assert far[0, 1] == 0


def test_unused_columns_weigh_nothing_whatever_comes() -> None:
    encoder = ViewEncoder(Encoder1DConfig(("physical",), 6), n_roles=4).eval()
    rows = torch.randn(40, 32)
    rows[:, 1] = 7.0
    encoder.fit(rows)
    strange = rows.clone()
    strange[:, 1] = -50.0
    roles = torch.zeros(40, dtype=torch.int64)
    assert torch.equal(encoder(rows, roles), encoder(strange, roles))


def test_the_additive_part_goes_on_beyond_what_it_was_fitted_to() -> None:
    """Values that are a sum over groups are met on a molecule twice as large as any seen."""
    views = ("counts",)
    rows = torch.stack([tensors_of(s, views).row(views) for s in ALKANES])
    water = tensors_of("O", views).row(views).expand_as(rows)
    sizes = torch.arange(1.0, 9.0)[:, None]
    additive = Additive(views, 1)
    additive.fit(rows, water, 0.3 * sizes - 1, strength=1e-6)
    asked = tensors_of("C" * 16, views).row(views)[None]
    total = additive(asked) + additive(water[:1])
    assert total.item() == pytest.approx(0.3 * 16 - 1, rel=0.02)


def test_unknown_values_are_left_out_of_the_additive_part() -> None:
    views = ("counts",)
    rows = torch.stack([tensors_of(s, views).row(views) for s in ALKANES])
    targets = torch.stack([torch.arange(8.0), torch.full((8,), 2.0)], dim=1)
    targets[5:, 1] = torch.nan
    additive = Additive(views, 2)
    additive.fit(rows, rows, targets, strength=1.0)
    assert torch.isfinite(additive.weight).all()
    both = additive(rows) * 2
    assert both[:, 1].tolist() == pytest.approx([2.0] * 8, abs=1e-4)
    assert both[0, 0] < both[-1, 0]


@torch.no_grad()
def test_a_head_adds_what_each_molecule_gives() -> None:
    torch.manual_seed(5)
    config = PairHeadConfig(
        config_of(False), ("solvation",), (0.0,), (1.0,), (False,), 8, additive=("counts",)
    )
    head = PairHead(config).eval()
    assert config.views == VIEWS
    molecules = [tensors_of(s) for s in (ASPIRIN, ETHANOL, PLATIN)]
    plain = head(head.blocks(molecules, "solute"), head.blocks(molecules, "solvent"))
    head.additive.weight += 0.1
    head.additive.offset += 1.0
    more = head(head.blocks(molecules, "solute"), head.blocks(molecules, "solvent"))
    views = torch.stack([m.row(("counts",)) for m in molecules])
    torch.testing.assert_close(more - plain, 2 * head.additive(views), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_symmetric_head_scores_both_ways_round_alike_to_the_last_bit() -> None:
    torch.manual_seed(5)
    config = PairHeadConfig(
        config_of(False, "bilinear_fusion"),
        ("drug_drug",),
        (0.0,),
        (1.0,),
        (False,),
        8,
        additive=("counts",),
    )
    head = PairHead(config).eval()
    head.additive.weight += 0.1
    a, b = (head.blocks([tensors_of(smiles)], "drug") for smiles in (ASPIRIN, ALANINE))
    assert torch.equal(head(a, b), head(b, a))
    assert not torch.equal(head(a, b), head(a, a))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"views": ()}, "at least one view"),
        ({"views": ("shape",)}, "no view shape"),
        ({"d_model": 0}, "positive d_model"),
        ({"dropout": 1.0}, r"dropout in \[0, 1\)"),
    ],
)
def test_mistakes_of_a_config_are_named(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Encoder1DConfig(**options)
