"""From what a person wants side by side to a comparison: whose question, which columns."""

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.chat.conversation import Conversation, Message, NumberedMolecule
from assistant.chat.reply import ReplyOptions, Status
from assistant.errors import AssistantError
from assistant.sidebyside.columns import adapter_columns, molecule_columns, spelling_columns
from assistant.sidebyside.results import Comparison
from ui.molecules import Chemistry, extract_from_question, look_up_text, molecule_of
from ui.session import Session
from ui.turns import MAX_QUESTION_CHARS, refuse_unknown_numbers

KINDS = ("adapters", "molecules", "spellings")
OTHER = 0
"""Stands for a molecule that is typed instead of chosen."""


@dataclass(frozen=True)
class Wish:
    """What a person asks for.

    Attributes:
        kind: One of `KINDS`.
        text: The question.
        turn: The turn it belongs to, counted from 0; -1 for a new question.
        first: Number of the molecule, `OTHER` for the one in `other_first`.
        second: Number of the one to compare with.
        other_first: SMILES or name.
        other_second: SMILES or name.
        seed: Which spellings.
    """

    kind: str
    text: str
    turn: int = -1
    first: int = OTHER
    second: int = OTHER
    other_first: str = ""
    other_second: str = ""
    seed: int = 0

    @classmethod
    def from_payload(cls, payload: Mapping[str, object]) -> "Wish":
        """Reads an event of the page, which anyone may have written.

        Raises:
            AssistantError: There is no question, it is too long, or the kind is unknown.
        """
        kind, text = str(payload.get("kind")), str(payload.get("text") or "").strip()
        if kind not in KINDS:
            raise AssistantError(f"Unknown comparison {kind[:20]!r}; reload the page.")
        if not text:
            raise AssistantError("There is no question yet. Type what to ask in every column.")
        if len(text) > MAX_QUESTION_CHARS:
            raise AssistantError(
                f"The question has {len(text):,} characters; at most {MAX_QUESTION_CHARS:,}."
            )
        numbers = {
            key: value
            for key in ("turn", "first", "second", "seed")
            if isinstance(value := payload.get(key), int) and -1 <= value < 2**31
        }
        typed = {key: str(payload.get(key) or "") for key in ("other_first", "other_second")}
        return cls(kind, text, **numbers, **typed)


@dataclass(frozen=True)
class Planned:
    """A comparison and, where its answers fit it, the question of the conversation.

    Attributes:
        comparison: What to run.
        question: Id of the question as it stands in the history; None for another one.
    """

    comparison: Comparison
    question: int | None = None


def plan(session: Session, wish: Wish, status: Status, chemistry: Chemistry) -> Planned:
    """The comparison somebody wants; the session stays as it is.

    Raises:
        AssistantError: It cannot be made; the message says what to change.
    """
    options = options_of(session, wish.turn)
    conversation, question = question_of(session, wish, chemistry)
    if wish.kind == "adapters":
        columns = adapter_columns(conversation.with_message(question), status.adapters, options)
        return Planned(Comparison(wish.kind, wish.text, columns), _same_question(session, wish))
    first, conversation = _chosen(conversation, wish.first, wish.other_first, chemistry)
    if wish.kind == "spellings":
        columns = spelling_columns(wish.text, first, options, seed=max(wish.seed, 0))
        return Planned(Comparison(wish.kind, wish.text, columns))
    second, _ = _chosen(conversation, wish.second, wish.other_second, chemistry)
    columns = molecule_columns(wish.text, (first, second), options)
    return Planned(Comparison(wish.kind, wish.text, columns))


def question_of(session: Session, wish: Wish, chemistry: Chemistry) -> tuple[Conversation, Message]:
    """The conversation before the question, and the question as it is asked.

    Raises:
        AssistantError: The turn is no longer there, or the question names a number that is not.
    """
    if wish.turn < 0:
        conversation, question = session.question(wish.text)
        n_kept = len(conversation.messages) // 2 * 2
    else:
        conversation, question = session.conversation, asked_in(session, wish.turn)
        n_kept = 2 * wish.turn
    is_typed_here = wish.turn < 0 or question.asked != wish.text
    if is_typed_here and wish.kind == "adapters":  # the other kinds say what their columns are of
        about = question.attached
        found = extract_from_question(wish.text, conversation, chemistry, has_subject=bool(about))
        conversation, question = found.conversation, found.question(about)
    elif is_typed_here:
        question = Message("user", wish.text, attached=question.attached)
    refuse_unknown_numbers(question, conversation)
    return conversation.truncated(n_kept), question


def asked_in(session: Session, turn: int) -> Message:
    """The question of a turn.

    Raises:
        AssistantError: It is no longer there.
    """
    questions = session.questions
    if not 0 <= turn < len(questions):
        raise AssistantError("That question is no longer there. Close this and choose again.")
    return questions[turn].message


def options_of(session: Session, turn: int) -> ReplyOptions:
    """How the answer of a turn was drawn at first, so that one column is this very text."""
    path = session.stored.tree.path
    place = 2 * turn + 1
    passport = path[place].message.passport if turn >= 0 and place < len(path) else {}
    sampling = passport.get("sampling")
    known = sampling if isinstance(sampling, Mapping) else {}
    kinds = {
        "temperature": float,
        "top_p": float,
        "repetition_penalty": float,
        "seed": int,
        "max_new_tokens": int,
    }
    values = {
        key: kind(known[key])
        for key, kind in kinds.items()
        if isinstance(known.get(key), int | float)
    }
    # They compare what the model says first; the checker would even the columns out.
    return ReplyOptions(visitor=f"{session.visitor}-side", second_thoughts=False, **values)


def molecules_of(session: Session) -> tuple[NumberedMolecule, ...]:
    """The molecules to choose from, the current drawing among them."""
    return session.question("")[0].molecules


def _same_question(session: Session, wish: Wish) -> int | None:
    if wish.turn < 0 or asked_in(session, wish.turn).asked != wish.text:
        return None
    return session.questions[wish.turn].id


def _chosen(
    conversation: Conversation, number: int, typed: str, chemistry: Chemistry
) -> tuple[NumberedMolecule, Conversation]:
    """A molecule by its number, or one that was typed, which gets the next number here."""
    if number != OTHER:
        return conversation.molecule(number), conversation
    if not typed.strip():
        raise AssistantError("Choose a molecule, or type its SMILES or name.")
    found = look_up_text(chemistry, typed)
    if not found.get("smiles"):
        raise AssistantError("That is not one molecule. Type one SMILES or name.")
    conversation, number = conversation.with_molecule(molecule_of(found))
    return conversation.molecule(number), conversation
