"""Voices: a pulse, filtered by the resonances of a mouth, with the noise of consonants.

The soundfont's choirs are heard as pads. A voice that a network, or a listener, can tell from an
instrument needs what instruments lack: vowels that change with every syllable, consonants, a pitch that
glides and trembles, and registers and resonances that differ between women and men. Source and filter:
pulses whose spectrum ends by itself below half the sample rate, a chain of five resonances a vowel, noise
before it.

Conventions
    Everything random comes from the generator given. Sounds are float32 in no particular scale: the mix sets
    levels. A rapped voice has short syllables and hardly glides; a spoken one falls in every phrase.
"""

import functools
from typing import NamedTuple

import numpy as np
from scipy import fft
from scipy.signal import lfilter

LIFT_DB = 2.0
"""What a voice gets above its level in the mix, as singers do."""

REGISTER = {"female": (55, 79), "male": (41, 65)}
"""Lowest and highest pitch sung; others are folded in by octaves."""

VOWELS = {
    "female": np.array(
        [
            [850, 1220, 2810, 3900, 4950],  # a
            [610, 2330, 2990, 4000, 4950],  # e
            [310, 2790, 3310, 4100, 4950],  # i
            [590, 920, 2710, 3900, 4950],  # o
            [370, 950, 2670, 3800, 4950],  # u
        ]
    ),
    "male": np.array(
        [
            [730, 1090, 2440, 3400, 4200],
            [530, 1840, 2480, 3450, 4200],
            [270, 2290, 3010, 3500, 4200],
            [570, 840, 2410, 3300, 4200],
            [300, 870, 2240, 3300, 4200],
        ]
    ),
}
"""Resonances of vowels in hertz (averages of Peterson and Barney 1952; the upper two are typical values)."""

BANDWIDTHS = np.array([80.0, 100.0, 130.0, 200.0, 280.0])
"""Of the resonances, in hertz."""


class Manner(NamedTuple):
    """How syllables are said."""

    vibrato_semitones: float
    glide_seconds: float
    fall_semitones: float
    attack_seconds: float
    release_seconds: float
    consonant: float


MANNERS = {
    "sung": Manner(0.5, 0.05, 0.0, 0.04, 0.09, 0.5),
    "rapped": Manner(0.0, 0.02, 1.5, 0.012, 0.04, 0.9),
    "spoken": Manner(0.0, 0.06, 3.0, 0.02, 0.06, 0.8),
}

VIBRATO_HZ = 5.6
"""Rate of the vibrato; it sets in a quarter of a second after the syllable."""


