"""How the page is launched: its styles and scripts, its theme, and what of Gradio stays out."""

from pathlib import Path
from typing import TypedDict

import gradio as gr

from ui.parts import ASSETS

MAX_THREADS = 64
MAX_UPLOAD = "6mb"
SCRIPTS = (
    "page.js",
    "connection.js",
    "second_thoughts.js",
    "transcript.js",
    "offers.js",
    "composer.js",
    "bench.js",
    "chats.js",
    "exporter.js",
    "keys.js",
    "doors.js",
    "copier.js",
    "progress.js",
    "list_order.js",
    "list_filter.js",
    "list_own.js",
    "list.js",
    "why.js",
    "sidebyside.js",
    "pair_plot.js",
    "pair.js",
)
STYLES = (
    "page.css",
    "dialogue.css",
    "offers.css",
    "second_thoughts.css",
    "workbench.css",
    "chats.css",
    "exporter.css",
    "list.css",
    "list_own.css",
    "why.css",
    "sidebyside.css",
    "pair.css",
    "habits.css",
)


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
