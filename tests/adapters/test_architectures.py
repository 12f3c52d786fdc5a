"""ΔW goes into every decoder family and every kind of linear layer without touching either."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from transformers import DynamicCache

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.lora import step_adapters, wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import StackedLora
from assistant.errors import BundleError
from assistant.graph.encoder import GraphLevels
from tests.adapters.architectures import CONFIGS, FORMS, load

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12], [20, 21, 22, 23, 24, 25, 26, 27]])
TURNS = (slice(0, 3), slice(3, 4), slice(4, 8))
SEGMENTS = torch.tensor([[0, 0, 0, 1, 2, 2, 2, 2], [0, 0, 0, 2, 3, 3, 3, 3]])
TOLERANCE = 1e-4


def levels(n_molecules: int = 3) -> GraphLevels:
    torch.manual_seed(1)
    mask = torch.arange(4) < torch.tensor([4, 2, 1])[:n_molecules, None]
    atoms = torch.randn(n_molecules, 6, 4, 8) * mask[:, None, :, None]
    return GraphLevels(atoms, mask, atoms[:, -1].mean(1))


def make_generator(model: nn.Module, *, zero_B: bool = False) -> LoraGenerator:
    torch.manual_seed(2)
    config = GeneratorConfig(d_graph=8, sites=find_sites(model), rank=3, d_model=16, n_heads=2)
    generator = LoraGenerator(config)
    if not zero_B:
        for B in generator.lora_B:
            nn.init.normal_(B, std=0.3)
    return generator


def wrapped(architecture: str, form: str) -> tuple[nn.Module, StackedLora]:
    model = load(architecture, form)
    generator = make_generator(model)
    wrap(model, generator.config.sites)
    with torch.no_grad():
        return model, generator(levels())


@pytest.fixture(autouse=True)
def _no_gradients(request: pytest.FixtureRequest) -> Iterator[None]:
    with torch.set_grad_enabled("gradients" in request.node.name):
        yield


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("architecture", CONFIGS)
def test_zero_B_gives_the_base_model_bit_for_bit(architecture, form):
    model = load(architecture, form)
    base = model(IDS).logits
    generator = make_generator(model, zero_B=True)
    wrap(model, generator.config.sites)
    with step_adapters(generator(levels()), SEGMENTS):
        assert torch.equal(model(IDS).logits, base)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("architecture", CONFIGS)
def test_rows_of_a_batch_carry_their_own_molecules(architecture, form):
    model, deltas = wrapped(architecture, form)
    with step_adapters(deltas, SEGMENTS):
        together = model(IDS).logits
    for row in (0, 1):
        with step_adapters(deltas, SEGMENTS[row : row + 1]):
            alone = model(IDS[row : row + 1]).logits
        torch.testing.assert_close(together[row], alone[0], atol=TOLERANCE, rtol=0)
    base = model(IDS).logits
    torch.testing.assert_close(together[:, :3], base[:, :3], atol=TOLERANCE, rtol=0)
    assert (together[:, 3:] - base[:, 3:]).abs().amax(dim=-1).min() > 0.1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("architecture", CONFIGS)
def test_one_segmented_pass_equals_turn_by_turn_with_a_cache(architecture, form):
    model, deltas = wrapped(architecture, form)
    with step_adapters(deltas, SEGMENTS):
        at_once = model(IDS).logits
    cache, parts = DynamicCache(config=model.config), []
    for turn in TURNS:
        with step_adapters(deltas, SEGMENTS[:, turn]):
            parts.append(model(IDS[:, turn], past_key_values=cache, use_cache=True).logits)
    torch.testing.assert_close(torch.cat(parts, dim=1), at_once, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("form", ["fp32", "4bit"])
@pytest.mark.parametrize("architecture", CONFIGS)
def test_gradients_reach_every_parameter_of_the_generator(architecture, form):
    model = load(architecture, form)
    generator = make_generator(model)
    wrap(model, generator.config.sites)
    with step_adapters(generator(levels()), SEGMENTS):
        model(IDS).logits.square().mean().backward()
    silent = [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize("architecture", CONFIGS)
def test_sites_have_the_widths_of_the_projections(architecture):
    model = load(architecture, "fp32")
    config = CONFIGS[architecture]
    d_head = getattr(config, "head_dim", None) or 16
    d_q, d_kv = 4 * d_head, 2 * d_head
    widths = {
        "q": (64, d_q),
        "k": (64, d_kv),
        "v": (64, d_kv),
        "o": (d_q, 64),
        "m": (64, 64),
    }
    sites = find_sites(model, every=2)
    assert {s.kind: (s.in_features, s.out_features) for s in sites} == widths
    assert {s.layer for s in sites} == {1}


@pytest.mark.parametrize("kinds", ["q", "k", "v", "kv"])
def test_a_part_of_a_fused_projection_writes_its_own_rows_only(kinds):
    """Phi-3 computes q, k and v by one matrix; the rows of the other parts stay the base's."""
    model = load("phi3", "fp32")
    fused = model.model.layers[1].self_attn.qkv_proj
    x = torch.randn(1, 8, 64)
    base = fused(x)
    torch.manual_seed(2)
    sites = find_sites(model, kinds)
    generator = LoraGenerator(GeneratorConfig(d_graph=8, sites=sites, rank=3, d_model=16))
    for B in generator.lora_B:
        nn.init.normal_(B)
    wrap(model, sites)
    site = model.model.layers[1].self_attn.qkv_proj
    stacked = generator(levels())
    with step_adapters(stacked, torch.ones(1, 8, dtype=torch.long)):
        change = (site(x) - base).abs().amax(dim=(0, 1))
    rows = {"q": range(0, 64), "k": range(64, 96), "v": range(96, 128)}
    touched = {row for kind in kinds for row in rows[kind]}
    assert {row for row in range(128) if change[row] > 0} == touched
    parts = [i for i, s in enumerate(sites) if s.layer == 1]
    by_hand = [_by_hand(generator, stacked, x, i, parts.index(i)) for i in parts]
    for index, expected in zip(parts, by_hand, strict=True):
        start = sites[index].first_row
        with step_adapters(stacked, torch.ones(1, 8, dtype=torch.long)):
            got = (site(x) - base)[..., start : start + sites[index].out_features]
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def _by_hand(
    generator: LoraGenerator, stacked: StackedLora, x: Tensor, index: int, part: int
) -> Tensor:
    """scaling · B A x of one part, from its own A and B."""
    site = stacked[generator.config.sites[index].name]
    A = site.lora_A[0, 3 * part : 3 * part + 3]
    return site.scaling * x @ A.T @ generator.lora_B[index].T


def test_an_unknown_fused_projection_is_refused_by_its_types(monkeypatch):
    model = load("phi3", "fp32")
    monkeypatch.setattr(model.config, "num_key_value_heads", 4)
    with pytest.raises(BundleError, match="type k, q, v"):
        find_sites(model)
