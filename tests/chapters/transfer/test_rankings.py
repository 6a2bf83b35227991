"""Statements about rankings, checked on the author's own scores, and effects of layers on made-up ones."""

import numpy as np
import pandas as pd
import pytest

from book.experiments.transfer import protocols, published_features, scoreboard, svm
from book.experiments.transfer.published_features import LAYER_SETS
from mtlib.base import paths
from mtlib.base.errors import InputError

REPORTED = pd.read_csv(paths.DATA / "thesis" / "ch6_result_transfer.csv")
FALSE = {("T4v", "top-6")}  # note E53; two ties of T5 do not count (E51), three layers or more of T2 are meant (E52)


def reported(task):
    return REPORTED[REPORTED.task == task].set_index("combination").score


@pytest.mark.parametrize("statement", scoreboard.STATEMENTS, ids="-".join)
def test_the_statements_on_the_published_scores(statement):
    order = scoreboard.ranking(reported(statement[0]))
    assert all(x.holds(order) for x in scoreboard.STATEMENTS[statement]) == (statement not in FALSE)


def test_every_statement_of_the_thesis_is_there():
    rows = pd.read_csv(paths.DATA / "thesis" / "ch6_ranking_statements.csv")
    assert set(zip(rows.task, rows.group, strict=True)) == set(scoreboard.STATEMENTS)


def sure(order, n_apart):
    """Combinations of which one surely beats another if they are so many places apart."""
    place = {name: i for i, name in enumerate(order)}
    return pd.DataFrame([[place[b] - place[a] >= n_apart for b in order] for a in order], index=order, columns=order)


@pytest.mark.parametrize("statement", scoreboard.STATEMENTS, ids="-".join)
def test_every_statement_can_fail_and_stay_open(statement):
    rng, statements = np.random.default_rng(0), scoreboard.STATEMENTS[statement]
    found = []
    for _ in range(50):
        order = list(rng.permutation(scoreboard.RUN))
        holds = all(x.holds(order) for x in statements)
        judged = scoreboard.judge_statements(statements, sure(order, 1))["verdict"]
        assert judged == ("supported" if holds else "contradicted")  # all is sure: as read from the ranking
        found.append(judged)
        assert scoreboard.judge_statements(statements, sure(order, 99))["verdict"] == "inconclusive"
    assert "contradicted" in found


def test_a_statement_stands_or_falls_by_what_is_sure():
    [best] = [scoreboard.Statement(1, ("12345",))]
    order = ["12345", *(name for name in scoreboard.RUN if name != "12345")]
    for apart, verdict in ((1, "supported"), (2, "inconclusive")):
        assert scoreboard.judge_statements([best], sure(order, apart))["verdict"] == verdict
    last = [*order[1:], "12345"]
    assert scoreboard.judge_statements([best], sure(last, 27))["verdict"] == "contradicted"
    half = scoreboard.Statement(14, tuple(order[1:]), worst=True)  # 12345 is none of the worst 14
    assert scoreboard.judge_statements([half], sure(order, 5))["verdict"] == "supported"
    assert scoreboard.judge_statements([half], sure(last, 5))["verdict"] == "contradicted"


def test_what_surely_wins_is_found_and_ties_are_not():
    rng = np.random.default_rng(0)
    scores = np.array([0.9, 0.8, 0.8, 0.5])
    drawn = scores[:, None] + rng.normal(0, 0.01, (4, 500))
    drawn[2] = drawn[1]  # the same predictions
    above = scoreboard.surely_above(scores, drawn)
    assert above.tolist() == [[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    close = scoreboard.surely_above(scores, scores[:, None] + rng.normal(0, 0.1, (4, 500)))
    assert not close[0, 1] and close.sum() <= above.sum()


@pytest.mark.parametrize("regression", [False, True])
def test_resampled_scores_are_scores_of_repeated_clips(regression):
    rng, name = np.random.default_rng(0), "T4a" if regression else "T2"
    y = rng.normal(size=60) if regression else rng.integers(3, size=60)
    data = published_features.TaskData(published_features.TASKS[name], {}, y, pd.DataFrame())
    sizes, clips = (30, 20, 10), rng.permutation(60)
    results = []
    for s in (0.3, 0.6):
        predictions = y[clips] + s * rng.normal(size=60) if regression else np.where(rng.random(60) < s, y[clips], 0)
        folds = np.split(np.arange(60), np.cumsum(sizes)[:-1])
        scores = tuple(svm.score(y[clips][f], predictions[f]) for f in folds)
        results.append(
            protocols.Result(name, "1", "thesis", 0, float(np.average(scores, weights=sizes)), scores, sizes,
                             "", 0, 0.0, clips, predictions)
        )  # fmt: skip
    once = scoreboard.resampled(data, results, np.ones((60, 1)))[:, 0]
    assert once == pytest.approx([result.score for result in results])
    counts = rng.integers(1, 4, (60, 3)).astype(float)
    drawn = scoreboard.resampled(data, results, counts)
    again, size = np.repeat(np.arange(60), counts[:, 1].astype(int)), [counts[f, 1].sum() for f in folds]
    fold_of = np.repeat([0, 1, 2], sizes)[again]
    theirs = [svm.score(y[clips][again[fold_of == f]], results[0].predictions[again[fold_of == f]]) for f in range(3)]
    assert drawn[0, 1] == pytest.approx(np.average(theirs, weights=size))


def test_the_published_ranks_are_those_of_the_table():
    convnet = REPORTED[(REPORTED.task == "T1") & (REPORTED.kind == "convnet")]
    expected = list(convnet.sort_values("rank_within_convnet").combination)
    assert scoreboard.ranking(reported("T1")) == expected


def test_a_ranking_needs_all_combinations():
    with pytest.raises(InputError, match="no score for 45; a ranking needs all 28"):
        scoreboard.ranking(reported("T1").drop("45"))


def test_additive_scores_give_back_the_value_of_each_layer():
    value = dict(zip("12345", (0.1, 0.05, 0.0, -0.02, 0.3), strict=True))
    noise = np.random.default_rng(1).normal(0, 0.01, 10)  # shared by all combinations of a fold
    folds = pd.DataFrame({name: sum(value[c] for c in name) + noise for name in LAYER_SETS})
    effects = scoreboard.inclusion_effects(folds)
    assert {layer: effects[layer].value for layer in value} == pytest.approx(value, abs=1e-12)
    with pytest.raises(InputError, match="no scores for 12345"):
        scoreboard.inclusion_effects(folds.drop(columns="12345"))


def test_matched_gains_use_the_pairs_that_were_run():
    folds = pd.DataFrame({"2": [0.5, 0.5], "12": [0.7, 0.6], "3": [0.1, 0.1], "13": [0.2, 0.2], "45": [0.0, 0.0]})
    gains = scoreboard.inclusion_gains(folds, "1")
    assert list(gains.columns) == ["2", "3"]
    np.testing.assert_allclose(gains.to_numpy(), [[0.2, 0.1], [0.1, 0.1]])
    with pytest.raises(InputError, match="no combination was run both with and without layer 4"):
        scoreboard.inclusion_gains(folds, "4")
