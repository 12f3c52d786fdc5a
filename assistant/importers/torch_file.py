"""Reads the tensors of a file that `torch.save` wrote, and runs nothing that stands in it.

    LLaMo.ckpt (zip) ── archive/data.pkl ─► restricted unpickler ─► dicts, numbers, TensorRef, Inert
                     └─ archive/data/0, 1, … ◄── bytes, only when a tensor is asked for

A pickle may name any function of any module and have it called while it is read (a Lightning
checkpoint holds loops, callbacks and hyperparameters of foreign classes for good reasons, an
attacker's holds `os.system`). Here the only globals that mean something are those from which
PyTorch rebuilds tensors, and each is replaced by a function of this module. Every other global
becomes an `Inert`: it takes calls, items and state, and does nothing. No module is imported by
name, nothing foreign is called, and what a file claims of sizes is held against its own bytes.
"""

import io
import math
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from assistant.errors import BundleError

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
_MAX_PICKLE_BYTES = 2**28
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


class TorchFile:
    """An open file of `torch.save` (PyTorch 1.6 or later).

    Attributes:
        content: What was saved: dicts, lists, numbers, strings, `TensorRef`, `Inert`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise BundleError(f"{path} is missing; give the downloaded checkpoint file.")
        if not zipfile.is_zipfile(path):
            raise BundleError(
                f"{path} is not a zip file as torch.save has written since PyTorch 1.6. The"
                " download may be incomplete; an older file has to be saved again by its owner."
            )
        self._zip = zipfile.ZipFile(path)
        try:
            self._root = self._find_root()
            self._check_byte_order()
            self.content = self._unpickle(self._bytes("data.pkl", limit=_MAX_PICKLE_BYTES))
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._zip.close()

    def load(self, ref: TensorRef) -> Tensor:
        """Reads one tensor.

        Raises:
            BundleError: Its bytes are missing or fewer than the file says.
        """
        n_values = math.prod(ref.shape)
        if n_values == 0:
            return torch.empty(ref.shape, dtype=ref.dtype)
        data = bytearray(self._bytes(f"data/{ref.storage}"))
        values = torch.frombuffer(data, dtype=torch.uint8)
        size = ref.storage_size * ref.dtype.itemsize
        if len(data) < size:
            raise BundleError(
                f"{self.path}: storage {ref.storage} has {len(data)} bytes instead of {size};"
                " the file is damaged."
            )
        flat = values[:size].view(ref.dtype)
        tensor = torch.as_strided(flat, ref.shape, ref.stride, ref.offset)
        return tensor if n_values == ref.storage_size else tensor.clone()

    def _find_root(self) -> str:
        end = "/data.pkl"
        roots = [f"{name.removesuffix(end)}/" for name in self._names if name.endswith(end)]
        if len(roots) != 1:
            raise BundleError(f"{self.path} is a zip file, but none that torch.save wrote.")
        return roots[0]

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(self._zip.namelist())

    def _check_byte_order(self) -> None:
        if f"{self._root}byteorder" in self._names and self._bytes("byteorder") != b"little":
            raise BundleError(f"{self.path} was written on a big-endian machine; that is not read.")

    def _bytes(self, name: str, *, limit: int | None = None) -> bytes:
        """The bytes of a member; torch.save stores them plain, so no archive can blow them up."""
        try:
            info = self._zip.getinfo(f"{self._root}{name}")
            if info.compress_type != zipfile.ZIP_STORED:
                raise BundleError(
                    f"{self.path}: {name} is compressed, which torch.save never does."
                )
            if limit is not None and info.file_size > limit:
                raise BundleError(f"{self.path}: {name} has {info.file_size} bytes; too large.")
            if info.file_size > self.path.stat().st_size:
                raise BundleError(f"{self.path}: {name} claims more bytes than the file has.")
            return self._zip.read(info)
        except KeyError as error:
            raise BundleError(f"{self.path} has no {name}; the file is damaged.") from error
        except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise BundleError(f"{self.path}: {name} cannot be read ({error}).") from error

    def _unpickle(self, data: bytes) -> object:
        try:
            _scan(data)
            return _Unpickler(io.BytesIO(data)).load()
        except (
            pickle.UnpicklingError,
            EOFError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise BundleError(
                f"{self.path} cannot be read ({type(error).__name__}: {error}); it is damaged or"
                " holds something else than tensors."
            ) from error


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


def state_dict_of(file: TorchFile) -> dict[str, TensorRef]:
    """The state dict in a file: that of a Lightning checkpoint, or the file's own dict.

    Raises:
        BundleError: There is none, or an entry is no tensor; all such entries are named.
    """
    content = file.content
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content:
        raise BundleError(f"{file.path} holds no state dict (name -> tensor).")
    odd = [
        f"{key!r} ({value!r:.60})"
        for key, value in content.items()
        if not (isinstance(key, str) and isinstance(value, TensorRef))
    ]
    if odd:
        raise BundleError(f"{file.path} holds entries that are no tensors: {', '.join(odd)}.")
    return dict(content)
