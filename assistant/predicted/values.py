"""Says of each predicted number in an answer how far such numbers were off, and what is near."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.chat.check import Check
from assistant.chem.molecule import Molecule
from assistant.errors import BundleError
from assistant.predicted.figures import PredictedFigures, read_known
from assistant.retrieval.error_bins import bin_of
from assistant.retrieval.fingerprint_child import words_of
from assistant.retrieval.fingerprints import FingerprintTable, fingerprints

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Nearest:
    """The training molecule most like another one.

    Attributes:
        smiles: Canonical.
        similarity: Tanimoto, 0 … 1.
        value: None where it may not be given away.
    """

    smiles: str
    similarity: float
    value: float | None


class PredictedQuantity:
    """A quantity with its figures and training molecules, which are read when first asked for.

    Args:
        directory: With what `predicted.figures` writes.

    Raises:
        BundleError: The figures are missing or damaged.
    """

    def __init__(self, directory: Path) -> None:
        self.figures = PredictedFigures.read(directory)
        self._directory = directory
        self._reading, self._is_begun = threading.Lock(), False
        self._known: tuple[list[str], list[float | None], FingerprintTable] | None = None

    def nearest(self, molecule: Molecule) -> Nearest:
        """The training molecule most like this one, of equals the first of the file.

        Raises:
            BundleError: The training molecules cannot be read.
        """
        with self._reading:
            smiles, values, table = self._read()
            similarities = table.similarities(molecule)
        place = int(similarities.argmax())
        return Nearest(smiles[place], float(similarities[place]), values[place])

    def warm_up(self) -> None:
        """Reads the training molecules by a process of its own; a hundred thousand take about 8 s.

        Raises:
            BundleError: They cannot be read.
        """
        with self._reading:
            if self._known is not None:
                return
            smiles, values = read_known(self._directory)
            words = words_of(smiles)
            if words is not None:  # else the first such number waits for them
                self._known = smiles, values, FingerprintTable(words)

    @property
    def is_read(self) -> bool:
        """Whether the training molecules are in memory, so that nobody waits for them."""
        return self._known is not None

    def begin_reading(self) -> None:
        """Reads the training molecules beside what goes on, so that less is waited for later.

        Only the first call does anything.
        """
        if self._is_begun:
            return
        self._is_begun = True
        threading.Thread(target=self._warm_up, name="predicted values", daemon=True).start()

    def _warm_up(self) -> None:
        try:
            self.warm_up()
        except BundleError:  # said with the first such number
            log.warning("known molecules of %s cannot be read", self.figures.term)

    def _read(self) -> tuple[list[str], list[float | None], FingerprintTable]:
        if self._known is None:
            smiles, values = read_known(self._directory)
            self._known = smiles, values, FingerprintTable(fingerprints(smiles))
        return self._known

    def note(self, molecule: Molecule | None) -> tuple[str, str | None]:
        """What is said of a number, and the training molecule that is nearest, if it is of one."""
        figures = self.figures
        said = (
            "predicted by the language model, not computed: off by"
            f" {figures.with_unit(figures.mae)} on average for {figures.n_test:,} test molecules of"
            f" {figures.table} (the training mean: {figures.with_unit(figures.constant)})"
        )
        if molecule is None:
            return said, None
        near = self.nearest(molecule)
        found = bin_of(figures.bins, near.similarity)
        if found is None:
            said += ", none of them as unlike its training molecules as this one"
        elif found.n < figures.n_test:
            said += f", by {figures.with_unit(found.error)} for the {found.n:,} about as like"
            said += " its training molecules as this one"
        value = "" if near.value is None else f", {figures.with_unit(near.value)}"
        if near.smiles == molecule.smiles:
            return f"{said}; this molecule is one of its training molecules{value}", near.smiles
        said += (
            f"; most similar training molecule: {near.smiles} (similarity"
            f" {near.similarity:.2f}{value})"
        )
        return said, near.smiles


class PredictedValues:
    """The quantities that the language model of a bundle predicts and that were measured.

    Args:
        quantities: By the term that claims on them are called.
    """

    def __init__(self, quantities: Mapping[str, PredictedQuantity]) -> None:
        self.quantities = dict(quantities)

    @classmethod
    def read(cls, directory: Path) -> "PredictedValues":
        """All quantities below a directory.

        Raises:
            BundleError: One is damaged, or two are of the same term.
        """
        found: dict[str, PredictedQuantity] = {}
        for place in sorted(p for p in directory.iterdir() if p.is_dir()):
            quantity = PredictedQuantity(place)
            term = quantity.figures.term
            if term in found:
                raise BundleError(f"{directory} has two quantities called {term!r}; remove one.")
            found[term] = quantity
        return cls(found)

    def of(self, llm: str) -> "PredictedValues":
        """Those that were measured with this language model, by its fingerprint."""
        return PredictedValues({t: q for t, q in self.quantities.items() if q.figures.llm == llm})

    def warm_up(self) -> None:
        """Reads the training molecules beside the start, so that no answer waits for them."""
        for quantity in self.quantities.values():
            quantity.begin_reading()

    def annotated(
        self, checks: Sequence[Check], molecules: Mapping[int, Molecule], focus: Sequence[int]
    ) -> tuple[Check, ...]:
        """The same checks; a predicted number says how far such ones are off.

        Args:
            checks: Of an answer.
            molecules: Of the conversation, by number.
            focus: Numbers that the question was about.
        """
        return tuple(self._annotated(check, molecules, focus) for check in checks)

    def _annotated(
        self, check: Check, molecules: Mapping[int, Molecule], focus: Sequence[int]
    ) -> Check:
        quantity = self.quantities.get(check.kind)
        if quantity is None or check.verdict != "unverifiable":
            return check
        number = check.molecule or (focus[0] if len(focus) == 1 else None)
        try:
            note, near = quantity.note(molecules.get(number) if number else None)
        except BundleError:  # an answer is worth more than a remark on it
            log.warning("known molecules of %s cannot be read", check.kind)
            note, near = quantity.note(None)
        return replace(check, note=note, near=near)
