"""The genre network trained here: its run, its row, its measures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from book.experiments.understanding import genre_network
from mtlib.base import profiles
from mtlib.corpora.synthetic import opening
from mtlib.evidence import recorded
from mtlib.training import sweeps

SIZES = replace(profiles.PROFILES["smoke"], epochs=1, n_target=10)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network of four maps and the thirty clips it knows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(tmp_path_factory.mktemp("home")))
        ballad = opening.open_target("ballad", SIZES, n_jobs=1)
        (run,) = sweeps.sweep([genre_network.spec(ballad, SIZES, n_maps=4)], n_jobs=1, report=None)
        yield run, ballad


def test_the_network_is_the_thesis_one_but_for_its_width(trained):
    run, ballad = trained
    network, made = run.network(), run.record["input"]
    assert [tuple(stage.conv.weight.shape[2:]) for stage in network.stages] == [(3, 3)] * 5
    assert list(network.pools) == [(2, 2)] * 5
    assert (made["sample_rate"], made["n_samples"], made["n_outputs"]) == (11_025, 44_100, 3)
    assert genre_network.spec(ballad, SIZES).model.layer_widths == (64,) * 5 + (256,)


def test_a_row_counts_what_the_outputs_say(trained):
    run, ballad = trained
    row = genre_network.summary(run, ballad).loc[0]
    clips = run.predictions["test_clips"]
    right = run.predictions["test_outputs"].argmax(1) == ballad.labels("observed")[clips]
    assert row["n_clips"] == 6 and row["accuracy"] == pytest.approx(right.mean())
    assert row[["ballad", "dance", "hip-hop"]].mean() == pytest.approx(right.mean())  # two clips of each
    start = genre_network.first_kernels(run.untrained())
    assert start.shape == (4, 3, 3) and np.abs(start - genre_network.first_kernels(run.network())).max() > 0


def test_the_accuracy_keeps_the_error_of_the_clips():
    table = pd.DataFrame({"accuracy": [0.8] * 5, "n_clips": 100})
    found = genre_network.accuracy(table)
    assert found.high - found.value == pytest.approx(1.96 * 0.04, rel=1e-3)  # seeds agree, clips are few


def test_every_feature_of_every_layer_is_measured(trained):
    run, ballad = trained
    found = genre_network.layers(run, ballad, n_clips=2, every=2)
    assert len(found) == 2 * 5 * 2 and set(found.weights) == {"trained", "random"}
    assert set(found["clip"]) == set(ballad.clips.clip_id.iloc[ballad.split("test")[:2]])
    assert found.activations.between(0, 1).all()
    whole = genre_network.measure(run.network(), genre_network.frontend(run), ballad.batch([0]), ballad.sample_rate)
    assert len(whole) == 5 * 4 and whole.centroid.dropna().between(0, 11_025 / 2).all()


def test_a_silent_feature_is_silent_where_it_says(trained):
    run, ballad = trained
    found = genre_network.silent_feature(run, ballad, "dance")
    clips = ballad.split("test")
    maps = run.network().feature_maps(genre_network.frontend(run)(ballad.batch(clips)))[-1].detach()
    zero = (maps[:, found["silent feature"]].amax((1, 2)) == 0).numpy()
    is_dance = ballad.labels("observed")[clips] == 1
    assert found["silent in genre"] == zero[is_dance].mean()
    assert found["silent elsewhere"] == zero[~is_dance].mean()


@pytest.mark.slow
def test_a_recorded_network_comes_back(tmp_path, monkeypatch):
    """The first narrow network, trained again on the corpus made anew: the same key and the same row."""
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    sizes = profiles.PROFILES["quick"]
    ballad = opening.open_target("ballad", sizes, n_jobs=2)
    spec = genre_network.spec(ballad, sizes, n_maps=genre_network.FEW_MAPS)
    again = genre_network.summary(sweeps.sweep([spec], n_jobs=1, report=None)[0], ballad).loc[0]
    kept = recorded.read(genre_network.NETWORKS)
    kept = kept[kept.key == again["key"]]
    if kept.empty:
        pytest.skip("recorded by other code, with another corpus or in another precision")
    for name, value in again.drop("key").items():
        assert kept[name].iloc[0] == pytest.approx(value, abs=1e-4), name
