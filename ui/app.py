"""The page: its parts, and which event goes to which handler.

    header      model · 4-bit · adapters · link · figures of the answer
    history     the visitor's conversations
    dialogue    transcript, question box with the numbered molecules
    workbench   molecule box, then Draw | Facts | 3D | List | Pair

Model events have their own wide concurrency, because the engine queues fairly by itself; everything
else bypasses Gradio's queue, so facts and drawings never wait for an answer.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gradio as gr

from assistant.chat.history import History
from ui import export_panel, list_page, pair_page, side_by_side, why_page
from ui.api import make_ask, make_facts, refuse_missing_values
from ui.chat_list import ChatList
from ui.chats import ChatHandlers
from ui.dialogue import DialogueHandlers
from ui.events import Services
from ui.examples import load_menu, welcome_html
from ui.export_panel import ExportHandlers
from ui.handle import AssistantHandle
from ui.handlers import Handlers
from ui.list_page import ListHandlers
from ui.molecules import Chemistry
from ui.pair_heads import PairHeads
from ui.pair_page import PairHandlers
from ui.parts import ANSWER, MANY, MODEL_CONCURRENCY, QUICK, part
from ui.pasting import PasteHandlers
from ui.quick_import import one_server_app
from ui.reach import Reach
from ui.runs import Runs
from ui.session_store import SessionStore
from ui.side_by_side import SideHandlers
from ui.sketcher import Sketcher
from ui.transcript import Drawings, TranscriptView
from ui.viewer3d import Viewer3D
from ui.views import Views
from ui.why_page import WhyHandlers

TITLE = "Molecule Chat"
WORK_CONCURRENCY = 16
MAX_QUEUE = 128
# The conversation that a tab showed before it was loaded again is in its address, where no server
# sees it; only this reads it.
PLACE = '() => location.hash.startsWith("#c=") ? location.hash.slice(3) : ""'
TRANSCRIPT_EVENTS = ("turn", "follow", "seen", "branch", "loaded", "vote", "example", "undo")


def build_app(
    handle: AssistantHandle,
    *,
    chemistry: Chemistry,
    reach: Reach,
    runs: Runs | None = None,
    bundle: Path | None = None,
) -> gr.Blocks:
    """The whole page and its API.

    Args:
        handle: The assistant, perhaps still loading.
        chemistry: The pool of chemistry workers (with the name table).
        reach: Who can reach the page, in words for its header.
        runs: Writes the answers into a history; by default one that ends with the program.
        bundle: Where the pair heads lie; without, the Pair tab says that it has none.
    """
    runs = runs or Runs(History.in_memory(), handle)
    drawings = Drawings(chemistry)
    views = Views(handle, drawings, reach)
    view = TranscriptView(drawings, cache(lambda: welcome_html(chemistry)))
    store = SessionStore(runs)
    chats = ChatList(runs.history)
    services = Services(handle, chemistry, store, runs, view, chats, views)
    work, talk, shelf = Handlers(services), DialogueHandlers(services), ChatHandlers(services)

    with one_server_app():
        with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as app:
            page = place_parts(views)
            connect_page(app, page, work, shelf)
            connect_molecules(page, work)
            connect_dialogue(page, talk)
            connect_doors(page, PasteHandlers(services))
            connect_chats(page, shelf)
            export_panel.connect(page.exporter, page.dialogue, ExportHandlers(services))
            list_page.connect(app, page.list, ListHandlers(services))
            why_page.connect(app, page.why, WhyHandlers(services))
            page.list.use(work.loaded, None, page.work, **MANY)
            side_by_side.connect(app, page.side, page.dialogue, SideHandlers(services))
            pairs = PairHandlers(services, PairHeads(bundle))
            pair_page.connect(app, page.pair, page.composer, pairs)
            add_api(handle, chemistry)
        app.queue(default_concurrency_limit=WORK_CONCURRENCY, max_size=MAX_QUEUE)
    app.validate_inputs = refuse_missing_values
    return app


@dataclass(frozen=True)
class Page:
    """The parts of the page, and those that one kind of event changes together."""

    header: gr.HTML
    place: gr.Textbox
    chats: gr.HTML
    thumbs: gr.HTML
    exporter: gr.HTML
    copier: gr.HTML
    transcript: gr.HTML
    composer: gr.HTML
    bench: gr.HTML
    sketcher: Sketcher
    facts: gr.HTML
    viewer: Viewer3D
    list: gr.HTML
    why: gr.HTML
    side: gr.HTML
    pair: gr.HTML
    clock: gr.Timer

    @property
    def work(self) -> list[gr.HTML]:
        """What a molecule changes."""
        return [self.composer, self.bench, self.sketcher, self.facts]

    @property
    def dialogue(self) -> list[gr.HTML]:
        """What a turn changes."""
        return [self.transcript, self.composer, self.chats]

    @property
    def everything(self) -> list[gr.HTML]:
        """What another conversation changes."""
        return [*self.dialogue, self.bench, self.sketcher, self.facts]


def place_parts(views: Views) -> Page:
    """Make every part in its place: the header, and below it three columns."""
    header = part("header", value=views.header())
    place = gr.Textbox(visible=False)
    exporter = export_panel.exporter_part()
    copier = part("copier", events=("copied", "compared"))
    with gr.Row(elem_id="main", equal_height=False):
        with gr.Column(elem_id="history", scale=1, min_width=0):
            chats = part(
                "chats",
                events=("open", "search", "rename", "remove", "restore", "group", "more"),
            )
            thumbs = part("thumbs", events=("wanted",))
        with gr.Column(elem_id="dialogue", scale=1, min_width=0):
            transcript = part("transcript", events=TRANSCRIPT_EVENTS)
            composer = part(
                "composer",
                events=("turn", "stop", "chip", "file", "pasted", "undo", "redo", "fresh"),
                menu=[
                    *({"key": t.key, "title": t.title, "text": t.text} for t in load_menu()),
                    side_by_side.MENU_ITEM,
                ],
            )
        with gr.Column(elem_id="workbench", scale=1, min_width=0):
            bench = part("bench", events=("typed", "file", "shape"))
            with gr.Column(elem_id="panel-draw", min_width=0):
                sketcher = Sketcher()
            with gr.Column(elem_id="panel-facts", min_width=0):
                facts = part("facts", events=("strip", "restore"))
            with gr.Column(elem_id="panel-shape", min_width=0):
                viewer = Viewer3D(height=420)
            with gr.Column(elem_id="panel-list", min_width=0):
                molecules = list_page.list_part()
            why = why_page.why_part()
            with gr.Column(elem_id="panel-pair", min_width=0):
                pair = pair_page.pair_part()
    side = side_by_side.side_part()
    clock = gr.Timer(1.0, active=True)
    return Page(
        header,
        place,
        chats,
        thumbs,
        exporter,
        copier,
        transcript,
        composer,
        bench,
        sketcher,
        facts,
        viewer,
        molecules,
        why,
        side,
        pair,
        clock,
    )


def connect_page(app: gr.Blocks, page: Page, work: Handlers, shelf: ChatHandlers) -> None:
    """A tab is opened, and time passes.

    Nothing here ends with a tab: Gradio takes a lost heartbeat for its end, but the page lives on.
    """
    app.load(shelf.opened, page.place, [page.header, *page.everything], js=PLACE, **QUICK)
    page.clock.tick(work.tick, None, [page.header, page.clock], **QUICK)


def connect_molecules(page: Page, work: Handlers) -> None:
    """A molecule is typed, drawn, dropped, opened, attached or changed."""
    page.bench.typed(work.typed, None, page.work, **MANY)
    page.bench.file(work.file, None, page.work, **MANY)
    page.bench.shape(work.shape, None, page.viewer, **MANY)
    page.sketcher.draw(work.drawn, page.sketcher, [page.composer, page.bench, page.facts], **MANY)
    page.facts.strip(work.parent, None, page.work, **QUICK)
    page.facts.restore(work.restore, None, page.work, **QUICK)
    page.transcript.loaded(work.loaded, None, page.work, **MANY)
    page.transcript.example(work.example, None, page.work, **QUICK)
    page.composer.chip(work.chip, None, page.work, **MANY)
    page.composer.file(work.file, None, page.work, **MANY)


def connect_dialogue(page: Page, talk: DialogueHandlers) -> None:
    """A question is asked, stopped, taken back or judged."""
    turning = [*page.dialogue, page.header, page.bench, page.sketcher, page.facts]
    for asking in (page.transcript, page.composer):
        answering = asking.turn(talk.turn, None, turning, **ANSWER)
        answering.failure(talk.recover, None, page.dialogue, **QUICK)
    following = page.transcript.follow(talk.follow, None, turning, **ANSWER)
    following.failure(talk.recover, None, page.dialogue, **QUICK)
    page.transcript.seen(talk.seen, None, None, **MANY)
    page.transcript.vote(talk.vote, None, page.dialogue, **QUICK)
    page.transcript.branch(talk.branch, None, page.dialogue, **QUICK)
    page.transcript.undo(talk.undo, None, page.dialogue, **QUICK)
    page.composer.stop(talk.stop, None, None, **MANY)
    page.composer.undo(talk.undo, None, page.dialogue, **QUICK)
    page.composer.redo(talk.redo, None, page.dialogue, **QUICK)
    page.composer.fresh(talk.new_chat, None, page.dialogue, **QUICK)


def connect_chats(page: Page, shelf: ChatHandlers) -> None:
    """A conversation is opened, looked for, renamed or deleted."""
    page.chats.open(shelf.open, None, page.everything, **MANY)
    page.chats.search(shelf.search, None, page.chats, **MANY)
    page.chats.group(shelf.group, None, page.chats, **MANY)
    page.chats.more(shelf.more, None, page.chats, **MANY)
    page.chats.rename(shelf.rename, None, page.dialogue, **MANY)
    page.chats.remove(shelf.remove, None, page.dialogue, **MANY)
    page.chats.restore(shelf.restore, None, page.dialogue, **MANY)
    page.thumbs.wanted(shelf.thumbs, None, page.thumbs, **MANY)


def connect_doors(page: Page, doors: PasteHandlers) -> None:
    """Molecules come in with a question or are compared; drawings leave by the clipboard."""
    page.composer.pasted(doors.pasted, None, page.work, **MANY)
    page.copier.copied(doors.copied, None, page.copier, **MANY)
    page.copier.compared(doors.compared, None, page.composer, **MANY)


def add_api(handle: AssistantHandle, chemistry: Chemistry) -> None:
    """The endpoints for programs."""
    gr.api(make_facts(chemistry), api_name="facts", queue=False)
    gr.api(
        make_ask(handle, chemistry),
        api_name="ask",
        concurrency_id="model",
        concurrency_limit=MODEL_CONCURRENCY,
    )
