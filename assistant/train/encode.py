"""A dialogue as training arrays: token ids, loss weights, graph-token places and ΔW segments.

The layout is that of serving (`llm.layout` on the same `Prompt`; a test compares the two). Only
what differs in training is here: answers carry the loss, cards and questions may.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from transformers import PreTrainedTokenizerFast

from assistant.chat.prompts import Prompt, PromptMessage, Slot, render_with
from assistant.chem.molecule import Molecule
from assistant.train.tokenizer import number_ids
from assistant.train.view import GOES_ON, Dialogue

N_SLOT_TOKENS = 28
SLOT_ID = 0
"""Id at the places of graph tokens; its embedding is replaced (it is the padding token)."""


@dataclass(frozen=True)
class LossWeights:
    """Share of the loss by kind of token.

    Numbers of an answer weigh most: they are what must be read, while much of the wording is free.
    """

    answer: float = 1.0
    number: float = 4.0
    card: float = 0.15
    question: float = 0.1
    text: float = 0.3


@dataclass(frozen=True)
class Example:
    """One dialogue, `t` tokens long.

    Attributes:
        ids: Token ids, (t,) int32; `SLOT_ID` at graph tokens.
        weights: Loss weight of each token as a target, (t,) float32.
        slots: Molecule number per token at graph tokens, else 0, (t,) int16.
        segments: Index into `focuses` per token, 0 = no ΔW, (t,) int16.
            focuses: Molecule numbers of each segment; entry 0 is empty.
        molecules: The molecules by number.
    """

    ids: np.ndarray
    weights: np.ndarray
    slots: np.ndarray
    segments: np.ndarray
    focuses: tuple[tuple[int, ...], ...] = ((),)
    molecules: Mapping[int, Molecule] = field(default_factory=dict)

    @classmethod
    def of_text(cls, ids: np.ndarray, weight: float) -> "Example":
        """Plain text as language-model text, (t,) ids; every token counts `weight`."""
        nothing = np.zeros(len(ids), np.int16)
        return cls(ids.astype(np.int32), np.full(len(ids), weight, np.float32), nothing, nothing)

    def without_lora(self) -> "Example":
        """The same for a model without ΔW: no segments, and only molecules with graph tokens."""
        shown = set(np.unique(self.slots).tolist())
        return replace(
            self,
            segments=np.zeros_like(self.segments),
            focuses=((),),
            molecules={n: m for n, m in self.molecules.items() if n in shown},
        )


class Encoder:
    """Turns dialogues into examples with one tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, weights: LossWeights) -> None:
        self.weights = weights
        self._encode: Callable[[str], list[int]] = lambda text: tokenizer.encode(
            text, add_special_tokens=False, split_special_tokens=True
        )
        self._role = {
            r: tokenizer.convert_tokens_to_ids(f"<|{r}|>") for r in ("system", "user", "assistant")
        }
        self._end = tokenizer.eos_token_id
        self._numbers = set(number_ids(tokenizer))

    def encode(self, dialogue: Dialogue) -> Example:
        """Encodes all turns, the last answer included, as an example of t tokens."""
        conversation, views = dialogue.conversation, dialogue.views
        last_answer = conversation.messages[-1].text
        prompt = render_with(
            conversation.truncated(len(conversation.messages) - 1),
            lambda entry: views[entry.number].card(),
            lambda entry: views[entry.number].identity(),
        )
        builder = _Builder()
        for message in prompt.messages:
            segment = builder.segment(prompt.focus[message.turn] if message.turn >= 0 else ())
            self._message(builder, message, segment, dialogue)
        segment = builder.segment(prompt.focus[-1])
        answer = PromptMessage("assistant", (last_answer,), len(prompt.focus) - 1)
        self._message(builder, answer, segment, dialogue)
        builder.add([self._end], builder.end_weight, segment)
        molecules = {number: conversation.molecule(number).molecule for number in views}
        return replace(builder.build(), molecules=molecules)

    def _message(
        self, builder: "_Builder", message: PromptMessage, segment: int, dialogue: Dialogue
    ) -> None:
        role, parts = message.role, message.parts
        answer = role == "assistant"
        plain = answer and dialogue.intents[message.turn] == GOES_ON
        if builder.ids:  # the end of a message belongs to the turn it leads to, as in `llm.layout`
            builder.add([self._end], builder.end_weight if role == "user" else 0.0, segment)
        said = self.weights.text if plain else self.weights.answer
        builder.end_weight = said if answer else 0.0
        builder.add([self._role[role]], 0.0, segment)
        for index, part in enumerate(parts):
            if isinstance(part, Slot):
                if dialogue.views[part.number].graph:
                    builder.add_slot(part.number, N_SLOT_TOKENS)
                continue
            is_card = index > 0 and isinstance(parts[index - 1], Slot)
            weight = self.weights.card if is_card else self.weights.question
            weight = said if answer else 0.0 if role == "system" else weight
            ids = self._encode(part)
            builder.add(ids, weight, segment)
            if answer and not plain:
                builder.weigh(
                    [i for i, token in enumerate(ids) if token in self._numbers],
                    self.weights.number,
                )


class _Builder:
    """Collects tokens and numbers the segments."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.weights: list[float] = []
        self.slots: list[int] = []
        self.segments: list[int] = []
        self.focuses: list[tuple[int, ...]] = [()]
        self.end_weight = 0.0
        """Of the end token of the message added last."""
        self._last = 0

    def segment(self, focus: tuple[int, ...]) -> int:
        if focus not in self.focuses:
            self.focuses.append(focus)
        return self.focuses.index(focus)

    def add(self, ids: list[int], weight: float, segment: int) -> None:
        self.ids += ids
        self.weights += [weight] * len(ids)
        self.slots += [0] * len(ids)
        self.segments += [segment] * len(ids)
        self._last = len(ids)

    def weigh(self, places: list[int], weight: float) -> None:
        """Gives tokens of the part added last another weight."""
        start = len(self.weights) - self._last
        for place in places:
            self.weights[start + place] = weight

    def add_slot(self, number: int, n_tokens: int) -> None:
        self.ids += [SLOT_ID] * n_tokens
        self.weights += [0.0] * n_tokens
        self.slots += [number] * n_tokens
        self.segments += [self.segment((number,))] * n_tokens

    def build(self) -> Example:
        return Example(
            np.array(self.ids, np.int32),
            np.array(self.weights, np.float32),
            np.array(self.slots, np.int16),
            np.array(self.segments, np.int16),
            tuple(self.focuses),
        )


def prompt_text(prompt: Prompt) -> str:
    """All text of a prompt in order, for learning the tokenizer."""
    return "\n".join(p for m in prompt.messages for p in m.parts if isinstance(p, str))


def dialogue_text(dialogue: Dialogue) -> str:
    """All text of a dialogue as the model reads and writes it, for learning the tokenizer."""
    conversation, views = dialogue.conversation, dialogue.views
    prompt = render_with(
        conversation.truncated(len(conversation.messages) - 1),
        lambda entry: views[entry.number].card(),
        lambda entry: views[entry.number].identity(),
    )
    return f"{prompt_text(prompt)}\n{conversation.messages[-1].text}"
