"""Loading a language model in 4 bit: any Hugging Face causal LM, or the shipped one.

Weights are stored in NF4 with double quantisation. On a processor the NF4 kernel is not always the
fastest way to multiply with these values, so it is timed against the same values dequantised, and
the fastest way computes (`compute_format` says which). A local directory never touches the network.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assistant.errors import BundleError
from assistant.llm.plan import PLAIN, ProductPlan, Way
from assistant.llm.threads import Threads

if TYPE_CHECKING:  # the imports cost seconds and must come after HF_HUB_OFFLINE is decided
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

Quantize = Literal["4bit", "8bit", "none"]
Compute = Literal["auto", "nf4", "bf16", "fp32"]

_FALLBACK_CONTEXT = 2048
_HASHED_VALUES = 2**14  # per weight


@dataclass(frozen=True)
class LoadedLLM:
    """A language model ready to answer.

    Attributes:
        name: Hub id or directory name.
        quantisation: How the weights are stored: "nf4", "int8" or a float type.
        compute_format: How they compute, in words for the header and the passport.
        fingerprint: Hash of the config and of the head of every weight.
        context: Longest sequence in tokens.
        supports_cache: Whether the key-value cache may be kept between turns.
        cache_reason: Why not, if not.
        end_ids: Tokens that end an answer.
        threads: How many processor threads compute.
        plan: How float matrices are multiplied with.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    name: str
    quantisation: str
    compute_format: str
    fingerprint: str
    context: int
    supports_cache: bool
    cache_reason: str
    end_ids: frozenset[int]
    device: "torch.device"
    dtype: "torch.dtype"
    threads: Threads = field(default_factory=Threads)
    plan: ProductPlan = PLAIN

    @property
    def activations(self) -> "torch.dtype":
        """Type of what is computed between two products, keys and values included."""
        from assistant.llm.products import activation_type

        return activation_type(self.plan, self.dtype)


def load_llm(
    source: str | Path,
    *,
    quantize: Quantize = "4bit",
    device: str = "auto",
    pick_fastest: bool = True,
    compute: Compute | Way = "auto",
    threads: int | None = None,
) -> LoadedLLM:
    """Loads a model and its tokenizer.

    Args:
        source: A directory as `save_pretrained` writes it (float or NF4), or a hub id.
        quantize: "4bit" (NF4), "8bit" or "none".
        device: "auto", "cpu", "cuda" or "cuda:1".
        pick_fastest: On a processor, time NF4 against dequantised weights and take the faster.
            Off for training through a model in 4 bit: its layers then stay differentiable.
        compute: How 4-bit weights compute on a processor; "auto" takes one of the fastest ways,
            a type alone one of its fastest.
        threads: Processor threads; as many as the machine has free when not given.

    Raises:
        BundleError: The model cannot be loaded; the text names the remedy.
    """
    local = Path(source).is_dir()
    with _harmless_line_silenced(), _offline(local):
        import bitsandbytes  # noqa: F401  its first import logs the line

        chosen = _device(device)
        config = _config(str(source), local)
        stored = _stored_quantisation(config)
        arguments = _quantisation_arguments(quantize, stored, chosen)
        model, tokenizer = _pretrained(str(source), local, config, chosen, arguments)
    model.eval().requires_grad_(False)
    wanted = Threads(threads)
    wanted.settle()  # formats are timed with as many as will compute
    loaded = _describe(
        model, tokenizer, source, quantize, stored, pick_fastest=pick_fastest, wanted=compute
    )
    return replace(loaded, threads=wanted)


