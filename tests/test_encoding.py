"""Tests of the molecule encoder: what it gives, and what it keeps."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import combine
from assistant.chem.graph import to_graph, without_atoms
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import own_motif_rows
from assistant.encoding import MoleculeEncoder, MoleculeEncoding
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig, pad_motifs
from tests.llm.fakes import make_model

ASPIRIN, ETHANOL, METHANE = (
    Molecule.parse(smiles) for smiles in ("CC(=O)Oc1ccccc1C(=O)O", "CCO", "C")
)


def make_encoder(**options: object) -> MoleculeEncoder:
    torch.manual_seed(0)
    generator = LoraGenerator(
        GeneratorConfig(d_graph=16, sites=find_sites(make_model()), rank=2, d_model=16, n_heads=2)
    )
    for B in generator.lora_B:
        nn.init.normal_(B)
    parts = {
        "encoder": GraphEncoder(GraphEncoderConfig(d_model=16)),
        "projector": MultiLevelProjector(ProjectorConfig(d_graph=16, d_llm=64)),
        "generator": generator,
    }
    return MoleculeEncoder(**(parts | options))


def test_a_molecule_gives_tokens_of_the_llms_width_and_a_delta_per_site():
    [encoding] = make_encoder().encode([ASPIRIN])
    assert encoding.graph_tokens.shape == (28, 64)
    assert encoding.lora.keys() == {site.name for site in find_sites(make_model())}
    assert len(encoding.tokens_hash) == len(encoding.lora_hash) == 64


def test_order_of_the_request_is_kept_and_repeats_are_one_encoding():
    encoder = make_encoder()
    first, second, third = encoder.encode([ETHANOL, ASPIRIN, ETHANOL])
    assert first is third
    assert first.tokens_hash != second.tokens_hash
    assert first.lora_hash != second.lora_hash


def test_company_changes_nothing_not_even_the_last_bit():
    alone = make_encoder().encode([ETHANOL])[0]
    together = make_encoder().encode([ASPIRIN, ETHANOL, METHANE])[1]
    assert torch.equal(alone.graph_tokens, together.graph_tokens)
    assert alone.lora_hash == together.lora_hash


@pytest.mark.parametrize(
    "smiles", ["C", "[He]", "[Na+].[Cl-]", "[NH3]->[Pt](Cl)(Cl)<-[NH3]", "[H+]", "*"]
)
def test_every_valid_molecule_has_finite_tokens_and_motif_rows_of_its_own(smiles):
    molecule = Molecule.parse(smiles)
    with_rows = make_encoder().encode([molecule])[0].graph_tokens
    without = make_encoder(motif_rows=lambda _: None).encode([molecule])[0].graph_tokens
    assert torch.isfinite(with_rows).all()
    assert not torch.allclose(with_rows[:4], without[:4])  # the queries have seen a motif
    torch.testing.assert_close(with_rows[4:], without[4:])


def test_motif_rows_are_those_the_projector_was_trained_with():
    projector = MultiLevelProjector(ProjectorConfig(d_graph=16, d_llm=64, motif_rows="published"))
    tokens = make_encoder(projector=projector).encode([METHANE])[0].graph_tokens
    raw = make_encoder(projector=projector, motif_rows=lambda _: None).encode([METHANE])[0]
    assert torch.equal(tokens, raw.graph_tokens)


def test_stereoisomers_are_different_molecules():
    left, right = make_encoder().encode(
        [Molecule.parse("C[C@H](N)C(=O)O"), Molecule.parse("C[C@@H](N)C(=O)O")]
    )
    assert left.tokens_hash != right.tokens_hash


def test_the_same_structure_under_another_name_comes_from_the_cache():
    encoder = make_encoder()
    first = encoder.encode([ETHANOL])[0]
    assert encoder.encode([Molecule.parse("OCC", name="ethanol")])[0] is first


def test_the_cache_drops_the_least_recently_used_and_stays_within_its_bytes():
    size = make_encoder().encode([ETHANOL])[0].n_bytes
    encoder = make_encoder(max_bytes=2 * size)
    ethanol, _ = encoder.encode([ETHANOL, METHANE])
    encoder.encode([ETHANOL])
    encoder.encode([ASPIRIN])
    assert encoder.n_bytes == 2 * size
    assert encoder.encode([ETHANOL])[0] is ethanol
    encoder.clear()
    assert encoder.n_bytes == 0
    assert encoder.encode([ETHANOL])[0] is not ethanol


def test_deltas_of_several_molecules_share_one_B_and_so_combine_at_one_rank():
    encoder = make_encoder(dtype=torch.bfloat16)
    first, second = (encoding.lora for encoding in encoder.encode([ETHANOL, ASPIRIN]))
    name = next(iter(first))
    assert first[name].lora_B is second[name].lora_B
    assert first[name].lora_A.dtype == torch.bfloat16
    assert combine([first, second], "mean")[name].rank == 2


def test_a_component_that_is_off_gives_none():
    [encoding] = make_encoder(generator=None).encode([ETHANOL])
    assert encoding.lora is None
    assert encoding.graph_tokens is not None
    [encoding] = make_encoder(projector=None).encode([ETHANOL])
    assert encoding.graph_tokens is None
    assert encoding.lora


def test_a_molecule_without_motif_rows_is_encoded():
    encoder = make_encoder(motif_rows=lambda molecule: None)
    assert torch.isfinite(encoder.encode([METHANE])[0].graph_tokens).all()


def test_motif_rows_reach_the_tokens():
    rows = np.zeros((2, 73), dtype=np.uint8)
    rows[:, 5] = 1
    with_rows = make_encoder(motif_rows=lambda molecule: rows).encode([ETHANOL])[0]
    without = make_encoder(motif_rows=lambda molecule: None).encode([ETHANOL])[0]
    assert not torch.equal(with_rows.graph_tokens[:4], without.graph_tokens[:4])
    assert torch.equal(with_rows.graph_tokens[4:], without.graph_tokens[4:])


@pytest.mark.parametrize("smiles", ["[Na+].[Cl-]", "N.N.[Cl][Pt][Cl]", "[H][H]", "C" * 120])
def test_every_valid_molecule_gives_finite_tokens(smiles):
    [encoding] = make_encoder().encode([Molecule.parse(smiles)])
    assert torch.isfinite(encoding.graph_tokens).all()
    assert all(torch.isfinite(part.lora_A).all() for part in encoding.lora.values())


def test_threads_may_encode_at_once():
    encoder = make_encoder(max_bytes=1)
    expected = make_encoder().encode([ETHANOL])[0].lora_hash
    found: list[str] = []

    def encode() -> None:
        found.extend(encoder.encode([ETHANOL])[0].lora_hash for _ in range(5))

    threads = [threading.Thread(target=encode) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 15


def test_the_hash_of_a_delta_depends_on_all_that_its_values_follow_from():
    """It is taken of the generator's codes: basis, B and type must be in it as well."""
    hashes = [make_encoder().encode([ETHANOL])[0].lora_hash]
    for change in ("basis", "lora_B", "site_queries"):
        encoder = make_encoder()
        parts = getattr(encoder.generator, change)
        parameter = next(iter(parts.parameters())) if isinstance(parts, nn.Module) else parts
        with torch.no_grad():
            parameter += 0.1
        made = MoleculeEncoder(encoder.encoder, encoder.projector, encoder.generator)
        hashes.append(made.encode([ETHANOL])[0].lora_hash)
    hashes.append(make_encoder(dtype=torch.bfloat16).encode([ETHANOL])[0].lora_hash)
    assert len(set(hashes)) == 5


