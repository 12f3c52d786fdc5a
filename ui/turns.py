"""One turn of the dialogue: what is asked becomes a question in its branch, and is answered.

A turn never costs the conversation: an edited question, another answer, a correction are branches
beside what was there, a stopped answer is kept as far as it got, and a failed one leaves its
question on the page with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.chat.conversation import Conversation, Message
from assistant.errors import AssistantError
from ui.molecules import Chemistry, Extracted, extract_from_question, load
from ui.runs import Draw, Run
from ui.session import Session

MAX_QUESTION_CHARS = 20_000
KINDS = frozenset({"ask", "retry", "edit", "again"})
RETRY_TEMPERATURE, RETRY_TOP_P = 0.4, 0.9  # the most probable words would be the same again


@dataclass(frozen=True)
class Ask:
    """What a person wants: a new question, or an earlier turn again.

    Attributes:
        kind: `ask`, `retry`, `edit`, or `again` (ask again with the corrections).
        text: Words of a new or edited question.
        turn: The turn meant by the other kinds, 0-based.
        second_thoughts: Whether an answer that the structure contradicts is written again.
    """

    kind: str
    text: str = ""
    turn: int = -1
    second_thoughts: bool = True

    @classmethod
    def from_payload(cls, payload: Mapping[str, object]) -> "Ask":
        """Reads an event of the page, which anyone may have written."""
        kind = str(payload.get("kind", "ask"))
        if kind not in KINDS:
            raise AssistantError(f"Unknown request {kind[:20]!r}; reload the page.")
        text = str(payload.get("text") or "").strip()
        if len(text) > MAX_QUESTION_CHARS:
            raise AssistantError(
                f"The question has {len(text):,} characters; at most {MAX_QUESTION_CHARS:,} are "
                "read. Put molecules into a file and shorten the text."
            )
        turn = payload.get("turn", -1)
        thoughts = payload.get("second_thoughts") is not False
        return cls(kind, text, turn if isinstance(turn, int) else -1, thoughts)


def begin(session: Session, ask: Ask, chemistry: Chemistry) -> Run | None:
    """Puts the question in its place and begins to answer it.

    Returns:
        The run to follow, or None when the text was molecules only and there is nothing to answer.
    """
    if session.run is not None:
        raise AssistantError("An answer is being written. Wait for it, or press Stop (Esc) first.")
    session.second_thoughts = ask.second_thoughts
    if ask.kind == "ask":
        return _new_question(session, ask.text, chemistry)
    if ask.kind == "retry":
        return _retry(session, ask.turn)
    if ask.kind == "edit":
        return _edit(session, ask, chemistry)
    return _correct(session, ask.turn)


def _new_question(session: Session, text: str, chemistry: Chemistry) -> Run | None:
    found = extract_from_question(
        text, _with_current(session), chemistry, has_subject=_has_subject(session)
    )
    refuse_unknown_numbers(Message("user", found.words), found.conversation)
    if found.numbers:
        _attach(session, found, chemistry)
    if found.is_only_molecules:
        return None
    if not found.words:
        raise AssistantError("There is no question yet. Type one, or choose a task with “/”.")
    conversation, question = session.question(found.words, found.mentions)
    return session.ask(question, conversation, after=session.end)


def _has_subject(session: Session) -> bool:
    """Whether there is a molecule that "it" can mean."""
    conversation = session.conversation
    turn = conversation.n_turns - 1
    return bool(session.attached) or (turn >= 0 and bool(conversation.focus(turn)))


def _attach(session: Session, found: Extracted, chemistry: Chemistry) -> None:
    """Attaches the molecules of a question.

    One that is named beside what is drawn leaves the drawing where it is: "is it heavier than
    caffeine?" goes on about "it".
    """
    is_shown = found.is_all or found.entered or session.current is None
    if not is_shown:
        session.keep_molecules(found.conversation)
        session.chosen |= session.attached | set(found.numbers)
        return
    attach_and_show(session, found.conversation, found.numbers, chemistry)
    if found.is_all:  # "the logP of caffeine" is not about what was drawn before
        session.chosen = set(found.numbers)


def attach_and_show(
    session: Session, conversation: Conversation, numbers: tuple[int, ...], chemistry: Chemistry
) -> None:
    """Attaches the molecules of a question; box, sketcher and facts show the first of them.

    What was drawn before stays attached, if it was. A text that was typed before and is still being
    looked up comes too late.
    """
    session.last_input += 1
    session.keep_molecules(conversation)
    session.chosen |= session.attached | set(numbers)
    load(session, conversation.molecule(numbers[0]).molecule.smiles, chemistry)


def refuse_unknown_numbers(question: Message, conversation: Conversation) -> None:
    """A question about a number that no molecule has is a slip; the answer would be of another."""
    known = [entry.number for entry in conversation.molecules]
    unknown = [number for number in question.named if number not in known]
    if unknown:
        listed = ", ".join(map(str, known))
        have = f"it has {listed}" if known else "it has none yet: draw or enter one first"
        raise AssistantError(f"There is no molecule {unknown[0]} in this conversation; {have}.")


def _with_current(session: Session) -> Conversation:
    """The drawing gets the number its chip promised before molecules in the text get theirs."""
    if session.current is None or not session.use_current:
        return session.conversation
    return session.conversation.with_molecule(session.current.molecule)[0]


def _retry(session: Session, turn: int) -> Run:
    """Another answer beside the one that is there; after a failure the usual one."""
    question = _asked(session, turn)
    tree = session.stored.tree
    answers = [n for n in tree.nodes if n.parent == question and n.message.text]
    draw = Draw(RETRY_TEMPERATURE, RETRY_TOP_P, seed=len(answers)) if answers else Draw()
    return session.answer_again(question, draw)


def _edit(session: Session, ask: Ask, chemistry: Chemistry) -> Run:
    """The question in other words, beside the one that is there."""
    node = session.stored.tree.node(_asked(session, ask.turn))
    before = set(node.message.attached) - {number for *_, number in node.message.mentions}
    found = extract_from_question(
        ask.text, session.conversation, chemistry, has_subject=bool(before) or ask.turn > 0
    )
    if not found.words:
        raise AssistantError("The edited question is empty.")
    question, now = found.question(before), found.conversation
    refuse_unknown_numbers(question, now)
    return session.ask(question, now, after=node.parent)


def _correct(session: Session, turn: int) -> Run:
    """A question that follows the wrong answer and says what was computed.

    It names numbers only in our own words, so they are not looked at for slips.
    """
    answer = _answer_of(session, turn)
    wrong = [check for check in answer.checks if check.verdict == "contradicted"] if answer else []
    if answer is None or not wrong:
        raise AssistantError("That answer has no contradicted claim.")
    lines = []
    for check in wrong:
        where = f" of molecule {check.molecule}" if check.molecule is not None else ""
        truth = f"; computed{where}: {check.truth}" if check.truth else f" is wrong{where}"
        lines.append(f"- “{check.claim}”{truth}")
    text = "Please answer again. These claims contradict the structure:\n" + "\n".join(lines)
    now, question = session.question(text)
    after = session.stored.tree.path[2 * turn + 1].id
    return session.ask(question, now, after=after)


def _asked(session: Session, turn: int) -> int:
    questions = session.questions
    if not 0 <= turn < len(questions):
        raise AssistantError("That question is no longer there.")
    return questions[turn].id


def _answer_of(session: Session, turn: int) -> Message | None:
    path = session.stored.tree.path
    place = 2 * turn + 1
    return path[place].message if turn >= 0 and place < len(path) else None
