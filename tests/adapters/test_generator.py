"""Tests of the weight generator."""

import pytest
import torch

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.lora import step_adapters, wrap
from assistant.adapters.sites import SiteSpec, find_sites
from assistant.graph.encoder import GraphLevels
from tests.llm.fakes import make_model


def make_generator(**options: int) -> LoraGenerator:
    torch.manual_seed(0)
    sites = find_sites(make_model(), every=2)
    config = GeneratorConfig(d_graph=8, sites=sites, rank=3, d_model=16, n_heads=2, **options)
    return LoraGenerator(config)


def make_levels() -> GraphLevels:
    torch.manual_seed(1)
    mask = torch.arange(5) < torch.tensor([5, 2, 1])[:, None]
    atoms = torch.randn(3, 6, 5, 8) * mask[:, None, :, None]
    return GraphLevels(atoms, mask, atoms[:, -1].mean(1))


def test_shapes_follow_the_sites_also_where_they_are_rectangular():
    generator = make_generator()
    weights = generator(make_levels()).unbind()
    assert len(weights) == 3
    for site in generator.config.sites:
        assert weights[0][site.name].lora_A.shape == (3, site.in_features)
        assert weights[0][site.name].lora_B.shape == (site.out_features, 3)
        assert weights[0][site.name].scaling == 16 / 3


def test_a_new_generator_leaves_the_model_exactly_as_it_was():
    generator, model = make_generator().eval(), make_model()
    ids = torch.tensor([[5, 6, 7]] * 3)
    base = model(ids).logits
    wrap(model, generator.config.sites)
    with torch.no_grad(), step_adapters(generator(make_levels()), torch.tensor([[0, 1, 1]] * 3)):
        assert torch.equal(model(ids).logits, base)


