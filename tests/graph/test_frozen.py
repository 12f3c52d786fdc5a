"""The frozen forms compute what the modules compute."""

import pytest
import torch
from torch import nn

from assistant.chem.graph import to_graph, to_mora_graph
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import own_motif_rows
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.frozen import FrozenEncoder, FrozenProjector
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig, pad_motifs

MOLECULES = [
    Molecule.parse(s) for s in ("C", "CC(=O)Oc1ccccc1C(=O)O", "F/C=C/[C@H](N)[O-]", "[Na+]")
]


def trained(encoder: GraphEncoder) -> GraphEncoder:
    """Norms and eps as training leaves them: none of them neutral."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    for name, parameter in encoder.named_parameters():
        if name.endswith("eps"):
            nn.init.constant_(parameter, 0.25)
    return encoder.eval().requires_grad_(False)


@pytest.mark.parametrize(("columns", "featurise"), [("ogb", to_graph), ("mora", to_mora_graph)])
def test_the_frozen_encoder_gives_the_levels_of_the_encoder(columns, featurise):
    torch.manual_seed(0)
    encoder = trained(GraphEncoder(GraphEncoderConfig(d_model=24, n_layers=3, columns=columns)))
    frozen = FrozenEncoder(encoder)
    for molecule in MOLECULES:
        graph = featurise(molecule)
        found, expected = frozen(graph), encoder.encode([graph])
        torch.testing.assert_close(found.atoms, expected.atoms, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.graph, expected.graph, atol=1e-5, rtol=1e-5)
        assert torch.equal(found.mask, expected.mask)


def test_graphs_of_other_columns_are_refused():
    encoder = trained(GraphEncoder(GraphEncoderConfig(d_model=8, n_layers=1)))
    with pytest.raises(ValueError, match="2 atom and 2 bond columns"):
        FrozenEncoder(encoder)(to_mora_graph(MOLECULES[1]))


@pytest.mark.parametrize(
    "options",
    [{}, {"shared_attention": True}, {"motifs_first": False}, {"n_motif_queries": 0}],
    ids=str,
)
@pytest.mark.parametrize("with_motifs", [True, False])
def test_the_frozen_projector_gives_the_tokens_of_the_projector(options, with_motifs):
    torch.manual_seed(1)
    encoder = trained(GraphEncoder(GraphEncoderConfig(d_model=24, n_layers=3)))
    config = ProjectorConfig(d_graph=24, d_llm=20, n_levels=4, **options)
    projector = MultiLevelProjector(config).eval().requires_grad_(False)
    for name, parameter in projector.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.3)
    frozen = FrozenProjector(projector)
    for molecule in MOLECULES:
        levels = encoder.encode([to_graph(molecule)])
        rows = own_motif_rows(molecule) if with_motifs else None
        motifs, mask = pad_motifs([rows])
        expected = projector(levels, motifs, mask)[0]
        assert expected.shape == (config.n_tokens, 20)
        torch.testing.assert_close(frozen(levels, motifs[0]), expected, atol=1e-5, rtol=1e-5)
