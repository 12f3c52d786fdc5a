"""An index directory, built once and mapped into memory when it is used.

    index.json         format, sizes, the files it was built from
    fingerprints.npy   (n, 32) uint64, ordered by the number of bits set
    counts.npy         (n,) uint16, that number
    entries.jsonl      smiles, text, file, line of each row
    offsets.npy        (n + 1,) int64, where each entry begins

With a bits set in one molecule and b in another, their similarity is at most min(a, b) / max(a, b).
So only rows whose number of bits is near the query's are looked at, and they lie side by side.
"""

import json
import mmap
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from assistant.chat.retrieved import MAX_QUOTED, Retrieved
from assistant.checkpoint import refuse_to_replace, replace_directory, sha256_of
from assistant.chem.molecule import Molecule
from assistant.errors import UnreadableFileError
from assistant.retrieval.fingerprints import N_BITS, N_WORDS, RADIUS, count_bits, fingerprint
from assistant.retrieval.fingerprints import tanimoto as tanimoto_of

FORMAT_VERSION = 1
INDEX = "index.json"
MIN_SIMILARITY = 0.35
"""Below this two drug-sized molecules have little more in common than chance gives."""


@dataclass(frozen=True)
class Captioned:
    """A molecule with its caption and the place it came from."""

    molecule: Molecule
    text: str
    file: str
    line: int


def build_index(entries: Iterable[Captioned], directory: Path) -> int:
    """Writes an index, replacing an older one as a whole.

    Of several captions of one structure the first is kept.

    Returns:
        Its number of molecules.

    Raises:
        UnreadableFileError: There are no entries, or the directory cannot be written.
        BundleError: The directory holds something else.
    """
    directory = directory.resolve()
    refuse_to_replace(directory, INDEX)
    first: dict[str, Captioned] = {}
    for entry in entries:
        first.setdefault(entry.molecule.smiles, entry)
    if not first:
        raise UnreadableFileError("No molecule with a caption was found; nothing to index.")
    kept = list(first.values())
    words = np.stack([fingerprint(entry.molecule) for entry in kept])
    counts = count_bits(words)
    order = sorted(range(len(kept)), key=lambda i: (counts[i], kept[i].molecule.smiles))
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    except OSError as error:
        raise UnreadableFileError(
            f"The index cannot be written to {directory}: {error.strerror}. Name another directory."
        ) from error
    try:
        np.save(fresh / "fingerprints.npy", words[order])
        np.save(fresh / "counts.npy", counts[order].astype(np.uint16))
        _write_entries(fresh, [kept[i] for i in order])
        about = {
            "format_version": FORMAT_VERSION,
            "fingerprint": {"kind": "morgan", "radius": RADIUS, "bits": N_BITS},
            "molecules": len(kept),
            "files": sorted({entry.file for entry in kept}),
        }
        (fresh / INDEX).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        replace_directory(directory, fresh, mark=INDEX)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return len(kept)


def _write_entries(directory: Path, entries: list[Captioned]) -> None:
    offsets = [0]
    with (directory / "entries.jsonl").open("wb") as file:
        for entry in entries:
            values = {
                "smiles": entry.molecule.smiles,
                "text": entry.text,
                "file": entry.file,
                "line": entry.line,
            }
            file.write(json.dumps(values).encode() + b"\n")
            offsets.append(file.tell())
    np.save(directory / "offsets.npy", np.array(offsets, np.int64))


class Index:
    """An index that is searched; safe to use from several threads.

    Raises:
        UnreadableFileError: The directory holds no index, or a damaged one.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        about = _read_about(directory)
        try:
            self._words = np.load(directory / "fingerprints.npy", mmap_mode="r")
            self._counts = np.load(directory / "counts.npy")
            self._offsets = np.load(directory / "offsets.npy")
            with (directory / "entries.jsonl").open("rb") as file:
                self._entries = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise UnreadableFileError(
                f"The index {directory} is damaged ({error}); build it again."
            ) from error
        n = len(self._counts)
        shapes = (self._words.shape, self._offsets.shape, int(self._offsets[-1]))
        if shapes != ((n, N_WORDS), (n + 1,), len(self._entries)) or n != about["molecules"]:
            raise UnreadableFileError(f"The index {directory} is damaged; build it again.")
        self.files: tuple[str, ...] = tuple(about["files"])
        self.nearest = lru_cache(maxsize=1024)(self._nearest)
        """`nearest(molecule)`: what a prompt quotes, kept for the molecules of late."""

    def __len__(self) -> int:
        return len(self._counts)

    def digest(self) -> str:
        """SHA-256 of all its files, for the passport."""
        return sha256_of(self.directory)

    def _nearest(self, molecule: Molecule) -> tuple[Retrieved, ...]:
        return self.search(molecule)

    def search(
        self,
        molecule: Molecule,
        *,
        n: int = MAX_QUOTED,
        min_similarity: float = MIN_SIMILARITY,
        without_same: bool = False,
    ) -> tuple[Retrieved, ...]:
        """The nearest molecules, best first; equal ones in the order of the index.

        Args:
            molecule: What they are near to.
            n: How many at most.
            min_similarity: The least similarity, above 0.
            without_same: Leave out the structure itself (to learn or to measure).
        """
        if not 0 < min_similarity <= 1:
            raise ValueError(f"min_similarity {min_similarity} is not in (0, 1]")
        query = fingerprint(molecule)
        n_query = int(count_bits(query))
        # A hair of slack: a rounded bound must not cut off what equals it.
        low = np.searchsorted(self._counts, np.floor(n_query * min_similarity - 1e-9), "left")
        high = np.searchsorted(self._counts, np.ceil(n_query / min_similarity + 1e-9), "right")
        similarity = tanimoto_of(self._words[low:high], self._counts[low:high], query)
        near = np.flatnonzero(similarity >= min_similarity)
        best = near[np.argsort(-similarity[near], kind="stable")]
        found: list[Retrieved] = []
        for place in best:
            entry = self._entry(int(low + place), float(similarity[place]), molecule)
            if not (without_same and entry.same):
                found.append(entry)
            if len(found) == n:
                break
        return tuple(found)

    def _entry(self, row: int, similarity: float, query: Molecule) -> Retrieved:
        start, end = int(self._offsets[row]), int(self._offsets[row + 1])
        values = json.loads(self._entries[start:end])
        same = values["smiles"] == query.smiles
        return Retrieved(**values, similarity=round(similarity, 6), same=same)


def _read_about(directory: Path) -> dict:
    path = directory / INDEX
    if not path.is_file():
        raise UnreadableFileError(
            f"There is no index at {directory}; build one with: python -m assistant.retrieval"
            " build --file FILE --index DIR"
        )
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version = about["format_version"]
        about["molecules"], about["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFileError(f"{path} is damaged ({error}); build the index again.") from error
    if version != FORMAT_VERSION:
        raise UnreadableFileError(
            f"{path} has format version {version!r}; {FORMAT_VERSION} is read. Build it again."
        )
    return about
