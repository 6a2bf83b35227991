"""Trained to the end: one recipe, rates from a grid, whole cells, and what twice the epochs change."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import toy
from book.experiments.architectures import convergence, trainings
from mtlib.__main__ import program
from mtlib.base import paths, profiles
from mtlib.evidence import statistics

GIVEN = {"profile": "smoke", "corpus": "tones", "seed": 0, "device": "cpu", "scheduler": ""}


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "forms").symlink_to(paths.DATA / "forms")
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    return toy.write(n_clips=40)


def test_all_structures_have_one_recipe_and_the_same_clips(corpus):
    spec = trainings.base(profiles.check(GIVEN), corpus)
    rates = dict.fromkeys(trainings.ORDER, 3e-3)
    planned = convergence.plan(spec, rates, n_seeds=3)
    assert len({run for _, run in planned}) == len(planned) == 4 * len(convergence.EPOCHS) * 3
    assert len({(run.n_train, run.training.mixup, run.training.turned) for _, run in planned}) == 1
    assert all(second == 2 * first for first, second in itertools.pairwise(convergence.EPOCHS))
    assert all(run.training.patience == run.training.epochs for _, run in planned)  # the rate decays to its end
    tried = convergence.rate_runs(spec, ["crnn"])
    assert sorted(run.training.peak_rate for _, run in tried) == sorted(convergence.RATES)
    assert not {run.seed for _, run in tried} & {run.seed for _, run in planned}


def test_a_cell_is_kept_whole_or_not_at_all():
    planned = [(name, number) for name in ("once", "twice") for number in range(3)]
    done = planned[:5]
    assert convergence.whole(done, planned) == [0, 1, 2]


def test_the_difference_of_twice_the_epochs_is_paired_by_seed():
    once, twice = np.array([0.800, 0.810, 0.790]), np.array([0.802, 0.813, 0.791])
    rows = pd.DataFrame(
        [("k2c1", 0.1, epochs, seed, areas[seed], epochs - 1)
         for epochs, areas in ((16, once), (32, twice), (128, once)) for seed in range(3)]
        + [("k2c1", 0.1, 16, trainings.RATE_SEED, 0.1, 2), ("crnn", 0.1, 16, 0, 0.8, 16),
           ("ridge on MFCC", 0.0, 0, 0, 0.7, np.nan)],
        columns=["structure", "budget", "epochs", "seed", "roc_auc", "best_epoch"],
    )  # fmt: skip
    (row,) = convergence.summary(rows).to_dict("records")
    expected = statistics.paired_difference(twice, once)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.002, expected.low, expected.high))
    assert (row["structure"], row["epochs"], row["best epoch"], row["seeds"]) == ("k2c1", 16, 15, 3)
    assert row["enough"]
    assert not convergence.summary(rows.assign(roc_auc=rows["roc_auc"] + 0.002 * (rows["epochs"] == 32)))["enough"][0]


def test_the_command_estimates_trains_and_records_what_is_whole(corpus, monkeypatch):
    monkeypatch.setattr(convergence, "EPOCHS", (1, 2, 4))
    monkeypatch.setattr(convergence.plan, "__defaults__", ((1, 2, 4),))
    monkeypatch.setattr(convergence, "RATES", (1e-3, 1e-2))
    monkeypatch.setattr(convergence, "MARGIN", 1.0)  # the first doubling is enough

    def call(*more):
        words = ["convergence", "--profile", "smoke", "--corpus", "tones", "--seeds", "2", "--jobs", "1", *more]
        return CliRunner().invoke(program, words)

    told = call("--estimate")
    assert told.exit_code == 0 and re.fullmatch(r"at least 24 runs, about 0\.\d core-hours; .*\n", told.output)
    assert "none of these trainings is finished as a whole" in call("--record").output
    trained = call("--structure", "k2c1")
    assert trained.exit_code == 0 and "learning rate of k2c1: 0.0" in trained.output
    told = call("--record")
    assert told.output.endswith("6 runs of smoke are recorded in data/results\n")
    rows, curves = convergence.known("smoke")
    assert sorted(rows["structure"].unique()) == ["k2c1", "ridge on MFCC"] and len(rows) == 7
    assert rows["roc_auc"].between(0, 1).all() and len(curves) == 2 + 2 * 1 + 2 * 2
    assert list(convergence.summary(rows)["structure"]) == ["k2c1"]
