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
        progress: Where the engine notes how far it is.
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

    def drafts(
        self, task: str, given: str, n: int, *, asking: Asking
    ) -> Generator[Queued, None, Mapping[str, int]]:
        """The structures that it writes, and how often each; none where it was stopped.

        What cannot be right is left out: no structure, nothing new, atoms from nowhere.

        Args:
            task: A name of `SHORT_TASKS`.
            given: Canonical SMILES of the question.
            n: Spellings of the question.
            asking: Who asks.

        Yields:
            Where the question waits.

        Raises:
            PromptTooLongError: The SMILES is too long for the language model.
            QueueFullError: Too many requests are waiting.
        """
        if n < 1:
            return {}
        sampling = Sampling(max_new_tokens=_MOST_TOKENS, ends_circles=True)
        requests = [
            Request(self._prompt(task, text), sampling=sampling) for text in spellings(given, n)
        ]
        ends = yield from self._ended(requests, asking)
        texts = [self._llm.tokenizer.decode(done.token_ids) for done in ends]
        found = (_structure(SHORT_TASKS[task].smiles_in(text)) for text in texts)
        return Counter(smiles for smiles in found if smiles and _may_be(smiles, task, given))

    def opinions(
        self, task: str, given: str, answers: Sequence[str], *, asking: Asking
    ) -> Generator[Queued, None, tuple[Opinion, ...]]:
        """How likely it finds answers, one opinion for each; none where it was stopped.

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
        asked = spellings(given, _N_ASKED)
        other = next((name for name in self._tasks if name != task), None)
        requests, question = [], Alignable(given)
        for answer in answers:
            written = Alignable(answer)
            requests += [self._scored(task, text, written) for text in asked]
            if other is not None:
                requests.append(self._scored(other, answer, question))
        ends = yield from self._ended(requests, asking)
        if not all(done.log_probabilities for done in ends):
            return ()
        values = [sum(done.log_probabilities) for done in ends]
        n_each = len(values) // len(answers)
        return tuple(
            _opinion(values[start : start + n_each], len(asked))
            for start in range(0, len(values), n_each)
        )

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

    def _scored(self, task: str, given: str, answer: Alignable) -> Request:
        return Request(self._prompt(task, given), forced=self.answer_ids(task, given, answer))

    def _ended(
        self, requests: Sequence[Request], asking: Asking
    ) -> Generator[Queued, None, tuple[Done, ...]]:
        """How they end; the first one has the question's place, and with it have all."""
        mine = [replace(one, stop=asking.stop, visitor=asking.visitor) for one in requests]
        mine[0] = replace(mine[0], place=asking.place, progress=asking.progress)
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
    if is_part(product, reactants):
        return False
    return not missing_atoms(Molecule.parse(reactants), Molecule.parse(product))


def _opinion(values: Sequence[float], n_along: int) -> Opinion:
    along, back = values[:n_along], values[n_along:]
    highest = max(along)
    mean = sum(math.exp(value - highest) for value in along) / n_along
    return Opinion(highest + math.log(mean), sum(back))
