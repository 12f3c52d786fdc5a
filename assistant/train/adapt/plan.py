"""Whether a recipe fits a card, told from the LLM's config before anything is loaded.

NF4 weights        4 bits, one byte a block of 64, four bytes for 256 of these
other weights      embeddings, head, norms in 16 bits
trained            float32 weights and gradients, two moments of the optimiser
kept inputs        one hidden state a layer and token (checkpointing)
one layer          what its backward pass needs, computed again, and one weight in 16 bits
generated ΔW       A of every molecule in a micro-batch
logits             one chunk in 16 and in 32 bits, with its gradient
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from assistant.errors import AssistantError
from assistant.train.adapt.recipe import STAGES, AdaptRecipe, StageName
from assistant.train.adapt.shape import LLMShape, Trained

GB = 1e9
_NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
_CONTEXT_BYTES = 0.7e9
"""Of the CUDA context and its libraries."""
_SLACK = 0.06
"""Share on top for what the allocator cannot use."""
_MOLECULES_PER_CONVERSATION = 2
_GRAPH_BYTES = 12e6
"""Activations of encoder and projector for one molecule of 60 atoms, gradients included."""
MIN_SEQUENCE = 256


@dataclass(frozen=True)
class Memory:
    """Bytes of one stage."""

    nf4: float
    other_weights: float
    trained: float
    inputs: float
    layer: float
    generated: float
    logits: float
    reserve: float

    @property
    def total(self) -> float:
        """All of them."""
        return sum(vars(self).values())


def memory_of(
    shape: LLMShape,
    trained: Trained,
    stage: StageName,
    *,
    sequence: int,
    conversations: int,
    chunk: int,
    eight_bit: bool,
) -> Memory:
    """Peak memory of a stage on one card.

    Args:
        shape: The LLM.
        trained: The parts beside it.
        stage: Which stage.
        sequence: Longest conversation.
        conversations: Of that length in one micro-batch.
        chunk: Positions whose logits are in memory at a time.
        eight_bit: Whether the optimiser's moments take one byte each instead of four.
    """
    tokens = sequence * conversations
    n_trained = trained.of(stage)
    moments = 2 if eight_bit else 8
    molecules = conversations * _MOLECULES_PER_CONVERSATION
    generated = trained.generated * molecules if stage == "generate" else 0
    parts = {
        "nf4": shape.n_linear * _NF4_BYTES,
        "other_weights": shape.n_other * 2.0,
        "trained": 4.0 * trained.present(stage) + (4.0 + moments) * n_trained,
        "inputs": 2.0 * (shape.n_layers + 3) * tokens * shape.d_model,
        "layer": shape.layer_per_token * tokens + 2.0 * shape.largest_linear,
        # float32, mixed to one per focus and joined with the LoRA, and the gradient
        "generated": 4.0 * 3 * generated + _GRAPH_BYTES * molecules,
        "logits": 10.0 * min(chunk, tokens) * shape.vocabulary,
    }
    reserve = _CONTEXT_BYTES + _SLACK * sum(parts.values())
    return Memory(**parts, reserve=reserve)


@dataclass(frozen=True)
class Plan:
    """What will be run.

    Attributes:
        sequence: Longest conversation in tokens.
        conversations: Of that length in one micro-batch.
        stages: Memory of every stage that is run.
    """

    shape: LLMShape
    trained: Trained
    recipe: AdaptRecipe
    vram: float
    eight_bit: bool
    sequence: int
    conversations: int
    stages: dict[StageName, Memory]

    @property
    def micro_tokens(self) -> int:
        """Padded size of a micro-batch."""
        return self.sequence * self.conversations

    @property
    def peak(self) -> float:
        """Most bytes of any stage."""
        return max(memory.total for memory in self.stages.values())


def make_plan(
    shape: LLMShape,
    trained: Trained,
    recipe: AdaptRecipe,
    *,
    vram: float,
    eight_bit: bool,
    processes: int = 1,
) -> Plan:
    """The largest micro-batch that fits, at the recipe's length or, if need be, at a shorter one.

    Args:
        shape: The LLM.
        trained: The parts beside it.
        recipe: What is run.
        vram: Memory of one card in bytes.
        eight_bit: Whether the optimiser is an 8-bit one.
        processes: Cards that share a step.

    Raises:
        AssistantError: Not even one short conversation fits; the text says what would help.
    """
    running = [name for name in STAGES if recipe.stage(name).epochs]
    if not running:
        raise AssistantError("All stages of the recipe have 0 epochs; there is nothing to train.")
    most = max(1, recipe.batch // processes)
    for sequence in _shorter(recipe.sequence):
        for conversations in range(most, 0, -1):
            stages = {
                name: memory_of(
                    shape,
                    trained,
                    name,
                    sequence=sequence,
                    conversations=conversations,
                    chunk=recipe.chunk,
                    eight_bit=eight_bit,
                )
                for name in running
            }
            plan = Plan(shape, trained, recipe, vram, eight_bit, sequence, conversations, stages)
            if plan.peak <= vram:
                return plan
    raise AssistantError(_advice(plan))


def _shorter(sequence: int) -> Iterator[int]:
    """The length itself, then three quarters of it again and again, in steps of 64."""
    yield sequence
    while sequence > MIN_SEQUENCE:
        sequence = max(MIN_SEQUENCE, sequence * 3 // 4 // 64 * 64)
        yield sequence


def _advice(plan: Plan) -> str:
    """Why the smallest choice does not fit, and what would."""
    worst = max(plan.stages, key=lambda name: plan.stages[name].total)
    memory = plan.stages[worst]
    weights = memory.nf4 + memory.other_weights
    lines = [
        f"{plan.shape.name} does not fit {plan.vram / GB:.1f} GB: stage {worst} needs"
        f" {memory.total / GB:.1f} GB with one conversation of {plan.sequence} tokens, of which the"
        f" weights in 4 bits take {weights / GB:.1f}."
    ]
    without = {name: m for name, m in plan.stages.items() if name != "generate"}
    if worst == "generate" and without and max(m.total for m in without.values()) <= plan.vram:
        lines.append("Leave the generator out ([generate] epochs = 0), or lower its rank.")
    elif not plan.eight_bit:
        lines.append('An 8-bit optimiser (optimizer = "paged8bit", on a GPU) takes less.')
    smaller = replace(plan.recipe, chunk=128)
    if memory.logits > 0.1 * memory.total and plan.recipe.chunk > smaller.chunk:
        lines.append(
            f"A smaller chunk (chunk = {smaller.chunk}) saves part of the logits'"
            f" {memory.logits / GB:.1f} GB."
        )
    if weights + _CONTEXT_BYTES > 0.8 * plan.vram:
        lines.append("Choose an LLM with fewer parameters.")
    else:
        lines.append("Else choose a smaller LLM or a narrower projector (d_hidden = 1024).")
    return " ".join(lines)
