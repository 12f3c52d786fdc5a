"""What a specialist's language model says of reactions: answers, and how likely it finds others.

question in several spellings ─► an answer to each, side by side ─► distinct structures
structure ─► p along each of the first spellings (mean), and p of the way back

Which atom a SMILES begins with changes what a small language model writes, so asking for the same
molecule in several spellings finds more answers (test-time augmentation, Tetko et al. 2020, doi
10.1038/s41467-020-19266-y). The way back is a second opinion that it gives for nothing more than
having learned both directions.
"""

import math
import random
import threading
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from assistant.chat.short_tasks import SHORT_TASKS
from assistant.chem.aligned import Alignable
from assistant.chem.molecule import Molecule
from assistant.chem.reaction import missing_atoms
from assistant.chem.respell import rerooted
from assistant.errors import AssistantError
from assistant.llm.layout import Layout, end_id, layout, text_ids
from assistant.llm.load import LoadedLLM
from assistant.llm.place import Place
from assistant.llm.requests import Done, Engine, Progress, Queued, Request
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced, splice
from assistant.specialist.candidates import Opinion, is_part

N_DRAFTS = 12
"""Spellings of a question that are answered beside templates; more add little to them."""
N_ALONE = 24
"""The same without templates, where more find more."""
_N_ASKED = 2
"""Of them, those along which a candidate's probability is read."""
_TRIES = 4
"""Draws for each spelling that is wanted: small molecules have few."""
_MOST_TOKENS = 512


