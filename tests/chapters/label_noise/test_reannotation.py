"""The repeated re-annotation against drawing clip by clip, and against what theory says of bias."""

import numpy as np
import pytest

from book.experiments.label_noise import estimates, reannotation
from book.experiments.label_noise.estimates import PERFECT, Annotator
from book.experiments.label_noise.reannotation import Design, Setting
from mtlib.base.errors import InputError


def rng(seed=0):
    return np.random.default_rng(seed)


def population(n=20_000, prevalence=0.3, tagability=0.2, false_positive=0.02):
    truth = rng(1).random(n) < prevalence
    return truth, rng(2).random(n) < np.where(truth, tagability, false_positive)


@pytest.mark.parametrize("design", [Design(50, 50), Design(n_random=400)])
def test_counts_are_those_of_drawing_clip_by_clip(design):
    truth, observed = population(3000)
    counts = reannotation.repeat(observed, truth, design, 4000, rng())
    by_hand = []
    for _ in range(1000):
        if design.n_random:
            clips = rng(len(by_hand)).choice(3000, design.n_random, replace=False)
        else:
            sides = ((np.flatnonzero(observed), design.n_positive), (np.flatnonzero(~observed), design.n_negative))
            clips = np.concatenate([rng(len(by_hand)).choice(side, n, replace=False) for side, n in sides])
        by_hand.append(estimates.count(observed, truth[clips], clips))
    for name in ("n_positive", "n_wrong_positive", "n_negative", "n_wrong_negative"):
        ours, theirs = getattr(counts, name), np.array([getattr(one, name) for one in by_hand])
        error = theirs.std() / 1000**0.5
        assert ours.mean() == pytest.approx(theirs.mean(), abs=5 * error + 1e-9), name
        assert ours.std() == pytest.approx(theirs.std(), rel=0.15, abs=1e-9), name


def test_what_is_linear_is_unbiased_and_balanced_recall_is_no_tagability():
    truth, observed = population()
    values = reannotation.true_values(observed, truth)
    assert values["recall"] == pytest.approx(0.2, abs=0.02) and values["balanced_recall"] > 0.7
    counts = reannotation.repeat(observed, truth, Design(50, 50), 3000, rng())
    table = reannotation.performance(counts, values, rng()).set_index(["method", "quantity"])
    for quantity in reannotation.UNBIASED:
        row = table.loc["posterior", quantity]
        assert abs(row.bias) < 4 * row.bias_error + 1e-9 and abs(row.bias) < 0.01
    assert 0.93 < table.coverage["posterior", "recall"] < 0.97
    assert table.coverage["exact"].min() > 0.94


def test_errors_of_the_annotator_bias_and_correction_mends_them():
    truth, observed = population(prevalence=0.1)
    annotator, generator = Annotator(0.85, 0.95), rng(3)
    judged = reannotation.annotate(truth, annotator, generator)
    assert judged[truth].mean() == pytest.approx(0.85, abs=0.03)
    assert judged[~truth].mean() == pytest.approx(0.05, abs=0.01)
    counts = reannotation.repeat(observed, judged, Design(200, 200), 2000, generator)
    values = reannotation.true_values(observed, truth)

    def prevalence(assumed):
        table = reannotation.performance(counts, values, rng(), annotator=assumed, methods=["posterior"])
        return table.set_index("quantity").loc["prevalence"]

    assert prevalence(PERFECT).bias > 0.02 and prevalence(PERFECT).coverage < 0.8
    assert abs(prevalence(annotator).bias) < 0.01 and prevalence(annotator).coverage > 0.9


def test_hard_clips_are_missed_more_often():
    truth = np.ones(20_000, bool)
    difficulty = np.where(np.arange(20_000) % 2, 3.0, 1.0)
    said = reannotation.annotate(truth, Annotator(0.8, 1.0), rng(), difficulty=difficulty)
    assert said.mean() == pytest.approx(0.8, abs=0.01)
    assert (1 - said[1::2].mean()) / (1 - said[::2].mean()) == pytest.approx(3, rel=0.15)


def test_a_random_sample_is_counted():
    truth, observed = population()
    counts = reannotation.repeat(observed, truth, Design(n_random=400), 2000, rng())
    row = reannotation.counting(counts, truth.mean())
    assert abs(row["bias"]) < 0.005 and 0.93 < row["coverage"] < 0.97


def test_a_setting_does_not_depend_on_the_others(monkeypatch):
    monkeypatch.setattr(reannotation, "POPULATION", 20_000)
    one, two = Setting("rock", 0.2), Setting("guitar", 0.5)
    alone = next(reannotation.run([two], n_repetitions=20))
    together = list(reannotation.run([one, two], n_repetitions=20))[1]
    assert alone.equals(together)
    assert set(alone.method) == {"posterior", "bootstrap", "exact"}


def test_recorded_results_are_complete():
    table = reannotation.recorded()
    wanted = {tuple(vars(setting).values()) for setting in reannotation.settings()}
    assert {tuple(row) for row in table[list(Setting.__dataclass_fields__)].drop_duplicates().values} == wanted
    assert (table.n_repetitions == 1000).all()


@pytest.mark.slow
def test_recorded_results_come_again():
    setting = Setting("dance", 0.2)
    again = next(reannotation.run([setting]))
    kept = reannotation.recorded()
    kept = kept[
        (kept.tag == "dance") & (kept.tagability == 0.2) & (kept.design == "Subset100") & (kept.errors == "none")
    ]
    for name in ("truth", "bias", "coverage", "width"):
        assert again[name].to_numpy() == pytest.approx(kept[name].to_numpy(), rel=1e-3, abs=1e-6)


def test_bad_designs_are_refused():
    with pytest.raises(InputError, match="a design draws"):
        Design(50, 0)
    with pytest.raises(InputError, match="a design draws"):
        Design(50, 50, 400)
    truth, observed = population(100)
    with pytest.raises(InputError, match="more clips than there are"):
        reannotation.repeat(observed, truth, Design(90, 5), 10, rng())
