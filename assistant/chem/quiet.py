"""RDKit writes its complaints to stderr; here they are muted for one block only, then restored."""

from collections.abc import Iterator
from contextlib import contextmanager

from rdkit import rdBase


@contextmanager
def quiet_rdkit() -> Iterator[None]:
    """Mutes RDKit's log inside the block: structures may be confidential."""
    block = rdBase.BlockLogs()
    try:
        yield
    finally:
        del block  # its destructor restores the log exactly as it was found
