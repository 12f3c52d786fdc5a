"""One turn of the dialogue: prepare the question, wait for the model, stream, keep what came of it.

A turn never costs the conversation: the values before it stay on the undo list, a stopped answer is
kept as far as it got, and a failed one leaves its question on the page with the reason.
"""

import logging
import queue
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from assistant.chat.conversation import Conversation, Message, referred_numbers
from assistant.chat.events import Event, Finished, Notice, Queued, TextDelta
from assistant.errors import AssistantError
from ui.handle import AssistantHandle
from ui.molecules import Chemistry, extract_from_question
from ui.session import FailedTurn, Run, Session
from ui.transcript import Live

FLUSH_SECONDS = 0.07
POLL_SECONDS = 0.2
MAX_QUESTION_CHARS = 20_000
logger = logging.getLogger(__name__)

APOLOGY = (
    "Something went wrong on this side, not in your question. It has been logged; please retry."
)


@dataclass(frozen=True)
class Ask:
    """What a person wants: a new question, or an earlier turn again.

    Attributes:
        kind: `ask`, `retry`, `edit`, or `again` (ask again with the corrections).
        text: Words of a new or edited question.
        turn: The turn meant by the other kinds, 0-based.
    """

    kind: str
    text: str = ""
    turn: int = -1

    @classmethod
    def from_payload(cls, payload: Mapping[str, object]) -> "Ask":
        """Reads an event of the page, which anyone may have written."""
        kind = str(payload.get("kind", "ask"))
        if kind not in {"ask", "retry", "edit", "again"}:
            raise AssistantError(f"Unknown request {kind[:20]!r}; reload the page.")
        text = str(payload.get("text") or "").strip()
        if len(text) > MAX_QUESTION_CHARS:
            raise AssistantError(
                f"The question has {len(text):,} characters; at most {MAX_QUESTION_CHARS:,} are "
                "read. Put molecules into a file and shorten the text."
            )
        turn = payload.get("turn", -1)
        return cls(kind, text, turn if isinstance(turn, int) else -1)


def begin(session: Session, ask: Ask, chemistry: Chemistry) -> Run | None:
    """Puts the question at the end of the conversation.

    Returns:
        The run to stream, or None when the text was molecules only and there is nothing to answer.
    """
    if session.run is not None:
        raise AssistantError("An answer is being written. Wait for it, or press Stop (Esc) first.")
    if ask.kind == "ask":
        conversation = _new_question(session, ask.text, chemistry)
    elif ask.kind == "again":
        conversation = _new_question(session, _corrections(session, ask.turn), chemistry)
    else:
        conversation = _earlier_question(session, ask, chemistry)
    if conversation is None:
        return None
    if ask.kind != "again":  # the corrections are our own words
        _refuse_unknown_numbers(conversation)
    session.commit(conversation)
    session.failed = None
    session.chosen.clear()
    session.run = Run(turn=conversation.n_turns - 1)
    return session.run


def _new_question(session: Session, text: str, chemistry: Chemistry) -> Conversation | None:
    words, conversation, numbers = extract_from_question(text, _with_current(session), chemistry)
    if numbers:
        session.conversation = conversation
        session.chosen |= set(numbers)
    is_only_molecules = bool(numbers) and words == ", ".join(f"molecule {n}" for n in numbers)
    if is_only_molecules:
        return None
    if not words:
        raise AssistantError("There is no question yet. Type one, or choose a task with “/”.")
    conversation, question = session.question(words)
    return conversation.with_message(question)


def _refuse_unknown_numbers(conversation: Conversation) -> None:
    """A question about a number that no molecule has is a slip; the answer would be of another."""
    known = [entry.number for entry in conversation.molecules]
    named = referred_numbers(conversation.questions[-1].text)
    unknown = [number for number in named if number not in known]
    if unknown:
        listed = ", ".join(map(str, known))
        have = f"it has {listed}" if known else "it has none yet: draw or enter one first"
        raise AssistantError(f"There is no molecule {unknown[0]} in this conversation; {have}.")


def _with_current(session: Session) -> Conversation:
    """The drawing gets the number its chip promised before molecules in the text get theirs."""
    if session.current is None or not session.use_current:
        return session.conversation
    return session.conversation.with_molecule(session.current.molecule)[0]


def _earlier_question(session: Session, ask: Ask, chemistry: Chemistry) -> Conversation:
    conversation, failed = session.conversation, session.failed
    positions = [i for i, m in enumerate(conversation.messages) if m.role == "user"]
    if failed is not None and ask.turn == len(positions):
        question, kept = failed.question, conversation
    elif 0 <= ask.turn < len(positions):
        question = conversation.messages[positions[ask.turn]]
        kept = conversation.truncated(positions[ask.turn])
    else:
        raise AssistantError("That question is no longer there.")
    if ask.kind == "edit":
        words, kept, numbers = extract_from_question(ask.text, kept, chemistry)
        if not words:
            raise AssistantError("The edited question is empty.")
        attached = tuple(sorted({*question.attached, *numbers}))
        question = Message("user", words, attached=attached)
    return kept.with_message(question)


