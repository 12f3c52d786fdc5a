"""`/metrics`: what is shown, and who may read it."""

import pytest

import launch
from assistant.metrics import Registry
from tests.test_metrics import parse
from tests.test_security import ask, inner
from ui.metrics import MetricsPage
from ui.passcode import COOKIE, Door, PasscodeGate


def page(metrics: Registry | None, door: Door | None = None) -> MetricsPage:
    behind = inner if door is None else PasscodeGate(inner, door=door)
    return MetricsPage(behind, metrics=metrics, door=door)


@pytest.fixture
def metrics() -> Registry:
    registry = Registry()
    registry.counter("requests_total", "Requests.").add(3)
    return registry


def test_prometheus_reads_the_figures(metrics: Registry) -> None:
    for path in ("/metrics", "/metrics/"):
        answer = ask(page(metrics), path)
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert parse(answer.body.decode()) == {"molecule_chat_requests_total": {"": 3}}
    assert ask(page(metrics), "/metrics", method="POST").status == 405
    assert ask(page(metrics), "/metricss").body == b"inside 0"


def test_where_they_are_off_it_is_said_how_to_have_them() -> None:
    answer = ask(page(None), "/metrics")
    assert answer.status == 404
    assert b"--metrics" in answer.body


def test_others_read_them_only_inside_the_door(metrics: Registry) -> None:
    door = Door("a passcode")
    guarded = page(metrics, door)
    assert ask(guarded, "/metrics").status == 401
    inside = {"cookie": f"{COOKIE}={door.admit()}"}
    assert ask(guarded, "/metrics", headers=inside).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # a scraper beside it
        ({"x-forwarded-for": "127.0.0.1"}, 401),  # a visitor of the tunnel, which runs here too
        ({"host": "abc.gradio.live"}, 401),
    ],
)
def test_a_program_on_this_machine_needs_no_passcode(metrics, headers, status) -> None:
    guarded = page(metrics, Door("a passcode"))
    assert ask(guarded, "/metrics", client="127.0.0.1", headers=headers).status == status


@pytest.mark.parametrize(
    ("arguments", "on", "at_once"),
    [
        ([], True, 0),
        (["--share"], False, 2),
        (["--host", "0.0.0.0"], False, 2),
        (["--share", "--metrics", "--max-per-visitor", "5"], True, 5),
        (["--max-per-visitor", "1"], True, 1),
    ],
)
def test_figures_are_off_and_visitors_limited_where_others_can_come(arguments, on, at_once) -> None:
    options = launch.parse_arguments(arguments)
    assert (launch.make_metrics(options) is not None) == on
    assert launch.questions_at_once(options) == at_once


@pytest.mark.parametrize("wrong", [["--threads", "0"], ["--max-per-visitor", "-1"]])
def test_numbers_below_one_are_refused_by_name(wrong, capsys) -> None:
    with pytest.raises(SystemExit):
        launch.parse_arguments(wrong)
    assert f"{wrong[0]} takes a number from 1 on, not {wrong[1]}" in capsys.readouterr().err
