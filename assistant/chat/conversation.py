"""A conversation as plain values: messages and numbered molecules, no model, no screen.

Molecules are numbered 1, 2, 3, … as chemists number compounds. A number belongs to one structure
for the whole conversation and is never given away again, also not after the molecule was removed.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from assistant.chat.check import Check
from assistant.chat.comparing import compares
from assistant.chat.first_attempt import FirstAttempt
from assistant.chat.mixture import ExpertScalings
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import pair_task
from assistant.errors import AssistantError

MAX_FOCUS = 4
"""Most molecules a turn can be about (their ΔW are combined)."""

Role = Literal["reactant", "agent", "product"]

_REFERENCE = re.compile(
    r"@(\d{1,3})\b"
    r"|\b(?:molecules?|compounds?|structures?)\s+#?(\d{1,3}(?:\s*(?:,|and|or|with|to|vs\.?|&)\s*\d{1,3}\b)*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class NumberedMolecule:
    """A molecule under its number, with its role when it came from a reaction."""

    number: int
    molecule: Molecule
    role: Role | None = None


@dataclass(frozen=True)
class PairQuestion:
    """Two numbered molecules that a question is about as a pair, in the order of the task's roles.

    Where the order does not matter the lower number comes first, so that 1 with 2 and 2 with 1 are
    one and the same question.
    """

    first: int
    second: int
    task: str

    def __post_init__(self) -> None:
        if pair_task(self.task).is_symmetric and self.first > self.second:
            first, second = self.second, self.first
            object.__setattr__(self, "first", first)
            object.__setattr__(self, "second", second)

    @property
    def numbers(self) -> tuple[int, int]:
        """Both molecules."""
        return self.first, self.second


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: Who wrote it.
        text: What was written, as shown.
        attached: Numbers of the molecules attached to a question.
        token_ids: An answer exactly as the model generated it; never retokenised (design §4.6).
        model: Fingerprint of the model that wrote `token_ids`; another model must retokenise.
        checks: Verdicts on the claims of an answer.
        passport: What is needed to reproduce an answer.
        stopped: The answer was stopped before its end.
        scalings: How the answer was mixed from experts; None without experts.
        pair: Two molecules a question is about together; they are in its focus.
        mentions: Where a question names molecules that have numbers: (start, end, number), in
            order, without overlap. The model reads the numbers in their place.
        first_attempt: What an answer was before it was written again; None where it was not.
    """

    role: Literal["user", "assistant"]
    text: str
    attached: tuple[int, ...] = ()
    token_ids: tuple[int, ...] = ()
    model: str = ""
    checks: tuple[Check, ...] = ()
    passport: dict[str, object] = field(default_factory=dict)
    stopped: bool = False
    scalings: ExpertScalings | None = None
    pair: PairQuestion | None = None
    mentions: tuple[tuple[int, int, int], ...] = ()
    first_attempt: FirstAttempt | None = None

    @property
    def asked(self) -> str:
        """A question as the model reads it: "molecule 2" in the place of each name."""
        words, behind = "", 0
        for start, end, number in self.mentions:
            noun = "molecule" if self.text[:start].strip() else "Molecule"
            words += f"{self.text[behind:start]}{noun} {number}"
            behind = end
        return words + self.text[behind:]

    @property
    def about(self) -> tuple[int, ...]:
        """Numbers a question brings with it: its pair, then what is attached."""
        return (*(self.pair.numbers if self.pair else ()), *self.attached)

    @property
    def named(self) -> tuple[int, ...]:
        """Numbers of the molecules that a question names, by name or by number."""
        return (*(number for *_, number in self.mentions), *referred_numbers(self.text))


def referred_numbers(text: str) -> tuple[int, ...]:
    """Numbers named as `@2`, "molecule 2", "compounds 1 and 3", in reading order, each once."""
    numbers: list[int] = []
    for match in _REFERENCE.finditer(text):
        numbers += [int(n) for n in re.findall(r"\d+", match.group(1) or match.group(2))]
    return tuple(dict.fromkeys(numbers))


