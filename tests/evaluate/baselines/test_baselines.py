"""Baselines find the rule where there is one."""

import numpy as np
import pytest

from assistant.evaluate.baselines.linear import fit_logistic, fit_pair_logistic, fit_ridge
from assistant.evaluate.baselines.neighbours import FingerprintIndex, WordIndex, fingerprint_matrix


@pytest.fixture
def bits():
    return (np.random.default_rng(0).random((400, 12)) < 0.4).astype(np.uint8)


def test_ridge_finds_weights_and_offset(bits):
    weights = np.arange(12) - 4.0
    predict = fit_ridge(bits, bits @ weights + 7)
    new = np.eye(12, dtype=np.uint8)
    assert predict(new) == pytest.approx(weights + 7, abs=0.2)


def test_ridge_on_noise_is_nearly_the_mean(bits):
    values = np.random.default_rng(1).normal(5.0, 1.0, 400)
    assert fit_ridge(bits, values)(bits).std() < 0.4


def test_ridge_on_one_row_is_its_value(bits):
    assert fit_ridge(bits[:1], [3.0])(bits[5:6]) == pytest.approx([3.0])


def test_logistic_separates_by_the_right_bit(bits):
    labels = bits[:, 3] == 1
    scores = fit_logistic(bits, labels)(bits)
    assert scores[labels].min() > scores[~labels].max()


def test_pairs_are_told_apart_by_common_bits_in_either_order(bits):
    pairs = np.random.default_rng(2).integers(0, 400, (3000, 2))
    labels = (bits[pairs[:, 0], 0] & bits[pairs[:, 1], 0]) == 1
    predict = fit_pair_logistic(bits, pairs, labels)
    scores = predict(pairs)
    assert ((scores > 0) == labels).mean() > 0.99
    assert predict(pairs[:, ::-1]) == pytest.approx(scores, abs=1e-4)


def test_the_nearest_molecule_is_itself_and_then_its_like():
    index = FingerprintIndex(["c1ccccc1C", "CCCCO", "CCCCCO", "[Na+].[Cl-]"])
    first, second = index.nearest("OCCCC", 2)
    assert (first.place, first.similarity) == (1, 1.0)
    assert second.place == 2
    assert 0 < second.similarity < 1


def test_what_is_no_structure_has_no_fingerprint():
    with pytest.raises(ValueError, match="no structure"):
        FingerprintIndex(["C1CC"])


def test_the_matrix_holds_the_bits_of_the_fingerprint():
    matrix = fingerprint_matrix(["CCO", "OCC"])
    assert matrix.shape == (2, 2048)
    assert (matrix[0] == matrix[1]).all()
    assert 0 < matrix[0].sum() < 20


def test_the_nearest_text_shares_its_rare_words():
    texts = ["it is an acid of tea", "it is a salt", "it is a salt of tea and of salt"]
    index = WordIndex(texts)
    assert index.nearest("a salt").place == 1
    assert index.nearest("acid").place == 0
    assert index.nearest("acid of tea").similarity > index.nearest("it is tea").similarity
