"""Auralisation: ones return the input, three ways, against librosa."""

import librosa
import numpy as np
import pytest
import torch

from book.experiments.understanding import auralisation, listening
from mtlib.base.errors import InputError
from mtlib.signal import frontend

FRONTENDS = {
    "compact": (frontend.compact_frontend, 48_000),
    "compact, same": (lambda: frontend.compact_frontend("same"), 48_000),
    "crnn": (frontend.crnn_frontend, 48_123),
    "linear": (frontend.STFT, 44_100),
    "another hop": (lambda: frontend.STFT(512, 200), 30_000),
}


@pytest.fixture(scope="module")
def music() -> torch.Tensor:
    return torch.from_numpy(listening.load("phrase", 48_123))


@pytest.mark.parametrize("name", FRONTENDS)
def test_a_mask_of_ones_returns_the_input(music, name):
    make, n_samples = FRONTENDS[name]
    front, samples = make(), music[:n_samples]
    analysis = auralisation.Analysis(front)
    spectrum = analysis.transform(samples)
    ones = torch.ones(front(samples).shape[2:])
    assert float((analysis.to_bins(ones) - 1).abs().max()) < 1e-6
    for mask in (ones, torch.stack([ones, -2 * ones])):
        heard = auralisation.sound(mask, spectrum, analysis, n_samples, way="mask")
        expected = samples if mask.ndim == 2 else torch.stack([samples, -2 * samples])
        assert float((heard - expected).abs().max()) <= 1e-5


def test_the_transform_and_its_inverse_are_librosas(music):
    analysis = auralisation.Analysis(frontend.compact_frontend())
    spectrum = analysis.transform(music)
    theirs = librosa.stft(music.numpy(), n_fft=512, hop_length=256, pad_mode="reflect")
    np.testing.assert_allclose(spectrum.numpy(), theirs, atol=1e-3)
    changed = spectrum * torch.linspace(0, 1, 257)[:, None]
    ours = analysis.signal(changed, len(music)).numpy()
    np.testing.assert_allclose(ours, librosa.istft(changed.numpy(), hop_length=256, length=len(music)), atol=1e-5)


def test_the_ways_differ_as_they_should(music):
    """With the magnitude as image, the phase gives the original; the mask weights it by itself (E65)."""
    analysis = auralisation.Analysis(frontend.STFT())
    spectrum = analysis.transform(music)
    phase = auralisation.sound(spectrum.abs(), spectrum, analysis, len(music), way="phase")
    assert float((phase - music).abs().max()) <= 1e-5
    mask = auralisation.sound(spectrum.abs(), spectrum, analysis, len(music), way="mask")
    expected = analysis.signal(spectrum * spectrum.abs(), len(music))
    torch.testing.assert_close(mask, expected)
    free = auralisation.sound(spectrum.abs(), spectrum, analysis, len(music), way="no phase", seed=1)
    assert free.shape == music.shape
    again = analysis.transform(free).abs()
    assert float((again - spectrum.abs()).norm() / spectrum.abs().norm()) < 0.2  # fits the size ...
    assert float((free - music).norm() / music.norm()) > 0.5  # ... and not the phase
    assert torch.equal(free, auralisation.sound(spectrum.abs(), spectrum, analysis, len(music), way="no phase", seed=1))


def test_mel_images_reach_their_bins():
    analysis = auralisation.Analysis(frontend.compact_frontend())
    for band in (0, 40, 95):
        image = torch.zeros(96, 3)
        image[band] = 1
        bins = analysis.to_bins(image)[:, 0]
        centre = librosa.mel_frequencies(98, fmin=0, fmax=6000)[band + 1] / 6000 * 256
        assert abs(int(bins.argmax()) - centre) <= 2
    assert float(analysis.to_bins(torch.rand(96, 5)).max()) <= 1


def test_bad_input_is_told(music):
    analysis = auralisation.Analysis(frontend.compact_frontend())
    spectrum = analysis.transform(music)
    with pytest.raises(InputError, match="way must be one of phase, mask, no phase, got 'loud'"):
        auralisation.sound(torch.ones(96, spectrum.shape[1]), spectrum, analysis, len(music), way="loud")
    with pytest.raises(InputError, match=r"the image is \(257, 9\), the transform"):
        auralisation.sound(torch.ones(96, 9), spectrum, analysis, len(music))
    with pytest.raises(InputError, match="no STFT to go back through: Identity"):
        auralisation.Analysis(torch.nn.Identity())
