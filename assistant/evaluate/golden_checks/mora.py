"""MoRA: A and B of each molecule, the parity mode of a mixed batch, a LLaMA under the ΔW."""

from collections.abc import Iterator

import torch
from torch import Tensor

from assistant.adapters.lora import step_adapters, wrap
from assistant.adapters.mora import MoraGenerator, as_one_sequence
from assistant.adapters.sites import KIND_OF_NAME
from assistant.adapters.weights import StackedLora
from assistant.evaluate.golden_checks import Check, Comparison, GoldenFile
from assistant.graph.encoder import GraphLevels
from assistant.importers.mora import MoraSettings, generator_from

PLACEHOLDER = -200  # the published id of "here is a molecule"


def check_generator(file: GoldenFile) -> Iterator[Comparison]:
    """A and ΔW per molecule from one batch, B with its scaling, and A of the mixed batch."""
    config = file.config
    settings = MoraSettings(
        rank=config["lora_rank"],
        alpha=config.get("mora_alpha") or config["lora_rank"],
        every=config.get("skip_layers", 1),
        llm_depth=config["llm_depth"],
        kinds=config["lora_type"],
        n_heads=config.get("num_heads", 16),
    )
    generator = generator_from(file.weights(), source=file.name, settings=settings)
    levels = _stored_nodes(file)
    stacked = generator(levels)
    mixed = generator(as_one_sequence(levels))
    for name, site in stacked.items():
        place = _place(name)
        B = site.lora_B * site.scaling  # (out, r)
        yield Comparison(f"output/{place}_B", B)
        for index in range(len(levels)):
            A = site.lora_A[index].T  # (in, r), as stored
            yield Comparison(f"output/mol{index}_{place}_A", A)
            yield Comparison(f"output/mol{index}_{place}_deltaW", A @ B.T)
        yield Comparison(f"output/concat_{place}_A", mixed[name].lora_A[0].T)


def _place(site_name: str) -> str:
    """`layer3_q` for `model.layers.3.self_attn.q_proj`."""
    _, _, rest = site_name.partition(".layers.")
    return f"layer{rest.partition('.')[0]}_{KIND_OF_NAME[site_name.rpartition('.')[2]]}"


def _stored_nodes(file: GoldenFile) -> GraphLevels:
    """The last level of every molecule; the generator as published reads no other."""
    names = [key for key in file.tensors if key.startswith("input/nodes_")]
    nodes = [file.tensors[f"input/nodes_{index}"] for index in range(len(names))]
    padded = torch.nn.utils.rnn.pad_sequence(nodes, batch_first=True)  # (b, n, d)
    sizes = torch.tensor([len(atoms) for atoms in nodes])
    mask = torch.arange(padded.shape[1]) < sizes[:, None]
    return GraphLevels(padded[:, None], mask, padded.sum(dim=1) / sizes[:, None])


def check_llama(file: GoldenFile) -> Iterator[Comparison]:
    """Hidden states and logits of a LLaMA, with ΔW on rows that have a molecule and without."""
    config, ids = file.config, file.tensors["input/input_ids"]
    settings = MoraSettings(
        rank=config["mora_rank"],
        alpha=config["mora_alpha"],
        every=config["skip_layers"],
        llm_depth=config["layers"],
        kinds=config.get("lora_type", "qkvom"),
        n_heads=config.get("gen_heads", 16),
    )
    generator: MoraGenerator = generator_from(
        file.weights("mm_projector."), source=file.name, settings=settings
    )
    is_placeholder = ids == PLACEHOLDER
    effective_ids = ids.masked_fill(is_placeholder, 0)
    effective_mask = file.tensors["input/attention_mask"].masked_fill(is_placeholder, 0)
    yield Comparison("input/effective_ids", effective_ids)
    yield Comparison("input/effective_mask", effective_mask)
    deltas = generator(_stored_nodes(file))
    has_molecule = is_placeholder.any(dim=1)
    yield from _run_llama(file, deltas, effective_ids, effective_mask, has_molecule)


def _run_llama(
    file: GoldenFile, deltas: StackedLora, ids: Tensor, mask: Tensor, has_molecule: Tensor
) -> Iterator[Comparison]:
    model = _llama(file)
    wrap(model, deltas)
    rows = torch.arange(1, len(ids) + 1) * has_molecule  # the ΔW of the own molecule, or none
    segments = rows[:, None].expand_as(ids)  # scope "whole", as published
    positions = torch.arange(ids.shape[1]).expand_as(ids)  # placeholder and padding count
    where = mask.bool()[..., None]
    options = {"attention_mask": mask, "position_ids": positions, "use_cache": False}
    states: list[Tensor] = []  # what enters the first layer and what leaves each, before the norm
    layers = model.model.layers
    layers[0].register_forward_pre_hook(lambda _, inputs: states.append(inputs[0]))
    for layer in layers:
        layer.register_forward_hook(lambda _, __, output: states.append(output))
    with step_adapters(deltas, segments):
        logits = model(ids, **options).logits
    for index, state in enumerate(states):
        yield Comparison(f"output/hidden_{index}", state, where)
    yield Comparison("output/logits", logits, where)
    yield Comparison("output/logits_no_mora", model(ids, **options).logits, where)


def _llama(file: GoldenFile) -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = file.config
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config["vocab"],
            hidden_size=config["hidden"],
            intermediate_size=config["intermediate"],
            num_hidden_layers=config["layers"],
            num_attention_heads=config["heads"],
            num_key_value_heads=config["kv_heads"],
            rms_norm_eps=config["rms_eps"],
            rope_parameters={"rope_type": "default", "rope_theta": config["rope_theta"]},
            tie_word_embeddings=False,
        )
    )
    weights = {
        key if key.startswith("lm_head") else f"model.{key}": value
        for key, value in file.weights("llm.").items()
        if not key.endswith("rotary_emb.inv_freq")  # computed from rope_theta
    }
    model.load_state_dict(weights)
    return model.eval()


CHECKS: dict[str, Check] = {"mora_generator": check_generator, "mora_llama": check_llama}
