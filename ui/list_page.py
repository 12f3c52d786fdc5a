"""The List tab: a file or pasted text becomes a table, one question is asked of every molecule."""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import gradio as gr

from assistant.errors import AssistantError
from assistant.export.source import slug_of
from ui.events import EventHandlers, Payload, Services, key_of, payload_of
from ui.list_columns import FileColumns
from ui.list_files import left_out_of_sdf, to_csv, to_list_sdf
from ui.list_jobs import start_asking, start_facts
from ui.list_table import ListTable
from ui.parts import LASTING, MANY, file_value, part
from ui.tab_store import Tab
from ui.turns import MAX_QUESTION_CHARS
from ui.uploads import received, refuse_big

MAX_TABLES = 20
FLUSH_SECONDS = 0.4
MAX_NEWS = 250
PASTED = "pasted molecules"


@dataclass
class Lists:
    """The list a tab shows, and the one before it, which can be brought back.

    Attributes:
        shown: The list.
        before: The one before it.
        tabs: The tabs that are open and show them: one, or its copies too.
    """

    shown: ListTable | None = None
    before: ListTable | None = None
    tabs: set[Tab] = field(default_factory=set)

    def open(self, table: ListTable) -> None:
        """Shows another list; the one before the last is let go."""
        if self.before is not None:
            self.before.close()
        if self.shown is not None:
            self.shown.stop_asking.set()
        self.shown, self.before = table, self.shown

    def close(self) -> None:
        """Ends all work."""
        for table in (self.shown, self.before):
            if table is not None:
                table.close()


