"""Features of later networks: measured against the same features with forgotten weights."""

import numpy as np
import pytest

from book.experiments.later import auralised
from mtlib.evidence import recorded
from mtlib.networks import models
from mtlib.signal import audio, frontend

N_SAMPLES = audio.N_SAMPLES[1360] // 4


@pytest.fixture(scope="module")
def small():
    """A network of two stages on mel bands, and two clips: clicks, and a tone."""
    front = frontend.compact_frontend()
    network = models.Convnet((6, 6), ((4, 4), (4, 5)), activation="relu").eval()
    clicks = np.zeros(N_SAMPLES, np.float32)
    clicks[::6000] = 0.9
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(N_SAMPLES) / 12_000).astype(np.float32)
    return front, network, {"clicks": clicks + 0.01 * tone, "tone": tone}


def test_every_layer_is_measured_with_both_weights(small):
    found = auralised.describe(*small, 12_000)
    assert len(found) == 2 * 2 * 2 and set(found.weights) == {"trained", "random"}
    assert np.isfinite(found[list(auralised.MEASURES)]).all(axis=None)
    assert (found["best onset"] <= 1).all() and found.sparsity.between(0, 1).all() and (found.onsets <= 1).all()
    again = auralised.describe(*small, 12_000)
    assert again.equals(found)


def test_nothing_forgotten_is_the_same_network(small):
    found = auralised.describe(*small, 12_000, n_forgotten=0).set_index(["excerpt", "layer", "weights"]).sort_index()
    same = found.xs("random", level="weights")
    assert same.alike.to_numpy() == pytest.approx(1)
    for measure in ("onsets", "sparsity", "heard"):
        np.testing.assert_allclose(same[measure], found.xs("trained", level="weights")[measure])


def test_a_feature_is_heard_with_both_weights(small):
    front, network, clips = small
    feature, sounds = auralised.hear(front, network, clips["clicks"], 2)
    assert 0 <= feature < 6 and set(sounds) == {"trained", "random"}
    assert all(len(sound) == N_SAMPLES and np.isfinite(sound).all() and sound.any() for sound in sounds.values())
    assert not np.allclose(sounds["trained"], sounds["random"])


def test_the_recorded_table_is_whole():
    table = recorded.read(auralised.RECORDED)
    assert len(table) == len(auralised.NETWORKS) * len(auralised.EXCERPTS) * 5 * 2
    assert set(table.excerpt) == set(map(auralised.title, auralised.EXCERPTS))
    assert np.isfinite(table[list(auralised.MEASURES)]).mean(axis=None) > 0.95
    difference = auralised.difference(table, "onsets", (1, "trained"), (1, "random"))
    rows = table[table.layer == 1].groupby(["weights", "excerpt"]).onsets.mean()
    assert difference.value == pytest.approx((rows["trained"] - rows["random"]).mean()) and difference.n == 5
