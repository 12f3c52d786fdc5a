"""From a prompt to token ids and molecule slots, with the ΔW segment of every piece.

    messages ─► chat template on sentinels ─► markup │ content │ markup │ content │ …
                                                ids      ids and slots

Roles and their markup come from the tokenizer's own template, which only ever sees sentinels. Text
of a person or of a card is tokenised apart, in a way that cannot give a control token or a slot.
Earlier answers enter by the ids that were generated.

Segments: a molecule's slot runs under its own ΔW, the rest of a user turn (a pair's slot too) and
its answer under the turn's focus, the system text under none. Markup belongs to the message it
leads to, so the ids and segments of turn t are a prefix of those of turn t + 1.
"""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import lru_cache

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from assistant.chat.prompts import PairSlot, Prompt, PromptMessage, Slot
from assistant.errors import AssistantError

Segment = tuple[int, ...]
"""Molecule numbers whose combined ΔW applies; () means none."""

_OPEN, _CLOSE = "\ue000", "\ue001"  # private use: no template writes them
_TAG = re.compile(r"<[^<>\s]+>")
_SENTINEL = re.compile(f"{_OPEN}(\\d+){_CLOSE}")

PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{{ message.role | capitalize }}: {{ message.content }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For tokenizers that come without a chat template (base models)."""


@dataclass(frozen=True)
class IdsPiece:
    """Consecutive token ids under one segment.

    Attributes:
        ids: The token ids.
        segment: Whose ΔW applies.
        turn: The user turn they belong to, -1 for the system text.
        asked: Whether they are known before the answer of the turn is begun: the question with its
            markup, but neither the answer nor the markup that opens it.
    """

    ids: tuple[int, ...]
    segment: Segment
    turn: int = -1
    asked: bool = True


@dataclass(frozen=True)
class SlotPiece:
    """The place of a molecule's graph tokens, under its own ΔW; part of a turn's question."""

    number: int
    turn: int = -1

    @property
    def segment(self) -> Segment:
        """The molecule itself."""
        return (self.number,)

    @property
    def asked(self) -> bool:
        """Always part of the question."""
        return True


@dataclass(frozen=True)
class PairPiece:
    """The place of a pair's interaction tokens, under the ΔW of the turn's focus."""

    slot: PairSlot
    segment: Segment
    turn: int = -1

    @property
    def asked(self) -> bool:
        """Always part of the question."""
        return True


Piece = IdsPiece | SlotPiece | PairPiece


@dataclass(frozen=True)
class Layout:
    """The pieces of a prompt in order, and the segment of the answer that follows."""

    pieces: tuple[Piece, ...]
    answer_segment: Segment


def layout(prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> Layout:
    """Lays out a prompt for a tokenizer.

    Args:
        prompt: Messages with text and slots; the last one is the user's.
        tokenizer: The LLM's tokenizer, with or without a chat template.
    """
    pieces = list(_pieces(prompt, tokenizer))
    answer = prompt.focus[-1] if prompt.focus else ()
    return Layout(tuple(_merged(pieces)), answer)


def _pieces(prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> Iterator[Piece]:
    messages = _with_system(prompt.messages, tokenizer)
    roles = tuple(message.role for message in messages)
    markup = template_markup(tokenizer, roles)
    for place, message in enumerate(messages):
        segment, turn = _segment(message.turn, prompt), message.turn
        asked = message.role != "assistant"
        if message.token_ids is not None:
            # What stood before the answer when it was generated: some templates write earlier
            # answers differently (another space, thoughts left out), which would undo the cache.
            opening = template_markup(tokenizer, roles[:place])[-1]
            yield IdsPiece(markup_ids(tokenizer, opening), segment, turn, asked)
            yield IdsPiece(tuple(message.token_ids), segment, turn, asked)
            continue
        yield IdsPiece(markup_ids(tokenizer, markup[place]), segment, turn, asked)
        for part in message.parts:
            if isinstance(part, Slot):
                yield SlotPiece(part.number, turn)
            elif isinstance(part, PairSlot):
                yield PairPiece(part, segment, turn)
            elif part:
                yield IdsPiece(text_ids(tokenizer, part), segment, turn, asked)
    turn = messages[-1].turn
    yield IdsPiece(markup_ids(tokenizer, markup[-1]), _segment(turn, prompt), turn, asked=False)


def _segment(turn: int, prompt: Prompt) -> Segment:
    return () if turn < 0 else prompt.focus[turn]


def _merged(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Joins neighbouring ids that agree in everything else."""
    pending: IdsPiece | None = None
    for piece in pieces:
        if isinstance(piece, IdsPiece) and not piece.ids:
            continue
        if pending is not None:
            if isinstance(piece, IdsPiece) and replace(piece, ids=()) == replace(pending, ids=()):
                pending = replace(pending, ids=pending.ids + piece.ids)
                continue
            yield pending
        pending = piece if isinstance(piece, IdsPiece) else None
        if pending is None:
            yield piece
    if pending is not None:
        yield pending


def _with_system(
    messages: Sequence[PromptMessage], tokenizer: PreTrainedTokenizerBase
) -> list[PromptMessage]:
    """Moves the system text into the first user message where the template has no such role."""
    if not messages or messages[0].role != "system" or has_system_role(tokenizer):
        return list(messages)
    system, first, *rest = messages
    parts = (*system.parts, "\n\n", *first.parts)
    return [PromptMessage(first.role, parts, first.turn, first.token_ids), *rest]


@lru_cache(maxsize=256)
def template_markup(tokenizer: PreTrainedTokenizerBase, roles: tuple[str, ...]) -> tuple[str, ...]:
    """The template's text before, between and after messages of these roles.

    Returns:
        One string more than there are roles; the last one opens the assistant's answer.

    Raises:
        TemplateError: The template refuses this order of roles, or drops or repeats a message.
    """
    rendered = tokenizer.apply_chat_template(
        [{"role": role, "content": f"{_OPEN}{index}{_CLOSE}"} for index, role in enumerate(roles)],
        chat_template=None if tokenizer.chat_template else PLAIN_TEMPLATE,
        tokenize=False,
        add_generation_prompt=True,
    )
    order = [int(index) for index in _SENTINEL.findall(rendered)]
    if order != list(range(len(roles))):
        raise TemplateError(f"the chat template shows messages {order} of {len(roles)}")
    return tuple(_SENTINEL.sub("\0", rendered).split("\0"))


def has_system_role(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the template takes a system message and shows it first, also in later turns."""
    try:
        template_markup(tokenizer, ("system", "user", "assistant", "user"))
    except TemplateError:
        return False
    return True


@lru_cache(maxsize=1024)
def markup_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Ids of the template's own markup: control tokens are read as such."""
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) if text else ()


def text_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Ids of text that must stay text: no control token comes out of it.

    A control token's spelling is cut after its first character, and the halves are tokenised apart.
    (`split_special_tokens` would switch the shared tokenizer's state, which two threads then race
    for, and it lets added tokens such as <think> through.)
    """
    control = control_tokens(tokenizer)
    pattern = _spellings(tuple(control.values()))
    cuts = [match.start() + 1 for match in pattern.finditer(text)] if pattern else []
    ids: list[int] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        ids += _plain_ids(tokenizer, text[start:end], control.keys())
    return tuple(ids)


def _plain_ids(
    tokenizer: PreTrainedTokenizerBase, text: str, forbidden: AbstractSet[int]
) -> list[int]:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
    if forbidden.isdisjoint(ids):
        return ids
    if len(text) == 1:
        return [i for i in ids if i not in forbidden]
    # The tokenizer's normalisation wrote the token (full-width letters, say): single characters.
    return [i for character in text for i in _plain_ids(tokenizer, character, forbidden)]


@lru_cache(maxsize=16)
def control_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """Tokens that steer the model, by id: special ones, <…> ones and those of the template.

    Added tokens that are words (atoms of a SMILES, say) and the unknown token are not among them.
    """
    template = tokenizer.chat_template or ""
    return {
        index: token.content
        for index, token in tokenizer.added_tokens_decoder.items()
        if index != tokenizer.unk_token_id
        and (token.special or token.content in template or _TAG.fullmatch(token.content))
    }


@lru_cache(maxsize=16)
def _spellings(contents: tuple[str, ...]) -> re.Pattern[str] | None:
    """Matches wherever one of these starts, also inside another one."""
    long = [re.escape(text) for text in contents if len(text) > 1]
    return re.compile(f"(?={'|'.join(long)})") if long else None


def end_of_turn_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Control tokens that the template writes right after an assistant's answer."""
    try:
        markup = template_markup(tokenizer, ("user", "assistant", "user"))
    except TemplateError:
        return frozenset()
    after = markup_ids(tokenizer, markup[2])
    return frozenset(after[:1]) & control_tokens(tokenizer).keys()


def end_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that ends an answer: the template's own, else the tokenizer's end of sequence.

    Raises:
        AssistantError: There is neither.
    """
    own = end_of_turn_ids(tokenizer)
    found = next(iter(own)) if own else tokenizer.eos_token_id
    if found is None:
        raise AssistantError(
            "The tokenizer has no end-of-sequence token and its chat template ends no answer;"
            " choose an LLM that can end one."
        )
    return int(found)


def keeps_history(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether turn t + 1 extends turn t under this template, token for token.

    Where it does not (markup that counts the messages, say), history is computed again each turn.
    """
    lead = ("system",) if has_system_role(tokenizer) else ()
    try:
        first = template_markup(tokenizer, (*lead, "user"))
        second = template_markup(tokenizer, (*lead, "user", "assistant", "user"))
    except TemplateError:
        return False
    return second[: len(first) - 1] == first[:-1]
