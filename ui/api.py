"""The two endpoints for programs, with the same code behind them as the page.

client = gradio_client.Client("http://127.0.0.1:7860/")
client.predict("aspirin", api_name="/facts")
client.predict("Is it an ester?", ["CC(=O)Oc1ccccc1C(=O)O"], api_name="/ask")
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict

import gradio as gr
from gradio.block_function import BlockFunction

from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished, Queued, Rewritten, TextDelta
from assistant.chem.diagnose import shorten
from assistant.chem.sandbox import error_from_json
from assistant.errors import AssistantError, InvalidMoleculeError, ModelNotReadyError
from ui.handle import AssistantHandle
from ui.molecules import Chemistry, extract_from_question, molecule_of
from ui.turns import MAX_QUESTION_CHARS, refuse_unknown_numbers

MAX_MOLECULES = 4
LOAD_PATIENCE_SECONDS = 120.0
NEWS_SECONDS = 0.25  # between two states of an answer that is being written
Record = dict[str, object]


def make_facts(chemistry: Chemistry) -> Callable[[str], dict]:
    """The `facts` endpoint."""

    def facts(text: str) -> dict:
        """Computed facts of a molecule.

        Args:
            text: SMILES, InChI, molfile, CAS number or a known name.

        Returns:
            The fact card, or `{"error": message, "position": int | None}`.
        """
        try:
            found = _one(_string(text, "text"), chemistry, "the facts of one are given at a time")
        except AssistantError as error:
            return _problem(error)
        if found.get("facts") is None:
            message = "This is a reaction; ask for the facts of one molecule at a time."
            return {"error": message, "position": None}
        return dict(found["facts"])

    return facts


def make_ask(
    handle: AssistantHandle, chemistry: Chemistry
) -> Callable[[str, list[str], gr.Request], Iterator[dict]]:
    """The `ask` endpoint."""

    def ask(question: str, molecules: list[str], request: gr.Request) -> Iterator[dict]:
        """One question about up to four molecules, answered in full.

        As on the page, molecules that the question names itself are found too, and count.

        States of the answer come while it waits and is written; `predict` gives the last one. A
        client that goes away ends it.

        Args:
            question: Plain words; molecules are "molecule 1", "molecule 2" in the order given.
            molecules: SMILES, InChI, molfiles, CAS numbers or known names.
            request: Filled in by the server.

        Yields:
            `{"answer", "checks", "passport", "first_attempt"}` (None, or text and checks of what
            the answer took the place of, the question as it was `asked_again`, the name that was
            `misnamed`), or
            `{"error": message, "position": int | None}`; before it `{"answer": words so far,
            "place": how many wait before it}`.
        """
        try:
            conversation = _conversation(question, molecules, chemistry)
            message = yield from _answer(handle, conversation, visitor=_visitor(request))
        except AssistantError as error:
            yield _problem(error)
            return
        first = message.first_attempt
        yield {
            "answer": message.text,
            "checks": [asdict(check) for check in message.checks],
            "passport": dict(message.passport),
            "first_attempt": first
            and {
                "text": first.text,
                "checks": [asdict(check) for check in first.checks],
                "asked_again": first.asked_again,
                "misnamed": first.misnamed,
            },
        }

    return ask


def refuse_missing_values(block_fn: BlockFunction, inputs: Sequence[object]) -> None:
    """In the place of Gradio's own check, which logs whatever was sent: it may be confidential."""
    n_wanted, n_given = len(block_fn.inputs), len(inputs)
    if n_given < n_wanted:
        message = f"/{block_fn.api_name} takes {n_wanted} values; {n_given} came."
        raise gr.Error(message, print_exception=False)


def _conversation(question: object, molecules: object, chemistry: Chemistry) -> Conversation:
    text = _string(question, "question").strip()
    if not text:
        raise AssistantError("The question is empty.")
    if len(text) > MAX_QUESTION_CHARS:
        raise AssistantError(
            f"The question has {len(text):,} characters; at most {MAX_QUESTION_CHARS:,} are read."
        )
    conversation, numbers = Conversation(), []
    for entry in _list(molecules):
        found = _one(_string(entry, "a molecule"), chemistry, "each takes a place of its own")
        if not found.get("smiles"):
            raise InvalidMoleculeError(f"'{shorten(str(entry))}' is a reaction, not one molecule.")
        conversation, number = conversation.with_molecule(molecule_of(found))
        numbers.append(number)
    named = extract_from_question(text, conversation, chemistry, has_subject=bool(numbers))
    if named.is_only_molecules:
        raise AssistantError("The question names molecules and asks nothing of them.")
    message = named.question(dict.fromkeys(numbers))
    refuse_unknown_numbers(message, named.conversation)
    _refuse_too_many(len(message.attached))
    return named.conversation.with_message(message)


def _string(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise AssistantError(f"{what} has to be a string, not {_kind(value)}.")
    return value


def _list(molecules: object) -> Sequence[object]:
    """The molecules that were given; none where nothing was."""
    if molecules is None:
        return ()
    if not isinstance(molecules, list):
        raise AssistantError(f"molecules has to be a list of strings, not {_kind(molecules)}.")
    _refuse_too_many(len(molecules))
    return molecules


def _kind(value: object) -> str:
    """What JSON calls it."""
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    kinds |= {list: "a list", dict: "an object", type(None): "null"}
    return kinds.get(type(value), type(value).__name__)


def _refuse_too_many(n: int) -> None:
    if n > MAX_MOLECULES:
        raise AssistantError(
            f"{n} molecules were given; one question takes at most {MAX_MOLECULES}."
        )


def _one(text: str, chemistry: Chemistry, remedy: str) -> Mapping[str, object]:
    """What a text holds; a program gets the error of a bad line, and never one of several.

    Raises:
        AssistantError: It holds no molecule, or more than one.
    """
    found = chemistry.call("inspect", text=text)
    entries = found.get("recognised") or ()
    for entry in entries:
        if entry.get("error"):
            raise error_from_json(entry["error"])
    if len(entries) > 1:
        raise AssistantError(f"'{shorten(text)}' holds {len(entries)} molecules; {remedy}.")
    return found


def _answer(
    handle: AssistantHandle, conversation: Conversation, *, visitor: str
) -> Generator[Record, None, Message]:
    """The answer, after states of it: at each of them the server looks whether anyone listens."""
    from assistant.chat.reply import ReplyOptions

    deadline = time.monotonic() + LOAD_PATIENCE_SECONDS
    while handle.state == "loading" and time.monotonic() < deadline:
        yield {"answer": "", "place": 0}
        time.sleep(NEWS_SECONDS)
    options = ReplyOptions(stop=threading.Event(), visitor=visitor)
    text, told_at = "", 0.0
    with closing(handle.get().reply(conversation, options=options)) as events:
        for event in events:
            if isinstance(event, Finished):
                return event.message
            if isinstance(event, TextDelta):
                text += event.text
            if isinstance(event, Rewritten):
                text = event.text
            is_queued = isinstance(event, Queued)
            if is_queued or time.monotonic() - told_at >= NEWS_SECONDS:
                told_at = time.monotonic()
                yield {"answer": text, "place": event.position if is_queued else 0}
    raise ModelNotReadyError("The model ended without an answer. Ask again.")


def _visitor(request: gr.Request | None) -> str:
    """Whom the fair queue counts the question for: all calls from one address are one visitor."""
    client = request.client if request is not None else None
    return f"api-{client.host}" if client else "api"


def _problem(error: AssistantError) -> Record:
    return {"error": str(error), "position": getattr(error, "position", None)}
