"""Descriptors of sounds on images whose answer is known, and on the stems of the phrase."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from book.experiments.understanding import auralisation, listening, sound_descriptors
from mtlib.base.errors import InputError
from mtlib.signal import frontend


@pytest.fixture(scope="module")
def phrase():
    analysis = auralisation.Analysis(frontend.compact_frontend())
    stems = listening.phrase()
    whole = analysis.transform(torch.from_numpy(sum(stems.values()))).abs()
    images = torch.stack([analysis.transform(torch.from_numpy(stem)).abs() for stem in stems.values()])
    return sound_descriptors.original(whole), images


def test_the_stems_of_the_phrase_are_told_apart(phrase):
    reference, images = phrase
    measured = sound_descriptors.describe(images, reference)
    by_stem = {name: dict(zip(listening.PHRASE_PARTS, values, strict=True)) for name, values in measured.items()}
    percussive, centroid = by_stem["percussive share"], by_stem["centroid"]
    assert percussive["hi-hat"] > 0.6 > 0.4 > max(percussive[k] for k in ("melody", "chords", "bass"))
    assert centroid["kick"] < centroid["bass"] < centroid["melody"] < centroid["hi-hat"]
    assert by_stem["onset correlation"]["hi-hat"] > 0.3 > by_stem["onset correlation"]["chords"]
    assert by_stem["onset strength"]["hi-hat"] > 2 * by_stem["onset strength"]["chords"]


def test_an_image_of_the_onsets_follows_them_and_its_inverse_avoids_them(phrase):
    reference, _ = phrase
    curve = reference.onsets.expand(257, -1)
    measured = sound_descriptors.describe(torch.stack([curve, curve.max() - curve]), reference)
    np.testing.assert_allclose(measured["onset correlation"], [1, -1], atol=1e-6)


def test_an_image_of_the_onsets_has_little_energy_off_them(phrase):
    reference, _ = phrase
    steady = torch.ones(257, len(reference.onsets))
    off = sound_descriptors.off_onsets(torch.stack([steady * reference.onsets, steady, 0 * steady]), reference)
    assert off[0] < 0.1 < off[1] and off[1] == pytest.approx(0.5, abs=0.02) and np.isnan(off[2])


def test_size_counts_not_sign_nor_scale(phrase):
    reference, images = phrase
    once = sound_descriptors.describe(images, reference)
    again = sound_descriptors.describe(-3 * images, reference)
    for name in sound_descriptors.DESCRIPTORS:
        np.testing.assert_allclose(once[name], again[name], rtol=1e-4)


def test_a_silent_image_is_not_measured_and_not_chosen(phrase):
    reference, images = phrase
    measured = sound_descriptors.describe(torch.cat([torch.zeros_like(images[:1]), images]), reference)
    assert all(np.isnan(values[0]) for values in measured.values())
    chosen = sound_descriptors.choose(measured)
    assert set(chosen) == set(sound_descriptors.CRITERIA)
    assert 0 not in chosen.values() and len(set(chosen.values())) == len(chosen)
    assert chosen["onsets"] == 1 + listening.PHRASE_PARTS.index("hi-hat")
    few = {name: values[:2] for name, values in measured.items()}
    assert sound_descriptors.choose(few) == {"onsets": 1}


@settings(max_examples=40)
@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=30))
def test_the_gini_index_is_the_mean_difference(values):
    values = torch.tensor(values, dtype=torch.float64)
    differences = (values[:, None] - values[None]).abs().mean()
    assert float(sound_descriptors.gini(values)) == pytest.approx(float(differences / (2 * values.mean())), abs=1e-9)


def test_decibels_end_at_the_floor():
    level = sound_descriptors.decibels(torch.tensor([[1.0, 0.1, 0.0]]))
    np.testing.assert_allclose(level, [[0, -20, -80]], atol=1e-5)


def test_bad_input_is_told(phrase):
    reference, _ = phrase
    with pytest.raises(InputError, match=r"images must be \(feature, 257, \d+\), got \(1, 9, 9\)"):
        sound_descriptors.describe(torch.zeros(1, 9, 9), reference)
    with pytest.raises(InputError, match="at least 0, got -1; shift them first"):
        sound_descriptors.gini(torch.tensor([-1.0, 2.0]))
    with pytest.raises(InputError, match="unknown criterion 'loud'"):
        sound_descriptors.choose({}, ("loud",))
    with pytest.raises(InputError, match="finite"):
        sound_descriptors.original(torch.full((2, 2), torch.nan))
