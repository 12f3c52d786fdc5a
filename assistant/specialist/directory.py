"""What a specialist's directory says of it.

specialist/config.json       tasks, and what was measured of their answers
specialist/llm               language model and tokenizer
specialist/templates/TASK    reaction templates (`assistant.specialist.templates`); may be missing
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType

from assistant.chat.short_tasks import SHORT_TASKS
from assistant.checkpoint import CONFIG, read_record, write_json

LLM = "llm"


@dataclass(frozen=True)
class Measured:
    """What test rows said of the answers to one task.

    Attributes:
        table: The rows' table.
        n: Rows that were asked.
        exact: Share of answers that are the reference's structure, stereo included.
        valid: Share that are a structure at all.
        command: What measured it.
        date: When.
        among_five: Share of rows whose reference is among the five structures that an answer gives
            at most; None where nobody has counted.
    """

    table: str
    n: int
    exact: float
    valid: float
    command: str = ""
    date: str = ""
    among_five: float | None = None

    @property
    def in_words(self) -> str:
        """For what stands under an answer."""
        told = f"right for {self.exact:.0%} of {self.n:,} test reactions"
        if self.among_five is not None:
            told += f", among the first five for {self.among_five:.0%}"
        return f"{told} ({self.table.split('.')[0]})"


@dataclass(frozen=True)
class SpecialistInfo:
    """What a specialist answers.

    Attributes:
        tasks: Names of `SHORT_TASKS`.
        measured: By task; none for one that nobody has measured.
    """

    tasks: tuple[str, ...]
    measured: Mapping[str, Measured] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        if unknown := [task for task in self.tasks if task not in SHORT_TASKS]:
            raise ValueError(f"no task is called {unknown[0]!r}")
        measured = {
            task: Measured(**found) if isinstance(found, Mapping) else found
            for task, found in self.measured.items()
        }
        object.__setattr__(self, "measured", measured)

    @classmethod
    def read(cls, directory: Path) -> "SpecialistInfo":
        """What a directory says.

        Raises:
            BundleError: It says nothing, or something else.
        """
        return read_record(directory / CONFIG, cls, "tasks of a specialist", "train one")

    def write(self, directory: Path) -> None:
        """Writes it."""
        measured = {task: asdict(found) for task, found in self.measured.items()}
        write_json(directory / CONFIG, {"tasks": list(self.tasks), "measured": measured})
