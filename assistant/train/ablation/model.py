"""One arm: the frozen language model and encoder, and the parts that are trained beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from assistant.adapters.generator import LoraGenerator
from assistant.adapters.lora import wrap
from assistant.adapters.weights import StackedLora, StackedLowRank
from assistant.graph.encoder import GraphBatch, GraphEncoder
from assistant.graph.projector import MultiLevelProjector
from assistant.llm.load import LoadedLLM
from assistant.train.ablation.reading import Reader, value_task_of
from assistant.train.ablation.recipe import AblationArm, AblationRecipe
from assistant.train.ablation.sizes import LORA_TARGETS, reader_config, sizes_of
from assistant.train.adapt.model import StaticLora, adapter_step
from assistant.train.adapt.recipe import LoraRecipe
from assistant.train.batches import Batch
from assistant.train.loss import head_loss, splice_graph_tokens
from assistant.train.mixing import ExpertMixture, mixed_hidden

JOINT, READ = "joint", "read"


@dataclass(frozen=True)
class Phase:
    """So many steps on the rows of these tasks; `expert` is the one that they train, if any."""

    name: str
    tasks: tuple[str, ...]
    steps: int
    expert: str = ""


def phases_of(arm: AblationArm, recipe: AblationRecipe) -> list[Phase]:
    """All steps of an arm: its encoder or experts one by one, then everything else together."""
    if arm.reads:
        read = max(1, round(recipe.steps * recipe.read_share))
        phases = (Phase(READ, recipe.tasks, read), Phase(JOINT, recipe.tasks, recipe.steps - read))
        return [phase for phase in phases if phase.steps]
    if not arm.experts:
        return [Phase(JOINT, recipe.tasks, recipe.steps)]
    each = max(1, round(recipe.steps * recipe.expert_share / len(recipe.tasks)))
    experts = [Phase(f"expert {t}", (t,), each, expert=t) for t in recipe.tasks]
    left = max(1, recipe.steps - each * len(experts))
    return [*experts, Phase(JOINT, recipe.tasks, left)]


def expert_name(task: str) -> str:
    """The name of a task's expert, which is a directory too."""
    return task.replace(":", "-").replace("_", "-")


