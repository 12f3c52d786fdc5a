"""What happens when a molecule is typed, drawn, dropped or opened; errors become sentences.

Every handler reads the event's data as untrusted, changes the session of the tab that sent it, and
returns the values of the parts it may have changed. Nothing here waits for the model; the handlers
of the dialogue are in `dialogue`.
"""

from collections.abc import Callable

import gradio as gr

from assistant.errors import AssistantError
from ui import arrivals, molecules
from ui.arrivals import Arrival
from ui.events import SKIP, EventHandlers, Notice, Payload, Values, key_of, payload_of
from ui.examples import EXAMPLES, open_example
from ui.session import Session
from ui.shown import Current
from ui.sketcher import to_drawing
from ui.uploads import received, refuse_big


class Handlers(EventHandlers):
    """What molecules do on the page; most return values for `composer, bench, sketcher, facts`."""

    # -- the page itself ---------------------------------------------------------------------

    def tick(self) -> Values:
        """The header, and when to ask for it again: the model is loading, the link may change."""
        seconds = self._views.seconds_to_next_header
        clock = gr.Timer(active=False) if seconds is None else gr.Timer(seconds, active=True)
        return self._views.header(), clock

    # -- molecules ---------------------------------------------------------------------------

    def typed(self, event: gr.EventData, request: gr.Request) -> Values:
        """Text in the molecule box; a mistake is told when the person rests or is done."""
        data = payload_of(event)
        text, stage = str(data.get("text") or ""), data.get("stage")
        session = self._store.get(*key_of(request))
        if _is_overtaken(session, data.get("count")):
            return SKIP, SKIP, SKIP, SKIP
        ticket = _ticket(session)
        try:
            found = molecules.look_up_text(self._chemistry, text) if text.strip() else None
            return self._arrived(session, ticket, found)
        except AssistantError as error:
            half_typed = stage == "resting" and molecules.is_half_typed(text)
            quiet = stage == "typing" or half_typed
            with session.lock:
                if ticket < session.last_input:
                    return SKIP, SKIP, SKIP, SKIP
                below = self._views.box_error(session, error, quiet=quiet)
                # an older notice would be read as being about this text
                composer = SKIP if quiet else self._views.composer(session)
                return composer, below, SKIP, SKIP

    def drawn(self, value: dict[str, object] | None, request: gr.Request) -> Values:
        """A change in the sketcher; gives values for `composer, bench, facts`."""
        session = self._store.get(*key_of(request))
        drawing = to_drawing(value)
        with session.lock:
            if drawing["edit"] < session.last_edit:
                return SKIP, SKIP, SKIP
            ticket = _ticket(session)
            session.last_edit = drawing["edit"]
        try:
            found = molecules.look_up_drawing(self._chemistry, drawing)
            composer, bench, _, facts = self._arrived(session, ticket, found, by_hand=True)
            return composer, bench, facts
        except AssistantError as error:
            with session.lock:
                if ticket < session.last_input:
                    return SKIP, SKIP, SKIP
                session.show(None)
                composer, _, _, facts = self._work(session)
                return composer, self._views.box_error(session, error, text=""), facts

    def _arrived(
        self,
        session: Session,
        ticket: int,
        found: Payload | None,
        *,
        by_hand: bool = False,
    ) -> Values:
        """Takes in what was typed or drawn, unless something newer came while it was looked up."""
        with session.lock:
            if ticket < session.last_input:
                return SKIP, SKIP, SKIP, SKIP
            arrival = Arrival()
            if found is None:
                session.show(None)
            else:
                arrival = molecules.take_in(session, found, self._chemistry)
            composer, bench, sketcher, facts = self._work(session, arrival, keep_text=not by_hand)
            if by_hand:
                bench = self._views.bench(session, by_hand=True)
            return composer, bench, sketcher, facts

    def loaded(self, event: gr.EventData, request: gr.Request) -> Values:
        """A drawing in the dialogue, a chip or a row of the list was opened in the sketcher."""
        data = payload_of(event)
        smiles, name = str(data.get("smiles") or ""), str(data.get("name") or "")

        def change(session: Session) -> None:
            number = molecules.load(session, smiles, self._chemistry, name=name)
            session.attach(number, True)

        return self._change(request, change)

    def chip(self, event: gr.EventData, request: gr.Request) -> Values:
        """A numbered molecule was attached, taken off, removed or opened."""
        data = payload_of(event)
        action, number = str(data.get("action")), _number(data)

        def change(session: Session) -> Arrival | None:
            if action in {"attach", "detach"} and number == 0:
                session.use_current = action == "attach"
            elif action in {"attach", "detach"}:
                session.attach(number, action == "attach")
            elif action == "remove":
                session.remove_molecule(number)
                return Arrival(removed=number)
            elif action == "restore":
                session.restore_molecule(number)
            elif action == "open":
                smiles = session.conversation.molecule(number).molecule.smiles
                molecules.load(session, smiles, self._chemistry)
            return None

        return self._change(request, change, sketch=action == "open")

    def file(self, event: gr.EventData, request: gr.Request) -> Values:
        """A file was dropped: its molecules are numbered, its bad records named.

        Many molecules are an offer first, unless the person has said that they go into the chat.
        """
        data = payload_of(event)
        name = str(data.get("name") or "file")[:200]

        def change(session: Session) -> Arrival:
            path = received(str(data.get("path") or ""))
            try:
                refuse_big(path, name)
                report = self._chemistry.call("file", path=str(path), name=name)
            finally:
                path.unlink(missing_ok=True)
            sent = str(data.get("id") or "")
            offer = arrivals.offer_of(report, session.conversation, sent=sent, name=name)
            if offer is not None and not data.get("all"):
                return Arrival(offer=offer)
            return molecules.take_in_file(session, report, self._chemistry)

        return self._change(request, change)

    def parent(self, request: gr.Request) -> Values:
        """“Use the parent”: the normalised structure becomes the current one."""

        def change(session: Session) -> None:
            current = session.current
            if current is None:
                return
            proposal = str((current.inspection.get("normalisation") or {}).get("smiles") or "")
            found = molecules.inspect_smiles(self._chemistry, proposal)
            before = current.molecule.smiles
            session.show(Current(molecules.molecule_of(found), found, before=before))

        return self._change(request, change)

    def restore(self, request: gr.Request) -> Values:
        """Undo of “use the parent”."""

        def change(session: Session) -> None:
            if session.current is not None and session.current.before:
                found = molecules.inspect_smiles(self._chemistry, session.current.before)
                session.show(Current(molecules.molecule_of(found), found))

        return self._change(request, change)

    def example(self, event: gr.EventData, request: gr.Request) -> Values:
        """A worked example: its molecules and its question are put in place."""
        key = str(payload_of(event).get("key"))
        chosen = next((example for example in EXAMPLES if example.key == key), None)
        if chosen is None:
            return SKIP, SKIP, SKIP, SKIP
        return self._change(
            request,
            lambda session: open_example(chosen, session, self._chemistry),
            question=chosen.question,
        )

    def shape(self, request: gr.Request) -> object:
        """The 3D tab was opened, or the molecule changed while it was open."""
        current = self._store.get(*key_of(request)).current
        if current is None:
            return self._views.shape(None, "Draw or enter a molecule to see it in 3D.")
        try:
            block = self._chemistry.call("conformer", smiles=current.molecule.smiles)["molblock"]
        except AssistantError as error:
            without = "The facts and the 2D drawing are not affected."
            return self._views.shape(None, f"{error} {without}")
        return self._views.shape(str(block), "")

    # -- helpers -----------------------------------------------------------------------------

    def _change(
        self,
        request: gr.Request,
        change: Callable[[Session], Arrival | None],
        *,
        sketch: bool = True,
        question: str | None = None,
    ) -> Values:
        """Changes the session and shows what came of it, or the reason why it did not work."""
        with self._store.locked(*key_of(request)) as session:
            _ticket(session)
            try:
                arrival = change(session)
            except AssistantError as error:
                return self._work(session, notice=Notice(str(error)), keep_text=True, sketch=False)
            if arrival is not None and arrival.offer is not None:
                return self._offered(session, arrival.offer)
            return self._work(
                session, arrival, question=question, keep_text=not sketch, sketch=sketch
            )

    def _work(
        self,
        session: Session,
        arrival: Arrival | None = None,
        *,
        notice: Notice | None = None,
        question: str | None = None,
        keep_text: bool = False,
        sketch: bool = True,
    ) -> Values:
        if arrival is not None and (said := arrivals.in_words(arrival)):
            notice = Notice(*said)
        if arrival is not None and arrival.removed:
            n = arrival.removed
            notice = Notice(f"Molecule {n} was taken off the list.", "info", put_back=n)
        composer = self._views.composer(session, notice=notice, question=question)
        by_hand = False if sketch else None
        bench = self._views.bench(session, keep_text=keep_text, by_hand=by_hand)
        sketcher = self._views.sketch(session) if sketch else SKIP
        return composer, bench, sketcher, self._views.facts(session)


def _ticket(session: Session) -> int:
    """The order of inputs: a slow look-up must not overwrite a later one."""
    with session.lock:
        session.last_input += 1
        return session.last_input


def _is_overtaken(session: Session, count: object) -> bool:
    """Whether text that was typed later has arrived already."""
    if not isinstance(count, int):
        return False
    with session.lock:
        overtaken = count < session.last_typed
        session.last_typed = max(count, session.last_typed)
        return overtaken


def _number(data: Payload) -> int:
    number = data.get("number")
    return number if isinstance(number, int) else 0
