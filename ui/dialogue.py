"""What happens when a question is asked, stopped, repeated or undone; errors become sentences."""

from collections.abc import Iterator
from contextlib import closing

import gradio as gr

from assistant.errors import AssistantError
from ui import turns
from ui.events import SKIP, EventHandlers, Notice, Values, key_of, payload_of
from ui.session import Run, Session, stop
from ui.transcript import Live


class DialogueHandlers(EventHandlers):
    """What turns do on the page; most return values for `transcript, composer`."""

    def turn(self, event: gr.EventData, request: gr.Request) -> Iterator[Values]:
        """Streams one turn into `transcript, composer, header, bench`."""
        key = key_of(request)
        session = self._store.get(key)
        try:
            ask = turns.Ask.from_payload(payload_of(event))
            with session.lock:
                run = turns.begin(session, ask, self._chemistry)
        except AssistantError as error:
            notice = Notice(str(error))
            yield SKIP, self._views.composer(session, notice=notice), SKIP, SKIP
            return
        if run is None:
            notice = Notice("Added and attached. Now ask about it.", "info")
            yield SKIP, self._views.composer(session, notice=notice, question=""), SKIP, SKIP
            return
        try:
            yield from self._answer(session, ask, run, key)
        finally:
            turns.release(session, run)

    def _answer(self, session: Session, ask: turns.Ask, run: Run, visitor: str) -> Iterator[Values]:
        with session.lock:
            values = self._start(session, ask, Live(run.turn, status="waiting for the model"))
            before = self._transcript.value(session, 0)
        yield values
        with closing(turns.stream(session, run, self._handle, visitor)) as answer:
            for live in answer:
                value = {**before, "rev": self._views.rev(), "live": live.to_value()}
                yield value, SKIP, SKIP, SKIP
        with session.lock:
            notice = Notice(session.last_problem) if session.last_problem else None
            session.last_problem = ""
            values = *self._dialogue(session, notice=notice), self._views.header(), SKIP
        yield values

    def _start(self, session: Session, ask: turns.Ask, live: Live) -> Values:
        transcript = self._transcript.value(session, self._views.rev(), live)
        composer = self._views.composer(session, question="" if ask.kind == "ask" else None)
        return transcript, composer, SKIP, self._views.bench(session, keep_text=True)

    def recover(self, request: gr.Request) -> Values:
        """Gradio itself gave up on a turn (a full queue, say): the box must be usable again."""
        with self._store.locked(key_of(request)) as session:
            self._release(session)
            notice = Notice("The question did not get through. Please send it again.")
            return self._dialogue(session, notice=notice)

    def stop(self, request: gr.Request) -> None:
        """Stop: the answer ends within one token and is kept as far as it got."""
        stop(self._store.get(key_of(request)))

    def vote(self, event: gr.EventData, request: gr.Request) -> object:
        """Thumbs; pressing again takes the vote back. Kept in the session only."""
        data = payload_of(event)
        with self._store.locked(key_of(request)) as session:
            answers = [m for m in session.conversation.messages if m.role == "assistant"]
            turn, vote = data.get("turn"), str(data.get("vote"))
            if isinstance(turn, int) and 0 <= turn < len(answers) and vote in {"up", "down"}:
                text = answers[turn].text
                if session.votes.pop(text, None) != vote:
                    session.votes[text] = vote
            return self._transcript.value(session, self._views.rev())

    def undo(self, request: gr.Request) -> Values:
        """One step back; a question that is taken back returns to the box."""
        with self._store.locked(key_of(request)) as session:
            self._release(session)
            asked = [q.text for q in session.conversation.questions]
            asked += [session.failed.question.text] if session.failed else []
            done = session.undo()
            taken_back = done and session.conversation.n_turns < len(asked)
            return self._dialogue(session, question=asked[-1] if taken_back else None)

    def redo(self, request: gr.Request) -> Values:
        """Takes an undo back."""
        with self._store.locked(key_of(request)) as session:
            self._release(session)
            session.redo()
            return self._dialogue(session, question="")

    def new_chat(self, request: gr.Request) -> Values:
        """An empty conversation; undo brings the old one back."""
        with self._store.locked(key_of(request)) as session:
            session.abandon()
            session.start_anew()
            return self._dialogue(session, question="")

    def _release(self, session: Session) -> None:
        """Ends an answer that is being written; its question goes back onto the page."""
        if session.run is not None:
            turns.release(session, session.run)

    def _dialogue(
        self, session: Session, *, question: str | None = None, notice: Notice | None = None
    ) -> Values:
        transcript = self._transcript.value(session, self._views.rev())
        return transcript, self._views.composer(session, question=question, notice=notice)
