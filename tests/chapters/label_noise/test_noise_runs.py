"""The trainings of chapter 3 on a corpus of tones, and the recorded areas."""

import numpy as np
import pandas as pd
import pytest

from book.experiments.label_noise import trainings
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.corpora import synthetic
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.synthetic import opening
from mtlib.evidence import evaluation


@pytest.fixture
def source(tones_home, monkeypatch):
    """A corpus of four tones without known truth, in a home of its own."""
    monkeypatch.setattr(opening, "open_source", lambda settings, corpus: Corpus.open(corpus))
    return trainings.open_corpus("smoke", "tones")


def test_a_real_corpus_is_its_own_truth_and_only_loses_labels(source):
    assert trainings.truth(source) == "observed"
    columns = trainings.swept(source)
    whole = source.labels("observed")
    assert len(columns) == 2
    before = whole
    for rate in trainings.TAGABILITIES:
        labels = source.labels(trainings.swept_set(rate))
        assert (labels <= before).all()
        others = [k for k in range(4) if k not in columns]
        assert (labels[:, others] == whole[:, others]).all()
        before = labels
    assert before[:, columns].sum() < 0.3 * whole[:, columns].sum()
    fingerprint = source.fingerprint_of("tagability-0.1")
    assert trainings.open_corpus("smoke", "tones").fingerprint_of("tagability-0.1") == fingerprint


def test_synthetic_labels_change_only_where_they_are_swept(monkeypatch):
    population = synthetic.population(3000)

    class Fake:
        label_sets, clips = ("observed", "true", "salience"), pd.DataFrame({"number": np.arange(3000)})

        def __init__(self):
            self.made = vars(population).copy()

        def labels(self, name):
            return self.made[name]

        def split(self, name):
            return np.arange(3000)

        def add_labels(self, name, labels, meta):
            self.made[name] = labels

    fake = Fake()
    given = synthetic.observe(population.salience, np.arange(3000))
    trainings._add_swept(fake, 0.1)
    labels, columns = fake.made["tagability-0.1"], trainings.swept(fake)
    assert len(columns) == trainings.N_SWEPT
    others = [k for k in range(50) if k not in columns]
    assert (labels[:, others] == given[:, others]).all()
    rates = (labels & population.true).sum(0) / population.true.sum(0)
    assert rates[columns] == pytest.approx(0.1, abs=0.05)


def test_experiments_are_what_the_chapter_says(source):
    found = trainings.trainings(source, "smoke", seeds=range(2))
    assert {one.experiment for one in found} == set(trainings.EXPERIMENTS)
    assert len({(one.experiment, one.setting, one.spec.seed) for one in found}) == len(found)
    sizes = [one.spec for one in found if one.experiment == "sizes" and one.spec.seed == 0]
    assert {spec.view.kind for spec in sizes} == {"mel", "stft"} and 0 in {spec.n_train for spec in sizes}
    with pytest.raises(InputError, match="unknown experiment"):
        trainings.trainings(source, "smoke", ["size"])


def test_areas_are_those_of_the_stored_predictions(source, tmp_path, monkeypatch):
    wanted = [one for one in trainings.trainings(source, "smoke", ["tagability"]) if one.setting == "0.1"]
    with pytest.raises(InputError, match="none of the 1 trainings"):
        trainings.finished(wanted, "cpu")
    table = trainings.areas(wanted, source, device="cpu", n_jobs=1, report=None)
    assert trainings.finished(trainings.trainings(source, "smoke"), "cpu") == wanted
    run = trainings.sweeps.sweep([wanted[0].spec], device="cpu", report=None)[0]
    clips, outputs = run.predictions["test_clips"], run.predictions["test_outputs"]
    assert table.true.to_numpy() == pytest.approx(
        evaluation.tag_areas(source.labels("observed")[clips], outputs), nan_ok=True
    )
    assert (table.n_observed <= table.n_true).all() and (table.n_clips == len(clips)).all()
    monkeypatch.setattr(paths, "DATA", tmp_path)
    (tmp_path / "results").mkdir()
    trainings.record(table, "tones", "smoke")
    trainings.record(table.assign(true=0.5), "tones", "smoke")  # replaces, adds nothing
    kept = trainings.recorded()
    assert len(kept) == len(table) and (kept.true == 0.5).all()


def test_recorded_areas_are_whole():
    kept = trainings.recorded()
    assert not kept.duplicated(["corpus", "profile", "experiment", "setting", "seed", "tag"]).any()
    sizes = kept.groupby(["corpus", "profile", "experiment", "setting", "seed"]).size()
    assert (sizes == 50).all()
    assert {"tagability", "truth"} <= set(kept.experiment) <= set(trainings.EXPERIMENTS)
    both = kept.merge(kept, on=["key", "tag"])
    assert (both.true_x.fillna(0) == both.true_y.fillna(0)).all()  # one run, one area, whatever it is listed under
