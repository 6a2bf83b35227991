"""Label noise: Table 3-A again, intervals against SciPy and simulation, areas against drawn labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from book.experiments.label_noise import estimates
from book.experiments.label_noise.estimates import METHODS, QUANTITIES, Annotator, Counts
from mtlib.base import paths
from mtlib.base.errors import InputError


def rng(seed=0):
    return np.random.default_rng(seed)


def table_3a() -> pd.DataFrame:
    return pd.read_csv(paths.DATA / "thesis" / "table_3a_label_noise.csv").set_index("tag")


def counts_3a(tag: str) -> Counts:
    row = table_3a().loc[tag]
    wrong = [round(row[name] / 2) for name in ("a_error_rate_positive_pct", "b_error_rate_negative_pct")]
    return Counts(242_842, int(row.e_count_ground_truth), 50, wrong[0], 50, wrong[1])


@pytest.mark.parametrize("tag", table_3a().index)
def test_table_3a_comes_back_to_rounding(tag):
    row, counts = table_3a().loc[tag], counts_3a(tag)
    assert 100 * estimates.value(counts, "precision") == pytest.approx(row.c_precision_pct, abs=0.0501)
    assert 100 * estimates.value(counts, "balanced_recall") == pytest.approx(row.d_recall_pct, abs=0.0501)
    assert 242_842 * estimates.value(counts, "prevalence") == pytest.approx(row.f_count_estimate, abs=1)


def test_recall_among_all_clips_is_bayes_rule():
    """Erratum E13: 22.0, 24.1, 1.90 and 1.90 %, not 88.7 to 58.3 %."""
    found = [100 * estimates.value(counts_3a(tag), "recall") for tag in table_3a().index]
    assert found == pytest.approx([22.0, 24.1, 1.90, 1.90], abs=0.05)


def test_a_census_gives_the_recall_itself():
    truth, observed = rng().random((2, 3000)) < [[0.3], [0.1]]
    counts = estimates.count(observed, truth)
    assert estimates.value(counts, "recall") == pytest.approx((observed & truth).sum() / truth.sum())
    assert estimates.value(counts, "prevalence") == pytest.approx(truth.mean())


def test_exact_intervals_are_clopper_and_pearsons():
    low, high = estimates.intervals(counts_3a("guitar"), method="exact")["precision"]
    theirs = stats.binomtest(49, 50).proportion_ci(0.95, method="exact")
    assert (low, high) == pytest.approx((theirs.low, theirs.high))


@given(st.integers(0, 20), st.integers(0, 30), st.sampled_from(sorted(QUANTITIES)))
def test_intervals_hold_the_estimate_and_exact_ones_are_widest(wrong_positive, wrong_negative, quantity):
    counts = Counts(10_000, 800, 20, wrong_positive, 30, wrong_negative)
    value = estimates.value(counts, quantity)
    exact = estimates.intervals(counts, method="exact")[quantity]
    posterior = estimates.intervals(counts, rng=rng(), method="posterior")[quantity]
    assert exact[0] - 0.01 <= posterior[0] <= posterior[1] <= exact[1] + 0.01
    if not np.isnan(value):
        assert exact[0] <= value + 1e-12 and value - 1e-12 <= exact[1]


@pytest.mark.parametrize(("method", "least", "most"), [("posterior", 0.93, 0.97), ("exact", 0.95, 1.0)])
def test_intervals_cover(method, least, most):
    wrong = rng(1).binomial(50, [[0.06], [0.3]], size=(2, 1500))
    counts = Counts(100_000, 5000, 50, wrong[0], 50, wrong[1])
    found = estimates.intervals(counts, rng=rng(), method=method, n_draws=1000)
    for quantity, function in QUANTITIES.items():
        low, high = found[quantity]
        truth = function(0.94, 0.3, 0.05)
        covered = np.mean((low <= truth) & (truth <= high))
        spare = 0.02 if quantity == "precision" else 0.0  # a lattice: one rate of fifty clips
        assert least - spare <= covered <= most + spare, quantity


def test_no_error_seen_leaves_the_bootstrap_without_an_interval():
    counts = Counts(1000, 100, 50, 0, 50, 0)
    assert estimates.intervals(counts, rng=rng(), method="bootstrap")["precision"] == (1, 1)
    assert estimates.intervals(counts, rng=rng())["precision"][0] < 0.97


def test_a_known_annotator_is_corrected():
    annotator = Annotator(0.9, 0.95)
    judged = np.array([0.05, 0.9 * 0.3 + 0.05 * 0.7, 0.9])
    assert annotator.corrected(judged) == pytest.approx([0, 0.3, 1])
    assert annotator.corrected(np.array([0.0, 1.0])) == pytest.approx([0, 1])
    with pytest.raises(InputError, match="better than chance"):
        Annotator(0.5, 0.5)


def test_estimate_takes_a_dataset():
    generator = rng(4)
    truth = generator.random((4000, 2)) < [0.4, 0.2]
    observed = truth & (generator.random(truth.shape) < [0.2, 0.8])
    clips = generator.choice(4000, 1500, replace=False)
    table = estimates.estimate(observed, clips, truth[clips], rng=generator, names=["a", "b"])
    table = table.set_index(["tag", "quantity"])
    assert len(table) == 2 * len(QUANTITIES)
    for name, tagability in (("a", 0.2), ("b", 0.8)):
        row = table.loc[(name, "recall")]
        assert row.low < tagability < row.high and row.high - row.low < 0.15


def test_what_was_not_judged_does_not_count():
    observed, clips = np.array([1, 1, 0, 0, 0]), np.array([0, 2, 3])
    counts = estimates.count(observed, [1, np.nan, 1], clips)
    assert (counts.n_positive, counts.n_wrong_positive, counts.n_negative, counts.n_wrong_negative) == (
        1, 0, 1, 1,
    )  # fmt: skip


def test_bad_input_is_refused():
    observed = np.array([1, 0, 0])
    for annotated, clips, message in (
        ([2, 0], [0, 1], "0, 1 or NaN"),
        ([1, 0], [0, 0], "once"),
        ([1, 0], [0, 3], "index"),
        ([1], [0, 1], "as long as clips"),
    ):
        with pytest.raises(InputError, match=message):
            estimates.count(observed, annotated, np.array(clips))
    with pytest.raises(InputError, match="n_wrong_positive"):
        Counts(100, 10, 5, 6, 5, 0)
    with pytest.raises(InputError, match="n_observed"):
        Counts(100, 0, 0, 0, 5, 0)
    counts = Counts(100, 10, 5, 1, 5, 1)
    with pytest.raises(InputError, match="quantity"):
        estimates.value(counts, "accuracy")
    with pytest.raises(InputError, match="method"):
        estimates.intervals(counts, method="normal", rng=rng())
    with pytest.raises(InputError, match="rng"):
        estimates.intervals(counts)
    assert set(METHODS) == {"posterior", "bootstrap", "exact"}