def _pretrained(
    source: str,
    local: bool,
    config: "PretrainedConfig",
    device: "torch.device",
    arguments: dict[str, object],
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    import transformers

    if local:  # a bar that is gone in a second; downloads keep theirs
        transformers.utils.logging.disable_progress_bar()
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            source,
            config=config,
            local_files_only=local,
            trust_remote_code=False,
            use_safetensors=True,
            device_map={"": device},
            **arguments,
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            source, local_files_only=local, trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise BundleError(
            f"The language model {source} could not be loaded: {_first_line(error)}"
            " Check the directory or hub id, its safetensors files and the free memory."
        ) from error
    return model, tokenizer


def _describe(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    source: str | Path,
    quantize: Quantize,
    stored: str | None,
    *,
    pick_fastest: bool,
    wanted: Compute | Way,
) -> LoadedLLM:
    from assistant.llm import compute, differentiable

    if wanted != "auto" and (model.device.type != "cpu" or quantize == "8bit"):
        form = wanted.form if isinstance(wanted, Way) else wanted
        raise BundleError(
            f"--compute {form} is for 4-bit weights on a processor; leave it out with"
            f" --quantize {quantize} on {model.device}."
        )
    fingerprint = _fingerprint(model)  # before the weights change their form
    if stored == "nf4" or quantize == "4bit":
        quantisation = "nf4"
        format_of_compute, plan = compute.settle(
            model, quantize, pick_fastest=pick_fastest, wanted=wanted
        )
        if not pick_fastest:
            differentiable.keep_differentiable(model)
    else:
        quantisation = "int8" if quantize == "8bit" else compute.type_name(model.dtype)
        format_of_compute, plan = quantisation, PLAIN
    reason = cache_obstacle(model.config)
    end = model.generation_config.eos_token_id if model.generation_config else None
    ends = [end] if isinstance(end, int) else list(end or [])
    if tokenizer.eos_token_id is not None:
        ends.append(tokenizer.eos_token_id)
    name = str(source) if not Path(source).is_dir() else Path(source).resolve().name
    logger.info("loaded %s: %s, %s", name, quantisation, format_of_compute)
    return LoadedLLM(
        model=model,
        tokenizer=tokenizer,
        name=name,
        quantisation=quantisation,
        compute_format=format_of_compute,
        fingerprint=fingerprint,
        context=int(getattr(model.config, "max_position_embeddings", 0) or _FALLBACK_CONTEXT),
        supports_cache=not reason,
        cache_reason=reason,
        end_ids=frozenset(ends),
        device=model.device,
        dtype=model.get_input_embeddings().weight.dtype,
        plan=plan,
    )


@contextmanager
def _harmless_line_silenced() -> Iterator[None]:
    """Drops the one line bitsandbytes logs on a processor about an optional hub kernel."""

    def keep(record: logging.LogRecord) -> bool:
        return "gemm_4bit_forward from kernels-community" not in record.getMessage()

    noisy = logging.getLogger("bitsandbytes.backends.cpu.ops")
    noisy.addFilter(keep)
    try:
        yield
    finally:
        noisy.removeFilter(keep)


@contextmanager
def _offline(local: bool) -> Iterator[None]:
    """Keeps a local load off the network, whether or not the hub client is imported already."""
    if not local:
        yield
        return
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _device(device: str) -> "torch.device":
    import torch

    if device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise BundleError(f"Device {device} was asked for, but no CUDA GPU is visible; use cpu.")
    return torch.device("cuda:0" if device == "cuda" else device)


def _config(source: str, local: bool) -> "PretrainedConfig":
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source, local_files_only=local, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(
            f"No language model at {source}: {_first_line(error)} Give a directory with config.json"
            " and safetensors files, or a hub id (owner/name) while online. Models that need"
            " remote code are not run."
        ) from error


def _stored_quantisation(config: "PretrainedConfig") -> str | None:
    stored = getattr(config, "quantization_config", None)
    if stored is None:
        return None
    values = stored if isinstance(stored, dict) else stored.to_dict()
    if values.get("load_in_4bit"):
        return "nf4" if values.get("bnb_4bit_quant_type") == "nf4" else "fp4"
    if values.get("load_in_8bit"):
        return "int8"
    return str(values.get("quant_method", "unknown"))


def _quantisation_arguments(
    quantize: Quantize, stored: str | None, device: "torch.device"
) -> dict[str, object]:
    import torch
    from transformers import BitsAndBytesConfig

    if stored is not None:
        fits = {"4bit": "nf4", "8bit": "int8", "none": "nf4"}[quantize]
        if stored != fits:
            raise BundleError(
                f"The model's weights are stored as {stored}; --quantize {quantize} does not go"
                " with that. Use the model's float weights, or the matching option."
            )
        return {"dtype": torch.bfloat16}
    if quantize == "4bit":
        dtype = _half(device)
        return {
            "dtype": dtype,
            "quantization_config": BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",  # the library's own default is fp4
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=dtype,
            ),
        }
    if quantize == "8bit":
        return {
            "dtype": _half(device),
            "quantization_config": BitsAndBytesConfig(load_in_8bit=True),
        }
    return {"dtype": torch.float32 if device.type == "cpu" else _half(device)}


def _half(device: "torch.device") -> "torch.dtype":
    import torch

    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def cache_obstacle(config: "PretrainedConfig") -> str:
    """Why the key-value cache cannot be kept between turns; empty when it can."""
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or [])
    other = sorted(kinds - {"full_attention"})
    if other:
        return f"layers of type {', '.join(other)}"
    window = getattr(text, "sliding_window", None)
    if window and getattr(text, "use_sliding_window", True) and not kinds:
        return f"a sliding window of {window} tokens"
    scaling = getattr(text, "rope_scaling", None) or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind in ("dynamic", "longrope"):
        return f"positions of type {kind}, which change with the length"
    return ""


def _fingerprint(model: "PreTrainedModel") -> str:
    """Hash of the config and the head of every weight: cheap, and the same on every load."""
    import torch

    values = model.config.to_dict()
    for volatile in ("_name_or_path", "transformers_version", "dtype", "torch_dtype"):
        values.pop(volatile, None)
    digest = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode())
    for name, parameter in sorted(model.named_parameters()):
        digest.update(f"{name}{tuple(parameter.shape)}".encode())
        head = parameter.detach().reshape(-1)[:_HASHED_VALUES].cpu().contiguous()
        digest.update(head.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}" if str(error) else ""