def _corrections(session: Session, turn: int) -> str:
    """The question that asks again and says what was computed."""
    answers = [m for m in session.conversation.messages if m.role == "assistant"]
    wrong = [
        check
        for check in (answers[turn].checks if 0 <= turn < len(answers) else ())
        if check.verdict == "contradicted"
    ]
    if not wrong:
        raise AssistantError("That answer has no contradicted claim.")
    lines = []
    for check in wrong:
        where = f" of molecule {check.molecule}" if check.molecule is not None else ""
        truth = f"; computed{where}: {check.truth}" if check.truth else f" is wrong{where}"
        lines.append(f"- “{check.claim}”{truth}")
    return "Please answer again. These claims contradict the structure:\n" + "\n".join(lines)


def stream(session: Session, run: Run, handle: AssistantHandle, visitor: str) -> Iterator[Live]:
    """Writes the answer: yields what to show until the conversation holds the finished message."""
    live = Live(run.turn)
    try:
        yield from _until_ready(run, handle)
        for events in _batches(session.conversation, run, handle, visitor):
            for event in events:
                live = _advance(live, event)
                if isinstance(event, Finished):
                    _finish(session, run, event, handle)
            if session.run is not run:  # finished, or the person went on to something else
                return
            yield live
    except AssistantError as error:
        _fail(session, run, str(error), live.text)
    finally:
        run.stop.set()
        _fail(session, run, "Stopped before the first word.", live.text)


def release(session: Session, run: Run) -> None:
    """Frees the slot of a run that may not even have started, because the tab was closed."""
    run.stop.set()
    _fail(session, run, "Stopped before the first word.", "")


def _until_ready(run: Run, handle: AssistantHandle) -> Iterator[Live]:
    """Waits for a model that is still loading, saying so."""
    shown = ""
    while handle.state == "loading" and not run.stop.is_set():
        status = (
            f"the model is still loading ({handle.seconds_loading:.0f} s); "
            "this question is answered as soon as it is ready"
        )
        if status != shown:
            shown = status
            yield Live(run.turn, status=status)
        time.sleep(POLL_SECONDS)
    if run.stop.is_set():
        raise AssistantError("Stopped before the model was ready.")


def _batches(
    conversation: Conversation, run: Run, handle: AssistantHandle, visitor: str
) -> Iterator[list[Event]]:
    """The assistant's events, gathered so that the page is refreshed 14 times a second at most."""
    from assistant.chat.reply import ReplyOptions

    assistant = handle.get()
    events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def write() -> None:
        options = ReplyOptions(stop=run.stop, visitor=visitor)
        try:
            for event in assistant.reply(conversation, options=options):
                events.put(event)
        finally:
            events.put(None)  # whatever ended it, the page must not wait for ever

    executor = ThreadPoolExecutor(1, thread_name_prefix="answer")
    writing = executor.submit(write)
    executor.shutdown(wait=False)
    while True:
        batch = [events.get()]
        flush_at = time.monotonic() + FLUSH_SECONDS
        while batch[-1] is not None and (left := flush_at - time.monotonic()) > 0:
            try:
                batch.append(events.get(timeout=left))
            except queue.Empty:
                break
        yield [event for event in batch if event is not None]
        if batch[-1] is None:
            break
    problem = writing.exception()
    if problem is None:
        return
    if isinstance(problem, AssistantError):
        raise problem
    logger.error("answering failed", exc_info=problem)
    raise AssistantError(APOLOGY) from problem


def _advance(live: Live, event: Event) -> Live:
    """What to show after an event."""
    if isinstance(event, TextDelta):
        return replace(live, text=live.text + event.text, status="")
    if isinstance(event, Notice):
        return replace(live, notices=(*live.notices, event.text))
    if isinstance(event, Queued):
        wait = f", about {event.seconds:.0f} s" if event.seconds is not None else ""
        place = "next" if event.position <= 1 else f"number {event.position}"
        return replace(live, status=f"waiting: you are {place} in the queue{wait}")
    return live


def _finish(session: Session, run: Run, event: Finished, handle: AssistantHandle) -> None:
    """Keeps the answer, unless the person has gone on to something else."""
    message = event.message
    if event.tokens_per_s > 0:
        handle.tokens_per_s = event.tokens_per_s
    with session.lock:
        if session.run is not run:
            return
        session.run = None
        if message.text.strip():
            session.conversation = session.conversation.with_message(message)
        elif message.stopped:
            _take_back(session, "Stopped before the first word.", stopped=True)
        else:
            reason = "The model gave an empty answer. Retry, or ask in other words."
            _take_back(session, reason, stopped=False)


def _fail(session: Session, run: Run, reason: str, text: str) -> None:
    """Keeps the words there are as a stopped answer, else the question with its reason."""
    with session.lock:
        if session.run is not run:
            return
        session.run = None
        if text.strip():
            partial = Message("assistant", text, stopped=True)
            session.conversation = session.conversation.with_message(partial)
            session.last_problem = "" if run.stop.is_set() else reason
        else:
            _take_back(session, reason, stopped=run.stop.is_set())


def _take_back(session: Session, reason: str, *, stopped: bool) -> None:
    """Moves the unanswered question out of the conversation onto the page, where retry finds it."""
    question = session.conversation.messages[-1]
    session.conversation = session.conversation.truncated(len(session.conversation.messages) - 1)
    session.failed = FailedTurn(question, reason, stopped=stopped)
