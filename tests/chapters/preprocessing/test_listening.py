"""Sounds come back as they are, or as a view weighs them; bands are as wide as theory says."""

import numpy as np
import pytest
import torch

from book.experiments.preprocessing import listening
from mtlib.base.errors import InputError


def sound():
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(24_000) / 12_000
    tones = sum(torch.sin(2 * torch.pi * hertz * time) for hertz in (100.0, 1000.0, 4000.0)) / 5
    return tones + 0.001 * torch.randn(24_000, generator=generator)


def level(samples, hertz):
    """Level at a frequency in decibels."""
    spectrum = torch.fft.rfft(samples[2000:14_000] * torch.hann_window(12_000)).abs()
    return 20 * torch.log10(spectrum[hertz - 2 : hertz + 3].max()).item()


def test_without_weights_the_sound_comes_back():
    samples = sound()
    torch.testing.assert_close(listening.resynthesise(samples), samples, atol=1e-4, rtol=0)


def test_a_weighting_is_heard_at_its_frequencies():
    samples = sound()
    weighed = listening.resynthesise(samples, weighting="a-weighting")
    change = [level(weighed, hertz) - level(samples, hertz) for hertz in (100, 1000, 4000)]
    assert change == pytest.approx([-19.1, 0.0, 1.0], abs=0.7)


def test_a_floor_mutes_what_is_quiet_and_whitening_raises_it():
    samples = sound()
    floored = listening.resynthesise(samples, top_db=40.0)
    assert level(floored, 2500) < level(samples, 2500) - 30
    assert level(floored, 1000) == pytest.approx(level(samples, 1000), abs=0.5)
    white = listening.resynthesise(samples, weighting="per-frequency")
    gap = level(samples, 1000) - level(samples, 2500)
    assert level(white, 1000) - level(white, 2500) < gap - 20


def test_mel_bands_smear_but_keep_the_energy():
    samples = sound()
    smeared = listening.resynthesise(samples, n_mels=32)
    assert smeared.square().mean() == pytest.approx(samples.square().mean(), rel=0.5)
    assert level(smeared, 4150) > level(samples, 4150) + 10


def test_a_hann_bin_is_1_44_bins_wide_and_a_mel_band_wider():
    for n_fft in (256, 512):
        width = listening.bandwidth(1000.0, kind="stft", n_fft=n_fft)
        assert width == pytest.approx(1.44 * 12_000 / n_fft, rel=0.05)
    low, high = (listening.bandwidth(hertz) for hertz in (500.0, 4000.0))
    assert 30 < low < 60 < high


def test_bad_input_is_told():
    with pytest.raises(InputError, match="samples must be"):
        listening.resynthesise(torch.zeros(10))
    with pytest.raises(InputError, match="hertz must lie between 0 and 6000"):
        listening.bandwidth(7000.0)
    assert np.isfinite(listening.resynthesise(torch.zeros(4000)).numpy()).all()
