"""A reader of molecules, and the adapters by which a frozen language model writes what it reads."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assistant.adapters.lora import wrap
from assistant.chat.short_values import ShortValue
from assistant.checkpoint import in_eight_bit, in_full
from assistant.graph.encoder import GraphBatch, GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm.differentiable import keep_differentiable
from assistant.llm.layout import IdsPiece, end_id, layout, text_ids
from assistant.llm.load import LoadedLLM
from assistant.train.adapt.model import StaticLora, adapter_step
from assistant.train.adapt.recipe import LoraRecipe
from assistant.train.batches import Batch
from assistant.train.loss import head_loss, splice_graph_tokens
from assistant.train.mixing import mixed_hidden
from assistant.train.numbers.recipe import NumbersRecipe

_TARGETS = "qkvo"


class Reader(nn.Module):
    """Encoder and projector, with the linear head of stage 1.

    Args:
        recipe: Sizes.
        d_llm: Width of the language model.
    """

    def __init__(self, recipe: NumbersRecipe, d_llm: int) -> None:
        super().__init__()
        config = GraphEncoderConfig(d_model=recipe.d_model, n_layers=recipe.n_layers)
        self.encoder = GraphEncoder(config)
        self.projector = MultiLevelProjector(
            ProjectorConfig(
                d_graph=recipe.d_model,
                d_llm=d_llm,
                n_levels=config.n_levels,
                n_heads=recipe.n_heads,
                n_queries=recipe.n_queries,
                n_motif_queries=0,
                shared_attention=True,
            )
        )
        self.head = nn.Linear(d_llm, 1)

    def tokens(self, graphs: GraphBatch) -> Tensor:
        """Graph tokens (b, tokens, d_llm)."""
        levels = self.encoder(graphs.x, graphs.edge_index, graphs.edge_attr, graphs.batch)
        return self.projector(levels)

    def forward(self, graphs: GraphBatch) -> Tensor:
        """Standardised values (b,)."""
        return self.head(self.tokens(graphs).mean(dim=1)).squeeze(-1)

    @torch.no_grad()
    def round_encoder(self) -> None:
        """Gives the encoder the values that it is stored with, before others learn from them."""
        self.encoder.load_state_dict(in_full(in_eight_bit(self.encoder.state_dict())))


class NumberWriter(nn.Module):
    """The frozen language model behind a reader; its state holds the LoRA alone.

    Args:
        recipe: Rank of the LoRA.
        value: What is written.
        llm: Loaded with `pick_fastest=False`.
    """

    def __init__(self, recipe: NumbersRecipe, value: ShortValue, llm: LoadedLLM) -> None:
        super().__init__()
        keep_differentiable(llm.model)
        llm.model.requires_grad_(False)
        self._frozen = (llm,)
        self.value = value
        lora = LoraRecipe(rank=recipe.rank, alpha=recipe.alpha, targets=_TARGETS)
        self.lora = StaticLora(llm.model, lora)
        wrap(llm.model, self.lora.names)
        before, _, behind = layout(value.prompt(1), llm.tokenizer).pieces
        if not isinstance(before, IdsPiece) or not isinstance(behind, IdsPiece):
            raise ValueError("a question is text, a molecule and text")
        self._before, self._behind = list(before.ids), list(behind.ids)
        self._end = end_id(llm.tokenizer)

    @property
    def llm(self) -> LoadedLLM:
        """The language model."""
        return self._frozen[0]

    def loss(self, tokens: Tensor, values: Sequence[float]) -> Tensor:
        """Mean cross-entropy of written values.

        Args:
            tokens: Graph tokens (b, tokens, d).
            values: Of the same molecules, (b,).
        """
        answers = [self._answer(value) for value in values]
        batch = self._batch(tokens.shape[1], answers)
        return head_loss(self.llm.model, self._hidden(tokens, batch), batch)

    @torch.no_grad()
    def written(self, tokens: Tensor, like: float) -> list[float | None]:
        """The values that are written greedily; None where it is no number.

        Args:
            tokens: Graph tokens (b, tokens, d).
            like: Any value; no answer becomes longer than its.
        """
        length = len(self._answer(like))
        answers = [[self._end] * length for _ in range(len(tokens))]
        for place in range(length):
            batch = self._batch(tokens.shape[1], answers)
            hidden = self._hidden(tokens, batch)[:, place - length - 1]
            for answer, token in zip(answers, self._likeliest(hidden), strict=True):
                answer[place] = token
        return [self._read(answer) for answer in answers]

    def _read(self, answer: list[int]) -> float | None:
        if self._end not in answer:
            return None
        return self.value.value_in(self.llm.tokenizer.decode(answer[: answer.index(self._end)]))

    def _likeliest(self, hidden: Tensor) -> list[int]:
        return self.llm.model.get_output_embeddings()(hidden).argmax(-1).tolist()

    def _answer(self, value: float) -> list[int]:
        return [*text_ids(self.llm.tokenizer, self.value.written(value)), self._end]

    def _hidden(self, tokens: Tensor, batch: Batch) -> Tensor:
        embeds = self.llm.model.get_input_embeddings()(batch.ids)
        embeds = splice_graph_tokens(embeds, tokens, batch)
        step = adapter_step(self.lora.weights(), None, batch)
        return mixed_hidden(self.llm.model, embeds, step, None)

    def _batch(self, n_tokens: int, answers: Sequence[Sequence[int]]) -> Batch:
        """Questions with answers of one length, none of which needs padding."""
        start, n = len(self._before), len(answers)
        asked = [*self._before, *[0] * n_tokens, *self._behind]
        ids = torch.tensor([[*asked, *answer] for answer in answers])
        weights = torch.zeros(ids.shape)
        weights[:, len(asked) :] = 1.0
        molecule = torch.arange(n).repeat_interleave(n_tokens)
        batch = Batch(
            ids=ids,
            mask=torch.ones_like(ids),
            weights=weights,
            segments=torch.zeros_like(ids),
            focuses=((),),
            graphs=None,
            motifs=torch.zeros(n, 0, 0),
            motif_mask=torch.zeros(n, 0, dtype=torch.bool),
            slot_row=molecule,
            slot_column=torch.arange(start, start + n_tokens).repeat(n),
            slot_molecule=molecule,
            slot_place=torch.arange(n_tokens).repeat(n),
        )
        return batch.to(self.llm.device)