class ArmModel(nn.Module):
    """The trained parts of an arm; language model and encoder are no part of its state.

    Args:
        llm: The frozen base.
        encoder: The frozen graph encoder.
        arm: Which parts.
        recipe: Their sizes.
    """

    def __init__(
        self, llm: LoadedLLM, encoder: GraphEncoder, arm: AblationArm, recipe: AblationRecipe
    ) -> None:
        super().__init__()
        self._frozen = (llm, _without_molecule(encoder) if arm.graph == "same" else encoder)
        self.arm = arm
        sizes = sizes_of(arm, llm.model, encoder.config, recipe)
        self.reader: Reader | None = None
        if arm.reads:
            (name,) = recipe.tasks
            n_molecules = value_task_of(name).n_molecules
            self.reader = Reader(reader_config(recipe), sizes.projector.d_llm, n_molecules)
        self.projector = MultiLevelProjector(sizes.projector) if sizes.projector else None
        if arm.graph == "same" and self.projector.config.n_motif_queries:
            self.projector.motif_weight.weight.requires_grad_(False).zero_()
        self.lora: StaticLora | None = None
        if sizes.lora_rank:
            self.lora = StaticLora(llm.model, _lora(sizes.lora_rank))
            wrap(llm.model, self.lora.names)
        self.generator = LoraGenerator(sizes.generator) if sizes.generator else None
        if self.generator is not None:
            for B in self.generator.lora_B:
                nn.init.normal_(B, std=recipe.b_std)
            wrap(llm.model, self.generator.config.sites)
        self.experts: ExpertMixture | None = None
        if sizes.expert_rank:
            names = [expert_name(task) for task in recipe.tasks]
            self.experts = ExpertMixture(llm, names, _lora(sizes.expert_rank))

    @property
    def llm(self) -> nn.Module:
        """The frozen language model."""
        return self._frozen[0].model

    @property
    def encoder(self) -> GraphEncoder:
        """The arm's own, or the frozen one; it knows no molecule where all have the same tokens."""
        return self._frozen[1] if self.reader is None else self.reader.encoder

    def begin(self, phase: Phase) -> list[nn.Parameter]:
        """The parameters of a phase: one expert, the reader, or everything but these."""
        if self.reader is not None:
            writing = self.lora.parameters() if self.lora is not None else ()
            chosen = self.reader.parameters() if phase.name == READ else writing
            return [*self.projector.parameters(), *chosen]
        loras = self.experts.loras if self.experts is not None else nn.ModuleDict()
        if phase.expert:
            chosen = list(loras[expert_name(phase.expert)].parameters())
        else:
            held = set(loras.parameters())
            chosen = [p for p in self.parameters() if p not in held]
        return [p for p in chosen if p.requires_grad]

    def n_trained(self) -> int:
        """Trainable parameters of all phases."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def loss(self, batch: Batch, phase: Phase, *, roll: int = 0, graph: bool = True) -> Tensor:
        """Mean cross-entropy of the answers.

        Args:
            batch: Questions with answers.
            phase: What is in use: one expert alone, or everything together.
            roll: Gives molecule i what belongs to molecule i - roll of the batch (a control).
            graph: False zeroes graph tokens and leaves ΔW out (a control).
        """
        embeds = self.llm.get_input_embeddings()(batch.ids)
        # An expert is trained as if it were the only LoRA, before there are graph tokens and ΔW.
        tokens, stacked = (None, None) if phase.expert else self._molecules(batch)
        if roll:
            tokens = None if tokens is None else tokens.roll(roll, 0)
            stacked = None if stacked is None else _rolled(stacked, roll)
        if not graph:
            tokens = None if tokens is None else torch.zeros_like(tokens)
            stacked = None
        if tokens is not None:
            embeds = splice_graph_tokens(embeds, tokens, batch)
        lora, mixture = self.lora, None
        if phase.expert:
            lora = self.experts.loras[expert_name(phase.expert)]
        elif self.experts is not None:
            mixture = self.experts.mixture()
        step = adapter_step(lora.weights() if lora is not None else {}, stacked, batch)
        return head_loss(self.llm, mixed_hidden(self.llm, embeds, step, mixture), batch)

    def read_loss(self, graphs: Sequence[GraphBatch], values: Tensor) -> Tensor:
        """Mean absolute error of what the linear head makes of the graph tokens.

        Args:
            graphs: The first molecules of b rows, the second ones, ….
            values: Standardised, (b,).
        """
        self.reader.train()
        tokens = [self.projector(self.reader.levels(each)) for each in graphs]
        return (self.reader.read(tokens) - values).abs().mean()

    def _molecules(self, batch: Batch) -> tuple[Tensor | None, StackedLora | None]:
        if batch.graphs is None or (self.projector is None and self.generator is None):
            return None, None
        graphs = batch.graphs
        self.encoder.eval()
        with torch.no_grad():
            levels = self.encoder(graphs.x, graphs.edge_index, graphs.edge_attr, graphs.batch)
        tokens = None
        if self.projector is not None:
            tokens = self.projector(levels, batch.motifs, batch.motif_mask)
        return tokens, self.generator(levels) if self.generator is not None else None


def _rolled(stacked: StackedLora, by: int) -> StackedLora:
    return StackedLora(
        {n: StackedLowRank(s.lora_A.roll(by, 0), s.lora_B, s.scaling) for n, s in stacked.items()}
    )


def _lora(rank: int) -> LoraRecipe:
    return LoraRecipe(rank=rank, alpha=2.0 * rank, targets=LORA_TARGETS)


def _without_molecule(encoder: GraphEncoder) -> GraphEncoder:
    """An encoder that says the same of every atom of every molecule, another vector per level.

    A projector behind it writes seven different tokens (six levels and the motifs), which it learns
    like any others and which know nothing of the molecule.
    """
    blank = GraphEncoder(encoder.config).eval().requires_grad_(False)
    nodes = blank.molecule_node_model
    generator = torch.Generator().manual_seed(0)
    for table in nodes.atom_encoder.atom_embedding_list:
        table.weight.copy_(torch.randn(1, table.weight.shape[1], generator=generator))
    for norm in nodes.batch_norms:
        norm.weight.zero_()
        norm.bias.copy_(torch.randn(norm.bias.shape, generator=generator))
    return blank


def component_names(arm: AblationArm) -> Sequence[str]:
    """The bundle's components that an arm has beside the language model."""
    parts = {
        "encoder": arm.graph != "none" or arm.generator,
        "projector": arm.graph != "none",
        "generator": arm.generator,
        "lora": arm.lora,
        "experts": arm.experts,
    }
    return [name for name, there in parts.items() if there]
