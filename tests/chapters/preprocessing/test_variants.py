"""Variants keep length, time and labels, change the sound as much as they should, and have their own key."""

import numpy as np
import pytest

import toy
from book.experiments.preprocessing import variants
from mtlib.base.errors import InputError


def music(n=24_000, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(n) / 12_000
    return (0.2 * np.sin(2 * np.pi * 440 * time) + 0.1 * np.sin(2 * np.pi * 3000 * time * (1 + 0.01 * time))
            + rng.normal(0, 0.01, n)).astype(np.float32)  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "least", "most"),
    [("mp3, 64 kbit/s", 15, 60), ("mp3, 16 kbit/s", 3, 25),
     ("resampled, soxr quick", 15, 70), ("resampled, linear interpolation", 10, 40)],
)  # fmt: skip
def test_a_variant_is_the_same_sound_to_some_decibels(variant, least, most):
    samples = music()
    changed = variants.change(samples, variant, 12_000)
    assert changed.shape == samples.shape and changed.dtype == np.float32
    inside = slice(2000, -2000)
    error = np.square(changed[inside] - samples[inside]).mean()
    ratio = 10 * np.log10(np.square(samples[inside]).mean() / error)
    assert least < ratio < most


def test_more_bits_keep_more():
    samples = music()
    errors = [np.square(variants.change(samples, name, 12_000) - samples)[2000:-2000].mean()
              for name in variants.MP3]  # fmt: skip
    assert errors[0] < errors[1] / 4


def test_a_variant_corpus_has_its_own_key_and_the_same_labels(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    original = toy.write(n_clips=10)
    test = original.split("test")
    found = variants.write(original, "mp3, 64 kbit/s", test)
    assert found.name == "tones-mp3-64-kbit-s" and found.audio_key != original.audio_key
    assert found.clips["clip_id"].tolist() == original.clips["clip_id"].iloc[test].tolist()
    np.testing.assert_array_equal(found.labels(), original.labels()[test])
    loud = original.pcm(test).astype(float)
    assert 0 < np.abs(found.pcm(np.arange(len(test))) - loud).mean() < 0.4 * np.abs(loud).mean()
    again = variants.write(original, "mp3, 64 kbit/s", test)
    assert again.fingerprint == found.fingerprint


def test_bad_input_is_told(tones, monkeypatch):
    with pytest.raises(InputError, match="variant must be one of mp3, 64"):
        variants.change(music(), "ogg", 12_000)
