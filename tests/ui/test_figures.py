from dataclasses import replace

import pytest

from assistant.chat.events import Queued
from tests.ui.fakes import FIGURES
from ui.figures import figures_html, figures_text, queue_html, queue_text
from ui.passport import passport_html


def test_the_most_telling_figure_comes_first() -> None:
    html = figures_html(FIGURES)
    shown = [part.split("<")[0] for part in html.split(">")[1::2]]
    assert shown == ["31 tok/s", "first token 100 ms", "90% cached", "812 MB memory"]
    assert "after 2.0 s of waiting" in html
    assert "900 of 1000 tokens" in html


def test_what_is_not_known_yet_is_left_out() -> None:
    early = replace(FIGURES, tokens_per_s=None, first_token_s=None, gpu_bytes=7_400_000_000)
    html = figures_html(early)
    assert "tok/s" not in html
    assert "first token" not in html
    assert "812 MB memory, 7.4 GB GPU" in html


@pytest.mark.parametrize(
    ("seconds", "wait"), [(None, ""), (0.4, "5 s"), (12.4, "10 s"), (13.0, "15 s"), (61.0, "60 s")]
)
def test_an_estimate_moves_in_steps(seconds: float | None, wait: str) -> None:
    text, html = queue_text(Queued(2, seconds)), queue_html(Queued(2, seconds))
    assert text == "waiting: you are number 2 in the queue" + (f", about {wait}" if wait else "")
    assert (f"place 2 · {wait}" if wait else "place 2<") in html
    assert "next in the queue" in queue_text(Queued(1, seconds))


def test_the_passport_has_them_in_words_and_in_full() -> None:
    values = FIGURES.to_passport()
    html = passport_html({"figures": values})
    text = "40 tokens · 31 tok/s · first token 100 ms · waited 2.0 s · 900 of 1000 prompt tokens"
    assert text in html
    assert figures_text(FIGURES) in html
    assert "&quot;cached_tokens&quot;: 900" in html
    assert "speed 3" in passport_html({"figures": {"speed": 3}})  # of another version
