"""The adapter bench ⚖: one question in columns side by side, over the page.

    ⚖ at an answer, or in the task menu ─► open ─► what can be compared
    compare ─► plan ─► all columns at once ─► values a few times a second ─► claims, agreement
    stop, close, closing the tab ─► every column ends within a token

Nothing of it enters the conversation, unless somebody puts one answer into it as a branch.
"""

import logging
from collections.abc import Iterator

import gradio as gr

from assistant.chat.conversation import Message
from assistant.errors import AssistantError
from assistant.sidebyside.report import to_csv, to_markdown
from assistant.sidebyside.running import APOLOGY
from ui.events import SKIP, DialogueEvents, Payload, Services, Values, key_of, payload_of
from ui.parts import LASTING, MANY, part
from ui.render import Figure
from ui.session import Session
from ui.side_by_side_plan import Wish, asked_in, molecules_of, plan
from ui.side_by_side_runs import Bench, BenchStore
from ui.side_by_side_view import agreement_html, claims_html, column_value
from ui.transcript import FIGURE
from ui.workbench import short

MENU_ITEM = {
    "key": "sidebyside",
    "title": "⚖ side by side",
    "text": "with and without adapters, two molecules, four SMILES",
}
"""Of the task menu: opens the panel instead of writing words."""
logger = logging.getLogger(__name__)


def side_part() -> gr.HTML:
    """The panel, which is closed until it is asked for."""
    return part("sidebyside", events=("show", "run", "halt", "keep"))


def connect(
    app: gr.Blocks, panel: gr.HTML, dialogue: list[gr.HTML], handlers: "SideHandlers"
) -> None:
    """Which event goes where; `dialogue` is transcript, composer and chats."""
    lasting = {**LASTING, "concurrency_id": "side", "concurrency_limit": 16}
    panel.show(handlers.offer_columns, None, panel, **MANY)
    panel.run(handlers.run_columns, None, panel, **lasting)
    panel.halt(handlers.halt_columns, None, None, **MANY)
    panel.keep(handlers.keep_column, None, [panel, *dialogue], **MANY)
    app.unload(handlers.closed)


class SideHandlers(DialogueEvents):
    """What the panel does."""

    def __init__(self, services: Services, store: BenchStore | None = None) -> None:
        super().__init__(services)
        self.benches = store or BenchStore()

    def offer_columns(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """What can be compared: the question, the molecules to choose from."""
        turn = payload_of(event).get("turn")
        turn = turn if isinstance(turn, int) else -1
        session = self._store.get(*key_of(request))
        try:
            with session.lock:
                if turn < 0 and not payload_of(event).get("typed"):
                    turn = len(session.questions) - 1
                question = asked_in(session, turn).asked if turn >= 0 else ""
                molecules = molecules_of(session)
                focus = session.conversation.focus(turn) if turn >= 0 else sorted(session.attached)
        except AssistantError as error:
            return self._problem(error)
        chosen = [*focus, *(m.number for m in molecules if m.number not in focus)]
        listed = [
            {
                "number": m.number,
                "label": f"{m.number} · {m.molecule.name or short(m.molecule.smiles, 28)}",
            }
            for m in molecules
        ]
        offer = {"turn": turn, "question": question, "molecules": listed, "chosen": chosen[:2]}
        return {"rev": self._views.rev(), "offer": offer, "problem": ""}

    def run_columns(self, event: gr.EventData, request: gr.Request) -> Iterator[dict[str, object]]:
        """Streams all columns of a comparison."""
        key = key_of(request)
        session = self._store.get(*key)
        try:
            wish = Wish.from_payload(payload_of(event))
            assistant = self._handle.get()
            with session.lock:
                planned = plan(session, wish, assistant.status(), self._chemistry)
            bench = Bench(planned)
            self.benches.put(key, bench)
        except AssistantError as error:
            yield self._problem(error)
            return
        bench.start(assistant)
        try:
            for _ in bench.follow():
                yield self._value(session, bench)
            yield self._value(session, bench, is_last=True)
        finally:
            bench.stop()

    def halt_columns(self, request: gr.Request) -> None:
        """Stop, or the panel was closed: what there is stays."""
        self.benches.end(key_of(request))

    def keep_column(self, event: gr.EventData, request: gr.Request) -> Values:
        """One answer goes into the conversation, as a branch; for `panel` and the dialogue."""
        session, bench = self._store.get(*key_of(request)), self.benches.get(key_of(request))
        try:
            question, answer = _kept(bench, payload_of(event))
            with session.lock:
                if question not in {node.id for node in session.stored.tree.nodes}:
                    raise AssistantError("The question of this answer is no longer on the page.")
                session.keep_answer(question, answer)
                return {"rev": self._views.rev(), "close": True}, *self._dialogue(session)
        except AssistantError as error:
            return self._problem(error), SKIP, SKIP, SKIP

    def closed(self, request: gr.Request) -> None:
        """The tab is gone, or its network for a moment: what there is stays."""
        self.benches.end(key_of(request))

    # -- values ------------------------------------------------------------------------------

    def _value(self, session: Session, bench: Bench, *, is_last: bool = False) -> dict[str, object]:
        comparison = bench.comparison
        if is_last and not comparison.is_done:
            logger.error("a comparison ended before its columns")
            return self._problem(AssistantError(APOLOGY))
        compared = comparison.compared()

        def figures_of(answer: Message) -> dict[str, Figure]:
            return self._transcript.figures(answer, session)

        def draw(smiles: str) -> str:
            return self._transcript.drawings.get(smiles, FIGURE)

        columns = [
            column_value(
                comparison,
                place,
                compared,
                draw=draw,
                figures_of=figures_of,
                species=self._transcript.species,
                can_use=is_last and bench.planned.question is not None,
            )
            for place in range(len(comparison.columns))
        ]
        return {
            "rev": self._views.rev(),
            "kind": comparison.kind,
            "running": not is_last,
            "columns": columns,
            "agree": agreement_html(comparison, compared),
            "claims": claims_html(comparison, compared),
            "markdown": to_markdown(comparison) if is_last else "",
            "csv": "\ufeff" + to_csv(comparison) if is_last else "",
            "problem": "",
        }


def _kept(bench: Bench | None, data: Payload) -> tuple[int, Message]:
    """The question and the answer of the column that was chosen."""
    place = data.get("column")
    question = bench.planned.question if bench is not None else None
    if bench is None or question is None or not isinstance(place, int):
        raise AssistantError("These answers are to another question than the conversation's.")
    results = bench.comparison.results
    answer = results[place].answer if 0 <= place < len(results) else None
    if answer is None or not answer.text.strip():
        raise AssistantError("That column has no answer.")
    return question, answer
