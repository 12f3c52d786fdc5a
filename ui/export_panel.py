"""Export and import of the conversation: one menu, files made on request and kept nowhere."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import gradio as gr

from assistant.chat.conversation import Conversation
from assistant.chat.history import History, Node, StoredConversation, Tree
from assistant.chat.history.store import title_of
from assistant.chem.facts import Facts
from assistant.chem.limits import MAX_FILE_BYTES
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, UnreadableFileError
from assistant.export.exchange import (
    BranchMessage,
    Imported,
    read_json,
    to_json,
    to_passport_json,
)
from assistant.export.markdown import to_markdown
from assistant.export.notebook import to_notebook
from assistant.export.sdf import to_sdf
from assistant.export.source import HEIGHT, WIDTH, Export, Look, export_of
from ui.events import SKIP, DialogueEvents, Notice, Values, key_of, payload_of
from ui.molecules import Chemistry
from ui.parts import QUICK, file_value, part
from ui.session import Session
from ui.uploads import received, refuse_big


@dataclass(frozen=True)
class Format:
    """One form a conversation leaves in."""

    extension: str
    mime: str
    title: str
    hint: str
    write: Callable[[Export], str | bytes]


def _pdf(export: Export) -> bytes:
    from assistant.export.pdf import to_pdf  # its font library takes a moment to load

    return to_pdf(export)


FORMATS = (
    Format("md", "text/markdown", "Markdown", "text with drawings and checks", to_markdown),
    Format("pdf", "application/pdf", "PDF", "to print or send", _pdf),
    Format("json", "application/json", "JSON", "everything; can be imported again", to_json),
    Format("sdf", "chemical/x-mdl-sdfile", "SDF", "all molecules with their facts", to_sdf),
    Format(
        "ipynb", "application/x-ipynb+json", "Notebook", "recomputes and asks again", to_notebook
    ),
)


def exporter_part() -> gr.HTML:
    """The menu."""
    menu = [{"format": f.extension, "title": f.title, "hint": f.hint} for f in FORMATS]
    return part("exporter", events=("save", "passport", "restore"), menu=menu)


def connect(exporter: gr.HTML, dialogue: list[gr.HTML], handlers: "ExportHandlers") -> None:
    """Which event goes where; `dialogue` is transcript, composer and chats."""
    exporter.save(handlers.save, None, [exporter, dialogue[1]], **QUICK)
    exporter.passport(handlers.passport, None, [exporter, dialogue[1]], **QUICK)
    exporter.restore(handlers.restore, None, [exporter, *dialogue], **QUICK)


class ExportHandlers(DialogueEvents):
    """What the menu does; values for `exporter, composer` or `exporter` and the dialogue."""

    def save(self, event: gr.EventData, request: gr.Request) -> Values:
        """The conversation as a file."""
        wanted = str(payload_of(event).get("format"))
        chosen = next((f for f in FORMATS if f.extension == wanted), None)
        session = self._store.get(*key_of(request))
        if chosen is None:
            return self._told(session, f"There is no format {wanted[:20]!r}; reload the page.")
        with session.lock:
            stored, conversation = session.stored, session.conversation
        if not conversation.messages and not conversation.molecules:
            return self._told(
                session,
                "There is nothing to export yet. Ask a question or attach a molecule first.",
            )
        try:
            export = self._export(conversation)
            if chosen.write is to_json:
                content = to_json(export, **branches_of(stored))
            else:
                content = chosen.write(export)
            file = self._file(export.file_name(wanted), chosen.mime, content)
            size = len(content.encode() if isinstance(content, str) else content)
            if chosen.write is to_json and size > MAX_FILE_BYTES:
                notice = Notice(
                    f"The file has {size / 2**20:.1f} MB; files up to {MAX_FILE_BYTES // 2**20} MB"
                    " can be imported again. Start a new conversation before this one grows."
                )
                return file, self._views.composer(session, notice=notice)
            return file, SKIP
        except AssistantError as error:
            return self._told(session, f"{chosen.title} could not be written. {error}")

    def passport(self, event: gr.EventData, request: gr.Request) -> Values:
        """The passport of one answer as a file for `launch.py --replay`."""
        turn = payload_of(event).get("turn")
        session = self._store.get(*key_of(request))
        with session.lock:
            conversation = session.conversation
        try:
            export = export_of_text(conversation)
            text = to_passport_json(export, turn if isinstance(turn, int) else 0)
            name = export.file_name(f"passport-{turn}.json")
            return self._file(name, "application/json", text), SKIP
        except AssistantError as error:
            return self._told(session, str(error))

    def restore(self, event: gr.EventData, request: gr.Request) -> Values:
        """An exported conversation becomes one of the list and is shown."""
        data = payload_of(event)
        name = str(data.get("name") or "file")[:200]
        session = self._store.get(*key_of(request))
        try:
            path = received(str(data.get("path") or ""))
            try:
                refuse_big(path, name)
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise UnreadableFileError(f"“{name}” is not text. Import a JSON file.") from error
            finally:
                path.unlink(missing_ok=True)
            found = read_json(text, parse=canonical_by(self._chemistry))
        except AssistantError as error:
            composer = self._views.composer(session, notice=Notice(str(error)))
            return self._value(), SKIP, composer, SKIP
        with session.lock:
            try:
                put_back(session, found, self._runs.history)
            except AssistantError as error:
                return self._value(), *self._refused(session, error)
            return self._value(), *self._shown(session, found)

    def _shown(self, session: Session, found: Imported) -> Values:
        n_turns, n_molecules = found.conversation.n_turns, len(found.conversation.molecules)
        notice = Notice(
            f"Imported: {_counted(n_turns, 'question')}, {_counted(n_molecules, 'molecule')}."
            " It is the first in the list of conversations now.",
            "info",
        )
        return self._dialogue(session, notice=notice, question="")

    def _export(self, conversation: Conversation) -> Export:
        def draw(smiles: str) -> str:
            try:
                return str(self._chemistry.call("draw", smiles=smiles, **_SIZE)["svg"])
            except AssistantError:
                return ""  # the structure stays in the text

        return export_of(
            conversation, datetime.now().astimezone(), look=look_by(self._chemistry), draw=draw
        )

    def _told(self, session: Session, reason: str) -> Values:
        return self._value(), self._views.composer(session, notice=Notice(reason))

    def _file(self, name: str, mime: str, content: str | bytes) -> dict[str, object]:
        return self._value(file=file_value(name, mime, content))

    def _value(self, file: dict[str, str] | None = None) -> dict[str, object]:
        return {"rev": self._views.rev(), "file": file}


_SIZE = {"width": WIDTH, "height": HEIGHT}


def look_by(chemistry: Chemistry) -> Callable[[Molecule], Look]:
    """Facts, drawing and molfile of a molecule from the killable workers."""

    def look(molecule: Molecule) -> Look:
        found = chemistry.call("inspect", smiles=molecule.smiles, **_SIZE)
        return Look(Facts.from_dict(found["facts"]), str(found["svg"]), str(found["molblock"]))

    return look


def canonical_by(chemistry: Chemistry) -> Callable[[Sequence[str]], Sequence[str]]:
    """The parser of imported structures: all in one call to the killable workers."""

    def canonical(smiles: Sequence[str]) -> Sequence[str]:
        return [str(one) for one in chemistry.call("canonical", smiles=list(smiles))["smiles"]]

    return canonical


def export_of_text(conversation: Conversation) -> Export:
    """An export without drawings and facts: what a passport needs."""
    return Export(conversation, (), datetime.now().astimezone())


def branches_of(stored: StoredConversation) -> dict[str, object]:
    """All finished messages of a conversation, counted from 1, and the last one that is shown."""
    numbers: dict[int | None, int | None] = {None: None}
    branches: list[BranchMessage] = []
    for node in stored.tree.nodes:
        if node.state != "done" or node.parent not in numbers:
            continue  # an answer that is being written, or failed, has no words to keep
        numbers[node.id] = len(branches) + 1
        branches.append(BranchMessage(len(branches) + 1, numbers[node.parent], node.message))
    path = stored.tree.path[: len(stored.tree.messages())]
    return {"branches": branches, "shown": numbers[path[-1].id] if path else None}


def put_back(session: Session, found: Imported, history: History) -> None:
    """Takes an imported conversation into the history and shows it; hold the session's lock.

    Token ids of a file are not trusted: without the model's name answers are tokenised anew.
    """
    now = time.time()
    nodes = tuple(
        Node(one.id, one.parent, replace(one.message, model=""), created=now)
        for one in found.messages
    )
    conversation = found.conversation
    questions = conversation.questions
    stored = StoredConversation(
        title=title_of(questions[0].text if questions else "Imported molecules"),
        created=now,
        updated=now,
        tree=Tree(nodes).at(found.shown),
        molecules=conversation.molecules,
        next_number=conversation.next_number,
    )
    session.open(history.add(session.visitor, stored))


def _counted(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
