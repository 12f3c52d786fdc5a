"""An answer's figures in words: in the header while it is written, and in its passport."""

from assistant.chat.events import Queued
from assistant.chat.figures import Figures
from ui.render import escape

_STEP = 5.0  # seconds; an estimate that changes every second is only noise


def queue_text(queued: Queued) -> str:
    """A place in the queue, as it is read out once."""
    wait = f", about {_wait(queued.seconds)}" if queued.seconds is not None else ""
    place = "next" if queued.position <= 1 else f"number {queued.position}"
    return f"waiting: you are {place} in the queue{wait}"


def queue_html(queued: Queued) -> str:
    """A place in the queue for the header."""
    wait = f" · {_wait(queued.seconds)}" if queued.seconds is not None else ""
    return _figure(f"place {queued.position}{wait}", "place in the queue and estimated wait")


def figures_html(figures: Figures) -> str:
    """Figures for the header, the most telling first.

    A narrow page shows only the first ones; the first tip has all of them.
    """
    parts = []
    if figures.tokens_per_s is not None:
        parts.append((f"{speed_text(figures.tokens_per_s)} tok/s", figures_text(figures)))
    if figures.first_token_s is not None:
        waited = (
            f" after {seconds_text(figures.waited_s)} of waiting" if figures.waited_s >= 1 else ""
        )
        first = f"first token {seconds_text(figures.first_token_s)}"
        parts.append((first, f"from the model's start to the first token{waited}"))
    cached = f"{figures.cached_tokens} of {figures.prompt_tokens} tokens before the answer"
    parts.append((f"{figures.cached_share:.0%} cached", f"{cached} were kept from earlier turns"))
    parts.append((_memory(figures), "memory of the program"))
    return "".join(_figure(text, tip) for text, tip in parts)


def figures_text(figures: Figures) -> str:
    """Figures for the passport."""
    parts = [f"{figures.answer_tokens} tokens"]
    if figures.tokens_per_s is not None:
        parts.append(f"{speed_text(figures.tokens_per_s)} tok/s")
    if figures.first_token_s is not None:
        parts.append(f"first token {seconds_text(figures.first_token_s)}")
    parts.append(f"waited {seconds_text(figures.waited_s)}")
    parts.append(f"{figures.cached_tokens} of {figures.prompt_tokens} prompt tokens cached")
    return " · ".join([*parts, _memory(figures)])


def _figure(text: str, tip: str) -> str:
    return f'<span class="stat" tabindex="0" data-tip="{escape(tip)}">{escape(text)}</span>'


def _wait(seconds: float) -> str:
    return f"{max(_STEP, round(seconds / _STEP) * _STEP):.0f} s"


def seconds_text(seconds: float) -> str:
    """Seconds, or milliseconds below one."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def speed_text(speed: float) -> str:
    """Tokens a second, with a decimal below ten."""
    return f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}"


def _memory(figures: Figures) -> str:
    own = f"{size_text(figures.memory_bytes)} memory"
    return own if figures.gpu_bytes is None else f"{own}, {size_text(figures.gpu_bytes)} GPU"


def size_text(n_bytes: int) -> str:
    """Memory in MB or GB; small sizes with a decimal."""
    if n_bytes < 10e6:
        return f"{n_bytes / 1e6:.1f} MB"
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
