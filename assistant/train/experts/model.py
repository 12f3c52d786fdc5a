"""The frozen bundle and what is trained beside it: one LoRA per family, and the gate."""

import torch
from torch import Tensor, nn

from assistant.adapters.mora import MoraGenerator
from assistant.adapters.weights import StackedLora
from assistant.components import GraphParts
from assistant.errors import AssistantError
from assistant.llm.load import LoadedLLM
from assistant.train.adapt.model import adapter_step
from assistant.train.batches import Batch
from assistant.train.experts.recipe import ExpertsRecipe
from assistant.train.loss import head_loss, splice_graph_tokens
from assistant.train.mixing import ExpertMixture, mixed_hidden

GATE = "gate"
"""The phase after the experts', and what is in use when all are mixed."""


class ExpertsModel(nn.Module):
    """Experts and gate; what is frozen is no part of the state.

    As in serving a molecule's graph tokens and ΔW are in use beside the experts (design §4).

    Args:
        llm: The frozen language model, with plain weights that pass gradients on.
        parts: The bundle's encoder, projector and generator.
        recipe: Names of the experts, rank and sites.

    Raises:
        AssistantError: The bundle's generator is one of the published form.
    """

    def __init__(self, llm: LoadedLLM, parts: GraphParts, recipe: ExpertsRecipe) -> None:
        super().__init__()
        if isinstance(parts.generator, MoraGenerator):
            raise AssistantError(
                "Experts are trained beside generators of this project, not beside imported MoRA"
                " weights; name another bundle."
            )
        for part in (parts.encoder, parts.projector, parts.generator):
            if part is not None:
                part.to(llm.device).float().eval().requires_grad_(False)
        self._frozen = (llm, parts)
        self.experts = ExpertMixture(llm, [expert.name for expert in recipe.experts], recipe.lora)

    @property
    def llm(self) -> nn.Module:
        """The frozen language model."""
        return self._frozen[0].model

    def begin(self, phase: str) -> list[nn.Parameter]:
        """The parameters of a phase: one expert's, or the gate's."""
        chosen = self.experts.gate if phase == GATE else self.experts.loras[phase]
        self.requires_grad_(False)
        chosen.requires_grad_(True)
        return list(chosen.parameters())

    def loss(self, batch: Batch, use: str) -> Tensor:
        """Mean cross-entropy of the answers.

        Args:
            batch: Questions with answers, on the model's device.
            use: Name of the expert that is in use alone; `GATE`: all, mixed; "": none.
        """
        embeds = self.llm.get_input_embeddings()(batch.ids)
        stacked: StackedLora | None = None
        if batch.graphs is not None:
            tokens, stacked = self._molecules(batch)
            if tokens is not None:
                embeds = splice_graph_tokens(embeds, tokens, batch)
        lora = self.experts.loras[use].weights() if use not in ("", GATE) else {}
        mixture = self.experts.mixture() if use == GATE else None
        step = adapter_step(lora, stacked, batch)
        return head_loss(self.llm, mixed_hidden(self.llm, embeds, step, mixture), batch)

    @torch.no_grad()
    def _molecules(self, batch: Batch) -> tuple[Tensor | None, StackedLora | None]:
        """Graph tokens (m, k, h) and ΔW of the batch's molecules, where the bundle has them."""
        parts, graphs = self._frozen[1], batch.graphs
        if parts.encoder is None:
            return None, None
        levels = parts.encoder(graphs.x, graphs.edge_index, graphs.edge_attr, graphs.batch)
        tokens = stacked = None
        if parts.projector is not None:
            tokens = parts.projector(levels, batch.motifs, batch.motif_mask)
        if parts.generator is not None:
            stacked = parts.generator(levels)
        return tokens, stacked
