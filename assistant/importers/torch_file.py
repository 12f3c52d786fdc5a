"""Reads the tensors of a file that `torch.save` wrote, and runs nothing that stands in it.

    LLaMo.ckpt (zip) ── archive/data.pkl ─► restricted unpickler ─► dicts, numbers, TensorRef, Inert
                     └─ archive/data/0, 1, … ◄── bytes, only when a tensor is asked for

What the file claims of sizes is held against its own bytes.
"""

import math
import zipfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from assistant.errors import BundleError
from assistant.importers.restricted_pickle import UNREADABLE, Inert, TensorRef, unpickle

__all__ = ["Inert", "TensorRef", "TorchFile", "state_dict_of"]

_MAX_PICKLE_BYTES = 2**28


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
        with ExitStack() as until_read:
            self._zip = until_read.enter_context(zipfile.ZipFile(path))
            self._root = self._find_root()
            self._check_byte_order()
            self.content = self._unpickle(self._bytes("data.pkl", limit=_MAX_PICKLE_BYTES))
            until_read.pop_all()

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
            return unpickle(data)
        except UNREADABLE as error:
            raise BundleError(
                f"{self.path} cannot be read ({type(error).__name__}: {error}); it is damaged or"
                " holds something else than tensors."
            ) from error


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
