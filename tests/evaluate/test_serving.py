"""What the commands that measure from outside share."""

import argparse
from collections.abc import Callable

import pytest

from assistant.errors import AssistantError
from assistant.evaluate import facts_load, latency, page, serving
from assistant.evaluate.serving import open_browser, percentile, print_measured


def test_what_was_measured_is_printed_and_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1)
    monkeypatch.setattr("sys.argv", ["measure", "--runs", "3", "--llm", "other"])

    def measure(options: argparse.Namespace, rest: list[str]) -> list[object]:
        return [options.runs, *rest]

    def fail(options: argparse.Namespace, rest: list[str]) -> list[object]:
        raise AssistantError("launch.py ended")

    assert print_measured(parser, measure, str) == 0
    assert capsys.readouterr().out == "[3, '--llm', 'other']"
    assert print_measured(parser, fail, str) == 1
    assert capsys.readouterr().err == "launch.py ended\n"


@pytest.mark.parametrize("command", [page.main, latency.main])
def test_without_a_browser_a_command_says_how_to_get_one(
    command: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(serving, "find_browser", lambda: None)
    monkeypatch.setattr("sys.argv", ["measure"])
    with pytest.raises(AssistantError, match="No Chromium"), open_browser():
        pass
    assert command() == 1
    assert capsys.readouterr().err.startswith("No Chromium")


def test_every_command_takes_its_own_options_and_those_of_the_assistant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "sys.argv", ["measure", "--runs", "2", "--conversations", "3", "--llm", "x"]
    )
    monkeypatch.setattr(facts_load, "measure", lambda *given: given)
    monkeypatch.setattr(facts_load, "report", str)
    assert facts_load.main() == 0
    assert capsys.readouterr().out == "(['--llm', 'x'], 3, 2)"


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile([3.0, 1.0, 2.0], share) for share in (50, 95)] == [2.0, 3.0]
