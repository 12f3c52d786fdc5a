"""Errors, areas under curves and their intervals."""

import math

import numpy as np
import pytest

from assistant.evaluate.metrics.interval import clustered_mean, mean
from assistant.evaluate.metrics.numbers import grouped_auc, value_metrics, yes_no_metrics


def by_name(metrics):
    return {metric.name: metric for metric in metrics}


def test_a_missing_value_is_scored_as_the_training_mean():
    found = by_name(value_metrics([1.0, None, 4.0], [1.0, 2.0, 6.0], fallback=5.0, unit="nm"))
    assert found["MAE (nm)"].value == pytest.approx((0 + 3 + 2) / 3)
    assert found["RMSE (nm)"].value == pytest.approx(math.sqrt((0 + 9 + 4) / 3))
    assert found["MAE of those given (nm)"].value == pytest.approx(1.0)
    assert found["MAE of those given (nm)"].n == 2
    assert found["share with a value"].value == pytest.approx(2 / 3)
    assert found["MAE (nm)"].better == "lower"


def test_areas_are_those_of_scikit_learn():
    # scikit-learn 1.9.1, computed once
    scores, labels = [0.9, 0.8, 0.8, 0.4, 0.4, 0.1], [True, True, False, False, True, False]
    found = by_name(yes_no_metrics([True] * 6, scores, labels))
    assert found["ROC-AUC"].value == pytest.approx(0.7777777777777778)
    assert found["AUPRC"].value == pytest.approx(0.7555555555555555)
    assert found["accuracy"].value == pytest.approx(0.5)


def test_an_unreadable_yes_or_no_is_wrong():
    found = by_name(yes_no_metrics([None, True, False], [0, 1, 2], [True, True, False]))
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert found["accuracy"].n == 3


def test_one_class_has_no_area():
    found = by_name(yes_no_metrics([True], [1.0], [True]))
    assert math.isnan(found["ROC-AUC"].value)
    assert found["ROC-AUC"].to_json()["value"] is None


def test_labels_are_averaged_not_pooled():
    # Within each label the ranking is perfect; pooled it is not.
    scores, labels = [1, 2, 11, 12], [False, True, False, True]
    metric = grouped_auc(scores, labels, ["a", "a", "b", "b"])
    assert metric.value == 1.0
    assert metric.name == "mean ROC-AUC of 2 labels"


def test_an_interval_is_that_of_the_normal_theory_for_many_rows():
    values = np.random.default_rng(1).normal(3.0, 2.0, size=2000)
    metric = mean("x", values)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert metric.low == pytest.approx(values.mean() - half, abs=0.02)
    assert metric.high == pytest.approx(values.mean() + half, abs=0.02)


def test_the_same_seed_gives_the_same_interval():
    values = np.arange(20.0)
    assert mean("x", values, seed=4) == mean("x", values, seed=4)
    assert mean("x", values, seed=4) != mean("x", values, seed=5)


def test_no_rows_have_no_value():
    assert math.isnan(mean("x", np.array([])).value)


def test_turns_of_one_conversation_are_drawn_together():
    values, clusters = np.array([1.0, 1, 1, 0]), ["a", "a", "a", "b"]
    metric = clustered_mean("x", values, clusters)
    assert (metric.value, metric.n) == (0.75, 4)
    assert (metric.low, metric.high) == (0.0, 1.0)  # a quarter of the draws are all of one script
