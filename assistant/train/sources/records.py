"""What the loaders yield: small values about valid molecules, each with the place it came from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from assistant.chat.conversation import Conversation
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, UnreadableFileError
from assistant.rows import Row

T = TypeVar("T")

_SPLIT_NAMES = {"validation": "valid", "val": "valid", "dev": "valid"}


@dataclass(frozen=True)
class Caption:
    """A molecule and its description."""

    molecule: Molecule
    text: str
    place: str


@dataclass(frozen=True)
class Instruction:
    """A question about molecules with its answer, in the words of the data set.

    Attributes:
        molecules: What it is about; may be none.
        task: The data set's name of the task.
    """

    molecules: tuple[Molecule, ...]
    question: str
    answer: str
    task: str
    place: str


@dataclass(frozen=True)
class Value:
    """A measured or computed number of a molecule.

    Attributes:
        decimals: Places after the point that an answer gives.
    """

    molecule: Molecule
    quantity: str
    value: float
    unit: str
    decimals: int
    place: str


@dataclass(frozen=True)
class Label:
    """A statement about a molecule that holds or does not.

    Attributes:
        claim: A verb phrase, as in "crosses the blood-brain barrier".
    """

    molecule: Molecule
    claim: str
    holds: bool
    place: str


@dataclass(frozen=True)
class Reaction:
    """Reactants to one product. Each side is one molecule of as many parts as it has.

    Attributes:
        reagents: None where the data names none apart from the reactants.
        mixed: Whether some of the reactants may be reagents: nobody is asked for them then.
    """

    reactants: Molecule
    reagents: Molecule | None
    product: Molecule
    place: str
    mixed: bool = False


@dataclass(frozen=True)
class Pair:
    """Two molecules in the roles of a pair task, and the answer: a truth or a value in its unit."""

    first: Molecule
    second: Molecule
    task: str
    answer: bool | float
    place: str


@dataclass(frozen=True)
class OwnConversation:
    """A conversation with its answers, ready to be learned."""

    conversation: Conversation
    place: str


Record = Caption | Instruction | Value | Label | Reaction | Pair | OwnConversation


@dataclass
class Skipped:
    """Rows that could not be used: counted, the first few kept; too many are refused.

    Args:
        at_most: Share of the rows that may be unusable, once there are a hundred.
        keep: Errors that are kept to be shown.
    """

    at_most: float = 0.05
    keep: int = 5
    n_rows: int = 0
    n_skipped: int = 0
    errors: list[str] = field(default_factory=list)

    def note(self, error: AssistantError) -> None:
        """Counts one unusable row.

        Raises:
            UnreadableFileError: So many rows are unusable that the file is not what it is said
                to be.
        """
        self.n_skipped += 1
        if len(self.errors) < self.keep:
            self.errors.append(str(error))
        if self.n_rows >= 100:
            self.check()

    def check(self) -> None:
        """Refuses a file of which too many rows are unusable; for its end.

        Raises:
            UnreadableFileError: As `note`; the first errors are named.
        """
        if self.n_skipped > self.at_most * self.n_rows:
            raise UnreadableFileError(
                f"{self.n_skipped} of {self.n_rows} rows cannot be used. The first: "
                + " ".join(self.errors)
            )


def usable(
    rows: Iterator[Row], read: Callable[[Row], Iterator[T]], skipped: Skipped | None
) -> Iterator[T]:
    """The records of rows; a row that fails is noted, or raises when nobody takes notes."""
    for row in rows:
        if skipped is not None:
            skipped.n_rows += 1
        try:
            yield from list(read(row))
        except AssistantError as error:
            if skipped is None:
                raise
            skipped.note(error)


def in_split(row: Row, split: str) -> bool:
    """Whether a row may be used for `split`.

    A row without a split belongs to all; flags of the shared data set that mark a row's molecule
    as part of an evaluation keep it out of "train".
    """
    named = _split_name(row.text("split", "split_by_chromophore"))
    if named and named != _split_name(split):
        return False
    if split != "train":
        return True
    in_evaluation = _split_name(row.text("chebi20_split")) in ("test", "valid")
    return not in_evaluation and row.text("product_in_any_eval") != "1"


def _split_name(text: str) -> str:
    return _SPLIT_NAMES.get(text.lower(), text.lower())


def molecule_in(row: Row, *names: str) -> Molecule:
    """The molecule whose SMILES stands in one of these columns.

    Raises:
        UnreadableFileError: There is none, or it is no valid molecule.
    """
    return parsed(row, row.needed(*names))


def parsed(row: Row, smiles: str) -> Molecule:
    """A valid molecule of a row; twice the same backslash, as in ChEBI-20's own files, is one."""
    try:
        return _molecule(smiles.replace("\\\\", "\\"))
    except AssistantError as error:
        raise row.error(str(error).rstrip(".")) from error


@lru_cache(maxsize=20_000)
def _molecule(smiles: str) -> Molecule:
    """Pair tables name the same molecules again and again."""
    return Molecule.parse(smiles)
