"""The components of a bundle beside its language model, loaded; what is off, and why.

Adapters say for which language model they were trained; with another one they are off and say so.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.lora import wrap
from assistant.adapters.mora import MORA_COMPONENT, MoraConfig, MoraGenerator
from assistant.adapters.peft_format import read_peft_lora
from assistant.adapters.weights import Combination, LoraWeights, Scope, combine
from assistant.adapters.xlora.files import base_model_of, read_xlora
from assistant.adapters.xlora.mixture import Mixture
from assistant.bundle import PREDICTED, Bundle
from assistant.chat.reply import EXPERTS, GRAPH, LORA, PAIRS
from assistant.checkpoint import load_weights, read_config, read_info
from assistant.chem.shapes import SandboxedShapes
from assistant.encoding import MoleculeEncoder
from assistant.errors import BundleError
from assistant.graph.encoder import GraphEncoder, read_encoder
from assistant.graph.pairs.model import PairConfig, PairModel
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm import embeddings
from assistant.llm.identity import belongs_to
from assistant.llm.load import Compute, LoadedLLM, Quantize, load_llm
from assistant.llm.plan import Way
from assistant.pair_encoding import PairEncoder
from assistant.predicted.values import PredictedValues

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Components:
    """What stands beside the language model.

    Attributes:
        encoder: Graph tokens and ΔW of molecules, if any of the two is on.
        n_graph_tokens: Graph tokens per molecule; 0 when off.
        states: Per adapter its name, whether it is on, and why not.
        lora: An ordinary LoRA that applies to every token, if the bundle has one or one was asked
            for; both together where there are two.
        experts: The mixture of LoRA experts, if it is on.
        scope: Which tokens the molecules' ΔW are for.
        combination: How the ΔW of several molecules in focus become one.
        pairs: Interaction tokens of pairs, if they are on.
        predicted: What was measured of numbers that this language model writes.
    """

    encoder: MoleculeEncoder | None
    n_graph_tokens: int
    states: tuple[tuple[str, bool, str], ...]
    lora: LoraWeights | None = None
    experts: Mixture | None = None
    scope: Scope = "turn"
    combination: Combination = "mean"
    pairs: PairEncoder | None = None
    predicted: PredictedValues | None = None

    @property
    def predicts(self) -> tuple[str, ...]:
        """Properties that this language model was measured to write, as checks call them."""
        return tuple(self.predicted.quantities) if self.predicted is not None else ()

    @property
    def n_pair_tokens(self) -> int:
        """Interaction tokens per pair; 0 when off."""
        return self.pairs.n_tokens if self.pairs else 0


@dataclass(frozen=True)
class GraphParts:
    """The modules between a molecule's graph and the language model, as they were stored.

    Attributes:
        encoder: Graph encoder. projector: Writes graph tokens. generator: Writes ΔW. Each is None
            where the bundle has none for this language model.
    """

    encoder: GraphEncoder | None
    projector: MultiLevelProjector | None
    generator: LoraGenerator | MoraGenerator | None


def graph_parts(bundle: Bundle, loaded: LoadedLLM) -> GraphParts:
    """The modules of a bundle that fit a language model; the generator's sites are wrapped in it.

    Raises:
        BundleError: A part is damaged, or writes for another width.
    """
    return _graph_parts(bundle, loaded, graph_obstacles(bundle, loaded))


def graph_obstacles(bundle: Bundle, loaded: LoadedLLM) -> dict[str, str]:
    """Why projector and generator of a bundle cannot be used; empty texts where they can."""
    off = {name: _obstacle(bundle, name, loaded) for name in ("projector", "generator")}
    missing_encoder = "" if "encoder" in bundle.components else "the bundle has no graph encoder"
    return {name: reason or missing_encoder for name, reason in off.items()}


def load_components(
    bundle: Bundle,
    *,
    llm: str | None,
    quantize: Quantize,
    device: str,
    lora: Path | None = None,
    compute: Compute | Way = "auto",
    threads: int | None = None,
) -> tuple[LoadedLLM, Components]:
    """Loads the language model, every component that was trained for it, and a LoRA directory."""
    source = llm or bundle.components.get("llm") or bundle.hub_llm
    if not source:
        raise BundleError(f"The bundle {bundle.name} has no language model; name one with --llm.")
    loaded = load_llm(source, quantize=quantize, device=device, compute=compute, threads=threads)
    reasons = graph_obstacles(bundle, loaded)
    no_experts = _experts_obstacle(bundle, loaded)
    states = (
        (GRAPH, not reasons["projector"], reasons["projector"]),
        (LORA, not reasons["generator"], reasons["generator"]),
        (EXPERTS, not no_experts, no_experts),
    )
    no_pairs = _obstacle(bundle, "pairs", loaded)
    states = (*states, (PAIRS, not no_pairs, no_pairs))
    static, more_states = _static_parts(bundle, loaded, lora)
    encoder, n_tokens = _molecule_encoder(bundle, loaded, reasons)
    experts = None if no_experts else _experts(bundle.components["experts"], loaded)
    pairs = None if no_pairs else _pair_encoder(bundle.components["pairs"], loaded)
    use = {}
    if encoder is not None and encoder.generator is not None:
        config = encoder.generator.config
        use = {"scope": config.scope, "combination": config.combination}
    states = (*states, *more_states)
    use["predicted"] = _predicted(bundle, loaded)
    return loaded, Components(encoder, n_tokens, states, static, experts, pairs=pairs, **use)


def _predicted(bundle: Bundle, loaded: LoadedLLM) -> PredictedValues | None:
    """What was measured of this language model's numbers; None where nothing was."""
    if PREDICTED not in bundle.components:
        return None
    values = PredictedValues.read(bundle.components[PREDICTED]).of(loaded.fingerprint)
    if not values.quantities:
        return None
    values.warm_up()
    return values


