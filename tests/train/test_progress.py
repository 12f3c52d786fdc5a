"""The progress bar says how far, how fast and how long."""

import io

from assistant.train.progress import Progress, duration


def test_the_line_has_share_rate_and_time_left():
    bar = Progress("align", 100, done=20)
    bar.done, bar._units = 40, 5000
    line = bar.line(10.0, "loss 1.5")
    assert line.startswith("align ██████████░░░░░░░░░░░░░░ 40/100  40%")
    assert line.endswith("500 tokens/s  30 s left  loss 1.5")


def test_a_file_gets_a_line_at_the_end_and_a_terminal_every_step():
    stream = io.StringIO()
    bar = Progress("x", 3, stream=stream)
    for _ in range(3):
        bar.advance(10)
    assert stream.getvalue().count("\n") == 1
    stream = io.StringIO()
    stream.isatty = lambda: True
    bar = Progress("x", 3, stream=stream)
    for _ in range(3):
        bar.advance(10)
    assert stream.getvalue().count("\r") == 3
    assert stream.getvalue().endswith("\n")


def test_durations_are_readable():
    assert [duration(s) for s in (5, 99, 101, 3600, 9000)] == [
        "5 s", "99 s", "2 min", "60 min", "2 h 30 min",
    ]  # fmt: skip
