"""A conversation rendered for a model: text and molecule slots per message, no tokens yet.

A molecule's slot, SMILES and fact card enter once, in the user turn where it first appears. The
person's text is one part of its own, so that the tokenizer can keep it from making special tokens.
A question about a pair has the pair's slot right before the person's text. Captions retrieved for a
molecule are quoted right after its card. Where a turn is about several molecules, what their cards
say is compared once, right before the person's text; a question of a pair task needs none of that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Literal

from assistant.chat.card import card_lines, card_text, compared_lines, part_of_card
from assistant.chat.conversation import Conversation, Message, NumberedMolecule, PairQuestion
from assistant.chat.pair_answers import answer_form
from assistant.chat.retrieved import MAX_QUOTED, NearestFor, Retrieved, shortened
from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import pair_task
from assistant.errors import AssistantError

PROMPTS = Path(__file__).resolve().parents[2] / "prompts"

CardFor = Callable[[NumberedMolecule], str]


@dataclass(frozen=True)
class Slot:
    """The place of molecule `number`'s graph tokens."""

    number: int


@dataclass(frozen=True)
class PairSlot:
    """The place of the interaction tokens of molecules `first` and `second` for a task."""

    first: int
    second: int
    task: str


Part = str | Slot | PairSlot


@dataclass(frozen=True)
class PromptMessage:
    """One message for the model.

    Attributes:
        role: Role name of the chat template.
        parts: Text and slots in order.
        turn: Index of the user turn the message belongs to; -1 for the system message.
        token_ids: An earlier answer exactly as generated, else None.
    """

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]
    turn: int
    token_ids: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Prompt:
    """Messages, the molecules that have a slot, the focus of each user turn, and what is quoted."""

    messages: tuple[PromptMessage, ...]
    molecules: dict[int, Molecule]
    focus: tuple[tuple[int, ...], ...]
    retrieved: Mapping[int, tuple[Retrieved, ...]] = field(default_factory=dict)


def menu_tasks() -> tuple[str, ...]:
    """The tasks of the question menu: the names of the files in `prompts/menu`."""
    return tuple(sorted(path.stem for path in (PROMPTS / "menu").glob("*.txt")))


@cache
def template(name: str) -> Template:
    """The prompt file `prompts/<name>.txt` without its final newline."""
    path = PROMPTS / f"{name}.txt"
    if not path.is_file():
        raise AssistantError(f"Prompt file {name}.txt is missing from {PROMPTS}.")
    return Template(path.read_text(encoding="utf-8").removesuffix("\n"))


def fill(name: str, **values: str) -> str:
    """Fills a prompt file.

    Raises:
        AssistantError: Variables are missing or unused; all of them are named.
    """
    text = template(name)
    wanted, given = set(text.get_identifiers()), set(values)
    if wanted != given:
        raise AssistantError(
            f"Prompt {name}.txt: missing {sorted(wanted - given)}, unused {sorted(given - wanted)}."
        )
    return text.substitute(values)


def identity_text(entry: NumberedMolecule, spelling: str = "") -> str:
    """The SMILES line and, where a name is known, the name line; each ends with a newline.

    Args:
        entry: The molecule.
        spelling: A SMILES of it to write instead of the canonical one.

    Raises:
        AssistantError: The spelling is of another molecule.
    """
    if spelling and Molecule.parse(spelling) != entry.molecule:
        raise AssistantError(
            f"{spelling} is not molecule {entry.number} ({entry.molecule.smiles});"
            " give another SMILES of the same structure."
        )
    name = f"name: {entry.molecule.name}\n" if entry.molecule.name else ""
    return f"SMILES: {spelling or entry.molecule.smiles}\n{name}"


def molecule_parts(entry: NumberedMolecule, identity: str, card: str) -> tuple[str | Slot, ...]:
    """The block that introduces a molecule: text, slot, text."""
    marker = "\0"
    block = fill(
        "molecule",
        number=str(entry.number),
        role=f", {entry.role}" if entry.role else "",
        slot=marker,
        identity=identity,
        card=card,
    )
    before, after = block.split(marker)
    return before, Slot(entry.number), after


def retrieved_text(number: int, found: Sequence[Retrieved]) -> str:
    """The block that quotes captions of molecules like molecule `number`, one a line."""
    entries = [
        fill(
            "retrieved_entry",
            relation="the same molecule" if entry.same else f"similarity {entry.similarity:.2f}",
            line=str(entry.line),
            smiles=entry.smiles,
            text=shortened(entry.text),
        )
        for entry in found
    ]
    files = " and ".join(dict.fromkeys(entry.file for entry in found))
    return fill("retrieved", file=files, number=str(number), entries="\n".join(entries))


def compared_text(cards: Mapping[int, str]) -> str:
    """The block that compares molecules by their cards; empty where there is nothing to compare."""
    lines = compared_lines(cards)
    *some, last = map(str, cards)
    return fill("compared", numbers=f"{', '.join(some)} and {last}", lines=lines) if lines else ""


def pair_parts(pair: PairQuestion) -> tuple[Part, ...]:
    """The block that shows two molecules together: text, slot, text."""
    roles = pair_task(pair.task).roles
    marker = "\0"
    block = fill(
        "pair",
        first=str(pair.first),
        second=str(pair.second),
        first_role=roles[0],
        second_role=roles[1],
        slot=marker,
    )
    before, after = block.split(marker)
    return before, PairSlot(pair.first, pair.second, pair.task), after


