"""Stems of composed clips: together they are the mixture, and each holds what its name says."""

import numpy as np
import pytest
import torch

from book.experiments.understanding import composed
from mtlib.corpora.synthetic import corpora, recipes
from mtlib.corpora.synthetic.composing import composer
from mtlib.corpora.synthetic.population import labels
from mtlib.corpora.synthetic.rendering import render

RATE = 12_000


@pytest.fixture(scope="module")
def score():
    """A clip with drums, bass, chords and a voice."""
    for number in range(2_000_000, 2_000_020):
        (found,) = composer.compose(corpora.Source()(np.array([number])), labels.SEED, 3.0)
        if {"drums", "bass", "comping", "voice"} <= {part.role for part in found.parts}:
            return found
    raise AssertionError("none of twenty clips has drums, bass, chords and a voice")


def test_the_stems_are_the_mixture(score):
    mixture = render.mix(score, RATE)
    np.testing.assert_allclose(composed.render_stems(score, RATE).sum(0), mixture, atol=1e-5 * np.abs(mixture).max())


def test_kick_and_other_drums_sound_where_their_notes_are(score):
    sounds = dict(zip(composed.STEMS, composed.render_stems(score, RATE), strict=True))
    notes = next(part.notes for part in score.parts if part.role == "drums")
    is_kick = notes["pitch"] == recipes.DRUMS["kick"]
    for name, own in (("kick", notes[is_kick]), ("other drums", notes[~is_kick])):
        first = round(max(own["start"].min(), 0) * RATE)
        assert not sounds[name][:first].any() and sounds[name][first : first + RATE // 4].any()


def test_shares_go_to_the_loudest_stem():
    powers = torch.tensor([[[4.0, 1.0, 0.0]], [[1.0, 9.0, 0.0]]])  # (stem, freq, frame); nobody at the end
    images = torch.tensor([[[-3.0, 4.0, 0.0]], [[0.0, 0.0, 2.0]], [[0.0, 0.0, 0.0]]])
    np.testing.assert_allclose(composed.shares(images, powers), [[9 / 25, 16 / 25], [0, 0], [np.nan, np.nan]])
