"""The "why" panel: what of a molecule a sentence of an answer depends on.

why ─► show: drawing, words that point at atoms ─► measure: view by view ─► painted, table
"""

import threading
import time
from collections.abc import Iterator
from functools import lru_cache

import gradio as gr

from assistant.chat.events import Queued
from assistant.chat.phrases import phrases
from assistant.chat.sentences import sentence_spans
from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.influence import measure, plan
from ui.events import EventHandlers, Payload, Services, key_of, payload_of
from ui.parts import LASTING, MANY, part
from ui.render import escape
from ui.session import Session
from ui.tab_store import TabStore
from ui.why_drawing import scale_of
from ui.why_view import (
    Names,
    Panel,
    choices_html,
    legend_html,
    pictures_html,
    progress_html,
    sentence_html,
    table_html,
    totals_html,
)

MAX_PANELS = 20
FLUSH_SECONDS = 0.4
PICTURE = {"width": 340, "height": 250}


@lru_cache(maxsize=256)
def facts_of(molecule: Molecule) -> Facts:
    """Facts of a molecule of a conversation, which was parsed under all limits before."""
    return compute_facts(molecule)


class PanelStore(TabStore[Panel]):
    """The panel of each tab; one that gives way is measured no further."""

    def __init__(self, limit: int = MAX_PANELS) -> None:
        super().__init__(limit, lambda panel: panel.stop.set())


def why_part() -> gr.HTML:
    """The panel, closed."""
    return part("why", events=("open", "choose", "measure", "cancel"))


def connect(app: gr.Blocks, panel: gr.HTML, handlers: "WhyHandlers") -> None:
    """Which event goes where; measuring streams, everything else answers at once."""
    lasting = {**LASTING, "concurrency_id": "why", "concurrency_limit": 16}
    panel.open(handlers.open_why, None, panel, **MANY)
    panel.choose(handlers.choose, None, panel, **MANY)
    panel.cancel(handlers.cancel_why, None, panel, **MANY)
    panel.measure(handlers.measure_why, None, panel, **lasting)
    app.unload(handlers.closed)


