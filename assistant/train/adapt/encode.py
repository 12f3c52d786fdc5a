"""A lesson as training arrays, laid out by `llm.layout` itself: what is learned is what is served.

    prompt of the last question ─► layout ─► ids, segments, slots │ last answer │ end of turn
                                    loss:    earlier answers        ✓             ✓

A template that rewrites earlier turns (thoughts left out, the system text moved) shows them to the
model in another form than when they were answered; there only the last answer bears loss, and the
conversation is cut at a random turn.
"""

import random
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from transformers import PreTrainedTokenizerBase

from assistant.chat.prompts import Prompt, render_with
from assistant.chat.retrieved import NearestFor
from assistant.chem.molecule import Molecule
from assistant.llm.layout import (
    IdsPiece,
    Layout,
    PairPiece,
    SlotPiece,
    end_id,
    end_of_turn_ids,
    keeps_history,
    layout,
    text_ids,
)
from assistant.train.adapt.dialogue import Lesson
from assistant.train.encode import SLOT_ID, Example

_WRITER = "training"
"""Name of the model that earlier answers are ids of, so that the prompt keeps them."""


class LessonEncoder:
    """Encodes lessons for one tokenizer.

    Attributes:
        end: Id of the token that ends an answer.

    Args:
        tokenizer: The LLM's, with or without a chat template.
        n_graph_tokens: Tokens of a molecule's slot.
        sequence: Longest example; what is behind is cut off.
        quoting: Gives captions of other molecules to quote, as `--retrieval` does when serving;
            they must not be those of the molecule itself, which are what is learned.
        quoted: Share of the lessons that quote some.
        bare: Share of the lessons that leave the system text out.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        n_graph_tokens: int,
        sequence: int,
        quoting: NearestFor | None = None,
        quoted: float = 0.5,
        bare: float = 0.0,
    ) -> None:
        self.tokenizer = tokenizer
        self.n_graph_tokens, self.sequence = n_graph_tokens, sequence
        self._quoting, self._quoted, self._bare = quoting, quoted, bare
        self._keeps_history = keeps_history(tokenizer)
        self.end = end_id(tokenizer)
        self._ends = end_of_turn_ids(tokenizer) | {self.end}

    def encode(self, lesson: Lesson, rng: random.Random, *, spare: int = 0) -> Example | None:
        """The example; None when no token of an answer is within its length.

        Args:
            lesson: What is learned.
            rng: Draws where it is cut, and whether captions are quoted.
            spare: Tokens that it is to be shorter than the longest.
        """
        if not self._keeps_history:
            lesson = _cut_at_a_turn(lesson, rng)
        answers, lesson = self._with_ids(lesson)
        conversation, shown = lesson.conversation, lesson.shown
        prompt = render_with(
            conversation.truncated(len(conversation.messages) - 1),
            lambda entry: shown[entry.number].card,
            lambda entry: shown[entry.number].identity,
            model=_WRITER,
            nearest=self._quoting if self._quoting and rng.random() < self._quoted else None,
        )
        if self._bare and rng.random() < self._bare:
            prompt = replace(prompt, messages=prompt.messages[1:])
        graphs = {number: view.graph for number, view in shown.items()}
        rows = self._rows(layout(prompt, self.tokenizer), answers, graphs)
        example = rows.example(self.sequence - spare)
        if not example.weights.any():
            return None
        used = {int(n) for n in np.unique(example.slots)} | {
            n for focus in example.focuses for n in focus
        }
        molecules = {m.number: m.molecule for m in conversation.molecules if m.number in used}
        return replace(example, molecules=molecules)

    def encode_prompt(
        self,
        prompt: Prompt,
        answer: str,
        molecules: Mapping[int, Molecule],
        *,
        graph: bool,
        spare: int = 0,
    ) -> Example | None:
        """A prompt of one turn with its answer; None when no token of it is within the length.

        Args:
            prompt: As it is served.
            answer: What is learned.
            molecules: Those of its slots and its focus.
            graph: Whether slots have their graph tokens.
            spare: Tokens that it is to be shorter than the longest.
        """
        answers = [text_ids(self.tokenizer, answer)]
        shown = dict.fromkeys(molecules, graph)
        example = self._rows(layout(prompt, self.tokenizer), answers, shown).example(
            self.sequence - spare
        )
        return replace(example, molecules=molecules) if example.weights.any() else None

    def _with_ids(self, lesson: Lesson) -> tuple[list[tuple[int, ...]], Lesson]:
        """The ids of each answer, and the lesson with its answers as such ids."""
        ids, messages = [], []
        for message in lesson.conversation.messages:
            if message.role == "assistant":
                ids.append(text_ids(self.tokenizer, message.text))
                message = replace(message, token_ids=ids[-1], model=_WRITER)
            messages.append(message)
        conversation = replace(lesson.conversation, messages=tuple(messages))
        return ids, replace(lesson, conversation=conversation)

    def _rows(
        self, laid_out: Layout, answers: list[tuple[int, ...]], graphs: Mapping[int, bool]
    ) -> "_Rows":
        rows = _Rows()
        last = len(answers) - 1
        end_follows = False
        for piece in laid_out.pieces:
            if isinstance(piece, PairPiece):
                continue  # pair tokens are trained by a recipe of their own
            if isinstance(piece, SlotPiece):
                if graphs[piece.number]:
                    rows.add_slot(piece.number, self.n_graph_tokens)
                continue
            n_answer = 0
            if not piece.asked and piece.turn < last and self._keeps_history:
                n_answer = len(answers[piece.turn])
            rows.add(piece, n_answer)
            if end_follows and piece.ids[0] in self._ends:
                rows.weights[-len(piece.ids)] = 1.0  # the model itself has to end its answers
            end_follows = n_answer > 0
        ids = (*answers[last], self.end)
        rows.add(IdsPiece(ids, laid_out.answer_segment, last, asked=False), len(ids))
        return rows


def _cut_at_a_turn(lesson: Lesson, rng: random.Random) -> Lesson:
    conversation = lesson.conversation
    turn = rng.randrange(conversation.n_turns)
    return replace(lesson, conversation=conversation.truncated(2 * turn + 2))


class _Rows:
    """The columns of an example while it grows."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.weights: list[float] = []
        self.slots: list[int] = []
        self.segments: list[int] = []
        self.focuses: list[tuple[int, ...]] = [()]

    def add(self, piece: IdsPiece, n_answer: int) -> None:
        """Ids under their segment; the last `n_answer` of them bear loss."""
        n = len(piece.ids)
        self.ids += piece.ids
        self.weights += [0.0] * (n - n_answer) + [1.0] * n_answer
        self.slots += [0] * n
        self.segments += [self._segment(piece.segment)] * n

    def add_slot(self, number: int, n_tokens: int) -> None:
        """A molecule's graph tokens, under its own segment."""
        self.ids += [SLOT_ID] * n_tokens
        self.weights += [0.0] * n_tokens
        self.slots += [number] * n_tokens
        self.segments += [self._segment((number,))] * n_tokens

    def _segment(self, focus: tuple[int, ...]) -> int:
        if focus not in self.focuses:
            self.focuses.append(focus)
        return self.focuses.index(focus)

    def example(self, length: int) -> Example:
        """The first `length` tokens; segments beyond them are dropped."""
        segments = np.array(self.segments[:length], np.int16)
        n_used = int(segments.max(initial=0)) + 1
        return Example(
            np.array(self.ids[:length], np.int32),
            np.array(self.weights[:length], np.float32),
            np.array(self.slots[:length], np.int16),
            segments,
            tuple(self.focuses[:n_used]),
        )
