"""Production: the room, the desk and the tape between the parts and the listener.

What makes a record of the sixties sound like one here: a narrow band, hiss, soft saturation, little
treble; what makes a modern one: the full band and strong compression. The numbers come with the score;
this is only what they do, in the order of `score.Production`'s fields.

Conventions
    One clip at a time, float32 [shape=(n_samples,)], whole-clip operations in the frequency domain: a row of
    a batched transform may differ in its last bit from the same row alone, and a clip must not.
"""

import numpy as np
from scipy import fft
from scipy.signal import lfilter

from ..composing.score import Production

PEAK = 0.97
"""Largest sample of a clip: louder ones are scaled, never clipped."""

NO_NOISE_DB = -90.0
"""Noise below this is left out."""


def produce(mix: np.ndarray, production: Production, sample_rate: int) -> np.ndarray:
    """Turn the sum of the parts into a recording.

    Parameters
    ----------
    mix : np.ndarray [shape=(n_samples,), dtype=float32]
        In any scale.
    production : Production
    sample_rate : int
        In hertz.

    Returns
    -------
    np.ndarray [shape=(n_samples,), dtype=float32]
        Peaks at most `PEAK`.
    """
    rng = np.random.default_rng([production.seed, 1])
    n, tail = len(mix), round(min(production.reverb_seconds, 4.0) * sample_rate)
    n_fft = fft.next_fast_len(n + tail, real=True)
    frequencies = np.arange(n_fft // 2 + 1, dtype=np.float32) * np.float32(sample_rate / n_fft)
    spectrum = fft.rfft(mix, n_fft)
    if production.reverb_mix > 0 and tail > 0:
        spectrum *= _room(tail, production.reverb_mix, n_fft, sample_rate, rng)
    spectrum *= tilt(frequencies, production.tilt_db) * equaliser(frequencies, production.eq_db)
    sound = compress(saturate(_level(fft.irfft(spectrum, n_fft)[:n]), production.saturation),
                     production.compression, sample_rate)  # fmt: skip
    n_fft = fft.next_fast_len(n + sample_rate // 4, real=True)
    frequencies = np.arange(n_fft // 2 + 1, dtype=np.float32) * np.float32(sample_rate / n_fft)
    spectrum = fft.rfft(sound, n_fft) * band(frequencies, production.low_hz, production.high_hz)
    sound = _level(fft.irfft(spectrum, n_fft)[:n])
    if production.noise_db > NO_NOISE_DB:
        hiss = rng.standard_normal(n, dtype=np.float32)
        sound = sound + np.float32(10 ** (production.noise_db / 20)) * hiss
    sound = sound * np.float32(10 ** (production.level_db / 20))
    return sound * np.float32(min(1.0, PEAK / max(float(np.abs(sound).max()), 1e-9)))


def _level(sound: np.ndarray) -> np.ndarray:
    """Return a sound with root-mean-square 1; silence stays silent."""
    rms = np.sqrt(np.mean(np.square(sound, dtype=np.float64)))
    return sound * np.float32(1 / rms if rms > 1e-6 else 0.0)


def _room(tail: int, mix: float, n_fft: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Return the transfer function of a direct path and a decaying noise with `mix` of the energy."""
    time = np.arange(tail, dtype=np.float32) / tail  # 1 is −60 dB
    response = rng.standard_normal(tail, dtype=np.float32) * np.exp(np.float32(-6.9) * time)
    response[: round(0.012 * sample_rate)] = 0  # the first reflection comes a little later
    response *= np.float32(np.sqrt(mix / max(float(np.square(response).sum()), 1e-9)))
    response[0] = np.sqrt(1 - mix)
    return fft.rfft(response, n_fft)


def tilt(frequencies: np.ndarray, db_per_octave: float) -> np.ndarray:
    """Return the gain of a slope about 1 kHz, level below 50 Hz and above 10 kHz."""
    octaves = np.log2(np.clip(frequencies, 50, 10_000) / 1000)
    return np.exp(np.float32(db_per_octave * np.log(10) / 20) * octaves).astype(np.float32)


def equaliser(frequencies: np.ndarray, gains_db: tuple[float, ...]) -> np.ndarray:
    """Return the gain of sliders spaced evenly in octaves from 60 Hz to 6 kHz, interpolated between them."""
    if not gains_db:
        return np.ones_like(frequencies)
    sliders = np.linspace(np.log2(60), np.log2(6000), len(gains_db))
    return (10 ** (np.interp(np.log2(np.maximum(frequencies, 1)), sliders, gains_db) / 20)).astype(np.float32)


def band(frequencies: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Return the gain of a band-pass, 24 dB an octave; 0 and half the sample rate switch an edge off."""
    gain = np.ones_like(frequencies)
    if low_hz > 0:
        gain /= np.sqrt(1 + (np.float32(low_hz) / np.maximum(frequencies, 1)) ** 8)
    if high_hz < frequencies[-1]:
        gain /= np.sqrt(1 + (frequencies / np.float32(high_hz)) ** 8)
    return gain


def saturate(sound: np.ndarray, amount: float) -> np.ndarray:
    """Bend a sound of root-mean-square 1 as tape and valves do: 0 not at all, 1 to plain distortion."""
    if amount <= 0:
        return sound
    drive = np.float32(0.08 + 1.4 * amount)
    bias = np.float32(0.2 * amount)  # uneven, for even harmonics
    bent = np.tanh(drive * sound + bias) - np.tanh(bias)
    return bent / drive


def compress(sound: np.ndarray, amount: float, sample_rate: int) -> np.ndarray:
    """Even out loudness: above its root-mean-square level a sound keeps 1 − 0.8·`amount` of its decibels."""
    if amount <= 0:
        return sound
    block = max(sample_rate // 200, 1)  # 5 ms
    n_blocks = -(-len(sound) // block)
    padded = np.zeros(n_blocks * block, np.float32)
    padded[: len(sound)] = sound
    blocks = padded.reshape(n_blocks, block)
    power = np.einsum("ij,ij->i", blocks, blocks).astype(np.float64) / block
    pole = np.exp(-0.005 / 0.06)
    slow = lfilter([1 - pole], [1, -pole], power, zi=[pole * power.mean()])[0]
    level = 10 * np.log10(np.maximum(np.maximum(slow, 0.5 * power), 1e-10))
    reference = 10 * np.log10(max(power.mean(), 1e-10)) - 6
    gain_db = -0.8 * amount * np.maximum(level - reference, 0)
    centres = (np.arange(n_blocks) + 0.5) * block
    gain = 10 ** (np.interp(np.arange(len(sound)), centres, gain_db) / 20)
    return sound * gain.astype(np.float32)
