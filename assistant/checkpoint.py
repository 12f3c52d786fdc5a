"""Component directories: `config.json`, `model.safetensors` and, for people, a `README.md`.

Loading is strict, and one error names everything that does not fit. Saving writes to a temporary
name beside the target and renames, so a crash leaves the old component or the new one, never half.
This module knows no component: configs are dataclasses, weights are modules.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from assistant.errors import BundleError

FORMAT_VERSION = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"

_SCALE = ".int8_scale"
_LEAST_PACKED = 4096
"""Values of a tensor that is worth packing."""

ADDED_LATER = {"added_later": True}
"""Field metadata: components written before the field existed are read with its default."""

ConfigT = TypeVar("ConfigT")
T = TypeVar("T")


@dataclass(frozen=True)
class ComponentInfo:
    """What a component directory says of itself.

    Attributes:
        component: Its kind ("encoder", "projector", "generator", …).
        base_model: Fingerprint or name of the LLM it was trained for; empty if it fits any.
        trained: False for weights that must not answer anybody yet.
        notes: Data, seed, command; free text.
    """

    component: str
    base_model: str = ""
    trained: bool = True
    notes: str = ""


def save_component(
    directory: Path,
    module: nn.Module,
    config: object,
    info: ComponentInfo,
    *,
    card: str | None = None,
) -> None:
    """Writes a component, replacing an older one of the same name as a whole.

    Args:
        directory: Where it goes.
        module: Its weights; tensors that share memory are written once each.
        config: The dataclass the module is built from.
        info: What the directory says of itself.
        card: Text of the model card.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        write_config(fresh, config, info)
        save_file(
            {name: value.detach().cpu().contiguous().clone() for name, value in _state(module)},
            fresh / WEIGHTS,
        )
        old_card = directory / CARD
        text = card if card is not None else _text_of(old_card)
        if text is not None:
            (fresh / CARD).write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        replace_directory(directory, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_config(directory: Path, config: object, info: ComponentInfo) -> None:
    """Writes what a component's directory says of itself, and leaves its weights as they are."""
    values = {"format_version": FORMAT_VERSION, **asdict(info), "config": asdict(config)}
    write_json(directory / CONFIG, values)


def _state(module: nn.Module) -> list[tuple[str, Tensor]]:
    return list(module.state_dict().items())


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def refuse_to_replace(directory: Path, mark: str = CONFIG) -> None:
    """Keeps what is no work of this program from being replaced by some.

    Args:
        directory: Where something is to be written.
        mark: The file by which it shows that an older one of the kind is there.

    Raises:
        BundleError: There is a file, or a directory of other files.
    """
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    written = _text_of(directory / mark)
    # Other programs write a `config.json` too. A damaged one of ours may be written again.
    is_ours = written is not None and (mark != CONFIG or '"format_version"' in written)
    if not is_ours:
        raise BundleError(
            f"{directory} holds other files, which would be lost: nothing is written. Name a"
            " directory that is new or empty."
        )


def replace_directory(directory: Path, fresh: Path, *, mark: str = CONFIG) -> None:
    """Puts `fresh` in the place of `directory`; a directory cannot be renamed over another.

    Raises:
        BundleError: What is there is not of this kind, see `refuse_to_replace`.
    """
    refuse_to_replace(directory, mark)
    if not directory.exists():
        fresh.rename(directory)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{directory.name}-old-", dir=directory.parent))
    directory.rename(aside / directory.name)
    try:
        fresh.rename(directory)
    except OSError:
        (aside / directory.name).rename(directory)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def copy_into_place(source: Path, directory: Path, *, mark: str = CONFIG) -> None:
    """Copies a directory, in the place of an older one of its kind.

    Raises:
        BundleError: What is there is not of this kind, see `refuse_to_replace`.
    """
    aside = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        shutil.copytree(source, aside / directory.name)
        replace_directory(directory, aside / directory.name, mark=mark)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def read_info(directory: Path) -> ComponentInfo:
    """What a component says of itself, without loading its weights."""
    values = _read_json(directory / CONFIG)
    if values.get("format_version") != FORMAT_VERSION:
        raise BundleError(
            f"{directory / CONFIG} has format version {values.get('format_version')}; this program"
            f" reads {FORMAT_VERSION}. Use the program version that wrote it, or train it again."
        )
    known = {field.name for field in fields(ComponentInfo)}
    return ComponentInfo(**{key: value for key, value in values.items() if key in known})


def read_config(directory: Path, config_type: type[ConfigT], *, component: str) -> ConfigT:
    """The config of a component; unknown keys raise, and missing ones but those `ADDED_LATER`.

    Raises:
        BundleError: The directory holds another component, or keys that do not fit.
    """
    info = read_info(directory)
    if info.component != component:
        raise BundleError(f"{directory} holds a {info.component}, not a {component}.")
    values = _read_json(directory / CONFIG).get("config")
    if not isinstance(values, dict):
        raise BundleError(f"{directory / CONFIG} has no config; restore the file.")
    known = {field.name: field for field in fields(config_type)}  # type: ignore[arg-type]
    missing = sorted(
        name for name in known.keys() - values.keys() if not known[name].metadata.get("added_later")
    )
    unexpected = sorted(values.keys() - known.keys())
    if missing or unexpected:
        raise BundleError(f"{directory / CONFIG}: missing {missing}, unexpected {unexpected}.")
    try:
        return config_type(**values)
    except (TypeError, ValueError) as error:
        raise BundleError(f"{directory / CONFIG}: {error}.") from error


def load_weights(directory: Path, module: nn.Module) -> None:
    """Loads a component's weights into a module built from its config.

    Raises:
        BundleError: The file cannot be read, or keys or shapes differ.
    """
    path = directory / WEIGHTS
    if not path.is_file():
        raise BundleError(f"{path} is missing; restore it (git checkout) or train it again.")
    try:
        found = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path} cannot be read ({error}); the file is damaged.") from error
    load_strictly(module, in_full(found), source=str(path))


