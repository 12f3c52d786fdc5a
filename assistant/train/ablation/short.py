"""Numbers asked for in the fewest words, which a small language model of atoms learns in minutes.

    ABS: <graph tokens>COc1ccc… <graph tokens>CC#N   ─►   452.3

Asked and learned like the numbers of a specialist (`chat.short_values`): no system text, no card,
nothing but the number in the answer. The language model writes it, the specialist's engine draws.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from assistant.bundle import SPECIALIST, Bundle
from assistant.chat.prompts import Part, Prompt, PromptMessage, Slot
from assistant.chem.molecule import Molecule
from assistant.components import load_components
from assistant.errors import AssistantError
from assistant.evaluate.arms import Arm, ControlledEncoder
from assistant.evaluate.asking import Answer
from assistant.evaluate.outcomes import Outcome, outcome_of
from assistant.evaluate.tasks.base import Example as Row
from assistant.llm.continuous import make_engine
from assistant.llm.layout import layout
from assistant.llm.plan import Way
from assistant.llm.requests import Engine, Request
from assistant.llm.sampling import Sampling
from assistant.llm.splice import splice
from assistant.specialist.directory import LLM
from assistant.specialist.number_files import near_the_learned
from assistant.train.ablation.data import Questions
from assistant.train.ablation.reading import Readings, value_task_of
from assistant.train.encode import Example

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_MOST_TOKENS = 12
_SIDE_BY_SIDE = 12


def specialist_of(bundle: Bundle) -> Bundle:
    """A bundle's parts with its specialist's language model in the place of its own.

    Raises:
        AssistantError: It has no specialist.
    """
    if SPECIALIST not in bundle.components:
        raise AssistantError(
            f"The bundle {bundle.name} has no specialist, which is asked in the fewest words; name"
            " one that has, or set short = false."
        )
    llm = bundle.components[SPECIALIST] / LLM
    return replace(bundle, components={**bundle.components, "llm": llm})


def short_prompt(name: str, row: Row) -> Prompt:
    """The question about a row: what is asked for, then each molecule's slot and SMILES.

    Raises:
        AssistantError: The task asks for no number.
    """
    label = value_task_of(name).quantity.column.partition("_")[0].upper()
    parts: list[Part] = [f"{label}:"]
    for number, smiles in enumerate(row.molecules, start=1):
        parts += [" ", Slot(number), smiles]
    numbers = tuple(range(1, len(row.molecules) + 1))
    return Prompt((PromptMessage("user", tuple(parts), 0),), {}, (numbers,))


def short_answer(name: str, row: Row) -> str:
    """The number, as many decimals as the task writes.

    Raises:
        AssistantError: The task asks for no number.
    """
    return f"{float(row.answer):.{value_task_of(name).quantity.decimals}f}"


class ShortQuestions(Questions):
    """Batches of such questions, the same for every arm."""

    @cached_property
    def readings(self) -> Readings:
        """The same rows for an encoder that learns them first."""
        rows = [row for name in self.recipe.tasks for row in self.rows[name]]
        return Readings(rows, self.recipe.read_batch, self.seed)

    def example(self, name: str, *rows: Row, graph: bool) -> Example | None:
        """One question; None when a molecule cannot be read or it is too long."""
        (row,) = rows
        try:
            molecules = {n: Molecule.parse(s) for n, s in enumerate(row.molecules, start=1)}
        except AssistantError:
            return None
        spare = 0 if graph else self.encoder.n_graph_tokens * len(molecules)
        prompt, answer = short_prompt(name, row), short_answer(name, row)
        found = self.encoder.encode_prompt(prompt, answer, molecules, graph=graph, spare=spare)
        # A number that is cut off would teach another number.
        return found if found is not None and found.ids[-1] == self.encoder.end else None


class ShortAsker:
    """Asks the bundle of an arm, side by side and greedily.

    Args:
        bundle: As `output.write_arm` writes it.
        device: Where it computes.
    """

    def __init__(self, bundle: Bundle, device: str) -> None:
        compute = Way("fp32") if device == "cpu" else "auto"
        self.llm, self.parts = load_components(
            bundle, llm=None, quantize="4bit", device=device, compute=compute
        )
        self.engine: Engine = make_engine(self.llm, n_slots=_SIDE_BY_SIDE)

    def outcomes(
        self, name: str, rows: Sequence[Row], known: Sequence[Row], how: Arm
    ) -> list[Outcome]:
        """Every answer, in the task's own form so that it is scored like any other.

        A number far outside of the learned ones is none, as on the page.

        Args:
            name: Of the task.
            rows: What is asked.
            known: Training rows.
            how: Whose graph tokens and ΔW are shown.
        """
        readers = self.readers(rows, how)
        texts: list[str] = []
        for start in range(0, len(rows), _SIDE_BY_SIDE):
            asked = rows[start : start + _SIDE_BY_SIDE]
            texts += self._drawn([self.request(name, row, readers) for row in asked])
        learned = [float(row.answer) for row in known]
        lowest, highest = min(learned), max(learned)
        task, found = value_task_of(name), []
        for row, text in zip(rows, texts, strict=True):
            written = _NUMBER.fullmatch(text.strip())
            given = bool(written) and near_the_learned(float(text), lowest, highest)
            told = task.quantity.write(float(text)) if given else ""
            found.append(outcome_of(row, Answer(told), task.parse(told, row), None))
        return found

    def readers(self, rows: Sequence[Row], how: Arm) -> Sequence[ControlledEncoder]:
        """What reads the first molecules of rows, the second ones, …; none in an arm without.

        Args:
            rows: What is asked; another molecule is one of another row, in the same place where
                that has more than one ("in water" has not).
            how: Whose graph tokens and ΔW are shown.
        """
        if self.parts.encoder is None:
            return ()
        columns = [
            dict.fromkeys(column) for column in zip(*(r.molecules for r in rows), strict=True)
        ]
        anywhere = {smiles: None for column in columns for smiles in column}
        pools = (column if len(column) > 1 else anywhere for column in columns)
        others = ([Molecule.parse(smiles) for smiles in pool] for pool in pools)
        return [ControlledEncoder(self.parts.encoder, how, each) for each in others]

    def _drawn(self, requests: Sequence[Request]) -> list[str]:
        waiting = self.engine.side_by_side(requests)
        while True:
            try:
                next(waiting)
            except StopIteration as end:
                decode = self.llm.tokenizer.decode
                return [decode(e.token_ids) if e.reason == "end" else "" for e in end.value]

    def request(self, name: str, row: Row, readers: Sequence[ControlledEncoder]) -> Request:
        """The question about a row, its molecules as they are read."""
        encodings = {
            number: reader.encode([Molecule.parse(smiles)])[0]
            for number, (smiles, reader) in enumerate(
                zip(row.molecules, readers, strict=False), start=1
            )
        }
        prompt = splice(
            layout(short_prompt(name, row), self.llm.tokenizer),
            encodings,
            self.llm.model.get_input_embeddings(),
            static=self.parts.lora,
        )
        return Request(prompt, Sampling(max_new_tokens=_MOST_TOKENS), keeps_cache=False)
