"""A loaded specialist: its language model, and its engine."""

from dataclasses import dataclass
from pathlib import Path

from assistant.llm.continuous import make_engine
from assistant.llm.layout import Layout
from assistant.llm.load import LoadedLLM, load_llm
from assistant.llm.queue import UNLIMITED, VisitorLimits
from assistant.llm.requests import Engine
from assistant.llm.splice import Spliced, splice
from assistant.specialist.directory import LLM, SpecialistInfo


@dataclass(frozen=True)
class Specialist:
    """Ready to answer.

    Attributes:
        info: What it answers, and how well.
        llm: Its language model.
        engine: Draws its answers.
    """

    info: SpecialistInfo
    llm: LoadedLLM
    engine: Engine

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        max_waiting: int = 8,
        limits: VisitorLimits = UNLIMITED,
    ) -> "Specialist":
        """Loads a directory as `train.specialist` writes it.

        Args:
            directory: Of the specialist.
            device: As for the bundle's own language model.
            threads: Likewise.
            max_waiting: Requests that may wait before the next is refused.
            limits: What one visitor may ask.

        Raises:
            BundleError: Something is missing or damaged.
        """
        info = SpecialistInfo.read(directory)
        llm = load_llm(directory / LLM, device=device, threads=threads)
        return cls(info, llm, make_engine(llm, max_waiting=max_waiting, limits=limits))

    def spliced(self, question: Layout) -> Spliced:
        """A question as the language model reads it: text alone, no graph, no ΔW.

        Args:
            question: Of t tokens.

        Returns:
            `inputs_embeds` (1, t, h) for the specialist's width h.
        """
        return splice(question, {}, self.llm.model.get_input_embeddings())
