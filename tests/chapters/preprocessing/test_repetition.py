"""Spread, next run and power keep their promises in simulations and against closed forms."""

import numpy as np
import pytest
from scipy import stats

from book.experiments.preprocessing import learning_curves
from mtlib.base.errors import InputError


def test_intervals_cover_as_they_say():
    rng = np.random.default_rng(0)
    draws = rng.normal(0.8, 0.004, (2000, 6))
    spreads = [learning_curves.spread(row[:5]) for row in draws]
    inside = np.mean([found.low <= 0.004 <= found.high for found in spreads])
    assert inside == pytest.approx(0.95, abs=0.02)
    hits = [low <= row[5] <= high for row, (low, high) in
            zip(draws, map(learning_curves.next_interval, draws[:, :5]), strict=True)]  # fmt: skip
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)


def test_the_share_of_near_pairs_is_the_share_seen():
    rng = np.random.default_rng(1)
    runs = rng.normal(0, 0.003, (2, 100_000))
    seen = np.mean(np.abs(runs[0] - runs[1]) < 0.005)
    share, low, high = learning_curves.Spread(0.003, 0.002, 0.004, 15).within(0.005)
    assert share == pytest.approx(seen, abs=0.005) and low < share < high
    assert learning_curves.spread(np.ones(3)).within()[0] == 1.0


@pytest.mark.parametrize("question", ["difference", "equality"])
@pytest.mark.parametrize("n", [3, 8, 20])
def test_power_is_what_a_simulation_finds(question, n):
    rng = np.random.default_rng(2)
    true = 0.005 if question == "difference" else 0.0
    draws = rng.normal(true, 0.006, (20_000, n))
    mean, error = draws.mean(1), draws.std(1, ddof=1) / n**0.5
    if question == "difference":
        hits = np.abs(mean) > stats.t.isf(0.025, n - 1) * error
    else:
        hits = np.abs(mean) + stats.t.isf(0.05, n - 1) * error < 0.005
    found = learning_curves.power(n, 0.005, 0.006, question=question)
    assert found == pytest.approx(hits.mean(), abs=0.012)


def test_the_number_needed_is_the_first_that_does():
    for question in ("difference", "equality"):
        n = learning_curves.n_needed(0.005, 0.0099, question=question)
        assert learning_curves.power(n, 0.005, 0.0099, question=question) >= 0.8
        assert learning_curves.power(n - 1, 0.005, 0.0099, question=question) < 0.8
    assert learning_curves.n_needed(0.005, 0.0099) == 33  # textbook: (1.96 + 0.84)² · (0.0099 / 0.005)² + 2


def test_bad_input_is_told():
    with pytest.raises(InputError, match="at least two finite numbers"):
        learning_curves.spread(np.array([0.8]))
    with pytest.raises(InputError, match="size and deviation must be above 0"):
        learning_curves.power(3, 0, 1)
    with pytest.raises(InputError, match="no feasible number"):
        learning_curves.n_needed(1e-9, 1.0)
    with pytest.raises(InputError, match="question must be"):
        learning_curves.power(3, 1, 1, question="both")
