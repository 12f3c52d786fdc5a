"""The frozen 4-bit LLM with what is trained beside it, and one pass of a batch through them.

    graphs ─► encoder ─► projector ─► graph tokens ─► embeddings ─► LLM layers ─► chunked loss
                  └────► generator ─► ΔW ─┐                              ▲
                                LoRA ─────┴─► one low-rank sum a token ──┘

ΔW and LoRA go the way of serving: rank components side by side, chosen by each token's segment.
"""

import math
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from assistant.adapters.generator import LoraGenerator
from assistant.adapters.lora import AdapterStep, checkpoint_contexts, named_targets, running, wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LoraWeights, LowRank, StackedLora, StackedLowRank
from assistant.errors import BundleError
from assistant.graph.encoder import GraphEncoder
from assistant.graph.projector import MultiLevelProjector
from assistant.llm.load import LoadedLLM
from assistant.train.adapt.loss import chunked_cross_entropy, head_of
from assistant.train.adapt.recipe import LoraRecipe, StageName
from assistant.train.batches import Batch
from assistant.train.generator import focus_stack
from assistant.train.loss import splice_graph_tokens


class StaticLora(nn.Module):
    """An ordinary LoRA over whole modules of an LLM; zero B at the start.

    Args:
        llm: The LLM, wrapped or not.
        recipe: Rank, alpha and which projections.
    """

    def __init__(self, llm: nn.Module, recipe: LoraRecipe) -> None:
        super().__init__()
        modules = dict(named_targets(llm))
        names = dict.fromkeys(site.name for site in find_sites(llm, recipe.targets))
        self.names = tuple(names)
        self.scaling = recipe.alpha / recipe.rank
        self.lora_A, self.lora_B = nn.ParameterList(), nn.ParameterList()
        for name in self.names:
            d_in, d_out = modules[name].in_features, modules[name].out_features
            A = torch.empty(recipe.rank, d_in)
            nn.init.kaiming_uniform_(A, a=math.sqrt(5))
            self.lora_A.append(nn.Parameter(A))
            self.lora_B.append(nn.Parameter(torch.zeros(d_out, recipe.rank)))

    def weights(self) -> LoraWeights:
        """Its ΔW by module name."""
        return {
            name: LowRank(A, B, self.scaling)
            for name, A, B in zip(self.names, self.lora_A, self.lora_B, strict=True)
        }


