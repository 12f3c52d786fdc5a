"""Synthetic checkpoints with the published keys at any width, random values."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from assistant.adapters.mora import MoraConfig
from tests.llm.fakes import LLAMA2, make_tokenizer

OGB_135 = (119, 4, 12, 12, 10, 6, 6, 2, 2)


def stm_state(
    *, width: int = 16, n_layers: int = 5, chirality_rows: int = 4, prefix: str = ""
) -> dict[str, Tensor]:
    """The keys of MoleculeSTM's `molecule_model.pth`."""
    node = f"{prefix}molecule_node_model."
    rows = [chirality_rows if index == 1 else n for index, n in enumerate(OGB_135)]
    state = {
        f"{node}atom_encoder.atom_embedding_list.{i}.weight": torch.randn(n, width)
        for i, n in enumerate(rows)
    }
    for layer in range(n_layers):
        gin = f"{node}gnns.{layer}."
        state |= {
            f"{gin}eps": torch.randn(1) * 0.1,
            f"{gin}mlp.0.weight": torch.randn(2 * width, width) * width**-0.5,
            f"{gin}mlp.0.bias": torch.randn(2 * width),
            **batch_norm(f"{gin}mlp.1.", 2 * width),
            f"{gin}mlp.3.weight": torch.randn(width, 2 * width) * width**-0.5,
            f"{gin}mlp.3.bias": torch.randn(width),
            **{
                f"{gin}bond_encoder.bond_embedding_list.{i}.weight": torch.randn(n, width)
                for i, n in enumerate((5, 6, 2))
            },
            **batch_norm(f"{node}batch_norms.{layer}.", width),
        }
    return state


def batch_norm(prefix: str, width: int) -> dict[str, Tensor]:
    """A BatchNorm1d with statistics."""
    return {
        f"{prefix}weight": torch.randn(width),
        f"{prefix}bias": torch.randn(width),
        f"{prefix}running_mean": torch.randn(width),
        f"{prefix}running_var": torch.rand(width) + 0.5,
        f"{prefix}num_batches_tracked": torch.tensor(100),
    }


def llamo_state(
    *,
    d_graph: int = 16,
    d_llm: int = 64,
    n_layers: int = 2,
    vocabulary: int = 321,
    rank: int = 8,
    d_mlp: int = 128,
    tied: bool = True,
    stage: int = 2,
    make: Callable[..., Tensor] = torch.randn,
) -> dict[str, Tensor]:
    """The keys of a LLaMo checkpoint, with a language model of `n_layers`."""
    state = stm_state(width=d_graph, prefix="mllm.graph_model.")
    state |= {f"mllm.ln_graph_model.{key}": make(d_graph) for key in ("weight", "bias")}
    state |= projector_state("mllm.abstractor.", d_graph, d_llm, tied=tied, make=make)
    llm = "mllm.language_model." + ("base_model.model." if stage == 2 else "")
    state[f"{llm}model.embed_tokens.weight"] = make(vocabulary, d_llm)
    for layer in range(n_layers):
        block = f"{llm}model.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            module = f"{block}self_attn.{name}."
            adapted = stage == 2 and name in ("q_proj", "v_proj")
            state[f"{module}{'base_layer.' if adapted else ''}weight"] = make(d_llm, d_llm)
            if adapted:
                state[f"{module}lora_A.default.weight"] = make(rank, d_llm)
                state[f"{module}lora_B.default.weight"] = make(d_llm, rank)
        for name, shape in (("gate_proj", (d_mlp, d_llm)), ("up_proj", (d_mlp, d_llm))):
            state[f"{block}mlp.{name}.weight"] = make(*shape)
        state[f"{block}mlp.down_proj.weight"] = make(d_llm, d_mlp)
        for name in ("input_layernorm", "post_attention_layernorm"):
            state[f"{block}{name}.weight"] = make(d_llm)
    state[f"{llm}model.norm.weight"] = make(d_llm)
    state[f"{llm}lm_head.weight"] = make(vocabulary, d_llm)
    return state


