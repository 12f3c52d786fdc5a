"""Tests of the projector: parity with LLaMo, and per-molecule behaviour inside a batch."""

import pytest
import torch
from torch import Tensor

from assistant.graph.encoder import GraphLevels
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig, pad_motifs
from tests.graph.test_encoder import encode, golden, golden_encoder


def golden_motifs() -> tuple[Tensor, Tensor]:
    """Motif rows of the eight golden molecules; methane has none."""
    rows = golden("llamo_motif_features")
    found = [rows.get(f"output/fg_{index}") for index in range(8)]
    return pad_motifs([None if row is None else row.numpy() for row in found])


def golden_projector(vectors: dict[str, Tensor], *, shared: bool) -> MultiLevelProjector:
    config = ProjectorConfig(d_graph=24, d_llm=40, mlp_depth=6, shared_attention=shared)
    projector = MultiLevelProjector(config).eval().requires_grad_(False)
    prefix = "weight/abstractor."
    projector.load_state_dict(
        {k.removeprefix(prefix): v for k, v in vectors.items() if k.startswith(prefix)}
    )
    return projector


@pytest.mark.parametrize("shared", [True, False])
def test_graph_tokens_agree_with_the_published_projector(shared):
    vectors = golden(f"llamo_projector_d24_{'tied' if shared else 'untied'}")
    levels = encode(golden_encoder(vectors, "weight/graph_model.", 24), vectors)
    motifs, mask = golden_motifs()
    assert mask.any(dim=1).tolist() == [True] * 7 + [False]
    tokens = golden_projector(vectors, shared=shared)(levels, motifs, mask)
    torch.testing.assert_close(tokens, vectors["output/graph_tokens"], atol=2e-5, rtol=1e-4)


def random_levels(b: int = 3, n: int = 5, d: int = 8) -> GraphLevels:
    sizes = torch.tensor([n, 2, 1])[:b]
    mask = torch.arange(n) < sizes[:, None]
    atoms = torch.randn(b, 6, n, d) * mask[:, None, :, None]
    return GraphLevels(atoms, mask, atoms[:, -1].mean(1))


def test_a_batch_gives_what_its_molecules_give_one_by_one():
    torch.manual_seed(0)
    projector = MultiLevelProjector(ProjectorConfig(d_graph=8, d_llm=16)).eval()
    levels = random_levels()
    motifs, mask = torch.rand(3, 4, 73), torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0]])
    mask = mask.bool()
    together = projector(levels, motifs, mask)
    for i, n in enumerate((5, 2, 1)):
        alone = GraphLevels(
            levels.atoms[i : i + 1, :, :n], levels.mask[i : i + 1, :n], levels.graph[i : i + 1]
        )
        n_motifs = int(mask[i].sum())
        tokens = projector(alone, motifs[i : i + 1, :n_motifs], mask[i : i + 1, :n_motifs])
        torch.testing.assert_close(together[i], tokens[0], atol=1e-6, rtol=1e-5)


def test_atom_order_changes_nothing():
    torch.manual_seed(0)
    projector = MultiLevelProjector(ProjectorConfig(d_graph=8, d_llm=16)).eval()
    levels = random_levels(b=1)
    order = torch.randperm(5)
    shuffled = GraphLevels(levels.atoms[:, :, order], levels.mask[:, order], levels.graph)
    torch.testing.assert_close(projector(shuffled), projector(levels), atol=1e-6, rtol=1e-5)


def test_motif_tokens_come_first_or_last():
    torch.manual_seed(0)
    first = MultiLevelProjector(ProjectorConfig(d_graph=8, d_llm=16)).eval()
    last = MultiLevelProjector(ProjectorConfig(d_graph=8, d_llm=16, motifs_first=False)).eval()
    last.load_state_dict(first.state_dict())
    levels = random_levels()
    torch.testing.assert_close(first(levels).roll(-4, dims=1), last(levels))


def test_each_level_has_its_own_attention_unless_it_is_shared():
    torch.manual_seed(0)
    shared = MultiLevelProjector(ProjectorConfig(8, 16, shared_attention=True)).eval()
    separate = MultiLevelProjector(ProjectorConfig(8, 16)).eval()
    state = dict(shared.state_dict())
    first = {k: v for k, v in state.items() if k.startswith("cross_attention.0.")}
    for level in range(1, 6):
        state |= {k.replace(".0.", f".{level}.", 1): v for k, v in first.items()}
    separate.load_state_dict(state)
    levels = random_levels()
    torch.testing.assert_close(separate(levels), shared(levels))
    with torch.no_grad():
        separate.cross_attention[3].out_proj.bias += torch.randn(8)
    change = (separate(levels) - shared(levels)).abs().amax(dim=(0, 2))
    touched = (change > 1e-4).nonzero().flatten().tolist()
    assert touched == list(range(4 + 3 * 4, 4 + 4 * 4))


@pytest.mark.parametrize("motifs_first", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_all_28_tokens_are_finite_and_told_apart_in_every_setting(motifs_first, shared):
    torch.manual_seed(0)
    config = ProjectorConfig(8, 16, shared_attention=shared, motifs_first=motifs_first)
    tokens = MultiLevelProjector(config).eval()(random_levels())
    assert tokens.shape == (3, 28, 16)
    assert torch.isfinite(tokens).all()
    of_five_atoms = tokens[0]  # one atom alone is all that any query of a level can see
    distances = torch.cdist(of_five_atoms, of_five_atoms) + torch.eye(28)
    assert (distances > 1e-4).all()


def test_molecules_without_motifs_give_finite_gradients():
    projector = MultiLevelProjector(ProjectorConfig(d_graph=8, d_llm=16))
    motifs, mask = pad_motifs([None, torch.ones(2, 73).numpy(), None])
    projector(random_levels(), motifs, mask).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in projector.parameters() if p.grad is not None)


def test_the_published_sizes_give_the_published_parameter_count():
    config = ProjectorConfig(d_graph=300, d_llm=4096, mlp_depth=6, shared_attention=True)
    with torch.device("meta"):
        projector = MultiLevelProjector(config)
    assert sum(p.numel() for p in projector.parameters()) == 85_892_756


def test_token_count_follows_the_config():
    config = ProjectorConfig(d_graph=8, d_llm=16, n_queries=2, n_motif_queries=0)
    assert config.n_tokens == 12
    assert MultiLevelProjector(config)(random_levels()).shape == (3, 12, 16)


def test_impossible_sizes_are_refused_with_the_numbers():
    with pytest.raises(ValueError, match="d_graph 10 is not a multiple of n_heads 4"):
        ProjectorConfig(d_graph=10, d_llm=16)
