"""Fingerprints of many molecules by a process of its own: SMILES lines in, words of 64 bits out.

A hundred thousand molecules take seconds in which RDKit holds the interpreter: in a thread beside a
growing answer every token would wait for it, and one that is ended with the program in the middle
of RDKit aborts it.
"""

import atexit
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

import numpy as np

from assistant.chem.sandbox import child_environment
from assistant.retrieval.fingerprints import N_WORDS, fingerprints

log = logging.getLogger(__name__)

_COMMAND = [sys.executable, "-P", "-m", "assistant.retrieval.fingerprint_child"]
_NICER = 10


def words_of(smiles: Sequence[str]) -> np.ndarray | None:
    """Fingerprints (n, 32) uint64 of canonical SMILES; None where the process failed or ended."""
    child = subprocess.Popen(
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    leaving = threading.Event()

    def leave() -> None:
        leaving.set()
        child.kill()

    atexit.register(leave)
    try:
        found, _ = child.communicate("\n".join(smiles).encode())
    finally:
        atexit.unregister(leave)
    if leaving.is_set():
        return None
    if child.returncode or len(found) != 8 * N_WORDS * len(smiles):
        log.warning("fingerprints were not made: exit status %s", child.returncode)
        return None
    return np.frombuffer(found, dtype=np.uint64).reshape(-1, N_WORDS)


def main() -> None:
    """Reads until the end of the input, then writes all."""
    if hasattr(os, "nice"):
        os.nice(_NICER)
    smiles = sys.stdin.buffer.read().decode().split("\n")
    sys.stdout.buffer.write(fingerprints(smiles).tobytes())


if __name__ == "__main__":
    main()
