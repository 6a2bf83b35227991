"""What chapter 7 listens to: the phrase and its stems, the author's files."""

import numpy as np
import pytest

from book.experiments.understanding import listening
from mtlib.base.errors import InputError
from mtlib.signal import audio


def test_the_phrase_is_the_sum_of_its_stems_and_does_not_clip():
    stems = listening.phrase()
    assert tuple(stems) == listening.PHRASE_PARTS
    whole = sum(stems.values())
    assert len(whole) == 4 * audio.SAMPLE_RATE and 0.2 < np.abs(whole).max() < 1
    assert all(np.sqrt(np.mean(stem**2)) > 0.005 for stem in stems.values())
    np.testing.assert_array_equal(listening.load("phrase", 2 * len(whole)), np.tile(whole, 2))


def test_the_stems_sound_where_they_should():
    centre = {}
    for name, stem in listening.phrase().items():
        power = np.abs(np.fft.rfft(stem)) ** 2
        centre[name] = (power * np.fft.rfftfreq(len(stem), 1 / audio.SAMPLE_RATE)).sum() / power.sum()
    assert centre["kick"] < 100 < centre["bass"] + 60 < centre["melody"] < centre["hi-hat"]
    assert centre["hi-hat"] > 3000


def test_the_authors_excerpts(published):
    for name in listening.AUTHORS:
        samples = listening.load(name, 348_000)
        assert samples.shape == (348_000,) and samples.dtype == np.float32
        assert not audio.is_silent(samples) and not listening.EXCERPTS[name].may_publish
    assert listening.EXCERPTS["phrase"].may_publish
    bach = listening.load("bach", 348_000)
    n = round(len(audio.load(published / "Auralisation/src_songs/bach.wav")))
    assert 3.5 < n / audio.SAMPLE_RATE < 4.5
    np.testing.assert_array_equal(bach[:1000], bach[n : n + 1000])


def test_an_unknown_excerpt_is_told():
    with pytest.raises(InputError, match="unknown excerpt 'eminem'; choose one of phrase, bach"):
        listening.load("eminem", 1000)
