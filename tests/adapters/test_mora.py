"""The published MoRA generator; its separate form is in the golden file of the tiny LLaMA."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from assistant.adapters.mora import MoraConfig, MoraGenerator
from assistant.graph.encoder import GraphLevels

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
SIZES = {
    "d_graph": 32,
    "d_llm": 24,
    "llm_depth": 4,
    "every": 2,
    "rank": 3,
    "alpha": 6,
    "d_model": 32,
    "n_blocks": 2,
    "n_positions": 5,
}


def test_weights_of_a_batch_equal_the_published_ones_of_each_molecule():
    vectors = load_file(GOLDEN / "mora_generator_joint.safetensors")
    generator = MoraGenerator(MoraConfig(**SIZES, separate=False)).eval()
    generator.load_state_dict(
        {k.removeprefix("weight/"): v for k, v in vectors.items() if k.startswith("weight/")}
    )
    nodes = [vectors[f"input/nodes_{index}"] for index in range(8)]
    padded = torch.nn.utils.rnn.pad_sequence(nodes, batch_first=True)
    mask = torch.arange(padded.shape[1]) < torch.tensor([len(n) for n in nodes])[:, None]
    with torch.no_grad():
        weights = generator(GraphLevels(padded[:, None], mask, padded.mean(1))).unbind()
    names = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj"}
    names |= {"o": "self_attn.o_proj", "m": "mlp"}
    for layer in (1, 3):
        for kind, name in names.items():
            for molecule in range(8):
                part = weights[molecule][f"model.layers.{layer}.{name}"]
                A = vectors[f"output/mol{molecule}_layer{layer}_{kind}_A"]
                torch.testing.assert_close(part.lora_A.T, A, atol=2e-5, rtol=1e-4)
            B = vectors[f"output/layer{layer}_{kind}_B"]
            torch.testing.assert_close(part.lora_B * part.scaling, B, atol=2e-5, rtol=1e-4)


def test_the_published_sizes_give_the_published_parameter_count():
    with torch.device("meta"):
        generator = MoraGenerator(MoraConfig())
    assert sum(p.numel() for p in generator.parameters()) == 2_026_221_568