def in_eight_bit(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices as int8 codes with a scale per row, half the bytes of bf16; what is small as it is.

    A row's largest magnitude is code 127, so a weight is off by at most 1/254 of that.

    Args:
        tensors: By name; a matrix has at least two dimensions, of which the last is a row's.
    """
    packed = {}
    for name, value in tensors.items():
        if not value.is_floating_point() or value.ndim < 2 or value.numel() < _LEAST_PACKED:
            packed[name] = value
            continue
        full = value.float()
        scale = full.abs().amax(dim=-1, keepdim=True).clamp_min(1e-12) / 127
        packed[name] = (full / scale).round().to(torch.int8)
        packed[name + _SCALE] = scale
    return packed


def store_in_eight_bit(path: Path) -> tuple[int, int]:
    """Rewrites a file of weights in 8 bit; one that is so already stays as it is.

    Returns:
        Bytes before and after.

    Raises:
        BundleError: It cannot be read.
    """
    try:
        before = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path} cannot be read ({error}); the file is damaged.") from error
    n_before = path.stat().st_size
    if in_full(before).keys() != before.keys():
        return n_before, n_before
    fresh = path.with_name(f".{path.name}.tmp")
    try:
        save_file(in_eight_bit(before), fresh)
        fresh.chmod(0o644)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return n_before, path.stat().st_size


def in_full(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `in_eight_bit` packed, in float32; tensors that it left alone stay as they are."""
    return {
        name: value.float() * tensors[name + _SCALE] if name + _SCALE in tensors else value
        for name, value in tensors.items()
        if not name.endswith(_SCALE)
    }


def load_strictly(module: nn.Module, found: Mapping[str, Tensor], *, source: str) -> None:
    """Loads a state dict; every missing, unexpected and misshaped key is in the one error."""
    wanted = module.state_dict()
    missing = sorted(wanted.keys() - found.keys())
    unexpected = sorted(found.keys() - wanted.keys())
    misshaped = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in sorted(wanted.keys() & found.keys())
        if found[name].shape != wanted[name].shape
    ]
    problems = [
        f"{title}: {', '.join(names)}"
        for title, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("other shape", misshaped),
        )
        if names
    ]
    if problems:
        raise BundleError(f"{source} does not fit its config. {'; '.join(problems)}.")
    # A module on the meta device has no values to copy into: it takes the tensors of the file.
    module.load_state_dict(dict(found), assign=any(p.is_meta for p in module.parameters()))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, or of a directory's files with their names, for the passport."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if file != path:
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """Writes JSON under a temporary name and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(values, indent=2) + "\n")
    Path(name).chmod(0o644)
    Path(name).replace(path)


def read_record(path: Path, kind: Callable[..., T], what: str, remedy: str) -> T:
    """A record that stands in a JSON file of its own.

    Args:
        path: The file.
        kind: Makes the record of its keys and values.
        what: What it is, for an error.
        remedy: What to do where there is none.

    Raises:
        BundleError: The file is missing or is no such record.
    """
    try:
        return kind(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise BundleError(f"{path} is missing; restore it or {remedy}.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise BundleError(f"{path} holds no {what} ({error}).") from error


def _read_json(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise BundleError(f"{path} is missing; restore it or name another bundle.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is not JSON ({error}); restore the file.") from error
    if not isinstance(values, dict):
        raise BundleError(f"{path} holds no JSON object; restore the file.")
    return values
