"""A loaded specialist: its language model, its engine, and what proposes candidates."""

import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import torch

from assistant.chat.short_tasks import SHORT_TASKS
from assistant.chem.aligned import Alignable
from assistant.chem.templates import SandboxedTemplates
from assistant.llm.continuous import make_engine
from assistant.llm.layout import Layout, end_id, layout, text_ids
from assistant.llm.load import LoadedLLM, load_llm
from assistant.llm.place import Place
from assistant.llm.plan import Way
from assistant.llm.queue import UNLIMITED, VisitorLimits
from assistant.llm.requests import Engine, Queued, Rescoring, Scored
from assistant.llm.splice import Spliced, splice
from assistant.specialist.candidates import Proposer
from assistant.specialist.directory import LLM, SpecialistInfo
from assistant.specialist.templates import TEMPLATES, ReactionTemplates

_ON_A_PROCESSOR = Way("fp32")


@dataclass(frozen=True)
class Specialist:
    """Ready to answer.

    Attributes:
        info: What it answers, and how well.
        llm: Its language model.
        engine: Draws its answers.
        proposers: By task; none of those whose answers it writes alone.
    """

    info: SpecialistInfo
    llm: LoadedLLM
    engine: Engine
    proposers: Mapping[str, Proposer] = field(default_factory=lambda: MappingProxyType({}))

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
        engine = make_engine(llm, max_waiting=max_waiting, limits=limits)
        return cls(info, llm, engine, load_proposers(directory, info.tasks))

    def spliced(self, question: Layout) -> Spliced:
        """A question as the language model reads it: text alone, no graph, no ΔW.

        Args:
            question: Of t tokens.

        Returns:
            `inputs_embeds` (1, t, h) for the specialist's width h.
        """
        return splice(question, {}, self.llm.model.get_input_embeddings())

    def answer_ids(self, task: str, given: str, answer: str) -> tuple[int, ...]:
        """Token ids of an answer as it was learned: along what is given, and with its end.

        Args:
            task: A name of `SHORT_TASKS`.
            given: SMILES of the question.
            answer: Canonical SMILES.
        """
        along = Alignable(answer).along(given)
        ids = text_ids(self.llm.tokenizer, SHORT_TASKS[task].answer(along))
        return (*ids, end_id(self.llm.tokenizer))

    def log_probabilities(
        self,
        task: str,
        given: str,
        answers: Sequence[str],
        *,
        stop: threading.Event,
        visitor: str = "",
    ) -> Generator[Queued, None, tuple[float, ...]]:
        """How likely the language model finds answers, natural logarithms, one for each.

        Fewer than there are answers when it was stopped. They are one question in the queue.

        Args:
            task: A name of `SHORT_TASKS`.
            given: SMILES of the question.
            answers: Canonical SMILES.
            stop: Set it to end the work.
            visitor: Whose question it is.

        Yields:
            Where the question waits.

        Raises:
            PromptTooLongError: A SMILES is too long for the language model.
            QueueFullError: Too many requests are waiting.
        """
        question = layout(SHORT_TASKS[task].prompt(given), self.llm.tokenizer)
        prompts = [self.spliced(question)]
        found: list[float] = []
        with Place() as place:
            for answer in answers:
                ids = self.answer_ids(task, given, answer)
                rescoring = Rescoring(prompts, ids, stop, visitor, place=place)
                for event in self.engine.rescore(rescoring):
                    if isinstance(event, Scored):
                        found.append(sum(event.log_probabilities))
                    else:
                        yield event
        return tuple(found)


def load_proposers(directory: Path, tasks: Sequence[str]) -> Mapping[str, Proposer]:
    """The proposers of a specialist's directory; none for tasks without templates.

    Raises:
        BundleError: Templates are damaged.
    """
    places = {task: directory / TEMPLATES / task for task in tasks}
    apply = SandboxedTemplates()
    return proposers_of(
        {task: ReactionTemplates.load(place) for task, place in places.items() if place.is_dir()},
        apply,
    )


def proposers_of(
    templates: Mapping[str, ReactionTemplates], apply: SandboxedTemplates
) -> Mapping[str, Proposer]:
    """A proposer for each task, which knows the one of the other direction.

    Args:
        templates: By task.
        apply: Applies them.
    """
    found = {
        task: Proposer(own, apply, forward=task == "product") for task, own in templates.items()
    }
    for task, proposer in found.items():
        proposer.back = next((other for name, other in found.items() if name != task), None)
    return MappingProxyType(found)