def sing(
    notes: np.ndarray, gender: str, manner: str, n_samples: int, sample_rate: int, rng: np.random.Generator
) -> np.ndarray:
    """Sing or say a line, a syllable a note.

    Parameters
    ----------
    notes : np.ndarray [dtype=score.NOTE]
        Where two overlap the first ends as the second starts.
    gender : {"female", "male"}
    manner : {"sung", "rapped", "spoken"}
    n_samples, sample_rate : int
    rng : np.random.Generator

    Returns
    -------
    np.ndarray [shape=(n_samples,), dtype=float32]
    """
    style, out = MANNERS[manner], np.zeros(n_samples, np.float32)
    starts = np.round(notes["start"] * sample_rate).astype(int)
    keep = (starts >= 0) & (starts < n_samples) & (notes["duration"] > 0.02)
    notes, starts = notes[keep], starts[keep]
    if not len(notes):
        return out
    ends = np.round((notes["start"] + notes["duration"]) * sample_rate).astype(int)
    ends = np.minimum(ends, np.append(starts[1:], n_samples))
    gains = (notes["velocity"] / 127.0) ** 1.5
    vowels = rng.integers(0, len(VOWELS[gender]), (len(notes), 2)).tolist()
    pulses = _pulses(_pitch(notes, starts, ends, gender, style, n_samples, sample_rate, rng), sample_rate, rng)
    release = round(style.release_seconds * sample_rate)
    for start, end, gain, said in zip(starts, ends, gains, vowels, strict=True):
        if end - start < round(0.02 * sample_rate):
            continue
        stop = min(end + release, n_samples)
        syllable = pulses[start:stop] * _envelope(stop - start, end - start, style, sample_rate)
        voiced = _resonate(syllable, gender, said, sample_rate)
        gain = np.float32(gain)
        voiced *= gain / max(float(np.sqrt(np.mean(voiced**2))), 1e-9)  # vowels differ by 20 dB
        voiced = voiced[: n_samples - start]
        out[start : start + len(voiced)] += voiced
        noise = _consonant(style.consonant, sample_rate, rng)
        first = max(start - len(noise) // 2, 0)
        noise = noise[: n_samples - first]
        out[first : first + len(noise)] += gain * noise
    return out


def fold(pitches: np.ndarray, low: int, high: int) -> np.ndarray:
    """Bring pitches into a range of at least an octave by whole octaves."""
    pitches = np.asarray(pitches, float)
    pitches = np.where(pitches < low, pitches + 12 * np.ceil((low - pitches) / 12), pitches)
    return np.where(pitches > high, pitches - 12 * np.ceil((pitches - high) / 12), pitches)


def _pitch(
    notes: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    gender: str,
    style: Manner,
    n_samples: int,
    sample_rate: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the fundamental of every sample in hertz [shape=(n_samples,)]."""
    step = 16  # samples between two values of the contour; the rest is interpolated
    times = np.arange(0, n_samples + step, step)
    current = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, None)
    since = np.maximum(times - starts[current], 0) / sample_rate
    length = np.maximum(ends - starts, 1)[current] / sample_rate
    pitch = fold(notes["pitch"], *REGISTER[gender])[current]
    pitch -= style.fall_semitones * np.clip(since / length, 0, 1)
    pole = np.exp(-step / sample_rate / style.glide_seconds)
    pitch = lfilter([1 - pole], [1, -pole], pitch, zi=[pole * pitch[0]])[0]
    depth = style.vibrato_semitones * np.clip((since - 0.25) / 0.3, 0, 1)
    rate = VIBRATO_HZ * (1 + 0.05 * rng.standard_normal())
    pitch += depth * np.sin(2 * np.pi * rate * times / sample_rate)
    drift = lfilter([0.02], [1, -0.98], rng.standard_normal(len(times)))
    hertz = 440 * 2 ** ((pitch + 0.6 * drift - 69) / 12)
    return np.interp(np.arange(n_samples), times, hertz)


def _pulses(hertz: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Return glottal pulses with breath [shape=(n_samples,), dtype=float32].

    A pulse exp(κ(cos φ − 1)) has harmonics that fall as exp(−n²/2κ): κ is set so that nothing is left at
    half the sample rate, and to at most 90, the slope of a firm voice.
    """
    cycles = np.cumsum(hertz / sample_rate)
    phase = (2 * np.pi * (cycles - np.floor(cycles))).astype(np.float32)
    kappa = np.minimum((0.5 * sample_rate / hertz) ** 2 / 14, 90.0).astype(np.float32)
    pulses = np.exp(kappa * (np.cos(phase) - 1))
    breath = rng.standard_normal(len(hertz), dtype=np.float32)
    pulses = pulses * np.sqrt(kappa) + 0.03 * (0.3 + pulses) * breath
    return np.append(np.float32(0), np.diff(pulses))  # the lips radiate the derivative


def _envelope(n: int, held: int, style: Manner, sample_rate: int) -> np.ndarray:
    """Return the loudness of a syllable of `n` samples, `held` of them before it fades."""
    time = np.arange(n, dtype=np.float32) / sample_rate
    rise = np.minimum(time / style.attack_seconds, 1)
    fade = np.clip(1 - (time - held / sample_rate) / style.release_seconds, 0, 1)
    return rise * np.minimum(fade, 1) * (1 - 0.25 * np.minimum(time * sample_rate / n, 1))


def _resonate(sound: np.ndarray, gender: str, vowels: tuple[int, int], sample_rate: int) -> np.ndarray:
    """Filter a syllable by a mouth that moves from one vowel to another; it rings for a little longer."""
    n = len(sound) + sample_rate // 20
    n_fft = 1 << (n - 1).bit_length()  # few sizes, so that responses are kept
    later = sound * np.clip(np.linspace(-0.6, 1.4, len(sound), dtype=np.float32), 0, 1)
    spectrum = fft.rfft(sound - later, n_fft) * response(gender, vowels[0], n_fft, sample_rate)
    spectrum += fft.rfft(later, n_fft) * response(gender, vowels[1], n_fft, sample_rate)
    return fft.irfft(spectrum, n_fft)[:n]


@functools.lru_cache(maxsize=128)
def response(gender: str, vowel: int, n_fft: int, sample_rate: int) -> np.ndarray:
    """Return the transfer function of a vowel, of power 1 [shape=(n_fft // 2 + 1,), dtype=complex64]."""
    f = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    centres = VOWELS[gender][vowel]
    factors = centres**2 / (centres**2 - f**2 + 1j * f * BANDWIDTHS)
    chain = np.prod(factors, axis=1)
    return (chain / np.sqrt(np.mean(np.abs(chain) ** 2))).astype(np.complex64)


def _consonant(amount: float, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Return the hiss or the burst before a vowel: a band of noise, some tens of milliseconds."""
    n = fft.next_fast_len(round(sample_rate * rng.uniform(0.03, 0.09)), real=True)
    centre, width = rng.uniform(2200, 4800), rng.uniform(600, 1800)
    sudden = rng.random() < 0.5
    spectrum = fft.rfft(rng.standard_normal(n, dtype=np.float32))
    f = np.linspace(0, sample_rate / 2, len(spectrum), dtype=np.float32)
    noise = fft.irfft(spectrum * np.exp(-(((f - centre) / width) ** 2)), n)
    time = np.linspace(0, 1, n, dtype=np.float32)
    shape = np.exp(-5 * time) if sudden else np.sin(np.pi * time)
    return (amount * rng.uniform(0.3, 1.0) * shape * noise).astype(np.float32)