def pair_question(pair: PairQuestion) -> str:
    """The task's question about a pair, in words."""
    form = answer_form(pair_task(pair.task))
    first, second = (f"molecule {number}" for number in pair.numbers)
    return fill(f"pairs/{pair.task}", first=first, second=second, form=form)


def render(
    conversation: Conversation,
    facts_of: Callable[[Molecule], Facts],
    *,
    model: str = "",
    nearest: NearestFor | None = None,
    spellings: Mapping[int, str] = MappingProxyType({}),
    lines: frozenset[str] | None = None,
) -> Prompt:
    """Renders a conversation whose last message is the user's.

    Args:
        conversation: The conversation so far.
        facts_of: Gives the facts of a molecule (cached by the caller).
        model: Fingerprint of the model that will read it; answers of another model are retokenised.
        nearest: Gives captioned molecules to quote (cached by the caller), at most `MAX_QUOTED`
            of them are.
        spellings: By number another SMILES to write than the canonical one.
        lines: As in `render_with`.
    """

    def card(entry: NumberedMolecule) -> str:
        return card_text(card_lines(facts_of(entry.molecule)))

    def identity(entry: NumberedMolecule) -> str:
        return identity_text(entry, spellings.get(entry.number, ""))

    return render_with(conversation, card, identity, model=model, nearest=nearest, lines=lines)


def render_with(
    conversation: Conversation,
    card_for: CardFor,
    identity_for: CardFor,
    *,
    model: str = "",
    nearest: NearestFor | None = None,
    lines: frozenset[str] | None = None,
) -> Prompt:
    """`render` with the card and identity texts given: training drops parts of them.

    Args:
        conversation: Ends with a question.
        card_for: Gives the card of a molecule.
        identity_for: Gives its SMILES and name lines.
        model: As in `render`.
        nearest: As in `render`.
        lines: Keys of the only card lines to show: no others, no SMILES, no name, no captions. None
            shows everything.

    Raises:
        AssistantError: The conversation does not end with a question.
    """
    if lines is not None:
        whole_card, nearest = card_for, None
        card_for, identity_for = lambda entry: part_of_card(whole_card(entry), lines), lambda _: ""
    if not conversation.messages or conversation.messages[-1].role != "user":
        raise AssistantError("A prompt ends with a question; the conversation does not.")
    rendering = _Rendering(conversation, card_for, identity_for, model, nearest)
    for message in conversation.messages:
        if message.role == "assistant":
            rendering.answer(message)
        else:
            rendering.question(message)
    return rendering.prompt()


class _Rendering:
    """A prompt while the messages of a conversation are put in, one after the other.

    Args:
        conversation: Whose messages they are.
        card_for, identity_for, model, nearest: As in `render_with`.
    """

    def __init__(
        self,
        conversation: Conversation,
        card_for: CardFor,
        identity_for: CardFor,
        model: str,
        nearest: NearestFor | None,
    ) -> None:
        self._conversation, self._model, self._nearest = conversation, model, nearest
        self._card_for, self._identity_for = card_for, identity_for
        self._messages = [PromptMessage("system", (fill("system"),), -1)]
        self._shown: dict[int, Molecule] = {}
        self._cards: dict[int, str] = {}
        self._compared: set[tuple[int, ...]] = set()
        self._retrieved: dict[int, tuple[Retrieved, ...]] = {}
        self._focus: list[tuple[int, ...]] = []

    def prompt(self) -> Prompt:
        """What has become of the messages."""
        return Prompt(tuple(self._messages), self._shown, tuple(self._focus), self._retrieved)

    def answer(self, message: Message) -> None:
        """Puts an answer in, with its token ids where the model's own."""
        ids = message.token_ids if message.model == self._model and message.token_ids else None
        told = PromptMessage("assistant", (message.text,), len(self._focus) - 1, ids)
        self._messages.append(told)

    def question(self, message: Message) -> None:
        """Puts a question in, behind what it is the first to be about."""
        turn = len(self._focus)
        focus = self._conversation.focus(turn)
        self._focus.append(focus)
        parts: list[Part] = []
        for number in focus:
            if number not in self._shown:
                parts += self._introduced(number)
        together = tuple(sorted(focus))
        if len(together) > 1 and together not in self._compared and message.pair is None:
            self._compared.add(together)
            block = compared_text({number: self._cards[number] for number in together})
            parts += [block + "\n"] if block else []
        if message.pair:
            before, slot, after = pair_parts(message.pair)
            parts += [before, slot, after + "\n"]
        self._messages.append(PromptMessage("user", (*parts, message.asked), turn))

    def _introduced(self, number: int) -> list[Part]:
        """A molecule where it first appears: its block, and what is quoted of similar ones."""
        entry = self._conversation.molecule(number)
        self._shown[number], self._cards[number] = entry.molecule, self._card_for(entry)
        before, slot, after = molecule_parts(entry, self._identity_for(entry), self._cards[number])
        parts: list[Part] = [before, slot, after + "\n"]
        found = tuple(self._nearest(entry.molecule))[:MAX_QUOTED] if self._nearest else ()
        if found:
            self._retrieved[number] = found
            parts.append(retrieved_text(number, found) + "\n")
        return parts
