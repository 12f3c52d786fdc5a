"""From a conversation to what the model reads: embeddings, and the ΔW of each token.

conversation ─► render ─► layout ─► too long? leave out, again ─► splice (graph, pair tokens, ΔW)
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol, TypeVar

from assistant.bundle import Bundle
from assistant.chat.asking.tongue import is_foreign
from assistant.chat.conversation import Conversation, Message, PairQuestion
from assistant.chat.prompts import PairSlot, Prompt, pair_question, render
from assistant.chat.retrieved import NearestFor
from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import MoleculePair, pair_task
from assistant.components import Components
from assistant.errors import PromptTooLongError
from assistant.llm.layout import IdsPiece, Layout, PairPiece, Piece, layout
from assistant.llm.load import LoadedLLM
from assistant.llm.outcomes import is_out_of_memory
from assistant.llm.requests import memory_is_full
from assistant.llm.splice import Spliced, splice
from assistant.pair_encoding import PairEncoding
from assistant.retrieval.index import Index

log = logging.getLogger(__name__)
T = TypeVar("T")

_MIN_ANSWER_TOKENS = 192
"""Room that a prompt must leave for its answer."""
_TOO_MANY = (
    "This model knows chats about up to {n} molecules and mixes up the numbers of more. Start a new"
    " chat for other molecules."
)
_ONLY_ENGLISH = (
    "This model has read English only. Single values are found in a few other languages, too"
    " (Summenformel, masse molaire, anillos); ask the rest in English."
)
_NO_ROOM_TO_QUOTE = "Captions of similar molecules were left out: the prompt had no room for them."


class Render(Protocol):
    """From a conversation, the model's fingerprint and what may be quoted to the prompt."""

    def __call__(
        self,
        conversation: Conversation,
        model: str,
        nearest: NearestFor | None = None,
        *,
        lines: frozenset[str] | None = None,
    ) -> Prompt:
        """The prompt.

        Args:
            conversation: Ends with a question.
            model: Fingerprint of the model that reads it.
            nearest: Gives captioned molecules to quote.
            lines: Keys of the only card lines by which a molecule is told, where it is told at all.
        """


@lru_cache(maxsize=4096)
def facts_of(molecule: Molecule) -> Facts:
    """Facts of a molecule, computed once."""
    return compute_facts(molecule)


def render_all(
    conversation: Conversation,
    model: str,
    nearest: NearestFor | None = None,
    *,
    spellings: Mapping[int, str] = MappingProxyType({}),
    lines: frozenset[str] | None = None,
) -> Prompt:
    """Everything that is known of each molecule: SMILES, name, facts, what is near it.

    Or, where only some `lines` of the card are wanted, these alone.
    """
    return render(
        conversation, facts_of, model=model, nearest=nearest, spellings=spellings, lines=lines
    )


@dataclass(frozen=True)
class Fitted:
    """A prompt that leaves room for its answer.

    Attributes:
        conversation: What is left of the conversation.
        prompt: Its prompt.
        layout: The prompt as token ids and places of molecules.
        notice: What was left out, in words for the person; empty where nothing was.
    """

    conversation: Conversation
    prompt: Prompt
    layout: Layout
    notice: str