def test_more_sites_take_no_more_operations():
    """On a GPU the operations of a new molecule are its time, however little each computes."""
    sites = find_sites(make_model())
    more = [
        replace(s, name=s.name.replace("layers.", "layers.1"), layer=s.layer + 10) for s in sites
    ]
    counts = []
    for chosen in (sites, (*sites, *more)):
        config = GeneratorConfig(d_graph=16, sites=chosen, rank=2, d_model=16, n_heads=2)
        encoder = make_encoder(generator=LoraGenerator(config), dtype=torch.bfloat16)
        with CountedOperations() as counted:
            assert len(encoder.encode([ETHANOL])[0].lora) == len(chosen)
        counts.append(counted.n)
    assert counts[0] == counts[1] > 20


class CountedOperations(TorchDispatchMode):
    """Counts operations but views."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.n += not func.is_view
        return func(*args, **(kwargs or {}))


def test_hashes_are_made_when_not_given():
    assert MoleculeEncoding(torch.ones(1, 2)).tokens_hash
    assert MoleculeEncoding().tokens_hash == ""


@pytest.mark.parametrize("kind", ["own", "published"])
def test_a_molecule_without_some_atoms_is_another_one_to_the_model(kind):
    projector = MultiLevelProjector(ProjectorConfig(d_graph=16, d_llm=64, motif_rows=kind))
    encoder = make_encoder(projector=projector)
    [whole] = encoder.encode([ASPIRIN])
    seen = [encoder.encode_without(ASPIRIN, {number}) for number in range(1, 14)]
    assert all(not torch.equal(one.graph_tokens, whole.graph_tokens) for one in seen)
    assert whole.lora_hash not in {one.lora_hash for one in seen}
    assert encoder.n_misses == 1  # they are not kept


def test_without_no_atom_it_is_the_molecule_and_without_all_there_is_nothing():
    encoder = make_encoder()
    [whole] = encoder.encode([ASPIRIN])
    same = encoder.encode_without(ASPIRIN, set())
    assert torch.equal(same.graph_tokens, whole.graph_tokens)
    assert same.lora_hash == whole.lora_hash
    nothing = encoder.encode_without(ETHANOL, {1, 2, 3})
    assert nothing.graph_tokens is None
    assert nothing.lora is None


def test_what_is_left_is_what_the_fragment_alone_would_be():
    """Node states are those of a graph that never had the atoms."""
    encoder = make_encoder()
    one = encoder.encode_without(ASPIRIN, set(range(2, 14)))
    graph = without_atoms(to_graph(ASPIRIN), set(range(2, 14)))
    assert graph.x.shape == (1, 9)
    assert graph.edge_index.shape == (2, 0)
    levels = encoder.encoder.encode([graph])
    motifs, mask = pad_motifs([own_motif_rows(ASPIRIN, set(range(2, 14)))])
    tokens = encoder.projector(levels, motifs, mask)[0]
    torch.testing.assert_close(one.graph_tokens, tokens, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("small", [True, False])
def test_a_small_generator_computes_in_one_thread_and_leaves_the_number_as_it_was(
    monkeypatch, small
):
    encoder = make_encoder()
    seen: list[int] = []
    generate = encoder.generator.forward

    def counting(*arguments, **options):
        seen.append(torch.get_num_threads())
        return generate(*arguments, **options)

    monkeypatch.setattr(encoder.generator, "forward", counting)
    monkeypatch.setattr(encoder, "_is_small", encoder._is_small and small)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        encoder.encode([ASPIRIN])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1 if small else 2]


def test_a_large_generator_keeps_all_threads():
    sites = [replace(site, in_features=2**14) for site in find_sites(make_model())]
    config = GeneratorConfig(d_graph=16, sites=tuple(sites), rank=64, d_model=128, n_heads=2)
    assert not make_encoder(generator=LoraGenerator(config))._is_small
    assert make_encoder(generator=None)._is_small
