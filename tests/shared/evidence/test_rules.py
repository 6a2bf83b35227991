"""Verdicts: each rule judges as written, and errs as seldom as it promises."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.evidence import rules, statistics
from mtlib.evidence.correlation import Correlation
from mtlib.evidence.statistics import Estimate

finite = st.floats(-5, 5)


@given(finite, finite, finite)
def test_an_interval_is_judged_by_where_it_lies(a, b, reference):
    low, high = sorted((a, b))
    above, below = (
        rules.judge_interval(low, high, reference, claimed=side, rule_id="proportion")["verdict"]
        for side in ("above", "below")
    )
    assert (above == "supported") == (low > reference)
    assert (below == "supported") == (high < reference)
    assert (above == "inconclusive") == (below == "inconclusive") == (low <= reference <= high)
    opposite = {"supported": "contradicted", "contradicted": "supported", "inconclusive": "inconclusive"}
    assert below == opposite[above]


def test_an_open_difference_names_the_n_that_would_decide():
    estimate = statistics.mean(np.array([0.02, -0.01, 0.015, 0.0, 0.01]))
    verdict = rules.judge(estimate, claimed="above")
    assert verdict["verdict"] == "inconclusive"
    n = statistics.deciding_n(estimate.value, estimate.deviation)
    assert verdict["reason"] == f"about {n:,} repetitions would decide at this mean and spread"
    lost = rules.judge(statistics.mean(np.array([0.01, -0.005]), floor=0.02), claimed="above")
    assert "the test set is too small" in lost["reason"]


def test_equal_is_a_verdict_of_its_own():
    for values, verdict in (
        ([0.001, -0.001, 0.002, 0.0, -0.002], "supported"),
        ([0.02, 0.021, 0.019, 0.022, 0.018], "contradicted"),
        ([0.02, -0.02, 0.01, 0.0, -0.01], "inconclusive"),
    ):
        estimate = statistics.mean(np.array(values))
        assert rules.judge(estimate, claimed="equal")["verdict"] == verdict
        shifted = statistics.mean(np.array(values) + 0.8)
        assert rules.judge(shifted, claimed="equal", reference=0.8)["verdict"] == verdict
        low, high = estimate.interval(0.90)
        assert (-0.005 < low < high < 0.005) == (verdict == "supported")


def step(value, error=0.001):
    return statistics.Estimate(value, error, 10, 11, error)


def test_an_order_stands_only_whole_and_falls_with_one_pair():
    judge = rules.judge_order
    assert judge([step(0.01), step(0.02)], "abc")["verdict"] == "supported"
    half = judge([step(0.01), step(0.0005)], "abc")
    assert (half["verdict"], half["reason"]) == ("inconclusive", "a > b; b ? c")
    fallen = judge([step(0.01), step(-0.01)], "abc")
    assert (fallen["verdict"], fallen["reason"], fallen["estimate"]) == ("contradicted", "a > b; b < c", -0.01)
    borderline = step(-0.0023)  # p = 0.022 alone, 0.044 as one of two
    assert judge([borderline], "ab")["verdict"] == "contradicted"
    assert judge([borderline, step(0.01)], "abc")["verdict"] == "inconclusive"


def test_a_correlation_is_judged_by_its_test_or_its_margin():
    strong, none = Correlation(0.6, 0.4, 0.75, 0.001, 50), Correlation(0.02, -0.2, 0.25, 0.8, 50)
    judge = rules.judge_correlation
    assert [judge(strong, claimed=c)["verdict"] for c in ("above", "below")] == ["supported", "contradicted"]
    assert judge(strong, claimed="none")["verdict"] == "contradicted"
    assert judge(none, claimed="above")["verdict"] == "inconclusive"
    assert judge(none, claimed="none")["verdict"] == "supported"
    assert judge(none, claimed="none", margin=0.1)["verdict"] == "inconclusive"


def test_false_verdicts_are_rare_and_real_differences_are_seen():
    """A small version of tests/benchmarks/decisions.py."""
    rng = np.random.default_rng(0)
    for effect, least, most in ((0.0, 0, 0.05), (0.02, 0.75, 1)):
        runs = effect + rng.normal(0, 0.0027, (1500, 1)) + rng.normal(0, 0.0099, (1500, 5))
        estimates = [statistics.mean(row, floor=0.0027) for row in runs]
        verdicts = [rules.judge(estimate, claimed="above")["verdict"] for estimate in estimates]
        decided = 1 - verdicts.count("inconclusive") / 1500
        assert least <= decided <= most
    assert verdicts.count("contradicted") <= 2


def test_the_recorded_error_rates_keep_the_promise():
    table = pd.read_csv(paths.DATA / "results" / "decision_rules.csv")
    ours = table[table.rule_id.isin(rules.measured())]
    assert (ours.false_low <= 0.05).all() and (ours.false <= 0.06).all() and (ours.n_simulations >= 500).all()
    for rule in ("mean", "order", "contrast"):
        powers = ours[(ours.rule_id == rule) & ours.effect.isin([0.01, 0.02])]
        powers = powers.pivot_table(index="n", columns="effect", values="supported")
        assert (powers[0.02] > powers[0.01]).all()
    others = table[~table.rule_id.isin(rules.measured())]
    assert (others["false_low"] > 0.05).all()  # why the percentile bootstrap over seeds is not used


def test_every_rule_says_which_it_is_and_is_measured():
    several = [statistics.mean(np.array([0.1, 0.2, 0.3]))] * 2
    found = [
        rules.judge(several[0], claimed="above"),
        rules.judge(several[0], claimed="equal"),
        rules.judge(statistics.fold_mean(np.arange(10.0)), claimed="below"),
        rules.judge(statistics.difference(np.arange(5.0), np.arange(6.0)), claimed="above"),
        rules.judge_order(several, "abc"),
        rules.judge_every(several, "ab", claimed="above"),
        rules.judge_every(several, "ab", claimed="equal"),
        rules.judge_correlation(Correlation(0.6, 0.4, 0.75, 0.001, 50), claimed="above"),
        rules.judge_correlation(Correlation(0.6, 0.4, 0.75, 0.001, 50), claimed="none"),
    ]
    assert [one["rule_id"] for one in found] == [
        "mean", "mean, equal", "folds", "two samples", "order", "every mean", "every mean, equal",
        "correlation", "correlation within a margin",
    ]  # fmt: skip
    assert {one["rule_id"] for one in found} <= rules.measured()
    assert rules.judge_exact(True) == {"rule_id": "exact", "verdict": "supported"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rules.judge_interval(1, 0, 0, claimed="above", rule_id="mean"), "low must not exceed high"),
        (lambda: rules.judge(step(0), claimed="over"), "claimed must be"),
        (lambda: rules.judge_order([step(0)], "a"), "one more than differences"),
        (lambda: rules.judge_correlation(Correlation(0, 0, 0, 1, 5), claimed="equal"), "claimed must be"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_every_one_of_several_is_judged_by_the_worst():
    rng = np.random.default_rng(0)

    def estimates(*means):
        noise = rng.normal(0, 0.001, 10)
        return [statistics.mean(mean + noise - noise.mean()) for mean in means]

    above = rules.judge_every(estimates(0.02, 0.03), ["a", "b"], claimed="above")
    assert above["verdict"] == "supported" and above["estimate"] == pytest.approx(0.02, abs=0.002)
    mixed = rules.judge_every(estimates(0.02, -0.03, 0.0), ["a", "b", "c"], claimed="above")
    assert mixed["verdict"] == "contradicted" and mixed["reason"] == "1 of 3 alone; against it b; open c"
    equal = rules.judge_every(estimates(0.0, 0.001), ["a", "b"], claimed="equal")
    assert equal["verdict"] == "supported" and "within ±0.005" in equal["rule"]
    beyond = rules.judge_every(estimates(0.0, -0.02), ["a", "b"], claimed="equal")
    assert beyond["verdict"] == "contradicted" and beyond["estimate"] == pytest.approx(-0.02, abs=0.002)
    with pytest.raises(InputError, match="names must be one an estimate"):
        rules.judge_every([], [], claimed="equal")


def test_judging_many_does_not_invent_contradictions():
    rng = np.random.default_rng(1)
    verdicts = []
    for _ in range(150):
        draws = [statistics.mean(rng.normal(0.005, 0.01, 5)) for _ in range(12)]  # on the border
        verdicts.append(rules.judge_every(draws, list("abcdefghijkl"), claimed="equal")["verdict"])
    assert np.mean(np.array(verdicts) == "contradicted") < 0.06
    assert np.mean(np.array(verdicts) == "supported") < 0.06


def test_what_is_not_known_leaves_a_claim_open():
    up, down, open_ = Estimate(0.02, 0.001, 4, 5), Estimate(-0.02, 0.001, 4, 5), Estimate(0.001, 0.01, 4, 5)

    def judge(**found):
        return rules.judge_known(found, claimed="above")

    assert judge(a=up, b=up)["verdict"] == "supported"
    assert judge(a=up, b=open_)["verdict"] == judge(a=up, b=None)["verdict"] == "inconclusive"
    assert judge(a=up, b=down)["verdict"] == judge(a=down, b=None)["verdict"] == "contradicted"
    assert "against it b" in judge(a=up, b=down)["reason"] and "not known: b" in judge(a=up, b=None)["reason"]
    assert judge(a=None, b=None)["verdict"] == judge(a=None)["verdict"] == judge()["verdict"] == "not tested"
    assert judge(a=up) == rules.judge(up, claimed="above")