@dataclass(frozen=True)
class Prompting:
    """How the prompts of one assistant are made.

    Attributes:
        llm: The language model.
        components: What stands beside it.
        render: What is said of molecules.
        retrieval: Index whose captions of similar molecules are quoted.
        reads_names: Whether the model can read names that people give.
        most_molecules: The highest number of a molecule that it speaks of rightly; 0 for any.
        english_only: Whether the model has read nothing but English.
    """

    llm: LoadedLLM
    components: Components
    render: Render = render_all
    retrieval: Index | None = None
    reads_names: bool = True
    most_molecules: int = 0
    english_only: bool = False

    @classmethod
    def of(
        cls, served: Bundle, llm: LoadedLLM, components: Components, index: Index | None
    ) -> "Prompting":
        """As a bundle says of its language model."""
        return cls(
            llm,
            components,
            retrieval=index,
            reads_names=served.reads_names,
            most_molecules=served.most_molecules,
            english_only=served.english_only,
        )

    def spliced(self, conversation: Conversation, lines: frozenset[str] | None = None) -> Spliced:
        """What the model reads before its answer to the last question.

        Args:
            conversation: Ends with it.
            lines: As in `Render`.

        Raises:
            PromptTooLongError: Not even the last question fits the context.
        """
        fitted = self.fit(conversation, lines)
        return self.splice(fitted, self.pairs(fitted))

    def fit(self, conversation: Conversation, lines: frozenset[str] | None = None) -> Fitted:
        """Renders; leaves out what does not fit beside an answer: quoted captions, then old turns.

        Of the turns the older half goes at once. `lines` as in `Render`.

        Raises:
            PromptTooLongError: Not even the last question fits the context.
        """
        dropped, nearest = 0, self.retrieval.nearest if self.retrieval else None
        notices = []
        while True:
            shown = conversation if self.reads_names else conversation.without_names()
            prompt = self.render(shown, self.llm.fingerprint, nearest, lines=lines)
            laid_out = layout(prompt, self.llm.tokenizer)
            n_tokens = self.count(laid_out)
            if n_tokens + _MIN_ANSWER_TOKENS <= self.llm.context:
                break
            if nearest is not None:
                nearest = None
                if prompt.retrieved:
                    notices.append(_NO_ROOM_TO_QUOTE)
                continue
            if conversation.n_turns < 2:
                raise PromptTooLongError(
                    f"The question with its molecules takes {n_tokens} tokens; the model reads"
                    f" {self.llm.context}, and {_MIN_ANSWER_TOKENS} are kept for the answer."
                    " Shorten the question or attach fewer molecules."
                )
            n_drop = max(1, conversation.n_turns // 2)
            conversation = without_oldest(conversation, n_drop)
            dropped += n_drop
        if dropped:
            notices.append(_shortened(dropped))
        if 0 < self.most_molecules < max(prompt.molecules, default=0):
            notices.append(_TOO_MANY.format(n=self.most_molecules))
        if self.english_only and is_foreign(conversation.messages[-1].text):
            notices.append(_ONLY_ENGLISH)
        return Fitted(conversation, prompt, laid_out, " ".join(notices))

    def count(self, laid_out: Layout) -> int:
        """Tokens of a prompt, those of graphs and pairs included."""
        return sum(self._length(piece) for piece in laid_out.pieces)

    def _length(self, piece: Piece) -> int:
        if isinstance(piece, IdsPiece):
            return len(piece.ids)
        parts = self.components
        return parts.n_pair_tokens if isinstance(piece, PairPiece) else parts.n_graph_tokens

    def pairs(self, fitted: Fitted) -> dict[PairSlot, PairEncoding]:
        """Interaction tokens of the pairs in a prompt; none when they are off.

        Returns:
            By pair, `tokens` (k, h) with k = `components.n_pair_tokens` and the LLM's width h.

        Raises:
            PromptTooLongError: Memory ended while they were read.
        """
        encoder = self.components.pairs
        slots = [piece.slot for piece in fitted.layout.pieces if isinstance(piece, PairPiece)]
        if encoder is None or not slots:
            return {}
        wanted = [_molecule_pair(fitted.prompt, slot) for slot in slots]
        found = self._read(lambda: encoder.encode(wanted), fitted)
        return dict(zip(slots, found, strict=True))

    def splice(self, fitted: Fitted, pairs: Mapping[PairSlot, PairEncoding]) -> Spliced:
        """A prompt with graph and pair tokens in their places, and the ΔW of its tokens.

        Args:
            fitted: The prompt.
            pairs: Its pairs' interaction tokens.

        Returns:
            `inputs_embeds` (1, t, h) and `segment_index` (1, t) for the t tokens of `count`.

        Raises:
            PromptTooLongError: Memory ended while its molecules were read.
        """
        encodings = {}
        encoder, molecules = self.components.encoder, fitted.prompt.molecules
        if encoder is not None:
            found = self._read(lambda: encoder.encode(list(molecules.values())), fitted)
            encodings = dict(zip(molecules, found, strict=True))
        return splice(
            fitted.layout,
            encodings,
            self.llm.model.get_input_embeddings(),
            mode=self.components.combination,
            scope=self.components.scope,
            static=self.components.lora,
            pairs=pairs,
        )

    def _read(self, read: Callable[[], list[T]], fitted: Fitted) -> list[T]:
        """What is read of molecules or pairs; when memory ends, once more without what was kept.

        Raises:
            PromptTooLongError: There was no room even so.
        """
        try:
            return read()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Here the error is gone, and with it the tensors of the frames that it came through.
        log.info("Memory ended while molecules were read: their caches go, and once more.")
        for encoder in (self.components.encoder, self.components.pairs):
            if encoder is not None:
                encoder.clear()
        with _told_when_full(self.count(fitted.layout)):
            return read()


@contextmanager
def _told_when_full(n_tokens: int) -> Iterator[None]:
    """Memory that ends while molecules are read is told as it is while the model reads them.

    Raises:
        PromptTooLongError: There was no room.
    """
    try:
        yield
    except RuntimeError as error:  # torch's own, and what a processor's allocator raises
        if is_out_of_memory(error):
            raise memory_is_full(n_tokens) from error
        raise


def _shortened(n_turns: int) -> str:
    turns = "turn was" if n_turns == 1 else "turns were"
    return (
        "The conversation is longer than the model can read:"
        f" its {n_turns} oldest {turns} left out of this answer."
        " The molecules still in use were shown to the model again."
    )


def _molecule_pair(prompt: Prompt, slot: PairSlot) -> MoleculePair:
    first, second = prompt.molecules[slot.first], prompt.molecules[slot.second]
    return MoleculePair(first, second, pair_task(slot.task))


def asked_about(pair: MoleculePair) -> Conversation:
    """A conversation that asks the task's question about a pair."""
    conversation, first = Conversation().with_molecule(pair.first)
    conversation, second = conversation.with_molecule(pair.second)
    question = PairQuestion(first, second, pair.task.name)
    return conversation.with_message(Message("user", pair_question(question), pair=question))


def without_oldest(conversation: Conversation, n_turns: int) -> Conversation:
    """Drops the first turns; each one that is kept stays about the same molecules.

    Args:
        conversation: More than `n_turns` turns.
        n_turns: How many are dropped.
    """
    starts = [i for i, m in enumerate(conversation.messages) if m.role == "user"]
    kept = list(conversation.messages[starts[n_turns] :])
    for turn in range(n_turns, conversation.n_turns):
        at = starts[turn] - starts[n_turns]
        kept[at] = replace(kept[at], attached=conversation.focus(turn))
    return replace(conversation, messages=tuple(kept))
