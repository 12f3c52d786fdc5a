"""The text format, read back by its own grammar
(https://prometheus.io/docs/instrumenting/exposition_formats/)."""

import re
import threading

import pytest

from assistant.metrics import Registry

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
NUMBER = r"[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN"
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ({NUMBER})")
HELP = re.compile(rf"# HELP ({NAME}) ((?:[^\\\n]|\\\\|\\n)*)")
TYPE = re.compile(rf"# TYPE ({NAME}) (counter|gauge|histogram)")


def parse(text: str) -> dict[str, dict[str, float]]:
    """Samples by metric and labels; fails where a line is not of the format or out of place."""
    assert text.endswith("\n")
    found: dict[str, dict[str, float]] = {}
    kinds: dict[str, str] = {}
    current = ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP"):
            current = HELP.fullmatch(line)[1]
            assert current not in found
            found[current] = {}
        elif line.startswith("# TYPE"):
            name, kind = TYPE.fullmatch(line).groups()
            assert name == current
            assert not found[name]
            kinds[name] = kind
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample is not None, line
            name, labels, number = sample.groups()
            suffix = name.removeprefix(current)
            allowed = {"_bucket", "_sum", "_count"} if kinds[current] == "histogram" else {""}
            assert suffix in allowed
            key = suffix + (labels or "")
            assert key not in found[current]
            found[current][key] = float(number)
            assert kinds[current] != "counter" or current.endswith("_total")
    for name, kind in kinds.items():
        if kind == "histogram":
            counts = [v for k, v in found[name].items() if k.startswith("_bucket")]
            assert counts == sorted(counts)
            assert counts[-1] == found[name]['_bucketle="+Inf"'] == found[name]["_count"]
    return found


def test_every_kind_follows_the_grammar() -> None:
    registry = Registry("app")
    requests = registry.counter("requests_total", "Ended requests.", "outcome", ("end", "failed"))
    plain = registry.counter("tokens_total", 'Drawn; "quoted" \\ and\nin two lines.')
    wait = registry.histogram("wait_seconds", "Waits.", (0.1, 1, 10))
    registry.read("memory_bytes", "Memory.", lambda: 123456789.0)
    registry.read("cache_bytes", "Caches.", lambda: {'a "b"\\\n': 1.5, "c": 2e-7}, "cache")
    registry.read("nothing", "Not there yet.", dict)
    requests.add(value="end")
    plain.add(7)
    for seconds in (0.05, 0.1, 0.5, 100):
        wait.observe(seconds)
    found = parse(registry.text())
    assert found["app_requests_total"] == {'outcome="end"': 1, 'outcome="failed"': 0}
    assert found["app_tokens_total"] == {"": 7}
    assert found["app_wait_seconds"] == {
        '_bucketle="0.1"': 2,
        '_bucketle="1"': 3,
        '_bucketle="10"': 3,
        '_bucketle="+Inf"': 4,
        "_sum": pytest.approx(100.65),
        "_count": 4,
    }
    assert found["app_memory_bytes"] == {"": 123456789}
    assert sorted(found["app_cache_bytes"].values()) == [2e-7, 1.5]
    assert "app_nothing" not in found


def test_a_label_takes_only_the_values_named_for_it() -> None:
    counter = Registry().counter("refused_total", "Refused.", "reason", ("queue",))
    with pytest.raises(ValueError, match="CCO"):
        counter.add(value="CCO")
    with pytest.raises(ValueError, match="-1"):
        counter.add(-1, "queue")


def test_a_name_is_given_once() -> None:
    registry = Registry()
    registry.counter("requests_total", "Requests.")
    with pytest.raises(ValueError, match="molecule_chat_requests_total"):
        registry.histogram("requests_total", "Requests.", (1,))


def test_no_count_is_lost_between_threads() -> None:
    registry = Registry("app")
    counter = registry.counter("tokens_total", "Tokens.")
    spread = registry.histogram("wait_seconds", "Waits.", (1,))

    def work() -> None:
        for _ in range(2000):
            counter.add()
            spread.observe(0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = parse(registry.text())
    assert found["app_tokens_total"][""] == 8000
    assert found["app_wait_seconds"]["_count"] == 8000