@dataclass(frozen=True)
class Conversation:
    """Messages in order and the molecules they are about. Every change gives a new value."""

    messages: tuple[Message, ...] = ()
    molecules: tuple[NumberedMolecule, ...] = ()
    next_number: int = 1

    def with_molecule(
        self, molecule: Molecule, role: Role | None = None
    ) -> tuple["Conversation", int]:
        """Adds a molecule; a structure that has a number already keeps it (and gains the role)."""
        for known in self.molecules:
            if known.molecule == molecule:
                if role is None or role == known.role:
                    return self, known.number
                updated = tuple(
                    replace(m, role=role) if m.number == known.number else m for m in self.molecules
                )
                return replace(self, molecules=updated), known.number
        number = self.next_number
        entry = NumberedMolecule(number, molecule, role)
        grown = replace(self, molecules=(*self.molecules, entry), next_number=number + 1)
        return grown, number

    def without_molecule(self, number: int) -> "Conversation":
        """Takes a molecule off the list; refused while a message is about it."""
        self.molecule(number)
        used = {n for turn in range(self.n_turns) for n in self.focus(turn)}
        if number in used:
            raise AssistantError(
                f"Molecule {number} is part of the conversation and stays;"
                " start a new chat without it."
            )
        kept = tuple(m for m in self.molecules if m.number != number)
        return replace(self, molecules=kept)

    def without_names(self) -> "Conversation":
        """The same with molecules that nobody named, for a model that cannot read names."""
        nameless = (replace(m.molecule, name=None) for m in self.molecules)
        kept = (replace(m, molecule=n) for m, n in zip(self.molecules, nameless, strict=True))
        return replace(self, molecules=tuple(kept))

    def with_message(self, message: Message) -> "Conversation":
        """Appends a message; attached numbers must exist, also those of a pair."""
        for number in message.about:
            self.molecule(number)
        return replace(self, messages=(*self.messages, message))

    def truncated(self, n_messages: int) -> "Conversation":
        """The first `n_messages` messages; all molecules and the next number stay."""
        return replace(self, messages=self.messages[:n_messages])

    def molecule(self, number: int) -> NumberedMolecule:
        """The molecule under a number.

        Raises:
            AssistantError: No molecule has this number; the message lists those that exist.
        """
        for entry in self.molecules:
            if entry.number == number:
                return entry
        known = ", ".join(str(m.number) for m in self.molecules) or "none yet"
        raise AssistantError(
            f"There is no molecule {number} in this conversation (numbers: {known})."
        )

    @property
    def questions(self) -> tuple[Message, ...]:
        """The user messages in order; question i opens turn i."""
        return tuple(m for m in self.messages if m.role == "user")

    @property
    def n_turns(self) -> int:
        """Number of user turns."""
        return len(self.questions)

    def focus(self, turn: int) -> tuple[int, ...]:
        """Numbers a turn is about, at most 4: attached or named in it, else the last such turn's.

        A question that compares and names none ("which of the two is heavier?") is about the
        molecules there are by then: those it brings with it, if it brings several, or else the
        latest beside it. It does not change what the next one is about.

        Args:
            turn: Index of the user turn, 0-based.
        """
        questions = self.questions[: turn + 1]
        question = questions[turn]
        own = self._brought(question)
        if len(own) < 2 and not question.named and compares(question.text):
            so_far = {number for earlier in questions for number in self._brought(earlier)}
            others = sorted(so_far - set(own))[len(own) - MAX_FOCUS :]
            if len(so_far) > 1:
                return tuple(sorted((*own, *others)))
        for question in reversed(questions):
            if brought := self._brought(question):
                return brought[:MAX_FOCUS]
        return ()

    def _brought(self, question: Message) -> tuple[int, ...]:
        """Known numbers that a question brings with it or names, each once."""
        known = {m.number for m in self.molecules}
        numbers = (*question.about, *question.named)
        return tuple(dict.fromkeys(n for n in numbers if n in known))

    def to_json(self) -> dict[str, object]:
        """JSON types only; `from_json` gives an equal conversation back."""
        return {
            "format_version": 1,
            "next_number": self.next_number,
            "molecules": [
                {
                    "number": m.number,
                    "smiles": m.molecule.smiles,
                    "name": m.molecule.name,
                    "role": m.role,
                }
                for m in self.molecules
            ],
            "messages": [message_to_json(m) for m in self.messages],
        }

    @classmethod
    def from_json(cls, data: dict[str, object]) -> "Conversation":
        """Reads what `to_json` wrote.

        Raises:
            AssistantError: Another format version.
        """
        if data.get("format_version") != 1:
            raise AssistantError(
                f"This conversation has format version {data.get('format_version')!r};"
                " version 1 is read."
            )
        molecules = tuple(
            NumberedMolecule(m["number"], Molecule.parse(m["smiles"], name=m["name"]), m["role"])
            for m in data["molecules"]
        )
        messages = tuple(message_from_json(m) for m in data["messages"])
        return cls(messages, molecules, data["next_number"])


def message_to_json(message: Message) -> dict[str, object]:
    """A message as JSON types."""
    again = {"first_attempt": message.first_attempt.to_json()} if message.first_attempt else {}
    return {
        "role": message.role,
        "text": message.text,
        "attached": list(message.attached),
        "token_ids": list(message.token_ids),
        "model": message.model,
        "checks": [vars(c) for c in message.checks],
        "passport": message.passport,
        "stopped": message.stopped,
        "scalings": message.scalings and message.scalings.to_json(),
        "pair": vars(message.pair) if message.pair else None,
        **({"mentions": [list(m) for m in message.mentions]} if message.mentions else {}),
        **again,  # few have one, and programs that know none read all others
    }


def message_from_json(data: dict[str, object]) -> Message:
    """The message `message_to_json` wrote."""
    fields = dict(data)
    fields["attached"] = tuple(data["attached"])
    fields["token_ids"] = tuple(data["token_ids"])
    fields["checks"] = tuple(Check(**c) for c in data["checks"])
    if scalings := data.get("scalings"):
        fields["scalings"] = ExpertScalings.from_json(scalings)
    pair = data.get("pair")  # conversations saved before there were pairs have none
    fields["pair"] = PairQuestion(**pair) if pair else None
    fields["mentions"] = tuple((a, b, n) for a, b, n in data.get("mentions") or ())
    if first := data.get("first_attempt"):
        fields["first_attempt"] = FirstAttempt.from_json(first)
    return Message(**fields)
