"""Views by pitch, from librosa: the constant-Q transform and the chromagram.

They are pictures of one clip for the reader and for comparison; networks are fed by `mtlib.signal.frontend`.
Chapter 2 shows them [Choi2018, §2.3.2].

Conventions
    Input: samples (time,), floating point; output (bin, frame), float32, frame t centred on sample
    t·hop_length.
"""

import librosa
import numpy as np

from .base.errors import InputError, at_least
from .signal.audio import SAMPLE_RATE


def cqt(
    samples: np.ndarray,
    *,
    sample_rate: int = SAMPLE_RATE,
    hop_length: int = 256,
    f_min: float = 32.703,
    n_bins: int = 84,
    bins_per_octave: int = 12,
) -> np.ndarray:
    """Compute the magnitude of a constant-Q transform, by librosa [Choi2018, Eq. 2.3].

    Parameters
    ----------
    samples : np.ndarray [shape=(time,)]
    sample_rate, hop_length, n_bins, bins_per_octave : int
    f_min : float
        Lowest frequency in hertz; the default is the note C1.

    Returns
    -------
    magnitude : np.ndarray [shape=(n_bins, 1 + time // hop_length), dtype=float32]
    """
    samples = _checked_array(samples)
    at_least(1, sample_rate=sample_rate, hop_length=hop_length)
    at_least(1, n_bins=n_bins, bins_per_octave=bins_per_octave)
    if not f_min > 0:
        raise InputError(f"f_min must be above 0 Hz, got {f_min:g}")
    highest = f_min * 2.0 ** ((n_bins - 1) / bins_per_octave)
    try:
        spectrum = librosa.cqt(
            samples,
            sr=sample_rate,
            hop_length=hop_length,
            fmin=f_min,
            n_bins=n_bins,
            bins_per_octave=bins_per_octave,
        )  # (bin, frame), complex
    except librosa.ParameterError as error:
        raise InputError(
            f"no constant-Q transform of {n_bins} bins up to {highest:.0f} Hz at {sample_rate} Hz "
            f"with hop_length {hop_length}: {error}"
        ) from None
    return np.abs(spectrum).astype(np.float32)


def chroma(
    samples: np.ndarray, *, sample_rate: int = SAMPLE_RATE, n_fft: int = 2048, hop_length: int = 256
) -> np.ndarray:
    """Compute a chromagram from the STFT, by librosa, tuned to A4 = 440 Hz [Choi2018, §2.3.2].

    Parameters
    ----------
    samples : np.ndarray [shape=(time,)]
    sample_rate, n_fft, hop_length : int

    Returns
    -------
    chromagram : np.ndarray [shape=(12, 1 + time // hop_length), dtype=float32]
        From C to B; the largest value of each frame is 1.
    """
    samples = _checked_array(samples)
    at_least(1, sample_rate=sample_rate, hop_length=hop_length)
    at_least(2, n_fft=n_fft)
    chromagram = librosa.feature.chroma_stft(
        y=samples, sr=sample_rate, n_fft=n_fft, hop_length=hop_length, tuning=0.0
    )  # (pitch class, frame)
    return chromagram.astype(np.float32)


def _checked_array(samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples)
    if samples.ndim != 1 or not samples.size:
        raise InputError(f"samples must have shape (time,) and not be empty, got {samples.shape}")
    if samples.dtype.kind != "f":
        raise InputError(f"samples must be floating point in [−1, 1], got {samples.dtype}")
    if not np.isfinite(samples).all():
        raise InputError("samples hold NaN or infinity")
    return samples.astype(np.float32, copy=False)
