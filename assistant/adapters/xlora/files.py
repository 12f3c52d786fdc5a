"""Published X-LoRA directories: read strictly, written in the same format.

    xlora_config.json             settings; the experts' names in the order of the gate's columns
    xlora_classifier.safetensors  the gate: inner.{i}.*, last.*
    <name>/ or adapters/<name>/   one LoRA directory in PEFT's format per expert, of any name

What PEFT's own `save_pretrained` writes is read too: adapter_config.json of type XLORA, the gate
under `…internal_xlora_classifier.layers.{i}.*` in adapter_model.safetensors. Every mismatch that
can be seen is in the one error. Pickled classifiers (.pt) are not read.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from assistant.adapters import peft_format
from assistant.adapters.lora import named_targets
from assistant.adapters.weights import LoraWeights
from assistant.adapters.xlora.config import XLoraConfig, parse_config
from assistant.adapters.xlora.experts import stack_experts
from assistant.adapters.xlora.gate import Gate, original_keys
from assistant.adapters.xlora.mixture import Mixture
from assistant.checkpoint import load_strictly, replace_directory
from assistant.errors import BundleError

CONFIG, CLASSIFIER = "xlora_config.json", "xlora_classifier.safetensors"

_PEFT_PREFIX = "internal_xlora_classifier."
_PEFT_LOSES_LAYERS = (
    "PEFT (seen in 0.21.2) does not save classifier layers whose number is an expert's name, such"
    " as layers.0; save the classifier's state dict as xlora_classifier.safetensors instead."
)


def read_xlora(
    directory: Path,
    model: nn.Module,
    *,
    device: torch.device | str,
    dtype: torch.dtype,
    experts: Mapping[str, Path] | None = None,
) -> Mixture:
    """The X-LoRA in a published directory, checked against the LLM it is to go on.

    Args:
        directory: As described above.
        model: The LLM; wrap `mixture.bank.layers` with `adapters.lora.wrap` afterwards.
        device: Where the LLM computes.
        dtype: In what type the LLM computes; the gate stays in float32.
        experts: LoRA directories by expert name, for those that are not in the directory.

    Raises:
        BundleError: Something is missing or does not fit; the text names all of it.
    """
    config, adapters = _read_config(directory)
    problems = _width_problem(config, model)
    deltas: dict[str, LoraWeights] = {}
    for name, place in adapters.items():
        try:
            found = _find_expert(directory, name, place, experts or {})
            deltas[name] = peft_format.read_peft_lora(
                found, model, device="cpu", dtype=torch.float32
            )
        except BundleError as error:
            problems.append(f"expert {name}: {error}")
    layers = adapted_layers(model, list(deltas.values()))
    gate = None
    try:
        if len(deltas) == len(adapters):  # else the gate's size is not known
            gate = _read_gate(directory, config, n_layers=len(layers), n_experts=len(adapters))
    except BundleError as error:
        problems.append(str(error))
    if problems or gate is None:
        raise BundleError(f"The X-LoRA in {directory} cannot be used. " + " | ".join(problems))
    # Factors are multiplied in float32 and rounded once.
    bank = stack_experts(deltas, layers, weight=config.global_scaling_weight).to(device, dtype)
    return Mixture(config, gate.eval().requires_grad_(False).to(device), bank)


def base_model_of(directory: Path) -> str:
    """The LLM an X-LoRA says it was trained for; empty when it does not say."""
    return _read_config(directory)[0].base_model_id


def adapted_layers(model: nn.Module, deltas: Sequence[LoraWeights]) -> list[str]:
    """The layers that any expert adapts, in module order, which is the order of the gate."""
    adapted = {name for delta in deltas for name in delta}
    return [name for name, _ in named_targets(model) if name in adapted]


def write_xlora(
    directory: Path, config: XLoraConfig, gate: Gate, experts: Mapping[str, LoraWeights]
) -> None:
    """Writes an X-LoRA in the published format, replacing an older one as a whole.

    Args:
        directory: Where it goes.
        config: Settings.
        gate: Its weights.
        experts: By name, in the order of the gate's columns.
    """
    odd = [name for name in experts if len(_plain_parts(name)) != 1 or "/" in name]
    if odd:
        raise ValueError(f"{odd} cannot be names of directories; use letters, digits and dashes")
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        values = asdict(config) | {"adapters": {name: f"adapters/{name}" for name in experts}}
        if config.topk_softmax == "token":  # a key the original does not know
            del values["topk_softmax"]
        (fresh / CONFIG).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        state = {key: t.detach().cpu().contiguous() for key, t in gate.state_dict().items()}
        save_file(state, fresh / CLASSIFIER)
        for name, delta in experts.items():
            peft_format.write_peft_lora(
                fresh / "adapters" / name, delta, base_model=config.base_model_id
            )
        fresh.chmod(0o755)
        replace_directory(directory, fresh, mark=CONFIG)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _read_config(directory: Path) -> tuple[XLoraConfig, dict[str, str]]:
    path = directory / CONFIG
    if not path.is_file() and (directory / peft_format.CONFIG).is_file():
        path = directory / peft_format.CONFIG
    if not path.is_file():
        raise BundleError(f"{path} is missing; an X-LoRA directory has one.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no JSON object")
        if path.name == peft_format.CONFIG and values.get("peft_type") != "XLORA":
            raise ValueError(f"an adapter of type {values.get('peft_type')}, not XLORA")
        return parse_config(values)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is not JSON ({error}); restore the file.") from error
    except ValueError as error:
        raise BundleError(f"{path}: {error}.") from error


def _width_problem(config: XLoraConfig, model: nn.Module) -> list[str]:
    width = int(model.config.get_text_config().hidden_size)
    if width == config.hidden_size:
        return []
    trained = f" (trained for {config.base_model_id})" if config.base_model_id else ""
    return [f"hidden_size is {config.hidden_size}, but this LLM is {width} wide{trained}"]


def _plain_parts(place: str) -> tuple[str, ...]:
    """The parts of a place below its root; none when it climbs out of a directory."""
    parts = tuple(part for part in PurePosixPath(place).parts if part != "/")
    return () if ".." in parts else parts


def _places(directory: Path, name: str, place: str) -> Iterator[Path]:
    """Where an expert may stand: published places are of the authors' machines or of a hub."""
    if own := _plain_parts(name):
        yield directory.joinpath(*own)
        yield directory.joinpath("adapters", *own)
    parts = _plain_parts(place)
    for start in range(len(parts)):
        yield directory.joinpath(*parts[start:])


