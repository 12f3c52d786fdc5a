"""A loaded specialist: its language model, its engine, and what proposes candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import torch

from assistant.chat.short_values import SHORT_VALUES
from assistant.chem.templates import SandboxedTemplates
from assistant.llm.continuous import DEFAULT_SLOTS, make_engine
from assistant.llm.load import LoadedLLM, load_llm
from assistant.llm.plan import Way
from assistant.llm.queue import UNLIMITED, VisitorLimits
from assistant.llm.requests import Engine
from assistant.specialist.candidates import Proposer
from assistant.specialist.directory import LLM, SpecialistInfo
from assistant.specialist.number_files import NUMBERS
from assistant.specialist.numbers import WrittenNumber, load_numbers
from assistant.specialist.templates import TEMPLATES, ReactionTemplates
from assistant.specialist.writer import N_ALONE, N_DRAFTS, Writer

_ON_A_PROCESSOR = Way("fp32")
_FOR_ANOTHER = "trained for another language model of the specialist"


@dataclass(frozen=True)
class Specialist:
    """Ready to answer.

    Attributes:
        info: What it answers, and how well.
        llm: Its language model.
        engine: Draws its answers.
        proposers: Of candidates, by task.
        n_drafts: Spellings of a question that its language model answers; 0 lets it write nothing.
        numbers: That its language model writes, by name.
        off: Names of numbers that were trained for another language model.
    """

    info: SpecialistInfo
    llm: LoadedLLM
    engine: Engine
    proposers: Mapping[str, Proposer]
    n_drafts: int = N_DRAFTS
    numbers: Mapping[str, WrittenNumber] = field(default_factory=lambda: MappingProxyType({}))
    off: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        device: torch.device,
        threads: int | None = None,
        max_waiting: int = 8,
        limits: VisitorLimits = UNLIMITED,
    ) -> "Specialist":
        """Loads a directory as `train.specialist` and `train.templates` write it.

        Args:
            directory: Of the specialist.
            device: Where the bundle's own language model is.
            threads: As for that.
            max_waiting: Requests that may wait before the next is refused.
            limits: What one visitor may ask.

        Raises:
            BundleError: Something is missing or damaged.
        """
        info = SpecialistInfo.read(directory)
        # So small a model needs no search for the fastest way, which takes most of a start.
        compute = _ON_A_PROCESSOR if device.type == "cpu" else "auto"
        llm = load_llm(directory / LLM, device=str(device), threads=threads, compute=compute)
        # Before the engine, which has to know the sites of their LoRA.
        found = load_numbers(directory / NUMBERS, llm)
        numbers = {name: number for name, number in found.items() if number is not None}
        off = tuple(name for name in found if name not in numbers)
        # The drafts of a question in one go; on a GPU a captured step has fewer rows.
        n_slots = N_DRAFTS if device.type == "cpu" else DEFAULT_SLOTS
        engine = make_engine(llm, max_waiting=max_waiting, limits=limits, n_slots=n_slots)
        proposers = load_proposers(directory, info.tasks)
        alone = all(proposer.templates is None for proposer in proposers.values())
        n_drafts = N_ALONE if alone else N_DRAFTS
        return cls(info, llm, engine, proposers, n_drafts, numbers, off)

    @property
    def states(self) -> tuple[tuple[str, bool, str], ...]:
        """Per number its name, whether it is on, and why not."""
        on = [(number.value.key, True, "") for number in self.numbers.values()]
        return (*on, *((SHORT_VALUES[name].key, False, _FOR_ANOTHER) for name in self.off))

    @property
    def writer(self) -> Writer:
        """Its language model, for answers and opinions."""
        return Writer(self.llm, self.engine, self.info.tasks)

    @property
    def predicts(self) -> tuple[str, ...]:
        """Properties whose numbers it was measured to write, as checks on them are called."""
        return tuple(n.value.key for n in self.numbers.values() if n.measured is not None)

    @property
    def has_templates(self) -> bool:
        """Whether templates propose anything."""
        return any(proposer.templates is not None for proposer in self.proposers.values())


def load_proposers(directory: Path, tasks: Sequence[str]) -> Mapping[str, Proposer]:
    """The proposers of a specialist's directory.

    Raises:
        BundleError: Templates are damaged.
    """
    places = {task: directory / TEMPLATES / task for task in tasks}
    found = {
        task: ReactionTemplates.load(place) if place.is_dir() else None
        for task, place in places.items()
    }
    return proposers_of(found, SandboxedTemplates())


def proposers_of(
    templates: Mapping[str, ReactionTemplates | None], apply: SandboxedTemplates
) -> Mapping[str, Proposer]:
    """A proposer for each task, which knows the one of the other direction.

    Args:
        templates: By task; None where there are none.
        apply: Applies them.
    """
    found = {
        task: Proposer(own, apply, forward=task == "product") for task, own in templates.items()
    }
    for task, proposer in found.items():
        others = (o for name, o in found.items() if name != task and o.templates is not None)
        proposer.opposite = next(others, None)
    return MappingProxyType(found)
