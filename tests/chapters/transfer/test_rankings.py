"""Statements about rankings, checked on the author's own scores, and effects of layers on made-up ones."""

import numpy as np
import pandas as pd
import pytest

from book.experiments.transfer import scoreboard
from book.experiments.transfer.published_features import LAYER_SETS
from mtlib.base import paths
from mtlib.base.errors import InputError

REPORTED = pd.read_csv(paths.DATA / "thesis" / "ch6_result_transfer.csv")
FALSE = {("T2", "top-7"), ("T4v", "top-6"), ("T5", "all 28")}  # errata E51, E52, E53


def reported(task):
    return REPORTED[REPORTED.task == task].set_index("combination").score


@pytest.mark.parametrize("statement", scoreboard.STATEMENTS, ids="-".join)
def test_the_statements_on_the_published_scores(statement):
    assert scoreboard.STATEMENTS[statement](reported(statement[0])) == (statement not in FALSE)


def test_every_statement_of_the_thesis_is_there():
    rows = pd.read_csv(paths.DATA / "thesis" / "ch6_ranking_statements.csv")
    assert set(zip(rows.task, rows.group, strict=True)) == set(scoreboard.STATEMENTS)


@pytest.mark.parametrize("statement", scoreboard.STATEMENTS, ids="-".join)
def test_every_statement_can_fail(statement):
    rng = np.random.default_rng(0)
    outcomes = {
        scoreboard.STATEMENTS[statement](pd.Series(rng.permutation(31).astype(float), index=list(LAYER_SETS)))
        for _ in range(50)
    }
    assert False in outcomes


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