class AdaptedModel(nn.Module):
    """What is trained, beside an LLM that is not.

    The LLM is no submodule: states and optimisers hold only what is trained here.

    Args:
        llm: Loaded with `pick_fastest=False`, so that it passes gradients on.
        encoder: The graph encoder.
        projector: Writes graph tokens of the LLM's width.
        lora: The ordinary LoRA, if there is one (yet).
        generator: The generator of instance LoRA, if there is one (yet).
        chunk: Positions whose logits are in memory at a time.
    """

    def __init__(
        self,
        llm: LoadedLLM,
        encoder: GraphEncoder,
        projector: MultiLevelProjector,
        *,
        lora: StaticLora | None = None,
        generator: LoraGenerator | None = None,
        chunk: int = 512,
    ) -> None:
        super().__init__()
        self._llm = (llm,)
        self.encoder, self.projector = encoder, projector
        self.lora, self.generator = lora, generator
        self.chunk = chunk
        self._head = head_of(llm.model)
        if lora is not None:
            wrap(llm.model, lora.names)
        if generator is not None:
            wrap(llm.model, generator.config.sites)

    @property
    def loaded(self) -> LoadedLLM:
        """The language model as it was loaded."""
        return self._llm[0]

    @property
    def llm(self) -> nn.Module:
        """The language model itself."""
        return self._llm[0].model

    def begin(self, stage: StageName) -> list[nn.Parameter]:
        """Freezes all that a stage does not train, and gives what it does.

        BatchNorm keeps its running statistics in every stage: a micro-batch has a few molecules.
        """
        trained = {
            "align": (self.encoder, self.projector),
            "instruct": (self.projector, self.lora),
            "generate": (self.generator,),
        }[stage]
        self.requires_grad_(False).eval()
        for module in trained:
            if module is not None:
                module.requires_grad_(True)
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def forward(
        self, batch: Batch, stage: StageName, *, roll: int = 0, graph: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Weighted sum of the answers' cross-entropy, and the sum of the weights.

        Args:
            batch: On the LLM's device, but for its segments.
            stage: What is in use: no LoRA in "align", no generator before "generate".
            roll: Gives molecule i what belongs to molecule i - roll of the batch (a control).
            graph: False zeroes graph tokens and leaves ΔW out (a control).
        """
        embeds = self.llm.get_input_embeddings()(batch.ids)
        stacked: StackedLora | None = None
        if batch.graphs is not None:
            tokens, stacked = self._molecules(batch, stage)
            if roll:
                tokens, stacked = tokens.roll(roll, 0), _rolled(stacked, roll)
            if not graph:
                tokens, stacked = torch.zeros_like(tokens), None
            embeds = splice_graph_tokens(embeds, tokens, batch)
        lora = self.lora.weights() if self.lora is not None and stage != "align" else {}
        step = adapter_step(lora, stacked, batch)
        with running(step):
            hidden = self.llm.base_model(inputs_embeds=embeds, use_cache=False).last_hidden_state
        weights = batch.weights[:, 1:]
        chosen = weights > 0
        loss = chunked_cross_entropy(
            hidden[:, :-1][chosen],
            batch.ids[:, 1:][chosen],
            weights[chosen],
            self._head,
            chunk=self.chunk,
        )
        return loss, weights.sum()

    def _molecules(self, batch: Batch, stage: StageName) -> tuple[Tensor, StackedLora | None]:
        """Graph tokens (m, k, h) and ΔW of the batch's molecules."""
        graphs = batch.graphs
        with nullcontext() if stage == "align" else torch.no_grad():
            levels = self.encoder(graphs.x, graphs.edge_index, graphs.edge_attr, graphs.batch)
        with torch.no_grad() if stage == "generate" else nullcontext():
            tokens = self.projector(levels, batch.motifs, batch.motif_mask)
        use = stage == "generate" and self.generator is not None
        return tokens, self.generator(levels) if use else None


def _rolled(stacked: StackedLora | None, by: int) -> StackedLora | None:
    if stacked is None:
        return None
    return StackedLora(
        {n: StackedLowRank(s.lora_A.roll(by, 0), s.lora_B, s.scaling) for n, s in stacked.items()}
    )


def adapter_step(
    lora: LoraWeights, stacked: StackedLora | None, batch: Batch
) -> AdapterStep | None:
    """The adapters of a pass: the LoRA for every token, and ΔW of each token's focus.

    Args:
        lora: May be empty.
        stacked: ΔW of the batch's molecules, if there are any.
        batch: Says which tokens are about which molecules.
    """
    segments = batch.segments
    if stacked is None and not lora:
        return None
    if not lora:
        sites = focus_stack(stacked, batch.focuses)
    elif stacked is None:
        sites = StackedLora(
            {n: StackedLowRank(p.lora_A[None], p.lora_B, p.scaling) for n, p in lora.items()}
        )
        segments = torch.ones_like(segments)
    else:
        sites = _joined(lora, focus_stack(stacked, batch.focuses))
        segments = segments + 1
    step = AdapterStep.plan(sites, segments)
    return None if step is None else _on(step, batch.ids.device)


def _joined(lora: LoraWeights, focuses: StackedLora) -> StackedLora:
    """Slot 1 is the LoRA alone, slot f + 1 the LoRA beside ΔW of focus f (as `combine` joins)."""
    n_slots = focuses.n_slots + 1
    joined = StackedLora()
    for name in dict.fromkeys((*lora, *focuses)):
        parts_A: list[Tensor] = []
        parts_B: list[Tensor] = []
        if name in lora:
            part = lora[name]
            parts_A.append(part.lora_A.expand(n_slots, -1, -1))
            parts_B.append(part.lora_B * part.scaling)
        if name in focuses:
            site = focuses[name]
            parts_A.append(torch.cat([torch.zeros_like(site.lora_A[:1]), site.lora_A]))
            parts_B.append(site.lora_B * site.scaling)
        dtype = parts_A[0].dtype
        joined[name] = StackedLowRank(
            torch.cat([A.to(dtype) for A in parts_A], dim=1),
            torch.cat([B.to(dtype) for B in parts_B], dim=1),
        )
    return joined


def _on(step: AdapterStep, device: torch.device) -> AdapterStep:
    """ΔW is planned on the processor; its indices go where the tensors are."""
    pick = None if step.pick is None else step.pick.to(device)
    return replace(step, rows=step.rows.to(device), pick=pick)


def checkpoint_layers(llm: nn.Module) -> None:
    """Makes the LLM keep only each layer's input and compute the rest again in the backward pass.

    Layers checkpoint in training mode only. The flag is set on them alone: what is inside stays in
    eval mode, so that no dropout of the frozen LLM sets in.

    Raises:
        BundleError: The model's layers cannot be checkpointed.
    """
    layers = [m for m in llm.modules() if isinstance(m, GradientCheckpointingLayer)]
    if not layers:
        raise BundleError(
            f"{type(llm).__name__} has no layers that can be checkpointed; choose a Llama-,"
            " Mistral-, Qwen-, Phi- or Gemma-type model."
        )
    llm.activation_checkpointing_enable(
        activation_checkpointing_kwargs={
            "use_reentrant": False,
            "context_fn": checkpoint_contexts,
            "preserve_rng_state": False,
        }
    )
    for layer in layers:
        layer.training = True
