"""What was measured of a pair head: kept beside its weights, so that the page can say it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.checkpoint import read_record, write_json
from assistant.retrieval.error_bins import Bin, bin_of

FILE = "figures.json"
MIN_COUNTED = 10
"""Test pairs in a bin of similarity from which on its mean error is given for single pairs."""


@dataclass(frozen=True)
class Expected:
    """How far values of pairs like an asked one were off in tests.

    Attributes:
        error: Mean absolute error of a value, of its decimal logarithm where that is learned; for
            yes/no the share of wrong answers at a score of ½.
        n: Test pairs that it is the mean of.
        like: Those as similar to the training pairs as the asked one; None where there were too few
            of them (`MIN_COUNTED`) and the error is that of all test pairs.
    """

    error: float
    n: int
    like: Bin | None


@dataclass(frozen=True)
class TaskFigures:
    """Of one task of a head.

    Attributes:
        n_train: Training pairs.
        base: Mean of the training values; for yes/no the share of yes.
        low: 5th percentile of the training values.
        high: 95th percentile.
        n_test: Test pairs; none was trained on.
        split: How they were chosen, in words.
        mae: Mean absolute error of a value, of its decimal logarithm where that is learned.
        rmse: Root mean square error, likewise.
        auc: ROC-AUC of a yes/no score.
        logarithmic: Whether errors are of the decimal logarithm.
        bins: Errors by similarity to the training pairs.
        copied: Mean absolute error of the nearest training pair's value instead, on those rows.
    """

    n_train: int
    base: float
    low: float
    high: float
    n_test: int
    split: str
    mae: float | None = None
    rmse: float | None = None
    auc: float | None = None
    logarithmic: bool = False
    bins: tuple[Bin, ...] = ()
    copied: float | None = None

    def __post_init__(self) -> None:
        bins = (Bin(**b) if isinstance(b, Mapping) else b for b in self.bins)
        object.__setattr__(self, "bins", tuple(bins))

    def bin_of(self, similarity: float) -> Bin | None:
        """The bin of a similarity, if any test pair was in it."""
        return bin_of(self.bins, similarity)

    def expected(self, similarity: float | None) -> Expected | None:
        """The error to expect of a pair; None where none was measured.

        Args:
            similarity: To the nearest training pair, 0 … 1; None where that is not known.
        """
        like = None if similarity is None else self.bin_of(similarity)
        if like is not None and like.n >= MIN_COUNTED:
            return Expected(like.error, like.n, like)
        return None if self.mae is None else Expected(self.mae, self.n_test, None)

    def is_beyond_tests(self, similarity: float) -> bool:
        """Whether too few test pairs were as unlike the training pairs to say how far it is off."""
        counted = [one.low for one in self.bins if one.n >= MIN_COUNTED]
        return bool(counted) and similarity < min(counted)


@dataclass(frozen=True)
class Domain:
    """What single molecules of the training pairs were like.

    Attributes:
        elements: Symbols that occur in at least `MIN_SEEN` of them.
        max_heavy_atoms: Of all but the largest 0.5 %.
        charges: Lowest and highest total charge of all but 0.5 % at either end.
    """

    elements: tuple[str, ...]
    max_heavy_atoms: int
    charges: tuple[int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", tuple(self.elements))
        object.__setattr__(self, "charges", tuple(self.charges))


@dataclass(frozen=True)
class HeadFigures:
    """Of a whole head.

    Attributes:
        tasks: By name.
        domains: Of the first and the second molecule.
        source: Where the data came from, with their terms.
        command: What trained it.
        date: When it was measured.
        remarks: Further measurements, a sentence each.
    """

    tasks: dict[str, TaskFigures]
    domains: tuple[Domain, Domain]
    source: str
    command: str
    date: str
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        tasks = {
            name: TaskFigures(**one) if isinstance(one, Mapping) else one
            for name, one in self.tasks.items()
        }
        object.__setattr__(self, "tasks", tasks)
        domains = (Domain(**d) if isinstance(d, Mapping) else d for d in self.domains)
        object.__setattr__(self, "domains", tuple(domains))
        object.__setattr__(self, "remarks", tuple(self.remarks))

    def write(self, directory: Path) -> None:
        """Writes them beside the weights."""
        write_json(directory / FILE, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> "HeadFigures":
        """Reads them.

        Raises:
            BundleError: The file is missing or is no such record.
        """
        return read_record(directory / FILE, cls, "figures of a pair head", "train the head again")
