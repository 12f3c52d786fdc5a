"""The page: its parts, which event goes to which handler, and how it is launched.

    header      model · 4-bit · adapters · tok/s · link
    dialogue    transcript, question box with the numbered molecules
    workbench   molecule box, then Draw | Facts | 3D

Model events have their own wide concurrency, because the engine queues fairly by itself; everything
else bypasses Gradio's queue, so facts and drawings never wait for an answer.
"""

from functools import cache
from pathlib import Path
from typing import TypedDict

import gradio as gr

from ui.api import make_ask, make_facts
from ui.dialogue import DialogueHandlers
from ui.examples import load_menu, welcome_html
from ui.handle import AssistantHandle
from ui.handlers import Handlers
from ui.molecules import Chemistry
from ui.parts import ASSETS, part
from ui.session import SessionStore
from ui.sketcher import Sketcher
from ui.transcript import Drawings, TranscriptView
from ui.viewer3d import Viewer3D
from ui.views import Views

TITLE = "Molecule Chat"
MODEL_CONCURRENCY = 16
WORK_CONCURRENCY = 16
MAX_QUEUE = 128
MAX_THREADS = 64
MAX_UPLOAD = "6mb"
SCRIPTS = ("page.js", "transcript.js", "composer.js", "bench.js")
STYLES = ("page.css", "dialogue.css", "workbench.css")


class LaunchArguments(TypedDict):
    """Arguments of `Blocks.launch` that belong to the page, not to the host's choices."""

    head: str
    theme: gr.themes.Base
    footer_links: list[str]
    run_history: bool
    ssr_mode: bool
    max_threads: int
    max_file_size: str
    show_error: bool
    enable_monitoring: bool
    pwa: bool
    favicon_path: str


def build_app(
    handle: AssistantHandle,
    *,
    chemistry: Chemistry,
    link: str = "",
) -> gr.Blocks:
    """The whole page and its API.

    Args:
        handle: The assistant, perhaps still loading.
        chemistry: The pool of chemistry workers (with the name table).
        link: Words for the header about who can reach the page ("this computer only").
    """
    drawings = Drawings(chemistry)
    views = Views(handle, drawings, link=link)
    view = TranscriptView(drawings, cache(lambda: welcome_html(chemistry)))
    store = SessionStore()
    handlers = Handlers(handle, chemistry, store, view, views)
    talk = DialogueHandlers(handle, chemistry, store, view, views)

    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as app:
        header = part("header", value=views.header())
        with gr.Row(elem_id="main", equal_height=False):
            with gr.Column(elem_id="dialogue", scale=1, min_width=0):
                transcript = part(
                    "transcript", events=("turn", "loaded", "vote", "example", "undo")
                )
                composer = part(
                    "composer",
                    events=("turn", "stop", "chip", "file", "undo", "redo", "fresh"),
                    menu=[{"key": t.key, "title": t.title, "text": t.text} for t in load_menu()],
                )
            with gr.Column(elem_id="workbench", scale=1, min_width=0):
                bench = part("bench", events=("typed", "file", "shape"))
                with gr.Column(elem_id="panel-draw", min_width=0):
                    sketcher = Sketcher()
                with gr.Column(elem_id="panel-facts", min_width=0):
                    facts = part("facts", events=("strip", "restore"))
                with gr.Column(elem_id="panel-shape", min_width=0):
                    viewer = Viewer3D(height=420)
        clock = gr.Timer(1.0, active=True)

        quick = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        many = {**quick, "trigger_mode": "multiple"}
        work = [composer, bench, sketcher, facts]
        dialogue = [transcript, composer]

        app.load(handlers.opened, None, [header, transcript, *work], **quick)
        app.unload(handlers.closed)
        clock.tick(handlers.tick, None, [header, clock], **quick)

        bench.typed(handlers.typed, None, work, **many)
        bench.file(handlers.file, None, work, **many)
        bench.shape(handlers.shape, None, viewer, **many)
        sketcher.draw(handlers.drawn, sketcher, [composer, bench, facts], **many)
        facts.strip(handlers.parent, None, work, **quick)
        facts.restore(handlers.restore, None, work, **quick)

        transcript.loaded(handlers.loaded, None, work, **many)
        transcript.example(handlers.example, None, work, **quick)
        transcript.vote(talk.vote, None, transcript, **quick)
        transcript.undo(talk.undo, None, dialogue, **quick)
        composer.chip(handlers.chip, None, work, **many)
        composer.file(handlers.file, None, work, **many)
        composer.stop(talk.stop, None, None, **many)
        composer.undo(talk.undo, None, dialogue, **quick)
        composer.redo(talk.redo, None, dialogue, **quick)
        composer.fresh(talk.new_chat, None, dialogue, **quick)
        for asking in (transcript, composer):
            answering = asking.turn(
                talk.turn,
                None,
                [transcript, composer, header, bench],
                show_progress="hidden",
                api_visibility="private",
                trigger_mode="multiple",
                concurrency_id="model",
                concurrency_limit=MODEL_CONCURRENCY,
            )
            answering.failure(talk.recover, None, dialogue, **quick)

        gr.api(make_facts(chemistry), api_name="facts", queue=False)
        gr.api(
            make_ask(handle, chemistry),
            api_name="ask",
            concurrency_id="model",
            concurrency_limit=MODEL_CONCURRENCY,
        )
    app.queue(default_concurrency_limit=WORK_CONCURRENCY, max_size=MAX_QUEUE)
    return app


def launch_kwargs() -> LaunchArguments:
    """Everything `launch` needs for this page; host, port and sharing are the caller's."""
    return {
        "head": page_head(),
        "theme": quiet_theme(),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "max_threads": MAX_THREADS,
        "max_file_size": MAX_UPLOAD,
        "show_error": False,
        "enable_monitoring": False,
        "pwa": False,
        "favicon_path": str(ASSETS / "favicon.svg"),
    }


def page_head() -> str:
    """Styles and scripts, inline: nothing else to fetch, and nothing from another host."""
    styles = "\n".join(_asset(name) for name in STYLES)
    scripts = "\n".join(_asset(name) for name in SCRIPTS)
    return f"<style>{styles}</style><script>{scripts}</script>"


def _asset(name: str) -> str:
    return Path(ASSETS / name).read_text(encoding="utf-8")


def quiet_theme() -> gr.themes.Base:
    """Gradio's plainest theme with fonts that every system has."""
    return gr.themes.Base(
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )
