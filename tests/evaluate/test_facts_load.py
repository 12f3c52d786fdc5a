"""Facts stay quick while answers are written: the command in short form, and its report."""

import httpx
import pytest

from assistant.errors import AssistantError
from assistant.evaluate.facts_load import (
    MOLECULES,
    QUESTION,
    Waits,
    facts,
    phase,
    report,
    under_load,
)
from assistant.evaluate.serving import PATIENCE_S, percentile, running
from assistant.evaluate.startup import stream_answer

BAR_S = 0.3
ALONE_S = 0.06  # the 95th percentile with nothing else to do, on two quiet cores
ROUNDS = 3  # other programs on the machine may spoil one


def test_the_percentile_is_a_value_that_was_measured() -> None:
    values = tuple(float(n) for n in range(100, 0, -1))
    assert percentile(values, 95) == 95
    assert percentile((3.0,), 95) == 3
    assert percentile((1.0, 2.0), 50) == 1


def test_each_phase_has_its_line() -> None:
    found = [Waits("alone", (0.02, 0.03, 0.04)), Waits("8 answering", (0.1, 0.2, 0.6), 7)]
    assert [line.split() for line in report(found).splitlines()[1:]] == [
        ["alone", "30", "40", "40", "3", "0"],
        ["8", "answering", "200", "600", "600", "3", "7"],
    ]


def test_facts_are_there_within_the_bar_while_eight_conversations_are_answered() -> None:
    seen: list[float] = []
    with (
        running([]) as served,
        httpx.Client(base_url=served.address, timeout=PATIENCE_S) as client,
    ):
        served.wait_for_page(client)
        assert any(stream_answer(client, QUESTION.format(MOLECULES[0])))
        for smiles in MOLECULES:
            facts(client, smiles)
        for _ in range(ROUNDS):
            # Where other programs make facts alone slow, the bar is as much higher.
            slowness = max(phase(client, "alone", 20).p95 / ALONE_S, 1.0)
            waits = under_load(client, served.address, 8, 30)
            assert waits.answers > 0
            seen.append(waits.p95 / slowness)
            if seen[-1] <= BAR_S:
                break
    assert min(seen) <= BAR_S, seen


def test_what_is_no_molecule_is_told() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": [{"error": "no molecule", "position": None}]})

    transport = httpx.MockTransport(handler)
    with (
        httpx.Client(base_url="http://x", transport=transport) as client,
        pytest.raises(AssistantError, match="no molecule"),
    ):
        facts(client, "?")