def _find_expert(directory: Path, name: str, place: str, given: Mapping[str, Path]) -> Path:
    if name in given:
        return given[name]
    tried = list(dict.fromkeys(_places(directory, name, place)))
    for candidate in tried:
        if (candidate / peft_format.CONFIG).is_file():
            return candidate
    shown = ", ".join(str(path.relative_to(directory)) for path in tried) or "no place"
    raise BundleError(f"no LoRA directory at {shown} in {directory}; put it there.")


def _read_gate(directory: Path, config: XLoraConfig, *, n_layers: int, n_experts: int) -> Gate:
    try:
        gate = Gate(config, n_layers=n_layers, n_experts=n_experts)
    except ValueError as error:
        raise BundleError(f"{error}") from error
    path, state = _read_classifier(directory)
    stride = 3 if config.enable_relu_and_dropout else 1
    source = f"{path} ({n_experts} experts, {n_layers} adapted layers)"
    try:
        load_strictly(gate, original_keys(state, stride=stride), source=source)
    except BundleError as error:
        if path.name == CLASSIFIER:
            raise
        raise BundleError(f"{error} {_PEFT_LOSES_LAYERS}") from error
    return gate


def _read_classifier(directory: Path) -> tuple[Path, dict[str, Tensor]]:
    path = directory / CLASSIFIER
    from_peft = not path.is_file() and (directory / peft_format.WEIGHTS).is_file()
    if from_peft:
        path = directory / peft_format.WEIGHTS
    if not path.is_file():
        raise BundleError(f"{path} is missing; a pickled classifier (.pt) is not read.")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path} cannot be read ({error}); the file is damaged.") from error
    if not from_peft:
        return path, state
    return path, {key.rpartition(_PEFT_PREFIX)[2]: tensor for key, tensor in state.items()}
