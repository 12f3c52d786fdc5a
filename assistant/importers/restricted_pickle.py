"""Unpickles tensors' descriptions and nothing else: no import by name, no foreign call.

A pickle may name any function of any module and have it called while it is read (a Lightning
checkpoint holds loops, callbacks and hyperparameters of foreign classes for good reasons, an
attacker's holds `os.system`). Here the only globals that mean something are those from which
PyTorch rebuilds tensors, and each is replaced by a function of this module. Every other global
becomes an `Inert`: it takes calls, items and state, and does nothing.
"""

import io
import math
import pickle
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch

_STORAGE_TYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_MEMO_OPCODES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_REFUSED_OPCODES = frozenset({"EXT1", "EXT2", "EXT4"})  # codes of a registry of this process


@dataclass(frozen=True)
class TensorRef:
    """A tensor that is in the file and was not read yet; strides and offset count elements."""

    storage: str
    storage_size: int
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Inert:
    """Stands for an object of a foreign class; whatever a pickle does to it has no effect."""

    global_name = ""

    def __new__(cls, *_: object, **__: object) -> Self:  # noqa: D102
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> "Inert":
        """The result of a foreign call is as inert."""
        return self

    def __setstate__(self, _: object) -> None:
        pass

    def __setitem__(self, _: object, __: object) -> None:
        pass

    def __repr__(self) -> str:
        return f"<inert {self.global_name}>"

    def append(self, _: object) -> None:
        """Takes list items."""

    extend = add = append


class _Dict(dict[Any, Any]):
    """`collections.OrderedDict`, without the attributes that a state dict carries."""

    def __setstate__(self, _: object) -> None:
        pass


@dataclass(frozen=True)
class _StorageType:
    dtype: torch.dtype

    def __setstate__(self, _: object) -> None:
        pass


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: torch.dtype
    size: int


class _Rebuild:
    """One of PyTorch's rebuilding functions, replaced; a pickle cannot set anything on it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, _: object) -> None:
        pass


def _tensor(storage: object, offset: object, shape: object, stride: object, *_: object) -> object:
    """`torch._utils._rebuild_tensor_v2`: checks every number against the storage."""
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    numbers = (offset, *shape, *stride)  # type: ignore[misc]
    if not all(type(n) is int and n >= 0 for n in numbers) or len(shape) != len(stride):  # type: ignore[arg-type]
        raise pickle.UnpicklingError(f"a tensor of impossible shape {shape!r}, stride {stride!r}")
    ref = TensorRef(
        storage.key,
        storage.size,
        storage.dtype,
        offset,
        tuple(shape),
        tuple(stride),  # type: ignore[arg-type]
    )
    n_values = math.prod(ref.shape)
    last = ref.offset + sum((n - 1) * step for n, step in zip(ref.shape, ref.stride, strict=True))
    if n_values > storage.size or (n_values and last >= storage.size):
        raise pickle.UnpicklingError(
            f"a tensor of shape {ref.shape} reaches past its storage of {storage.size} values"
        )
    return ref


def _parameter(data: object, *_: object) -> object:
    """`torch._utils._rebuild_parameter` and `…_with_state`."""
    return data


def _typed(function: object, _: object, arguments: object, *__: object) -> object:
    """`torch._tensor._rebuild_from_type_v2`: a tensor that carries attributes, without them."""
    if isinstance(function, _Rebuild) and isinstance(arguments, tuple):
        return function(*arguments)
    return Inert()


_REBUILD: Mapping[tuple[str, str], object] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor"): _Rebuild(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Rebuild(_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): _Rebuild(_parameter),
    ("torch._tensor", "_rebuild_from_type_v2"): _Rebuild(_typed),
    **{("torch", name): _StorageType(dtype) for name, dtype in _STORAGE_TYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Gives our replacements for PyTorch's globals and an `Inert` for every other one."""

    def find_class(self, module: str, name: str) -> Any:
        known = _REBUILD.get((module, name))
        if known is not None:
            return known
        return type("Inert", (Inert,), {"global_name": f"{module}.{name}"})

    def persistent_load(self, pid: object) -> _Storage:
        match pid:
            case ("storage", _StorageType(dtype), str() as key, str(), int() as size) if size >= 0:
                return _Storage(key, dtype, size)
        raise pickle.UnpicklingError(f"a persistent id that is no storage: {pid!r:.80}")


UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What `unpickle` raises for damaged or hostile data."""


def unpickle(data: bytes) -> object:
    """The content of a pickle: dicts, lists, numbers, strings, `TensorRef`, `Inert`.

    Raises:
        UNREADABLE: The data is damaged, or a tensor does not lie inside its storage.
    """
    _scan(data)
    return _Unpickler(io.BytesIO(data)).load()


def _scan(data: bytes) -> None:
    """Refuses what would cost memory or use this process' registries before anything is built.

    `genops` checks every length against the data; the memo is the one table that grows by a number
    in the file alone.
    """
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in _REFUSED_OPCODES:
            raise pickle.UnpicklingError(f"opcode {opcode.name}")
        if opcode.name in _MEMO_OPCODES and int(argument) > len(data):
            raise pickle.UnpicklingError(f"memo entry {argument}")
