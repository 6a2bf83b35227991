"""Areas on noisy labels against drawn labels and scores."""

import numpy as np
import pandas as pd
import pytest

from book.experiments.label_noise import estimates, results
from mtlib.base.errors import InputError
from mtlib.evidence import evaluation


def rng(seed=0):
    return np.random.default_rng(seed)


def test_noise_shrinks_the_area_as_foretold():
    generator = rng(2)
    truth = generator.random(200_000) < 0.4
    score = truth + generator.normal(size=len(truth))
    observed = np.where(truth, generator.random(len(truth)) < 0.3, generator.random(len(truth)) < 0.02)
    counts = estimates.count(observed, truth)
    rates = counts.hits[0][0] / counts.n_positive, counts.n_wrong_negative / counts.n_negative
    expected = results.expected_auc(evaluation.auc(truth, score), *rates)
    assert evaluation.auc(observed, score) == pytest.approx(expected, abs=0.004)
    assert evaluation.auc(observed, truth.astype(float)) == pytest.approx(float(estimates.value(counts, "ceiling")))


def test_the_error_of_an_area_is_that_of_simulation():
    """With exponential scores, for which Hanley and McNeil's formula is exact."""
    generator, labels = rng(3), np.arange(400) < 15
    areas = [evaluation.auc(labels, generator.exponential(np.where(labels, 4.0, 1.0))) for _ in range(400)]
    assert results.auc_error(0.8, 15, 385) == pytest.approx(np.std(areas), rel=0.1)


def test_the_error_of_a_mean_of_areas_shrinks_with_the_tags():
    one = results.macro_auc(pd.Series({"rock": 0.8}), pd.Series({"rock": 15}), 400)
    four = results.macro_auc(pd.Series(dict.fromkeys("abcd", 0.8)), pd.Series(dict.fromkeys("abcd", 15)), 400)
    assert one.value == four.value == pytest.approx(0.8) and one.kind == "test clips"
    assert one.floor == results.auc_error(0.8, 15, 385) == pytest.approx(2 * four.floor)


def test_rates_are_bayes_rule():
    truth = rng(5).random(400_000) < 0.4
    observed = np.where(truth, rng(6).random(len(truth)) < 0.1, rng(7).random(len(truth)) < 0.02)
    with_label, without = results.rates(0.4, 0.1, 0.02)
    assert with_label == pytest.approx(truth[observed].mean(), abs=0.01)
    assert without == pytest.approx(truth[~observed].mean(), abs=0.01)
    with pytest.raises(InputError, match="tagability"):
        results.rates(0.4, 1.1)
