"""The two endpoints for programs, with the same code behind them as the page.

client = gradio_client.Client("http://127.0.0.1:7860/")
client.predict("aspirin", api_name="/facts")
client.predict("Is it an ester?", ["CC(=O)Oc1ccccc1C(=O)O"], api_name="/ask")
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict

import gradio as gr

from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished, Queued, Rewritten, TextDelta
from assistant.chem.sandbox import error_from_json
from assistant.errors import AssistantError, InvalidMoleculeError, ModelNotReadyError
from ui.handle import AssistantHandle
from ui.molecules import Chemistry, molecule_of

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
            found = chemistry.call("inspect", text=text)
            _refuse_bad_lines(found)
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

        States of the answer come while it waits and is written; `predict` gives the last one. A
        client that goes away ends it.

        Args:
            question: Plain words; molecules are "molecule 1", "molecule 2" in the order given.
            molecules: SMILES, InChI, molfiles, CAS numbers or known names.
            request: Filled in by the server.

        Yields:
            `{"answer", "checks", "passport", "first_attempt"}` (None, or text and checks of what
            the answer took the place of, and the question as it was `asked_again`), or
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
            },
        }

    return ask


def _conversation(question: str, molecules: list[str], chemistry: Chemistry) -> Conversation:
    if not question.strip():
        raise AssistantError("The question is empty.")
    if len(molecules) > MAX_MOLECULES:
        raise AssistantError(
            f"{len(molecules)} molecules were given; one question takes at most {MAX_MOLECULES}."
        )
    conversation, numbers = Conversation(), []
    for text in molecules:
        found = chemistry.call("inspect", text=str(text))
        _refuse_bad_lines(found)
        if not found.get("smiles"):
            raise InvalidMoleculeError(f"'{str(text)[:80]}' is a reaction, not one molecule.")
        conversation, number = conversation.with_molecule(molecule_of(found))
        numbers.append(number)
    attached = tuple(dict.fromkeys(numbers))
    return conversation.with_message(Message("user", question.strip(), attached=attached))


def _refuse_bad_lines(found: Mapping[str, object]) -> None:
    """A program gets the error of a bad line, not the facts of another one."""
    for entry in found.get("recognised") or ():
        if entry.get("error"):
            raise error_from_json(entry["error"])


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
