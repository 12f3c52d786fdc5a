"""The pair model: every combination works, order matters exactly where it should."""

import json
import random
from dataclasses import asdict, replace
from itertools import product

import pytest
import torch

from assistant.chem.pairs import PAIR_TASKS, PairTask
from assistant.graph.pairs.alignment import ALIGNMENTS, AlignmentConfig
from assistant.graph.pairs.encoders2d import ENCODERS_2D, Encoder2DConfig
from assistant.graph.pairs.encoders3d import ENCODERS_3D, Encoder3DConfig
from assistant.graph.pairs.interactions import INTERACTIONS, InteractionConfig
from assistant.graph.pairs.model import MoleculeTensors, PairConfig, PairModel, PairTensors
from tests.graph.pairs.fakes import (
    ALANINE,
    ASPIRIN,
    ETHANOL,
    METHANE,
    a_rotation,
    an_order,
    reordered,
    tensors_of,
)

DRUGS, SOLVATION = PAIR_TASKS["drug_drug"], PAIR_TASKS["solvation"]
N_SAMPLED = 40


def config_of(
    encoder_2d: str | None = "gin",
    encoder_3d: str | None = None,
    interaction: str = "cross_attention",
    alignment: str = "qformer",
    *,
    conformer_graph: bool = False,
) -> PairConfig:
    return PairConfig(
        d_llm=24,
        d_model=16,
        encoder_2d=Encoder2DConfig(encoder_2d, 12, 2, n_heads=2) if encoder_2d else None,
        encoder_3d=Encoder3DConfig(encoder_3d, 12, 2, n_radial=6, n_heads=2)
        if encoder_3d
        else None,
        conformer_graph=conformer_graph,
        alignment=AlignmentConfig(alignment, 3, n_layers=2, n_heads=2),
        interaction=InteractionConfig(interaction, n_heads=2, rank=4),
    )


def model_of(config: PairConfig) -> PairModel:
    torch.manual_seed(8)
    return PairModel(config).eval()


def pair_of(first: str, second: str, task: PairTask, n_shapes: int = 2) -> PairTensors:
    return PairTensors(tensors_of(first, n_shapes), tensors_of(second, n_shapes), task)


def sampled_configs() -> list[PairConfig]:
    """Every name at least once, the rest drawn by a fixed seed from all allowed combinations."""
    encoders = [*product([*ENCODERS_2D, None], [*ENCODERS_3D, None])]
    every = [
        config_of(two, three, interaction, alignment, conformer_graph=graph)
        for (two, three), interaction, alignment, graph in product(
            encoders, INTERACTIONS, ALIGNMENTS, (False, True)
        )
        if (two or three) and (three or not graph)
    ]
    names = {*ENCODERS_2D, *ENCODERS_3D, *INTERACTIONS, *ALIGNMENTS}
    drawn: list[PairConfig] = []
    for config in random.Random(0).sample(every, len(every)):
        fresh = names & set(_names(config))
        if fresh or len(drawn) < N_SAMPLED - len(names):
            drawn.append(config)
            names -= fresh
    return drawn


def _names(config: PairConfig) -> list[str]:
    parts = (config.encoder_2d, config.encoder_3d, config.alignment, config.interaction)
    return [part.kind for part in parts if part is not None]


def title(config: PairConfig) -> str:
    return "-".join([*_names(config), *(["graph"] if config.conformer_graph else [])])


