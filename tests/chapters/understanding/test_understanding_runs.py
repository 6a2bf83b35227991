"""What chapter 7 asks of taggers trained here: by hand, on a corpus of tones, and whole as recorded."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import toy
from book.experiments.understanding import composed, genre_network, label_vectors
from mtlib.base.errors import InputError
from mtlib.corpora import corpus
from mtlib.evidence import recorded, statistics
from mtlib.training import sweeps


def test_rank_correlations_of_runs_are_those_of_their_output_layers(tones_home, monkeypatch):
    runs = sweeps.sweep([toy.spec(epochs=1, seed=seed) for seed in range(3)], n_jobs=1, report=None)
    counts = {"observed": np.eye(4) + np.diag([0.5, 0.3, 0.1], 1) + np.diag([0.5, 0.3, 0.1], -1)}
    monkeypatch.setattr(label_vectors, "together", lambda _: counts)
    table = label_vectors.vector_agreement(runs, corpus.Corpus.open("tones"))
    assert list(table.against) == ["observed"] * 3 + ["seed 1", "seed 2", "seed 2"]
    assert list(table.seed) == [0, 1, 2, 0, 0, 1] and table.key[5] == runs[1].key[:12]
    vectors = runs[0].network().output.weight.detach().numpy()
    cosines = vectors @ vectors.T / np.outer(*[np.linalg.norm(vectors, axis=1)] * 2)
    pairs = np.triu_indices(4, 1)
    ranks = [pd.Series(matrix[pairs]).rank() for matrix in (cosines, counts["observed"])]
    assert table.correlation[0] == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-6)


def test_a_probe_of_one_class_is_refused(monkeypatch):
    monkeypatch.setattr(composed, "scores", lambda *_: [])
    clips = pd.DataFrame({"comping": ["piano"] * 40 + ["organ"] * 20, "genre": ["rock"] * 60})
    music = SimpleNamespace(n_samples=1, sample_rate=1, clips=clips)
    with pytest.raises(InputError, match=r"a probe for the instrument needs two .* got 1 among 60 clips"):
        composed.probe_targets(music, np.arange(60))


def test_stability_leaves_out_one_seed_at_a_time():
    pairs = pd.DataFrame({"seed": [0, 0, 1], "against": ["seed 1", "seed 2", "seed 2"], "correlation": [0.9, 0.6, 0.3]})
    found = label_vectors.stability(pairs)
    left_out = np.array([0.3, 0.6, 0.9])  # without seed 0 only the pair of 1 and 2 is left
    assert found.value == pytest.approx(0.6) and found.n == 3
    assert found.standard_error == pytest.approx(np.sqrt(2 / 3 * np.square(left_out - 0.6).sum()))
    with pytest.raises(InputError, match="three seeds or more, got 2"):
        label_vectors.stability(pairs[:1])


def test_a_feature_is_chosen_on_other_clips_than_it_is_scored_on():
    values = np.array([[0.1, 0.9, 1.0], [0.8, 0.2, 0.5], [0.2, 0.8, np.nan], [0.6, 0.4, 0.5]])
    found = composed.held_out(values)  # (clip, feature)
    assert list(found) == [0.2, 0.4]  # the third is silent in half of the even clips


def test_a_gain_knows_of_clips_and_of_seeds():
    table = pd.DataFrame({"seed": [0, 0, 1, 1], "clip": ["a", "b"] * 2, "stem": "kick", "layer": 3})
    table = table.assign(trained=[0.5, 0.6, 0.3, 0.6], random=[0.1, 0.1, 0.1, 0.1])
    found = composed.stem_gain(table, "kick", 3)
    assert found.value == pytest.approx(0.4) and found.n == 2
    assert found.standard_error == pytest.approx(0.1)  # clips: 0.3 and 0.5
    assert found.floor == pytest.approx(0.05)  # seeds: 0.45 and 0.35


def test_recorded_tables_are_whole():
    keys = {
        label_vectors.NAME: ["profile", "labels", "seed", "against"],
        composed.STEM_FEATURES: ["profile", "seed", "layer", "stem", "clip"],
        composed.PROBES: ["profile", "seed", "weights", "layer", "probe", "fold"],
        genre_network.NETWORKS: ["profile", "n_maps", "seed"],
        genre_network.LAYERS: ["profile", "n_maps", "seed", "weights", "layer", "clip"],
    }
    for name, index in keys.items():
        table = recorded.read(name)
        assert len(table) and not table.duplicated(index).any(), name
        assert len(set(table.seed)) >= 5 and "understanding" in recorded.origin(name)["command"], name
    networks, layers = recorded.read(genre_network.NETWORKS), recorded.read(genre_network.LAYERS)
    assert set(layers.key) == set(networks.key) and networks.accuracy.between(0, 1).all()
    vectors, stem_features = (recorded.read(label_vectors.NAME), recorded.read(composed.STEM_FEATURES))
    assert set(stem_features.key) <= set(vectors.key)


def test_the_prose_of_chapter_7_says_what_is_recorded():
    table = recorded.read(label_vectors.NAME)
    for taught, rows in table.groupby("labels"):
        by_count = rows.pivot(index="seed", columns="against", values="correlation")
        counted = by_count[["observed", "true", "observed, many", "true, many"]]
        assert label_vectors.stability(rows).low > counted.max().max(), taught
        for many in ("", ", many"):  # closer to the true labels, whatever was taught
            assert statistics.paired_difference(by_count[f"true{many}"], by_count[f"observed{many}"]).low > 0
    of_stems = recorded.read(composed.STEM_FEATURES)
    assert min(composed.stem_gain(of_stems, stem, 3).low for stem in ("kick", "melody")) > 0
    scores = recorded.read(composed.PROBES).query("weights == 'random'")
    assert (scores.groupby(["probe", "layer"]).score.mean().unstack().diff(axis=1).iloc[:, 1:] < 0).all(axis=None)