class WhyHandlers(EventHandlers):
    """What the panel does; every value is the whole panel."""

    def __init__(self, services: Services, store: PanelStore | None = None) -> None:
        super().__init__(services)
        self.panels = store or PanelStore()

    def open_why(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """An answer, or one of its sentences, is asked about."""
        data, key = payload_of(event), key_of(request)
        try:
            panel = self._panel(self._store.get(*key), _number(data, "turn", -1))
        except AssistantError as error:
            return self._problem(error)
        known = self.panels.get(key)
        if known is not None and known.node == panel.node and not panel.reason:
            panel = known
        else:
            self.panels.put(key, panel)
        self._aim(panel, data)
        return self._value(panel)

    def choose(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """Another sentence, another molecule, motifs or atoms, with or without the text."""
        data, panel = payload_of(event), self.panels.get(key_of(request))
        if panel is None:
            return self._gone()
        before = (panel.number, panel.told)
        self._aim(panel, data)
        if (panel.number, panel.told) != before:
            panel.stop.set()
        return self._value(panel)

    def measure_why(self, request: gr.Request) -> Iterator[dict[str, object]]:
        """Scores view by view and shows how far it is, until done, stopped or chosen anew."""
        panel = self.panels.get(key_of(request))
        if panel is None:
            yield self._gone()
            return
        if panel.reason:
            yield self._value(panel)
            return
        panel.stop.set()  # of a measuring that another choice has left behind
        stop = panel.stop = threading.Event()
        panel.busy, panel.problem, panel.waiting = True, "", ""
        chosen = (panel.number, panel.told)
        molecule = self._molecule(panel)
        if chosen not in panel.measurements:
            panel.measurements[chosen] = plan(molecule, panel.number, told=panel.told)
        measurement = panel.measurements[chosen]
        yield self._value(panel)
        try:
            yield from self._scored(panel, measurement, stop, key_of(request)[0])
        except AssistantError as error:
            if panel.stop is stop:
                panel.problem = str(error)
        finally:
            stop.set()
            if panel.stop is stop:
                panel.busy = False
        if panel.stop is stop:
            yield self._value(panel)

    def _scored(
        self, panel: Panel, measurement: object, stop: threading.Event, visitor: str
    ) -> Iterator[dict[str, object]]:
        shown = time.monotonic()
        events = measure(
            self._handle.get(),
            panel.conversation,
            panel.answer,
            measurement,
            stop=stop,
            visitor=f"{visitor}-why",
        )
        for event in events:
            if panel.stop is not stop:
                return
            is_waiting = isinstance(event, Queued)
            panel.waiting = f"waiting, {event.position} before it" if is_waiting else ""
            if is_waiting or time.monotonic() - shown >= FLUSH_SECONDS:
                yield self._value(panel)
                shown = time.monotonic()

    def cancel_why(self, request: gr.Request) -> dict[str, object]:
        """Measuring ends; what is scored stays."""
        panel = self.panels.get(key_of(request))
        if panel is None:
            return self._gone()
        panel.stop.set()
        panel.busy = False
        return self._value(panel)

    def closed(self, request: gr.Request) -> None:
        """The tab is gone, or its network for a moment: what is scored stays."""
        self.panels.end(key_of(request))

    # -- what is asked about -----------------------------------------------------------------

    def _panel(self, session: Session, turn: int) -> Panel:
        """The answer of a turn, and why it cannot be measured where that is so.

        Raises:
            AssistantError: There is no such answer, or the model is not there.
        """
        with session.lock:
            path, conversation = session.stored.tree.path, session.conversation
        place = 2 * turn + 1
        if turn < 0 or place >= len(path) or path[place].state != "done":
            raise AssistantError("That answer is no longer there, or not written to its end yet.")
        node = path[place]
        sentences = sentence_spans(node.message.text)
        if not sentences:
            raise AssistantError("That answer has no sentence to ask about.")
        assistant = self._handle.get()
        asked = conversation.truncated(place)
        panel = Panel(turn, asked, node.message, node.id, sentences)
        focus = asked.focus(turn)
        panel.number = focus[0] if focus else 0
        panel.reason = (
            assistant.cannot_rescore(asked, node.message)
            if focus
            else "The answer is about no molecule."
        )
        if not panel.reason:
            panel.offsets = assistant.answer_offsets(node.message)
        return panel

    def _aim(self, panel: Panel, data: Payload) -> None:
        """Takes in what an event chose, which anyone may have written."""
        sentence = _number(data, "sentence", panel.sentence)
        if 0 <= sentence < len(panel.sentences):
            panel.sentence = sentence
        number = _number(data, "number", panel.number)
        if number in panel.conversation.focus(panel.turn):
            panel.number = number
        kind, told = data.get("kind"), data.get("told")
        if kind in ("motif", "atom"):
            panel.kind = kind
        if isinstance(told, bool):
            panel.told = told

    def _molecule(self, panel: Panel) -> Molecule:
        return panel.conversation.molecule(panel.number).molecule

    # -- what is shown -----------------------------------------------------------------------

    def _value(self, panel: Panel) -> dict[str, object]:
        rev = self._views.rev()
        common = {"rev": rev, "problem": "", "turn": panel.turn, "node": panel.node}
        common["number"] = panel.number
        if not panel.number:
            return {
                **common,
                "sentence": sentence_html(panel, ()),
                "progress": progress_html(panel, None),
                "ready": False,
            }
        molecule, measurement = self._molecule(panel), panel.measurement
        found = phrases(panel.answer.text, molecule, facts_of(molecule).groups)
        tokens = panel.tokens
        effects = measurement.effects(panel.kind, tokens) if measurement else []
        scale = scale_of(effects)
        totals = measurement.totals(tokens) if measurement else None
        can_start = not panel.reason and not panel.busy
        return {
            **common,
            "sentence": sentence_html(panel, found),
            "choices": choices_html(panel, panel.conversation.focus(panel.turn)),
            "progress": progress_html(panel, measurement),
            "totals": totals_html(panel, totals),
            "pictures": self._pictures(panel, molecule, tokens),
            "table": table_html(panel, effects, scale),
            "legend": legend_html(scale) if effects else "",
            "ready": can_start and not (measurement and measurement.is_done),
            "busy": panel.busy,
        }

    def _pictures(self, panel: Panel, molecule: Molecule, tokens: tuple[int, ...]) -> str:
        names: Names = {a.GetIdx() + 1: a.GetSymbol() for a in molecule.rdmol().GetAtoms()}

        def draw(notes: list[str]) -> str:
            found = self._chemistry.call("draw", smiles=molecule.smiles, notes=notes, **PICTURE)
            return str(found["svg"])

        try:
            return pictures_html(panel, panel.measurement, tokens, names, draw)
        except AssistantError as error:
            return f"<p>{escape(error)}</p>"

    def _gone(self) -> dict[str, object]:
        return self._problem(AssistantError("Choose an answer again; the page was idle."))


def _number(data: Payload, key: str, default: int) -> int:
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
