"""The checks behind `python -m assistant.evaluate.golden`: one module per method.

A module `<method>.py` in this directory exports `CHECKS: dict[str, Check]`, keyed by a part of the
file name; the longest key that occurs in a name wins. It is found by being there.

A check gives one `Comparison` per tensor it computed, also for some that not every file stores. It
never sees whether a value fits: the runner looks the expected tensor up under the same key, and a
file with an `output/` tensor that no comparison covers fails.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class GoldenFile:
    """One file of golden vectors with its entry in the manifest.

    Attributes:
        name: File name.
        entry: What the manifest says of it: config, molecules, tolerances, ….
        tensors: All tensors by key: `weight/<official key>`, `input/<name>`, `output/<name>`.
    """

    name: str
    entry: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def config(self) -> Mapping[str, Any]:
        """The sizes and options of the official run."""
        return self.entry.get("config", {})

    @property
    def molecules(self) -> list[Mapping[str, Any]]:
        """The molecules as records with a `smiles`, as which not every entry writes them."""
        molecules = self.entry.get("molecules", [])
        return [{"smiles": m} if isinstance(m, str) else m for m in molecules]

    @property
    def smiles(self) -> list[str]:
        """The molecules' SMILES."""
        return [molecule["smiles"] for molecule in self.molecules]

    def weights(self, prefix: str = "") -> dict[str, Tensor]:
        """State dict of the official keys that start with `prefix`, which is taken off."""
        start = f"weight/{prefix}"
        return {
            key.removeprefix(start): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(start)
        }


@dataclass(frozen=True)
class Comparison:
    """A computed tensor, to be held against the one stored under `key`.

    Attributes:
        key: Key in the file, `output/…`, or `input/…` where an input is computed anew.
        got: What this project computes; integers and booleans must agree exactly.
        where: True at the entries that are defined, broadcast to the tensor; all when absent.
    """

    key: str
    got: Tensor
    where: Tensor | None = None


class Mismatch(Exception):
    """A check found something that no tensor of the file expresses (a flag of the manifest)."""


Check = Callable[[GoldenFile], Iterable[Comparison]]


def registered() -> dict[str, Check]:
    """All checks of the modules in this directory.

    Raises:
        ValueError: Two modules claim the same key.
    """
    checks: dict[str, Check] = {}
    for module in pkgutil.iter_modules(__path__):
        found = importlib.import_module(f"{__name__}.{module.name}").CHECKS
        if twice := found.keys() & checks.keys():
            raise ValueError(f"two checks for {', '.join(sorted(twice))}; keep one")
        checks |= found
    return checks


def check_for(name: str, checks: Mapping[str, Check]) -> Check | None:
    """The check whose key is the longest one that occurs in the file name, if there is one."""
    keys = [key for key in checks if key in name]
    return checks[max(keys, key=len)] if keys else None