def test_a_batch_gives_what_its_molecules_give_one_by_one():
    """The published code lets the atoms of a batch attend to each other."""
    generator, levels = make_generator().eval(), make_levels()
    together = generator(levels).unbind()
    for i, n in enumerate((5, 2, 1)):
        alone = generator(
            GraphLevels(levels.atoms[i : i + 1, :, :n], levels.mask[i : i + 1, :n], levels.graph)
        ).unbind()[0]
        for name, part in alone.items():
            torch.testing.assert_close(part.lora_A, together[i][name].lora_A, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("n_site_blocks", [0, 1, 2])
def test_molecules_and_rank_components_differ(n_site_blocks):
    generator = make_generator(n_site_blocks=n_site_blocks).eval()
    first, second, _ = generator(make_levels()).unbind()
    name = next(iter(first))
    assert not torch.allclose(first[name].lora_A, second[name].lora_A, atol=1e-3)
    assert not torch.allclose(first[name].lora_A[0], first[name].lora_A[1], atol=1e-3)


@pytest.mark.parametrize("n_site_blocks", [0, 1])
def test_atom_order_changes_nothing(n_site_blocks):
    generator, levels = make_generator(n_site_blocks=n_site_blocks).eval(), make_levels()
    order = torch.tensor([3, 1, 4, 0, 2])
    shuffled = GraphLevels(levels.atoms[:, :, order], levels.mask[:, order], levels.graph)
    for one, other in zip(generator(levels).values(), generator(shuffled).values(), strict=True):
        torch.testing.assert_close(one.lora_A, other.lora_A, atol=1e-6, rtol=1e-4)


def test_all_levels_matter():
    generator, levels = make_generator().eval(), make_levels()
    name = generator.config.sites[0].name
    before = generator(levels)[name].lora_A
    for level in range(6):
        atoms = levels.atoms.clone()
        atoms[:, level] *= -1
        after = generator(GraphLevels(atoms, levels.mask, levels.graph))[name].lora_A
        assert not torch.allclose(before, after)


def test_roles_change_the_weights_once_trained():
    generator, levels = make_generator(n_roles=2).eval(), make_levels()
    torch.nn.init.normal_(generator.role_embedding)
    name = generator.config.sites[0].name
    first = generator(levels, torch.tensor([0, 0, 0]))[name].lora_A
    second = generator(levels, torch.tensor([1, 0, 0]))[name].lora_A
    assert not torch.allclose(first[0], second[0])
    assert torch.equal(first[1:], second[1:])


def test_roles_without_a_table_are_refused():
    with pytest.raises(ValueError, match="n_roles"):
        make_generator()(make_levels(), torch.tensor([0, 0, 0]))


def test_training_moves_B_first_and_then_everything():
    generator, model = make_generator(), make_model()
    wrap(model, generator.config.sites)
    optimiser = torch.optim.SGD(generator.parameters(), lr=1.0)
    ids = torch.tensor([[5, 6, 7]] * 3)
    for _ in range(2):
        optimiser.zero_grad()
        with step_adapters(generator(make_levels()), torch.ones_like(ids)):
            model(ids, labels=ids).loss.backward()
        optimiser.step()
    missing = [name for name, p in generator.named_parameters() if p.grad is None]
    assert missing == []
    assert generator.site_queries.grad.abs().sum() > 0
    assert all(B.any() for B in generator.lora_B)


def test_blocks_per_site_cost_no_parameters_and_do_other_work():
    whole, quick = make_generator(), make_generator(n_site_blocks=1)
    assert whole.state_dict().keys() == quick.state_dict().keys()
    quick.load_state_dict(whole.state_dict())
    name = whole.config.sites[0].name
    outputs = [g.eval()(make_levels())[name].lora_A for g in (whole, quick)]
    assert not torch.allclose(*outputs, atol=1e-3)
    n_queries: list[int] = []
    quick.blocks[0].register_forward_pre_hook(lambda _, x: n_queries.append(x[0].shape[1]))
    quick.blocks[1].register_forward_pre_hook(lambda _, x: n_queries.append(x[0].shape[1]))
    quick(make_levels())
    n_sites = len(quick.config.sites)
    assert n_queries == [n_sites, 3 * n_sites]


def test_a_7b_model_needs_tens_of_millions_of_parameters():
    sites = tuple(SiteSpec(f"{n}.{k}", k, n, 4096, 4096) for n in range(8) for k in "qkvom")
    config = GeneratorConfig(
        d_graph=300, sites=sites, rank=64, d_model=512, n_blocks=4, ffn_factor=4
    )
    with torch.device("meta"):
        generator = LoraGenerator(config)
    assert sum(p.numel() for p in generator.parameters()) == 38_000_128


def test_config_comes_back_from_json():
    config = make_generator().config
    assert GeneratorConfig.from_dict(config.to_dict()) == config


def test_impossible_configs_are_refused():
    site = SiteSpec("a", "q", 0, 8, 8)
    with pytest.raises(ValueError, match="at least one site"):
        GeneratorConfig(d_graph=8, sites=())
    with pytest.raises(ValueError, match="d_model 10 is not a multiple of n_heads 4"):
        GeneratorConfig(d_graph=8, sites=(site,), d_model=10)
    with pytest.raises(ValueError, match="n_site_blocks 3 is not in 0…2"):
        GeneratorConfig(d_graph=8, sites=(site,), n_site_blocks=3)
    with pytest.raises(ValueError, match="'median' is none of mean, sum, concat"):
        GeneratorConfig(d_graph=8, sites=(site,), combination="median")
    with pytest.raises(ValueError, match="'half' is none of turn, whole"):
        GeneratorConfig(d_graph=8, sites=(site,), scope="half")
    with pytest.raises(ValueError, match="differ in input width"):
        GeneratorConfig(d_graph=8, sites=(site, SiteSpec("b", "q", 1, 9, 8)))


@pytest.mark.parametrize("n_site_blocks", [0, 1, 2])
def test_freezing_changes_no_weights_and_training_forgets_it(n_site_blocks):
    generator, levels = make_generator(n_site_blocks=n_site_blocks).eval(), make_levels()
    expected = generator(levels)
    generator.freeze()
    found = generator(levels)
    for name, part in expected.items():
        torch.testing.assert_close(found[name].lora_A, part.lora_A, atol=1e-6, rtol=1e-5)
    generator.train()
    with torch.no_grad():
        generator.site_queries.add_(torch.randn_like(generator.site_queries))
    changed = generator.eval()(levels)
    assert any(not torch.allclose(changed[n].lora_A, p.lora_A) for n, p in expected.items())
