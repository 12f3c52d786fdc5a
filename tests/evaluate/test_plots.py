"""Pictures are drawn from a report."""

import pytest

from assistant.evaluate.metrics.interval import Metric
from assistant.evaluate.report import Report, ReportRow

pytest.importorskip("matplotlib", reason="draws pictures: pip install -e .[train]")


def row(name, kind, value):
    metrics = [Metric("MAE (nm)", value, value - 1, value + 1, 3, "lower")]
    metrics.append(Metric("MAE of those given (nm)", float("nan"), 0, 0, 0, "lower"))
    return ReportRow(name, kind, metrics, 3)


def test_bars_for_all_methods_and_points_for_values(tmp_path):
    from assistant.evaluate.plots import draw_report

    outcomes = [{"reference": float(i), "prediction": i + 0.5} for i in range(3)]
    outcomes.append({"reference": 3.0, "prediction": None})
    rows = [row("language model, full", "language model", 4.0), row("constant", "baseline", 9.0)]
    report = Report(
        "pairs:absorption", "t.csv", rows, "command", 0, {"name": "x"}, outcomes=outcomes
    )
    pictures = draw_report(report, tmp_path / "plots")
    assert [p.name for p in pictures] == [
        "pairs-absorption__x__full__n3__s0.png",
        "pairs-absorption__x__full__n3__s0__points.png",
    ]
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)