def _experts_obstacle(bundle: Bundle, loaded: LoadedLLM) -> str:
    """Why the experts cannot be used with this language model; empty when they can.

    A published directory names its model by hub id; one trained here, by fingerprint.
    """
    if "experts" not in bundle.components:
        return "not in this bundle"
    trained_for = base_model_of(bundle.components["experts"])
    if not trained_for:
        return "they do not say for which language model they were trained (base_model_id)"
    names = {trained_for, trained_for.rstrip("/").rpartition("/")[2]}
    if names.isdisjoint((loaded.fingerprint, loaded.name)):
        return f"trained for another language model than {loaded.name}"
    return ""


def _experts(directory: Path, loaded: LoadedLLM) -> Mixture:
    mixture = read_xlora(directory, loaded.model, device=loaded.device, dtype=loaded.dtype)
    wrap(loaded.model, mixture.bank.layers)
    # The digest is made once, here and not under the first question.
    log.info("experts %s, %s", ", ".join(mixture.bank.names), mixture.digest[:12])
    return mixture


def _static_parts(
    bundle: Bundle, loaded: LoadedLLM, lora: Path | None
) -> tuple[LoraWeights | None, list[tuple[str, bool, str]]]:
    """What changes the language model for every token: trained embeddings, LoRA directories."""
    states: list[tuple[str, bool, str]] = []
    directories = []
    # The obstacles first: installing embeddings changes what the language model is known by.
    reasons = {
        name: _obstacle(bundle, name, loaded)
        for name in (embeddings.COMPONENT, "lora")
        if name in bundle.components
    }
    for name, reason in reasons.items():
        title = "its LoRA" if name == "lora" else "its input embeddings"
        states.append((title, not reason, reason))
        if not reason and name == "lora":
            directories.append(bundle.components[name])
        elif not reason:
            embeddings.install(bundle.components[name], loaded)
    if lora is not None:
        directories.append(lora)
        states.append((f"LoRA {lora.resolve().name}", True, ""))
    weights = [
        read_peft_lora(directory, loaded.model, device=loaded.device, dtype=loaded.dtype)
        for directory in directories
    ]
    for part in weights:
        wrap(loaded.model, part)
    return combine(weights, "concat") or None, states


def _obstacle(bundle: Bundle, name: str, loaded: LoadedLLM) -> str:
    """Why an adapter cannot be used with this language model; empty when it can."""
    if name not in bundle.components:
        return "not in this bundle"
    info = read_info(bundle.components[name])
    if not info.trained:
        return "not trained yet"
    if not belongs_to(info.base_model, loaded):
        return f"trained for another language model than {loaded.name}"
    return ""


def _molecule_encoder(
    bundle: Bundle, loaded: LoadedLLM, reasons: dict[str, str]
) -> tuple[MoleculeEncoder | None, int]:
    parts = _graph_parts(bundle, loaded, reasons)
    if parts.encoder is None:
        return None, 0
    n_tokens = parts.projector.config.n_tokens if parts.projector else 0
    dtype: torch.dtype = loaded.dtype
    return MoleculeEncoder(
        parts.encoder, parts.projector, parts.generator, device=loaded.device, dtype=dtype
    ), n_tokens


def _graph_parts(bundle: Bundle, loaded: LoadedLLM, reasons: dict[str, str]) -> GraphParts:
    if all(reasons.values()):
        return GraphParts(None, None, None)
    encoder = read_encoder(bundle.components["encoder"])
    projector = generator = None
    if not reasons["projector"]:
        projector = _projector(bundle.components["projector"], loaded)
    if not reasons["generator"]:
        generator = _generator(bundle.components["generator"], loaded)
    return GraphParts(encoder, projector, generator)


def _projector(directory: Path, loaded: LoadedLLM) -> MultiLevelProjector:
    config = read_config(directory, ProjectorConfig, component="projector")
    _check_width(directory, "graph", config.d_llm, loaded)
    projector = MultiLevelProjector(config)
    load_weights(directory, projector)
    return projector


def _generator(directory: Path, loaded: LoadedLLM) -> LoraGenerator | MoraGenerator:
    """Our generator, or the published one, and the places in the LLM that it writes for."""
    if read_info(directory).component == MORA_COMPONENT:
        mora = read_config(directory, MoraConfig, component=MORA_COMPONENT)
        generator = MoraGenerator.without_memory(mora)
        load_weights(directory, generator)
        wrap(loaded.model, mora.site_names)
        return generator
    config = read_config(directory, GeneratorConfig, component="generator")
    ours = LoraGenerator(config)
    load_weights(directory, ours)
    wrap(loaded.model, config.sites)
    return ours


def _pair_encoder(directory: Path, loaded: LoadedLLM) -> PairEncoder:
    config = read_config(directory, PairConfig, component="pairs")
    _check_width(directory, "pair", config.d_llm, loaded)
    model = PairModel(config)
    load_weights(directory, model)
    return PairEncoder(model, SandboxedShapes(), device=loaded.device, dtype=loaded.dtype)


def _check_width(directory: Path, kind: str, d_llm: int, loaded: LoadedLLM) -> None:
    """Refuses a component whose tokens are not as wide as those that the language model reads."""
    width = loaded.model.get_input_embeddings().weight.shape[1]
    if d_llm != width:
        raise BundleError(
            f"{directory} writes {kind} tokens of width {d_llm}, the language model"
            f" {loaded.name} reads {width}. Use the one it was trained with."
        )
