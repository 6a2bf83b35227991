"""The A curve is the standard's; weights add or multiply; standardised bands are flat."""

import csv

import librosa
import numpy as np
import pytest
import torch

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.signal import views, weighting


def test_the_a_curve_is_the_standards_table_and_formula():
    with open(paths.DATA / "iec61672_a_weighting.csv", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    exact = 10 ** (np.arange(10, 44) / 10)  # the table's frequencies before rounding
    assert [float(row["nominal_hz"]) for row in table] == pytest.approx(exact, rel=0.03)
    stated = [float(row["a_weighting_db"]) for row in table]
    np.testing.assert_allclose(weighting.a_weighting(exact), stated, atol=0.0501)  # printed to 0.1 dB
    hertz = np.array([100.0, 1000.0, 6000.0])
    a, b, c, d = 20.598997**2, 107.65265**2, 737.86223**2, 12194.217**2  # poles of IEC 61672-1, annex E
    f = hertz**2
    gain = f**2 * d / ((f + a) * np.sqrt((f + b) * (f + c)) * (f + d))
    np.testing.assert_allclose(weighting.a_weighting(hertz), 20 * np.log10(gain / gain[1]), rtol=1e-12, atol=1e-12)


def test_no_frequency_is_weighed_down_without_end():
    assert weighting.a_weighting(np.array([0.0, 1000.0])).tolist() == [-80.0, 0.0]


def test_decibels_are_added_and_magnitudes_multiplied():
    magnitude = torch.rand(2, 1, 4, 5) + 0.1
    bands = np.array([100.0, 1000.0, 2000.0, 5000.0])
    level = weighting.AWeighting(bands)(20 * magnitude.log10())
    linear = weighting.AWeighting(bands, decibels=False)(magnitude)
    torch.testing.assert_close(level, 20 * linear.log10())
    torch.testing.assert_close(linear[:, :, 1], magnitude[:, :, 1])


def test_standardised_bands_are_flat_and_silence_stays_silent():
    x = torch.randn(2, 1, 3, 50) * torch.tensor([1.0, 10.0, 0.0])[:, None] + 5
    y = weighting.PerFrequency()(x)
    torch.testing.assert_close(y.mean(3), torch.zeros(2, 1, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y[:, :, :2].std(3, correction=0), torch.ones(2, 1, 2), atol=0.02, rtol=0)
    assert y[:, :, 2].abs().max() < 0.1


@pytest.mark.parametrize("kind", ["mel", "stft"])
@pytest.mark.parametrize("magnitude", ["log", "linear"])
def test_weights_come_before_standardisation_and_scaler(kind, magnitude):
    samples = torch.randn(1, 12_000, generator=torch.Generator().manual_seed(0)) / 10
    values = {"kind": kind, "magnitude": magnitude, "weighting": "a-weighting"}
    plain = views.build(kind, magnitude=magnitude, standardise=False)(samples)
    weights = torch.from_numpy(weighting.a_weighting(views.frequencies(kind))).float()[:, None]
    weighed = plain + weights if magnitude == "log" else plain * 10 ** (weights / 20)
    expected = 10 * (weighed - weighed.mean()) / weighed.std(correction=0)
    torch.testing.assert_close(views.build(**values, scale=10.0)(samples), expected, atol=1e-3, rtol=1e-3)


def test_bands_lie_where_the_filters_do():
    filters = views.build()[0][0].filters.numpy()  # (mel, freq)
    hertz = filters @ (np.arange(257) * 12_000 / 512) / filters.sum(1)  # centre of mass
    np.testing.assert_allclose(views.frequencies()[24:], hertz[24:], rtol=0.01)
    np.testing.assert_allclose(views.frequencies("stft"), librosa.fft_frequencies(sr=12_000, n_fft=512))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: weighting.a_weighting(np.array([-1.0])), "frequencies must be finite and at least 0 Hz"),
        (lambda: weighting.AWeighting(np.ones((2, 2))), "one a band"),
        (lambda: weighting.AWeighting(np.ones(2))(torch.zeros(1, 1, 3, 4)), r"must be \(batch, 1, 2, time\)"),
        (lambda: weighting.PerFrequency()(torch.zeros(3, 4)), "must be"),
        (lambda: views.build(weighting="c"), "weighting must be one of bypass, a-weighting"),
        (lambda: views.build(weighting="a-weighting", magnitude="pcen"), "PCEN would undo it"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(InputError, match=words):
        call()