def projector_state(
    prefix: str, d_graph: int, d_llm: int, *, tied: bool, make: Callable[..., Tensor]
) -> dict[str, Tensor]:
    """The keys of LLaMo's `abstractor`; the level attentions are one block stored six times."""

    def attention(name: str) -> dict[str, Tensor]:
        return {
            f"{prefix}{name}.in_proj_weight": make(3 * d_graph, d_graph),
            f"{prefix}{name}.in_proj_bias": make(3 * d_graph),
            f"{prefix}{name}.out_proj.weight": make(d_graph, d_graph),
            f"{prefix}{name}.out_proj.bias": make(d_graph),
        }

    state = {
        f"{prefix}motif_query_tokens": make(4, d_graph),
        f"{prefix}query_tokens": make(6, 4, d_graph),
        f"{prefix}motif_weight.weight": make(d_graph, 73),
        **attention("motif_cross_attention"),
    }
    first = attention("cross_attention.0")
    for level in range(6):
        name = f"cross_attention.{level}"
        block = attention(name)
        if tied:
            block = {k.replace("cross_attention.0", name): v for k, v in first.items()}
        state |= block
    state |= {f"{prefix}layer_norm.{key}": make(d_graph) for key in ("weight", "bias")}
    for index, width in zip(range(0, 12, 2), [d_graph] + [d_llm] * 5, strict=True):
        state[f"{prefix}net.{index}.weight"] = make(d_llm, width)
        state[f"{prefix}net.{index}.bias"] = make(d_llm)
    return state


def lightning(state: dict[str, Tensor], **foreign: object) -> dict[str, object]:
    """A Lightning checkpoint round a state dict."""
    return {
        "epoch": 2,
        "global_step": 1234,
        "pytorch-lightning_version": "2.2.1",
        "state_dict": OrderedDict(state),
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}}],
        "hyper_parameters": {"lr": 5e-5},
        **foreign,
    }


def save_llama(directory: Path, *, d_llm: int = 64, n_layers: int = 2, seed: int = 0) -> Path:
    """A tiny random Llama with Llama 2's chat template, as `save_pretrained` writes it."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=d_llm,
        intermediate_size=128,
        num_hidden_layers=n_layers,
        num_attention_heads=4,
        max_position_embeddings=2048,
        initializer_range=0.1,
        bos_token_id=0,
        eos_token_id=2,
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    make_tokenizer(LLAMA2).save_pretrained(directory)
    return directory


def mora_state(
    config: MoraConfig, *, make: Callable[..., Tensor] = torch.randn
) -> dict[str, Tensor]:
    """The keys of MoRA's `non_lora_trainables.bin`."""
    d_model, n_layers = config.d_model, len(config.layers)
    n_values, n_sites = config.d_llm * config.rank, len(config.kinds) * n_layers
    root = "model.mm_projector."
    state = {
        f"{root}pos_embed": make(1, config.n_positions, d_model),
        f"{root}Bs": make(1, n_sites, n_values),
        f"{root}visual_proj.weight": make(d_model, config.d_graph),
        f"{root}visual_proj.bias": make(d_model),
    }
    parts = [f"gen.{i}." for i in range(len(config.kinds))] if config.separate else ["gen."]
    for part in parts:
        n_queries = n_layers if config.separate else n_sites
        state |= _sub_generator(f"{root}{part}", config, n_queries, n_values, make)
    return state


def _sub_generator(
    prefix: str, config: MoraConfig, n_queries: int, n_values: int, make: Callable[..., Tensor]
) -> dict[str, Tensor]:
    d_model, d_ffn = config.d_model, config.ffn_factor * config.d_model
    state = {
        f"{prefix}queries": make(1, n_queries, d_model),
        f"{prefix}norm.weight": make(d_model),
        f"{prefix}norm.bias": make(d_model),
        f"{prefix}weights_head.weight": make(n_values, d_model),
        f"{prefix}weights_head.bias": make(n_values),
    }
    for index in range(config.n_blocks):
        block = f"{prefix}decoders.{index}."
        for name in ("self_attn", "multihead_attn"):
            state |= {
                f"{block}{name}.in_proj_weight": make(3 * d_model, d_model),
                f"{block}{name}.in_proj_bias": make(3 * d_model),
                f"{block}{name}.out_proj.weight": make(d_model, d_model),
                f"{block}{name}.out_proj.bias": make(d_model),
            }
        state |= {
            f"{block}linear1.weight": make(d_ffn, d_model),
            f"{block}linear1.bias": make(d_ffn),
            f"{block}linear2.weight": make(d_model, d_ffn),
            f"{block}linear2.bias": make(d_model),
        }
        for name in ("norm1", "norm2", "norm3"):
            state |= {f"{block}{name}.{key}": make(d_model) for key in ("weight", "bias")}
    return state
