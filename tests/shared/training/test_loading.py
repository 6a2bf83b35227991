"""Clips reach the network by three ways, as the same spectrograms."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import toy
from mtlib.base.errors import InputError
from mtlib.signal import views
from mtlib.training import loading

PARTS = [np.array([3, 0]), np.array([7, 7, 1])]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    return toy.write(n_clips=10)


def test_three_ways_are_one(corpus):
    found = {mode: list(loading.Clips(corpus, {}, mode=mode).batches(PARTS)) for mode in loading.MODES}
    direct = views.build()(corpus.batch(PARTS[1]))
    assert [x.shape for x in found["kept"]] == [(2, 1, 96, 340), (3, 1, 96, 340)]
    torch.testing.assert_close(found["resident"][1], direct)
    for mode in ("resident", "streamed"):
        for x, kept in zip(found[mode], found["kept"], strict=True):
            assert x.dtype == kept.dtype == torch.float32
            torch.testing.assert_close(x, kept, atol=2e-3, rtol=1e-3)  # float16: 11 bits


def test_views_differ_where_they_should(corpus):
    log, linear, tenfold = (
        next(loading.Clips(corpus, view).batches(PARTS)) for view in ({}, {"magnitude": "linear"}, {"scale": 10.0})
    )
    torch.testing.assert_close(tenfold, 10 * log, atol=2e-2, rtol=1e-3)
    assert log.mean().abs() < 1e-3 and linear.std() == pytest.approx(1, abs=1e-3)
    assert not torch.allclose(log, linear, atol=0.5)
    assert loading.Clips(corpus, {"kind": "stft"}).size == (257, 340)
    assert loading.Clips(corpus, {}, n_samples=48_000).size == (96, 188)


def test_spectrograms_are_computed_once_even_by_two(corpus, monkeypatch):
    calls = []
    frontend = loading.Clips._analyse
    monkeypatch.setattr(loading.Clips, "_analyse", lambda self, pcm: calls.append(1) or frontend(self, pcm))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: loading.Clips(corpus, {}).kept(), range(2))
    np.testing.assert_array_equal(first, second)
    assert len(calls) == 1
    loading.Clips(corpus, {"weighting": "per-frequency", "standardise": False, "scale": 10.0})
    assert len(calls) == 1  # what is cheap is not kept
    loading.Clips(corpus, {"n_mels": 64})
    assert len(calls) == 2


def test_an_error_while_streaming_is_raised_here(corpus, monkeypatch):
    clips = loading.Clips(corpus, {}, mode="streamed")
    with pytest.raises(InputError, match="indices must be"):
        list(clips.batches([np.array([0]), np.array([99])]))
    ahead = clips.batches([np.array([i % 10]) for i in range(100)])
    next(ahead)
    ahead.close()  # the thread ends although most was not asked for


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_samples": 90_000}, "clips have 87000 samples, 90000 were asked for"),
        ({"mode": "cloud"}, "mode must be one of kept, resident, streamed"),
    ],
)
def test_bad_input_is_told(corpus, options, words):
    with pytest.raises(InputError, match=words):
        loading.Clips(corpus, {}, **options)
    with pytest.raises(InputError, match="kind must be"):
        views.build("cqt")
    with pytest.raises(InputError, match="magnitude must be"):
        views.build(magnitude="power")
    with pytest.raises(InputError, match="scale must be above 0"):
        views.build(scale=0)