@dataclass(frozen=True)
class Asking:
    """Who asks, and how it is ended.

    Attributes:
        stop: Set it to end the work.
        visitor: Whose question it is.
        place: Of the question in the queue, where it has more parts than this.
        progress: Where the engine notes when it began with the drafts.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    visitor: str = ""
    place: Place | None = None
    progress: Progress = field(default_factory=Progress)


class Writer:
    """The language model of a specialist.

    Args:
        llm: Loaded.
        engine: Draws and scores with it.
        tasks: Names of `SHORT_TASKS` that it has learned.
    """

    def __init__(self, llm: LoadedLLM, engine: Engine, tasks: Sequence[str]) -> None:
        self._llm, self._engine, self._tasks = llm, engine, tuple(tasks)

    def reads(self, task: str, given: str) -> bool:
        """Whether a question is short enough for it.

        Args:
            task: A name of `SHORT_TASKS`.
            given: SMILES of the question.
        """
        return self._prompt(task, given).n_tokens < self._llm.context

    def drafts(
        self, task: str, given: str, n: int, *, asking: Asking
    ) -> Generator[Queued, None, Mapping[str, int]]:
        """The structures that it writes, and how often each; none where it cannot read the SMILES.

        What cannot be right is left out: no structure, nothing new, atoms from nowhere, and what
        was stopped or cut off.

        Args:
            task: A name of `SHORT_TASKS`.
            given: Canonical SMILES of the question.
            n: Spellings of the question.
            asking: Who asks.

        Yields:
            Where the question waits.

        Raises:
            PromptTooLongError: The memory is full.
            VisitorLimitError: The visitor has asked enough for now.
            QueueFullError: Too many requests are waiting.
            AnswerFailedError: The model's numbers are not finite.
        """
        prompts = [self._prompt(task, text) for text in spellings(given, n)] if n else []
        sampling = Sampling(max_new_tokens=_MOST_TOKENS, ends_circles=True)
        requests = [
            Request(prompt, sampling=sampling)
            for prompt in prompts
            if prompt.n_tokens < self._llm.context
        ]
        if requests:
            requests[0] = replace(requests[0], progress=asking.progress)
        ends = yield from self._ended(requests, asking)
        texts = [self._llm.tokenizer.decode(end.token_ids) for end in ends if end.reason == "end"]
        found = (_structure(SHORT_TASKS[task].smiles_in(text)) for text in texts)
        return Counter(smiles for smiles in found if smiles and _may_be(smiles, task, given))

    def opinions(
        self, task: str, given: str, answers: Sequence[str], *, asking: Asking
    ) -> Generator[Queued, None, tuple[Opinion, ...]]:
        """How likely it finds answers, one opinion for each; none where it was stopped.

        One that is too long to be read gets the lowest opinion of the others.

        Args:
            task: A name of `SHORT_TASKS`.
            given: Canonical SMILES of the question.
            answers: Canonical SMILES, at least one.
            asking: Who asks.

        Yields:
            As `drafts`.

        Raises:
            As `drafts`.
        """
        asked = [(text, self._prompt(task, text)) for text in spellings(given, _N_ASKED)]
        other = next((name for name in self._tasks if name != task), None)
        requests, question = [], Alignable(given)
        for answer in answers:
            if asking.stop.is_set():
                return ()
            back = [] if other is None else [(answer, self._prompt(other, answer))]
            requests.append(self._scored(task, asked, Alignable(answer)))
            requests.append(self._scored(other or task, back, question))
        fitting = [[r for r in group if self._fits(r)] for group in requests]
        ends = yield from self._ended([r for group in fitting for r in group], asking)
        if not all(done.log_probabilities for done in ends):
            return ()
        values = iter([sum(done.log_probabilities) for done in ends])
        means = [_log_mean([next(values) for _ in group]) for group in fitting]
        along, back = (_with_lowest(means[start::2]) for start in (0, 1))
        return tuple(map(Opinion, along, back))

    def answer_ids(self, task: str, given: str, answer: Alignable) -> tuple[int, ...]:
        """Token ids of an answer as it was learned: along what is given, and with its end."""
        text = SHORT_TASKS[task].answer(answer.along(given))
        return (*text_ids(self._llm.tokenizer, text), end_id(self._llm.tokenizer))

    def spliced(self, question: Layout) -> Spliced:
        """A question as the language model reads it: text alone, no graph, no ΔW.

        Args:
            question: Of t tokens.

        Returns:
            `inputs_embeds` (1, t, h) for the specialist's width h.
        """
        return splice(question, {}, self._llm.model.get_input_embeddings())

    def _prompt(self, task: str, smiles: str) -> Spliced:
        return self.spliced(layout(SHORT_TASKS[task].prompt(smiles), self._llm.tokenizer))

    def _scored(
        self, task: str, asked: Sequence[tuple[str, Spliced]], answer: Alignable
    ) -> list[Request]:
        """An answer after each of some spellings with their prompts, written along them."""
        return [Request(p, forced=self.answer_ids(task, text, answer)) for text, p in asked]

    def _fits(self, request: Request) -> bool:
        return request.spliced.n_tokens + len(request.forced) <= self._llm.context

    def _ended(
        self, requests: Sequence[Request], asking: Asking
    ) -> Generator[Queued, None, tuple[Done, ...]]:
        """How they end; the first one has the question's place, and with it have all."""
        if not requests:
            return ()
        stop, visitor = asking.stop, asking.visitor
        # Nobody asks so again: a dozen kept caches of one question would only push others out.
        mine = [replace(r, stop=stop, visitor=visitor, keeps_cache=False) for r in requests]
        mine[0] = replace(mine[0], place=asking.place)
        return (yield from self._engine.side_by_side(mine))


def spellings(smiles: str, n: int) -> tuple[str, ...]:
    """A SMILES and others of the same structure, always the same ones; fewer where there are few.

    Args:
        smiles: Canonical, of one or several parts.
        n: How many in all.
    """
    rng, found = random.Random(smiles), {smiles: None}
    for _ in range(n * _TRIES):
        if len(found) >= n:
            break
        found[rerooted(smiles, rng)] = None
    return tuple(found)


def _structure(smiles: str) -> str:
    """Canonical; "" where it is none."""
    try:
        return Molecule.parse(smiles).smiles if smiles else ""
    except AssistantError:
        return ""


def _may_be(answer: str, task: str, given: str) -> bool:
    """Whether something has happened, and every atom of the product has come from somewhere."""
    reactants, product = (given, answer) if task == "product" else (answer, given)
    return not is_part(product, reactants) and not missing_atoms(reactants, product)


def _log_mean(logarithms: Sequence[float]) -> float | None:
    """Of the mean of what they are logarithms of; None of nothing."""
    if not logarithms:
        return None
    highest = max(logarithms)
    return highest + math.log(sum(math.exp(x - highest) for x in logarithms) / len(logarithms))


def _with_lowest(values: Sequence[float | None]) -> list[float]:
    """The lowest in the place of what is not known; 0 where nothing is."""
    lowest = min((value for value in values if value is not None), default=0.0)
    return [lowest if value is None else value for value in values]