@pytest.mark.parametrize("config", sampled_configs(), ids=title)
def test_an_allowed_combination_builds_runs_and_learns(config):
    model = model_of(config).train()
    pairs = [pair_of(ASPIRIN, ETHANOL, SOLVATION), pair_of(METHANE, ALANINE, DRUGS)]
    tokens = model(pairs)
    assert tokens.shape == (2, 3, 24)
    assert torch.isfinite(tokens).all()
    (tokens * torch.randn_like(tokens)).sum().backward()
    learning = [n for n, p in model.named_parameters() if p.grad is not None]
    assert all(torch.isfinite(model.get_parameter(name).grad).all() for name in learning)
    for part in ("encoder_2d", "encoder_3d", "alignment", "interaction", "out"):
        weights = [p for n, p in model.named_parameters() if n.startswith(f"{part}.")]
        moved = [p for p in weights if p.grad is not None and p.grad.abs().sum() > 0]
        assert bool(moved) == bool(weights), part


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_symmetric_tasks_give_the_same_tokens_both_ways_round(interaction):
    model = model_of(config_of("gin", "schnet", interaction, conformer_graph=True))
    with torch.no_grad():
        there = model([pair_of(ASPIRIN, ETHANOL, DRUGS)])
        back = model([pair_of(ETHANOL, ASPIRIN, DRUGS)])
    torch.testing.assert_close(there, back, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_other_tasks_know_who_plays_which_role(interaction):
    model = model_of(config_of("gin", None, interaction))
    with torch.no_grad():
        there = model([pair_of(ASPIRIN, ETHANOL, SOLVATION)])
        back = model([pair_of(ETHANOL, ASPIRIN, SOLVATION)])
        absorbing = model([pair_of(ASPIRIN, ETHANOL, PAIR_TASKS["absorption"])])
    assert not torch.allclose(there, back, atol=1e-4)
    assert not torch.allclose(there, absorbing, atol=1e-4)


@torch.no_grad()
def test_a_batch_equals_one_by_one():
    model = model_of(config_of("gat", "painn", conformer_graph=True))
    pairs = [
        pair_of(ASPIRIN, ETHANOL, SOLVATION, n_shapes=3),
        pair_of(METHANE, ALANINE, DRUGS, n_shapes=1),
        PairTensors(tensors_of(ALANINE, 0), tensors_of(ASPIRIN, 2), DRUGS),
    ]
    alone = torch.cat([model([pair]) for pair in pairs])
    torch.testing.assert_close(model(pairs), alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_molecules_encoded_once_and_mixed_later_give_the_same_tokens():
    model = model_of(config_of("gin"))
    pairs = [pair_of(ASPIRIN, e, SOLVATION) for e in (ETHANOL, METHANE)]
    pairs.append(pair_of(ETHANOL, ALANINE, DRUGS))
    first = model.blocks([pairs[0].first, pairs[2].first], ["solute", "drug"])
    second = model.blocks([p.second for p in pairs], ["solvent", "solvent", "drug"])
    tokens = model.mix(first[[0, 0, 1]], second, torch.tensor([False, False, True]))
    torch.testing.assert_close(tokens, model(pairs), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_atom_order_and_a_turned_shape_change_nothing():
    model = model_of(config_of("gin", "egnn", conformer_graph=True))
    plain = tensors_of(ASPIRIN)
    order = an_order(plain.graph.x.shape[0])
    turned = plain.positions[:, order] @ a_rotation().T + 5.0
    mixed = MoleculeTensors(reordered(plain.graph, order), turned)
    ethanol = tensors_of(ETHANOL)
    torch.testing.assert_close(
        model([PairTensors(mixed, ethanol, SOLVATION)]),
        model([PairTensors(plain, ethanol, SOLVATION)]),
        atol=1e-4,
        rtol=1e-3,
    )


@torch.no_grad()
def test_without_a_shape_the_2d_path_goes_on_and_says_what_2d_alone_would_say():
    """No zeros stand in for missing conformers: the tokens are those of the 2D nodes."""
    model = model_of(config_of("gin", "schnet"))
    without = pair_of(ASPIRIN, ETHANOL, SOLVATION, n_shapes=0)
    flat = model_of(config_of("gin", None))
    flat.load_state_dict(
        {k: v for k, v in model.state_dict().items() if k in flat.state_dict()}, strict=True
    )
    torch.testing.assert_close(model([without]), flat([without]))
    assert not torch.allclose(
        model([without]), model([pair_of(ASPIRIN, ETHANOL, SOLVATION)]), atol=1e-4
    )


def test_a_3d_model_refuses_a_molecule_without_shape():
    model = model_of(config_of(None, "schnet"))
    with pytest.raises(ValueError, match="without conformers cannot be read by a 3D-only"):
        model([PairTensors(tensors_of(ASPIRIN), tensors_of(ETHANOL, 0), SOLVATION)])


@torch.no_grad()
def test_many_conformers_are_encoded_in_groups_with_the_same_result(monkeypatch):
    model = model_of(config_of(None, "schnet"))
    pair = pair_of(ASPIRIN, ETHANOL, SOLVATION, n_shapes=7)
    whole = model([pair])
    monkeypatch.setattr("assistant.graph.pairs.passes.MAX_ATOMS_PER_PASS", 20)
    torch.testing.assert_close(model([pair]), whole)


@torch.no_grad()
@pytest.mark.parametrize("kind", ENCODERS_3D)
def test_molecules_encoded_in_one_pass_do_not_see_each_other(kind):
    model = model_of(config_of("gin", kind))
    molecules = [tensors_of(ASPIRIN, 2), tensors_of(METHANE, 0), tensors_of(ETHANOL, 3)]
    together = model.blocks(molecules, ["solute"] * 3)
    for molecule, block in zip(molecules, together, strict=True):
        torch.testing.assert_close(
            model.blocks([molecule], ["solute"])[0], block, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"encoder_2d": None}, "encoder_2d None and encoder_3d None leave it blind"),
        ({"conformer_graph": True}, "conformer_graph True needs conformers, but encoder_3d is"),
        ({"d_llm": 0}, "d_llm 0"),
        ({"d_model": 60}, "interaction cross_attention: d_model 60 is not a multiple of n_heads 8"),
        ({"d_model": 66}, "alignment qformer: d_model 66 is not a multiple of n_heads 4"),
        (
            {
                "d_model": 36,
                "encoder_3d": Encoder3DConfig(),
                "conformer_graph": True,
                "interaction": InteractionConfig("mean"),
            },
            "conformer graph: d_model 36 is not a multiple of n_heads 8",
        ),
        (
            {"d_model": 512, "interaction": InteractionConfig("bilinear_fusion_full")},
            "bilinear_fusion_full at d_model 512 has 134,217,728 weights",
        ),
    ],
)
def test_impossible_combinations_are_refused_in_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        PairConfig(**({"d_llm": 24} | options))


def test_a_role_the_model_was_not_made_for_is_refused():
    model = model_of(replace(config_of(), roles=("drug", "solute")))
    with pytest.raises(ValueError, match="knows no role solvent, only drug, solute"):
        model([pair_of(ASPIRIN, ETHANOL, SOLVATION)])


def test_positions_of_another_number_of_atoms_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 4, 3\) do not fit 3 atoms"):
        MoleculeTensors(tensors_of(ETHANOL).graph, torch.zeros(2, 4, 3))


def test_a_config_survives_json():
    config = config_of("gat", "painn", conformer_graph=True)
    assert PairConfig(**json.loads(json.dumps(asdict(config)))) == config
    with pytest.raises(TypeError, match="width"):
        PairConfig(d_llm=24, encoder_2d={"kind": "gin", "width": 3})
