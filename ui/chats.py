"""What happens in the list of conversations: open, search, rename, delete and take it back."""

from dataclasses import replace

import gradio as gr

from assistant.errors import AssistantError
from ui import molecules
from ui.events import SKIP, DialogueEvents, Notice, Values, key_of, payload_of
from ui.render import drawing
from ui.session import Session
from ui.shown import Listing
from ui.transcript import Drawings

MAX_QUERY = 300
MAX_THUMBS = 24
MORE = 50
THUMB = {"width": 80, "height": 56}


class ChatHandlers(DialogueEvents):
    """What the list does on the page."""

    def opened(self, place: str, request: gr.Request) -> Values:
        """First values: header, transcript, composer, chats, bench, sketcher, facts.

        Args:
            place: The conversation that the tab showed before it was loaded again, if any.
            request: Says whose tab it is.
        """
        with self._store.locked(*key_of(request)) as session:
            notice = None
            try:
                wanted = self._wanted(session.visitor, place if isinstance(place, str) else "")
                if wanted:
                    self._open(session, wanted)
            except AssistantError as error:
                notice = Notice(str(error))
            return self._views.header(), *self._everything(session, notice=notice)

    def _wanted(self, visitor: str, place: str) -> str:
        """The conversation for a new tab: the one it names, else one with news, else none."""
        lists = self._runs.history.lists
        if place and lists.one(visitor, place):
            return place
        return self._runs.unwatched(visitor) or lists.unseen(visitor)

    def open(self, event: gr.EventData, request: gr.Request) -> Values:
        """A conversation: transcript, composer, chats, bench, sketcher, facts."""
        with self._store.locked(*key_of(request)) as session:
            try:
                self._open(session, str(payload_of(event).get("id") or ""))
            except AssistantError as error:
                return *self._refused(session, error), SKIP, SKIP, SKIP
            return self._everything(session)

    def _open(self, session: Session, conversation: str) -> None:
        """Shows a conversation and, in the workbench, the molecule it was about last."""
        session.open(conversation)
        shown = session.conversation
        focus = shown.focus(shown.n_turns - 1) if shown.n_turns else ()
        session.show(None)
        session.last_input += 1
        if not focus:
            return
        try:
            molecules.load(session, shown.molecule(focus[0]).molecule.smiles, self._chemistry)
        except AssistantError:
            session.show(None)  # the dialogue is there all the same

    def _everything(self, session: Session, *, notice: Notice | None = None) -> Values:
        return (
            *self._dialogue(session, notice=notice),
            self._views.bench(session, by_hand=False),
            self._views.sketch(session),
            self._views.facts(session),
        )

    def search(self, event: gr.EventData, request: gr.Request) -> object:
        """The list with what was found: words, the same molecule, molecules that contain it."""
        query = " ".join(str(payload_of(event).get("text") or "").split())[:MAX_QUERY]
        session = self._store.get(*key_of(request))
        structures, problem = None, ""
        if query:
            known = self._runs.history.lists.structures(session.visitor)
            try:
                found = self._chemistry.call("find", query=query, among=known) if known else {}
                structures = found.get("found")
            except AssistantError as error:
                problem = str(error)
        with session.lock:
            session.listing = replace(
                session.listing, query=query, structures=structures, problem=problem
            )
            return self._list(session)

    def group(self, request: gr.Request) -> object:
        """By molecule, or by day again."""
        with self._store.locked(*key_of(request)) as session:
            session.listing = Listing(grouped=not session.listing.grouped)
            return self._list(session)

    def more(self, request: gr.Request) -> object:
        """Further down the list."""
        with self._store.locked(*key_of(request)) as session:
            listing = session.listing
            session.listing = replace(listing, n_shown=listing.n_shown + MORE)
            return self._list(session)

    def rename(self, event: gr.EventData, request: gr.Request) -> Values:
        """Another title: transcript, composer, chats."""
        data = payload_of(event)
        conversation, title = str(data.get("id") or ""), str(data.get("title") or "")

        def change(session: Session) -> None:
            self._runs.history.rename(session.visitor, conversation, title)

        return self._change(request, change)

    def remove(self, event: gr.EventData, request: gr.Request) -> Values:
        """Deletes a conversation, which can be taken back: transcript, composer, chats."""
        conversation = str(payload_of(event).get("id") or "")

        def change(session: Session) -> None:
            history = self._runs.history
            entry = history.lists.one(session.visitor, conversation)
            history.delete(session.visitor, conversation)
            session.listing = replace(
                session.listing, deleted=(conversation, entry.title if entry else "")
            )
            if session.stored.id == conversation:
                if session.run is not None:
                    session.run.stop.set()
                session.close()

        return self._change(request, change)

    def restore(self, request: gr.Request) -> Values:
        """Takes the last deletion back: transcript, composer, chats."""

        def change(session: Session) -> None:
            if session.listing.deleted is None:
                return
            conversation, _ = session.listing.deleted
            self._runs.history.restore(session.visitor, conversation)
            session.listing = replace(session.listing, deleted=None)
            if not session.stored.id and not session.stored.molecules:
                session.open(conversation)

        return self._change(request, change)

    def thumbs(self, event: gr.EventData, request: gr.Request) -> object:
        """Drawings of this visitor's molecules that came into view, by SMILES."""
        wanted = payload_of(event).get("smiles")
        visitor, _ = key_of(request)
        asked = [str(smiles) for smiles in wanted][:MAX_THUMBS] if isinstance(wanted, list) else []
        own = set(self._runs.history.lists.structures(visitor)) if asked else set()
        pictures = {
            smiles: drawing(svg, "", css="picture")
            for smiles in asked
            if smiles in own and (svg := self._drawings.get(smiles, THUMB))
        }
        return {"rev": self._views.rev(), "thumbs": pictures}

    @property
    def _drawings(self) -> Drawings:
        return self._transcript.drawings

    def _list(self, session: Session) -> object:
        return self._chats.value(session, self._views.rev())
