"""Names and shapes of a published state dict, held against what a method needs."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from assistant.errors import BundleError
from assistant.importers.torch_file import TensorRef, TorchFile

Shape = tuple[int, ...]


def load_keys(
    file: TorchFile, refs: Mapping[str, TensorRef], wanted: Callable[[str], bool]
) -> dict[str, Tensor]:
    """Reads the tensors whose key is wanted."""
    return {key: file.load(ref) for key, ref in refs.items() if wanted(key)}


def check_shapes(
    found: Mapping[str, Tensor | TensorRef],
    wanted: Mapping[str, Shape],
    *,
    source: str,
    what: str,
    note: str = "",
) -> None:
    """Compares keys and shapes.

    Args:
        found: What the file has, under its own keys.
        wanted: What the method needs.
        source: The file, for the error.
        what: What was looked for, for the error.
        note: What a person should know about the expected shapes.

    Raises:
        BundleError: One text that names every missing key with its shape, every unexpected key, and
            every other shape beside the expected one.
    """
    missing = [f"{key} {wanted[key]}" for key in sorted(wanted.keys() - found.keys())]
    unexpected = [f"{k} {tuple(found[k].shape)}" for k in sorted(found.keys() - wanted.keys())]
    misshaped = [
        f"{key} {tuple(found[key].shape)} instead of {wanted[key]}"
        for key in sorted(wanted.keys() & found.keys())
        if tuple(found[key].shape) != wanted[key]
    ]
    parts = {"missing": missing, "unexpected": unexpected, "other shape": misshaped}
    problems = [f"{title}: {', '.join(names)}" for title, names in parts.items() if names]
    if problems:
        raise BundleError(f"{source} does not hold {what}{note}. {'; '.join(problems)}.")


def shapes_of(module: nn.Module, prefix: str) -> dict[str, Shape]:
    """Keys and shapes of a module's state dict as they stand in the file, under a prefix."""
    return {f"{prefix}{key}": tuple(value.shape) for key, value in module.state_dict().items()}


def fill(
    module: nn.Module, state: Mapping[str, Tensor], prefix: str, *, as_float32: bool = True
) -> None:
    """Gives a module that was built on the meta device its values and sets `eval`."""
    values = {
        key.removeprefix(prefix): value.float()
        if as_float32 and value.is_floating_point()
        else value
        for key, value in state.items()
        if key.startswith(prefix)
    }
    module.load_state_dict(values, assign=True)
    module.eval().requires_grad_(False)


def build_on_meta(make: Callable[[], nn.Module]) -> nn.Module:
    """A module without memory, for its keys and shapes."""
    with torch.device("meta"):
        return make()


def most_common(values: Iterable[int], default: int) -> int:
    """The value most shapes agree on, so that one odd tensor is the one that is named."""
    counted = Counter(values).most_common(1)
    return counted[0][0] if counted else default


def count_numbered(keys: Iterable[str], prefix: str, default: int) -> int:
    """How many numbered parts there are under a prefix: highest number + 1."""
    numbers = [
        int(key.removeprefix(prefix).partition(".")[0])
        for key in keys
        if key.startswith(prefix) and key.removeprefix(prefix).partition(".")[0].isdigit()
    ]
    return max(numbers) + 1 if numbers else default
