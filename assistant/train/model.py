"""The default model as it is trained: language model, graph encoder and projector together."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.train import codes
from assistant.train.batches import Batch
from assistant.train.loss import head_loss, splice_graph_tokens
from assistant.train.tokenizer import number_ids


@dataclass(frozen=True)
class ModelSizes:
    """Shape of the language model; 4-bit widths are multiples of 64."""

    d_model: int = 512
    n_layers: int = 4
    d_ffn: int = 1408
    n_heads: int = 8
    n_kv_heads: int = 2
    vocab_size: int = 4096
    context: int = 4096
    rope_theta: float = 100_000.0


def language_model(sizes: ModelSizes, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama-style language model whose weights start as `codes` says."""
    config = LlamaConfig(
        vocab_size=sizes.vocab_size,
        hidden_size=sizes.d_model,
        intermediate_size=sizes.d_ffn,
        num_hidden_layers=sizes.n_layers,
        num_attention_heads=sizes.n_heads,
        num_key_value_heads=sizes.n_kv_heads,
        max_position_embeddings=sizes.context,
        tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": sizes.rope_theta},
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    llm = LlamaForCausalLM(config)
    codes.set_codes(llm)
    codes.wire(llm)
    return llm


def compile_layers(llm: LlamaForCausalLM) -> None:
    """Compiles each decoder layer, for any length: the layers share what is compiled."""
    for layer in llm.model.layers:
        layer.compile(dynamic=True)


class GroundedModel(nn.Module):
    """Language model, encoder and projector as trained together."""

    def __init__(
        self, llm: LlamaForCausalLM, encoder: GraphEncoder, projector: MultiLevelProjector
    ) -> None:
        super().__init__()
        self.llm, self.encoder, self.projector = llm, encoder, projector

    @classmethod
    def build(cls, sizes: ModelSizes, tokenizer: PreTrainedTokenizerFast) -> "GroundedModel":
        """Random weights of the given shape."""
        llm = language_model(sizes, tokenizer)
        codes.hold_tokens(llm, number_ids(tokenizer))
        encoder = GraphEncoder(GraphEncoderConfig())
        projector = MultiLevelProjector(ProjectorConfig(d_graph=300, d_llm=sizes.d_model))
        with torch.no_grad():
            projector.net[-1].bias += codes.mark(sizes.d_model)
        return cls(llm, encoder, projector)

    def graph_tokens(self, batch: Batch) -> Tensor:
        """Graph tokens of the batch's molecules, (m, 28, d)."""
        graphs = batch.graphs
        levels = self.encoder(graphs.x, graphs.edge_index, graphs.edge_attr, graphs.batch)
        return self.projector(levels, batch.motifs, batch.motif_mask)

    def embeds(self, batch: Batch) -> Tensor:
        """Token embeddings with the graph tokens spliced in, (b, t, d)."""
        embeds = self.llm.get_input_embeddings()(batch.ids)
        if batch.graphs is None:
            return embeds
        return splice_graph_tokens(embeds, self.graph_tokens(batch), batch)

    def loss(self, batch: Batch) -> Tensor:
        """Weighted mean of the next-token loss; only positions that count reach the output head."""
        return head_loss(self.llm, self.hidden(batch), batch)

    def hidden(self, batch: Batch) -> Tensor:
        """Last hidden states, (b, t, d). Padding is on the right, so the causal mask suffices."""
        output = self.llm.model(inputs_embeds=self.embeds(batch), use_cache=False)
        return output.last_hidden_state
