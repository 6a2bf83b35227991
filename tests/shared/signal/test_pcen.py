"""Per-channel energy normalisation equals librosa's, follows gain changes, refuses nonsense."""

import librosa
import numpy as np
import pytest
import torch

from mtlib.base.errors import InputError
from mtlib.signal import pcen

RATE, HOP = 12_000, 256


def magnitudes(n_frames=340, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.gamma(0.5, 0.1, (2, 1, 6, n_frames)) * np.linspace(1, 5, n_frames)).astype(np.float32)


@pytest.mark.parametrize("n_frames", [1, 340, 1366])
def test_it_equals_librosas(n_frames):
    energy = magnitudes(n_frames)
    part = pcen.PCEN(RATE / HOP)
    ours = part(torch.from_numpy(energy)).numpy()
    theirs = librosa.pcen(
        energy * np.float32(2.0**31), sr=RATE, hop_length=HOP,
        zi=(1 - part.smoothing) * energy[..., :1] * 2.0**31, axis=-1,
    )  # fmt: skip
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4 * np.abs(theirs).max())


def test_a_quieter_recording_looks_nearly_the_same():
    energy = torch.from_numpy(magnitudes())
    part = pcen.PCEN(RATE / HOP)
    loud, quiet = part(energy), part(energy / 10)
    assert (loud - quiet).abs().mean() < 0.1 * loud.std()


def test_bad_input_is_told():
    with pytest.raises(InputError, match="frame_rate must be above 0"):
        pcen.PCEN(0)
    with pytest.raises(InputError, match="a spectrogram must be"):
        pcen.PCEN(40)(torch.zeros(3, 4))
