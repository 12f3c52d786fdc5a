"""A bundle: the directory that names the components of one assistant, and loading them.

`bundle.json` holds the name and, per component, a path relative to it. Adapters say for which
language model they were trained; with another one they are off and say so.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.lora import wrap
from assistant.adapters.peft_format import read_peft_lora
from assistant.adapters.weights import LoraWeights
from assistant.adapters.xlora.files import base_model_of, read_xlora
from assistant.adapters.xlora.mixture import Mixture
from assistant.checkpoint import load_weights, read_config, read_info, sha256_of
from assistant.encoding import MoleculeEncoder
from assistant.errors import BundleError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm.load import LoadedLLM, Quantize, load_llm

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

FORMAT_VERSION = 1
_KNOWN = ("llm", "encoder", "projector", "generator", "experts")

GRAPH = "graph tokens"
LORA = "instance LoRA"
EXPERTS = "experts"


@dataclass(frozen=True)
class Bundle:
    """A bundle directory and the components it names."""

    directory: Path
    name: str
    components: dict[str, Path]

    @classmethod
    def read(cls, directory: Path) -> "Bundle":
        """Reads `bundle.json`.

        Raises:
            BundleError: No such file, another version, or an unknown component.
        """
        path = directory / "bundle.json"
        if not path.is_file():
            raise BundleError(
                f"No bundle at {directory}: bundle.json is missing. Choose one with --bundle."
            )
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise BundleError(f"{path} is not JSON ({error}); restore the file.") from error
        if values.get("format_version") != FORMAT_VERSION:
            raise BundleError(
                f"{path} has format version {values.get('format_version')!r};"
                f" version {FORMAT_VERSION} is read."
            )
        unknown = set(values["components"]) - set(_KNOWN)
        if unknown:
            raise BundleError(
                f"{path} names unknown components {sorted(unknown)}; known are {', '.join(_KNOWN)}."
            )
        parts = {name: directory / place for name, place in values["components"].items()}
        return cls(directory, values["name"], parts)

    def digest(self) -> str:
        """SHA-256 over all component files, for the passport."""
        return sha256_of(self.directory)


@dataclass(frozen=True)
class Components:
    """What stands beside the language model.

    Attributes:
        encoder: Graph tokens and ΔW of molecules, if any of the two is on.
        n_graph_tokens: Graph tokens per molecule; 0 when off.
        states: Per adapter its name, whether it is on, and why not.
        lora: An ordinary LoRA that applies to every token, if one was asked for.
        experts: The mixture of LoRA experts, if it is on.
    """

    encoder: MoleculeEncoder | None
    n_graph_tokens: int
    states: tuple[tuple[str, bool, str], ...]
    lora: LoraWeights | None = None
    experts: Mixture | None = None


def load_components(
    bundle: Bundle, *, llm: str | None, quantize: Quantize, device: str, lora: Path | None = None
) -> tuple[LoadedLLM, Components]:
    """Loads the language model, every component that was trained for it, and a LoRA directory."""
    if llm is None and "llm" not in bundle.components:
        raise BundleError(f"The bundle {bundle.name} has no language model; name one with --llm.")
    loaded = load_llm(llm or bundle.components["llm"], quantize=quantize, device=device)
    off = {name: _obstacle(bundle, name, loaded) for name in ("projector", "generator")}
    missing_encoder = "" if "encoder" in bundle.components else "the bundle has no graph encoder"
    reasons = {name: reason or missing_encoder for name, reason in off.items()}
    no_experts = _experts_obstacle(bundle, loaded)
    states = (
        (GRAPH, not reasons["projector"], reasons["projector"]),
        (LORA, not reasons["generator"], reasons["generator"]),
        (EXPERTS, not no_experts, no_experts),
    )
    static = None
    if lora is not None:
        static = read_peft_lora(lora, loaded.model, device=loaded.device, dtype=loaded.dtype)
        wrap(loaded.model, static)
        states = (*states, (f"LoRA {lora.resolve().name}", True, ""))
    encoder, n_tokens = _molecule_encoder(bundle, loaded, reasons)
    experts = None if no_experts else _experts(bundle.components["experts"], loaded)
    return loaded, Components(encoder, n_tokens, states, static, experts)


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


def _obstacle(bundle: Bundle, name: str, loaded: LoadedLLM) -> str:
    """Why an adapter cannot be used with this language model; empty when it can."""
    if name not in bundle.components:
        return "not in this bundle"
    info = read_info(bundle.components[name])
    if not info.trained:
        return "not trained yet"
    if info.base_model != loaded.fingerprint:
        return f"trained for another language model than {loaded.name}"
    return ""


def _molecule_encoder(
    bundle: Bundle, loaded: LoadedLLM, reasons: dict[str, str]
) -> tuple[MoleculeEncoder | None, int]:
    if all(reasons.values()):
        return None, 0
    encoder = GraphEncoder(
        read_config(bundle.components["encoder"], GraphEncoderConfig, component="encoder")
    )
    load_weights(bundle.components["encoder"], encoder)
    projector = generator = None
    n_tokens = 0
    if not reasons["projector"]:
        config = read_config(bundle.components["projector"], ProjectorConfig, component="projector")
        projector = MultiLevelProjector(config)
        load_weights(bundle.components["projector"], projector)
        n_tokens = config.n_tokens
    if not reasons["generator"]:
        config = read_config(bundle.components["generator"], GeneratorConfig, component="generator")
        generator = LoraGenerator(config)
        load_weights(bundle.components["generator"], generator)
        wrap(loaded.model, config.sites)
    dtype: torch.dtype = loaded.dtype
    return MoleculeEncoder(
        encoder, projector, generator, device=loaded.device, dtype=dtype
    ), n_tokens