class ListStore:
    """Lists by tab; the longest unused give way beyond a limit.

    A closed tab's list stays so long, because the tab may only be loading again: then it has
    another id and names the table that it showed.
    """

    def __init__(self, limit: int = MAX_TABLES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._lists: OrderedDict[Tab, Lists] = OrderedDict()

    def get(self, key: Tab) -> Lists:
        """The lists of a tab."""
        with self._lock:
            lists = self._lists.pop(key, None) or Lists()
            self._lists[key] = lists
            lists.tabs.add(key)
            self._make_room()
            return lists

    def _make_room(self) -> None:
        while len(self._lists) > self._limit:
            tab, oldest = self._lists.popitem(last=False)
            oldest.tabs.discard(tab)
            if not any(lists is oldest for lists in self._lists.values()):
                oldest.close()

    def adopt(self, key: Tab, table: str) -> Lists:
        """The lists of a tab; without any, those of the visitor's tab that shows a table.

        Args:
            key: The tab.
            table: Key of the table that the page shows, which it may have from another tab; or "".
        """
        lists = self.get(key)
        if lists.shown is not None or not table:
            return lists
        with self._lock:
            for (visitor, _), other in self._lists.items():
                if visitor == key[0] and other.shown is not None and other.shown.key == table:
                    self._lists[key] = other
                    other.tabs.add(key)
                    return other
        return lists

    def drop(self, key: Tab) -> None:
        """A closed tab, or one whose network is gone for a moment: its list waits for it.

        What is being asked ends, unless another tab shows the list too.
        """
        with self._lock:
            lists = self._lists.get(key)
            if lists is None:
                return
            lists.tabs.discard(key)
            if lists.shown is None:
                self._lists.pop(key)
            elif not lists.tabs:
                lists.shown.stop_asking.set()

    def __len__(self) -> int:
        return len(self._lists)


def list_part() -> gr.HTML:
    """The panel."""
    events = ("paste", "file", "ask", "cancel", "catch", "save", "back", "use")
    return part("list", events=events)


def connect(app: gr.Blocks, panel: gr.HTML, handlers: "ListHandlers") -> None:
    """Which event goes where; those that last stream, the others answer at once."""
    lasting = {**LASTING, "concurrency_id": "list", "concurrency_limit": 16}
    panel.paste(handlers.paste, None, panel, **lasting)
    panel.file(handlers.file, None, panel, **lasting)
    panel.ask(handlers.ask_rows, None, panel, **lasting)
    panel.back(handlers.back, None, panel, **lasting)
    panel.cancel(handlers.cancel, None, panel, **MANY)
    panel.catch(handlers.catch, None, panel, **MANY)
    panel.save(handlers.save, None, panel, **MANY)
    app.unload(handlers.closed)


class ListHandlers(EventHandlers):
    """What the List tab does; every value carries what is new in the table's log."""

    def __init__(self, services: Services, store: ListStore | None = None) -> None:
        super().__init__(services)
        self.lists = store or ListStore()

    def paste(self, event: gr.EventData, request: gr.Request) -> Iterator[dict[str, object]]:
        """Pasted text becomes a table."""
        text = str(payload_of(event).get("text") or "")
        try:
            if not text.strip():
                raise AssistantError("There is nothing to read. Paste molecules, one on each line.")
            report = self._chemistry.call("lines", text=text)
        except AssistantError as error:
            yield self._problem(error)
            return
        yield from self._opened(PASTED, report, request)

    def file(self, event: gr.EventData, request: gr.Request) -> Iterator[dict[str, object]]:
        """A dropped file becomes a table."""
        data = payload_of(event)
        name = str(data.get("name") or "file")[:200]
        try:
            path = received(str(data.get("path") or ""))
            try:
                refuse_big(path, name)
                report = self._chemistry.call("file", path=str(path), name=name)
            finally:
                path.unlink(missing_ok=True)
        except AssistantError as error:
            yield self._problem(error)
            return
        yield from self._opened(Path(name).name, report, request)

    def _opened(
        self, title: str, report: Payload, request: gr.Request
    ) -> Iterator[dict[str, object]]:
        entries = [
            (str(one["smiles"]), str(one.get("name") or ""))
            for one in report.get("molecules") or ()
        ]
        problems = [str(problem) for problem in report.get("problems") or ()]
        if n := len(report.get("reactions") or ()):
            problems.append(f"{n} reactions were left out: a list holds molecules.")
        if not entries:
            yield self._problem(AssistantError("There are only reactions here, no molecules."))
            return
        table = ListTable(title, entries, problems, FileColumns.of_report(report))
        self.lists.get(key_of(request)).open(table)
        start_facts(table, self._chemistry)
        yield from self._follow(table)

    def ask_rows(self, event: gr.EventData, request: gr.Request) -> Iterator[dict[str, object]]:
        """One question of every row that is shown; the same question again goes on."""
        data = payload_of(event)
        table = self.lists.get(key_of(request)).shown
        text = str(data.get("text") or "").strip()
        try:
            if table is None:
                raise AssistantError(_GONE)
            if not text:
                raise AssistantError("There is no question yet. Type what to ask of each molecule.")
            if len(text) > MAX_QUESTION_CHARS:
                raise AssistantError(
                    f"The question has {len(text):,} characters; at most {MAX_QUESTION_CHARS:,}."
                )
            assistant = self._handle.get()
            question = table.ask(text, _indices(data, len(table.rows)))
            start_asking(table, question, assistant, f"{key_of(request)[0]}-list")
        except AssistantError as error:
            yield self._problem(error)
            return
        start = data.get("from")
        yield from self._follow(table, start if isinstance(start, int) and start > 0 else 0)

    def back(self, request: gr.Request) -> Iterator[dict[str, object]]:
        """The list before comes back; the present one takes its place."""
        lists = self.lists.get(key_of(request))
        if lists.before is None:
            yield self._problem(AssistantError("There is no list before this one."))
            return
        lists.shown, lists.before = lists.before, lists.shown
        yield from self._follow(lists.shown)

    def cancel(self, request: gr.Request) -> dict[str, object]:
        """Asking ends within a token; what is answered stays."""
        table = self.lists.get(key_of(request)).shown
        if table is None:
            return self._problem(AssistantError(_GONE))
        table.stop_asking.set()
        return self._value(table, 0, 0)

    def catch(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """What a page missed, from where it is."""
        data = payload_of(event)
        table = self.lists.adopt(key_of(request), str(data.get("table") or "")).shown
        if table is None:
            return self._problem(AssistantError(_GONE))
        start = data.get("from")
        return self._value(table, start if isinstance(start, int) and start > 0 else 0, MAX_NEWS)

    def save(self, event: gr.EventData, request: gr.Request) -> dict[str, object]:
        """The rows the page shows, in its order, as CSV or SDF."""
        data = payload_of(event)
        table = self.lists.get(key_of(request)).shown
        if table is None:
            return self._problem(AssistantError(_GONE))
        order = _indices(data, len(table.rows))
        is_sdf = data.get("format") == "sdf"
        left_out = left_out_of_sdf(table, order) if is_sdf else ""
        text = to_list_sdf(table, order) if is_sdf else "\ufeff" + to_csv(table, order)
        extension, mime = ("sdf", "chemical/x-mdl-sdfile") if is_sdf else ("csv", "text/csv")
        name = f"{datetime.now():%Y-%m-%d}-{slug_of(Path(table.title).stem) or 'list'}.{extension}"
        file = file_value(name, mime, text) if text else None
        return {**self._value(table, 0, 0), "file": file, "told": left_out}

    def closed(self, request: gr.Request) -> None:
        """The tab is gone."""
        self.lists.drop(key_of(request))

    # -- values ------------------------------------------------------------------------------

    def _follow(self, table: ListTable, sent: int = 0) -> Iterator[dict[str, object]]:
        """What is new, a few times a second, until all work is done or somebody else follows."""
        mine = table.followers = table.followers + 1
        while not table.closed.is_set() and table.followers == mine:
            is_idle = table.is_at_rest
            value = self._value(table, sent, MAX_NEWS)
            sent = value["end"]
            yield value
            if sent < value["length"]:
                continue
            if is_idle:
                return
            time.sleep(FLUSH_SECONDS)

    def _value(self, table: ListTable, start: int, most: int) -> dict[str, object]:
        # In this order: a page that is told of the end must have been sent everything before it.
        state = table.state()
        updates, length = table.news(start, most)
        # As one text: between two values of a stream Gradio sends differences, and gets them wrong
        # for a list that becomes shorter while a list inside it does (`gradio.utils.diff` shifts
        # the places of what it deletes twice), so that a row was never seen.
        return {
            "rev": self._views.rev(),
            "table": table.key,
            "start": start,
            "end": start + len(updates),
            "updates": json.dumps(updates),
            "length": length,
            "state": state,
            "problem": "",
            "told": "",
            "file": None,
        }


_GONE = "The list is no longer there. Open its file again."


def _indices(data: Payload, n_rows: int) -> list[int]:
    """Row numbers of an event, which anyone may have written; all rows where there are none."""
    given = data.get("rows")
    if not isinstance(given, list):
        return list(range(n_rows))
    valid = (i for i in given if isinstance(i, int) and 0 <= i < n_rows)
    return list(dict.fromkeys(valid))
