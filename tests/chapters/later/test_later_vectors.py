"""Label vectors of later networks beside the labels that taught them."""

import numpy as np
import pytest
from scipy import stats

from book.experiments.label_noise import label_sets
from book.experiments.later import vectors
from mtlib.base.tags import TAGS
from mtlib.networks import later as networks

SOME = ("fcn-msd", "musicnn-mtat", "crnn-jamendo")


@pytest.fixture(scope="module")
def table(published, later, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(tmp_path_factory.mktemp("home")))
        similar = vectors.similarities()
        assert list(similar) == list(networks.NAMES)
        some = {name: similar[name] for name in SOME}
        found = vectors.agreements(some, np.random.default_rng(0), n_permutations=99)
        return found.set_index("network")


def test_an_independent_computation_agrees(table):
    weight = networks.load("fcn-msd")[1].output.weight.detach().numpy()
    unit = weight / np.linalg.norm(weight, axis=1, keepdims=True)
    labels = label_sets.load("msd_lastfm").everything.astype(float)
    both = labels.T @ labels / labels.sum(0)[:, None]
    pairs = np.triu_indices(len(TAGS), 1)
    cosines, shares = (unit @ unit.T)[pairs], np.maximum(both, both.T)[pairs]
    row = table.loc["fcn-msd"]
    assert row.value == pytest.approx(stats.spearmanr(cosines, shares).statistic, abs=1e-6)
    assert row.n_negative == (cosines < 0).sum() and row.positive == pytest.approx((cosines > 0).mean())


def test_networks_follow_their_labels(table):
    assert list(table.index) == list(SOME) and (table.p <= 0.01).all()
    assert (table.value > 0).all() and (table.low < table.value).all() and (table.value < table.high).all()
    assert (table[table.index.str.endswith("jamendo")].n_synonyms == 0).all()


def test_kernels_are_counted(later):
    counts = vectors.axis_counts().set_index("network")
    kernels = vectors.first_kernels()
    assert set(counts.index) == set(kernels) and not any("musicnn" in name for name in kernels)
    assert (counts.n == 64).all() and counts.along.between(0, 64).all()
