"""What happens when a question is asked, stopped, repeated or undone; errors become sentences."""

from collections.abc import Iterator

import gradio as gr

from assistant.chat.conversation import Message
from assistant.errors import AssistantError
from ui import turns
from ui.events import SKIP, DialogueEvents, Notice, Values, key_of, payload_of
from ui.runs import Run
from ui.session import Session


class DialogueHandlers(DialogueEvents):
    """What turns do on the page; most return values for `transcript, composer, chats`."""

    def turn(self, event: gr.EventData, request: gr.Request) -> Iterator[Values]:
        """Streams one turn into `transcript, composer, chats, header, bench, sketcher, facts`.

        Molecules in a question are shown at the right, as those from everywhere else are.
        """
        session = self._store.get(*key_of(request))
        before = session.current
        try:
            ask = turns.Ask.from_payload(payload_of(event))
            with session.lock:
                run = turns.begin(session, ask, self._chemistry)
        except AssistantError as error:
            with session.lock:
                composer = self._views.composer(session, notice=Notice(str(error)))
            yield SKIP, composer, *[SKIP] * 5
            return
        with session.lock:
            work = self._work(session, is_new=session.current is not before)
            if run is None:
                notice = Notice("Added and attached. Now ask about it.", "info")
                composer = self._views.composer(session, notice=notice, question="")
                values = SKIP, composer, SKIP, SKIP, *work
            else:
                question = "" if ask.kind == "ask" else None
                values = *self._dialogue(session, question=question, follow=False), SKIP, *work
        yield values
        if run is not None:
            yield from self._follow(session, run)

    def _work(self, session: Session, *, is_new: bool) -> Values:
        """Values for `bench, sketcher, facts`; the last two only where the molecule is another."""
        if not is_new:
            return self._views.bench(session, keep_text=True), SKIP, SKIP
        bench = self._views.bench(session, by_hand=False)
        return bench, self._views.sketch(session), self._views.facts(session)

    def follow(self, request: gr.Request) -> Iterator[Values]:
        """The rest of an answer that was under way when the tab came; parts as in `turn`.

        One that ended before the tab came to ask for it is sent as a whole.
        """
        session = self._store.get(*key_of(request))
        with session.lock:
            run = session.run
            head = session.stored.tree.head
            ended = self._ended(session) if run is None else ()
        if run is not None:
            yield from self._follow(session, run)
        else:
            yield *ended, *[SKIP] * 4
            self._told(session, head)

    def _follow(self, session: Session, run: Run) -> Iterator[Values]:
        """An answer while it grows, as long as this tab shows it; then the whole of it.

        What grows goes without the turns before it, which the page has: the component that takes a
        value looks through all of it each time.
        """
        for live in run.follow():
            if session.run is not run:
                if run.is_done:  # another event of this tab took its end in
                    break
                return
            growing = {"rev": self._views.rev(), "live": live.to_value()}
            yield growing, *[SKIP] * 6
        with session.lock:
            session.catch_up()
            if session.stored.tree.head != run.place.answer:
                return
            values = *self._ended(session), self._views.header(run.figures), *[SKIP] * 3
        yield values
        self._told(session, run.place.answer)

    def _told(self, session: Session, answer: int | None) -> None:
        """Notes that a stream brought an answer's end; the next answer may have begun meanwhile."""
        with session.lock:
            if session.untold == answer:
                session.untold = None

    def _ended(self, session: Session) -> Values:
        """The dialogue after an answer, with what kept it from its end."""
        notice = Notice(session.last_problem) if session.last_problem else None
        session.last_problem = ""
        return self._dialogue(session, notice=notice)

    def recover(self, request: gr.Request) -> Values:
        """Gradio gave up on a turn: what was asked goes on, what was not can be sent again."""
        with self._store.locked(*key_of(request)) as session:
            if session.run is not None:
                return self._dialogue(session)
            if session.untold is not None and session.untold == session.stored.tree.head:
                session.untold = None
                return self._ended(session)
            notice = Notice("The question did not get through. Please send it again.")
            return self._dialogue(session, notice=notice)

    def stop(self, request: gr.Request) -> None:
        """Stop: the answer ends within one token and is kept as far as it got."""
        session = self._store.peek(*key_of(request))
        run = session.run if session is not None else None
        if run is not None:
            run.stop.set()

    def seen(self, request: gr.Request) -> None:
        """A finished answer is in view: it is no news any more."""
        with self._store.locked(*key_of(request)) as session:
            if session.stored.id:
                session.mark_seen()

    def branch(self, event: gr.EventData, request: gr.Request) -> Values:
        """Another variant of a question or an answer is shown, with what followed it."""
        node = payload_of(event).get("node")

        def change(session: Session) -> None:
            if session.run is not None:
                raise AssistantError("An answer is being written. Press Stop (Esc) first.")
            session.switch(node if isinstance(node, int) else 0)

        return self._change(request, change)

    def vote(self, event: gr.EventData, request: gr.Request) -> Values:
        """Thumbs; pressing again takes the vote back."""
        data = payload_of(event)
        turn, vote = data.get("turn"), str(data.get("vote"))

        def change(session: Session) -> None:
            answers = [n for n in session.stored.tree.path if n.message.role == "assistant"]
            if isinstance(turn, int) and 0 <= turn < len(answers) and vote in {"up", "down"}:
                session.vote(answers[turn].id, vote)

        return self._change(request, change)

    def undo(self, request: gr.Request) -> Values:
        """One step back; a question that is taken back returns to the box."""
        with self._store.locked(*key_of(request)) as session:
            asked = [node.message.text for node in session.questions]
            done = session.undo()
            taken_back = done and len(session.questions) < len(asked)
            return self._dialogue(session, question=asked[-1] if taken_back else None)

    def redo(self, request: gr.Request) -> Values:
        """Takes an undo back."""
        with self._store.locked(*key_of(request)) as session:
            session.redo()
            return self._dialogue(session, question="")

    def new_chat(self, event: gr.EventData, request: gr.Request) -> Values:
        """An empty conversation; undo brings the old one back. Its answer is written on.

        A question that the old one could not answer comes along with its molecules, to be sent.
        """
        turn = payload_of(event).get("turn")
        with self._store.locked(*key_of(request)) as session:
            asked = session.questions
            is_turn = isinstance(turn, int) and 0 <= turn < len(asked)
            question = asked[turn].message if is_turn else Message("user", "")
            before = session.conversation
            session.start_anew()
            for number in question.attached:
                now, again = session.conversation.with_molecule(before.molecule(number).molecule)
                session.keep_molecules(now)
                session.attach(again, True)
            return self._dialogue(session, question=question.text)
