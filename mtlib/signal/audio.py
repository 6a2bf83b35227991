"""Audio files to samples: decode, average the channels, resample, fit to a length.

The thesis works on mono audio at 12 kHz [Choi2018, §5.2]; its networks take clips of about 29 seconds.

Conventions
    Samples are float32 in [−1, 1], time last; a decoded MP3 may exceed 1 and is not clipped.
    The order is fixed, because the parts do not commute: native channels, their mean, soxr "HQ"
    resampling, cutting. Resamplers differ by −30 dB above 5.4 kHz, so one is used everywhere.
    A short read is the usual form of damage, so the decoded length is compared with what the file,
    or the caller, promised. Whatever cannot be used raises `InputError` with one line.
"""

import contextlib
import math
import os
import stat
from dataclasses import dataclass

import numpy as np

from ..base.errors import InputError
from . import containers, decoding
from .decoding import AudioPath

SAMPLE_RATE = 12_000
"""Hertz: the rate of every network in the book."""

N_SAMPLES = {1366: 349_440, 1360: 348_000}
"""Clip length, in samples at 12 kHz, by the number of spectrogram frames (hop 256) it gives.

1366 frames: 29.12 s with centred frames, CRNN and its rivals [Choi2018, §4.2].
1360 frames: 29 s with "same" padding, the Compact-convnet [Choi2018, §2.4].
"""

SILENCE = 2.0**-15
"""One step of 16-bit audio: what never exceeds it is silent."""

LOUDEST = 16.0
"""What no sample exceeds, 24 dB above full scale: more is another scale, such as that of 16-bit integers."""


@dataclass(frozen=True)
class Recording:
    """Decoded audio.

    Attributes
    ----------
    samples : np.ndarray [shape=(time,), dtype=float32]
        Mean over the channels.
    sample_rate : int
        Hertz, of the samples.
    source_rate : int
        Hertz, as stored in the file.
    n_channels : int
        Channels in the file.
    notes : tuple of str
        What is odd but harmless, such as ``MP3 data in a file named .wav``.
    """

    samples: np.ndarray
    sample_rate: int
    source_rate: int
    n_channels: int
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length of the audio in seconds."""
        return len(self.samples) / self.sample_rate


def decode(
    path: AudioPath,
    *,
    offset: float = 0.0,
    seconds: float | None = None,
    expected_seconds: float | None = None,
    sample_rate: int | None = None,
) -> Recording:
    """Decode a file (WAV, MP3, FLAC, Ogg, AU, AIFF) to mono.

    Parameters
    ----------
    path : str, bytes or path
        The file. Its content decides what it is, not its name.
    offset, seconds : float
        The part to read: from `offset`, at most `seconds` (default: all). The file may end earlier.
    expected_seconds : float, optional
        Length the whole file should have, where it is known, as for the clips of a dataset. Without
        it the file's own header says what to expect.
    sample_rate : int, optional
        Hertz to resample to, block by block; the file's own by default.

    Returns
    -------
    Recording

    Raises
    ------
    InputError
        If the file is missing, empty, not audio, damaged, shorter than expected by more than 0.1 s,
        or longer than its header counts; if it holds NaN or infinity, or a level that no audio has; if
        `offset` lies behind its end; if it is too long, or has a rate that no audio has.

    Examples
    --------
    >>> decode("clip.mp3", expected_seconds=29.124)  # doctest: +SKIP
    """
    if not (math.isfinite(offset) and offset >= 0):
        raise InputError(f"offset must be at least 0 seconds, got {offset}")
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"seconds must be above 0, got {seconds}")
    lowest, highest = decoding.RATES
    if sample_rate is not None and not lowest <= sample_rate <= highest:
        raise InputError(f"sample rates must be {lowest:,} to {highest:,} Hz, got {sample_rate}")
    end = math.inf if seconds is None else offset + seconds
    try:
        _check_head(path)
        with contextlib.closing(decoding.Decoder(path, sample_rate)) as heard:
            heard.read(offset, end)
            heard.check(offset, end, expected_seconds)
        _check_level(heard, is_whole=seconds is None and not offset)
    except MemoryError:
        raise InputError(f"{display_name(path)}: more than this memory holds; cut it into parts") from None
    except InputError as error:
        raise InputError(f"{display_name(path)}: {error}", error.status) from None
    extension = display_name(os.path.splitext(os.fsencode(path))[1].lower())
    if heard.kind == "mp3" and extension not in (".mp3", ".mp2", ".mpga"):
        heard.notes.append(f"MP3 data in a file named {extension or 'without extension'}")
    if seconds is None and heard.kind == "wav" and heard.peak and not heard.samples[-heard.sample_rate :].any():
        heard.notes.append("ends in more than a second of zeros, as a download that did not end")
    return Recording(heard.samples, heard.sample_rate, heard.source_rate, heard.n_channels, tuple(heard.notes))


def _check_level(heard: decoding.Decoder, is_whole: bool) -> None:
    """Refuse samples of another scale, or too small for 16 bits.

    Silence passes, and so does a part of a file that is nearly silent.
    """
    n_channels, words, status = heard.n_channels, "", "too quiet"
    if heard.peak > LOUDEST:
        words, status = (f"samples reach {heard.peak:,.0f}, full scale is 1; export it at that scale", "unscaled")
    elif heard.peak > SILENCE and heard.mean_peak < 0.02 * heard.peak / n_channels:
        words = f"its {n_channels} channels cancel each other: their mean is silent; export one of them"
    elif is_whole and 2.0**-31 < heard.mean_peak <= SILENCE:
        words = f"its level is too low, a peak of {20 * math.log10(heard.mean_peak):.0f} dB; export it louder"
    elif is_whole and is_silent(heard.samples) and heard.mean_peak > SILENCE:
        words = f"nothing below {heard.sample_rate // 2:,} Hz, the highest frequency kept; leave it out"
    if words:
        raise InputError(words, status)


def load(
    path: AudioPath,
    *,
    sample_rate: int = SAMPLE_RATE,
    offset: float = 0.0,
    seconds: float | None = None,
    expected_seconds: float | None = None,
) -> np.ndarray:
    """Decode a file to mono at `sample_rate`; the arguments are those of `decode`.

    Returns
    -------
    samples : np.ndarray [shape=(time,), dtype=float32]
        At most ``round(seconds * sample_rate)`` samples, fewer where the file ends earlier.
    """
    # A little more than asked is read, so that the resampler's edge falls outside the last samples.
    more = None if seconds is None else seconds + 0.1
    samples = decode(
        path, offset=offset, seconds=more, expected_seconds=expected_seconds, sample_rate=sample_rate
    ).samples
    return samples if seconds is None else samples[: round(seconds * sample_rate)]


def fit_length(samples: np.ndarray, n_samples: int, *, crop: str = "start", short: str = "pad") -> np.ndarray:
    """Give audio exactly `n_samples` samples.

    Parameters
    ----------
    samples : np.ndarray [shape=(…, time)]
    n_samples : int
    crop : {"start", "centre"}
        Which part of longer audio to keep. The author's tagger takes the centre.
    short : {"pad", "repeat"}
        Shorter audio gets zeros at its end, or is repeated until it fills [Choi2018, §6.2.2].

    Returns
    -------
    samples : np.ndarray [shape=(…, n_samples)]
    """
    if n_samples < 1:
        raise InputError(f"n_samples must be at least 1, got {n_samples}")
    if crop not in ("start", "centre"):
        raise InputError(f'crop must be "start" or "centre", got {crop!r}')
    if short not in ("pad", "repeat"):
        raise InputError(f'short must be "pad" or "repeat", got {short!r}')
    n_given = samples.shape[-1]
    if n_given == 0:
        raise InputError("samples are empty: nothing to pad or repeat")
    if n_given >= n_samples:
        start = (n_given - n_samples) // 2 if crop == "centre" else 0
        return samples[..., start : start + n_samples]
    widths = [(0, 0)] * (samples.ndim - 1) + [(0, n_samples - n_given)]
    return np.pad(samples, widths, mode="constant" if short == "pad" else "wrap")


def windows(samples: np.ndarray, n_samples: int, hop: int, min_samples: int) -> np.ndarray:
    """Cut audio into windows of equal length, for a network that takes one clip at a time.

    Windows start at 0, `hop`, 2 `hop` and so on. A remainder of fewer than `min_samples` is dropped
    unless it is all there is; a longer one is repeated until it fills its window.

    Parameters
    ----------
    samples : np.ndarray [shape=(time,)]
    n_samples, hop, min_samples : int

    Returns
    -------
    windows : np.ndarray [shape=(n_windows, n_samples)]
    """
    if samples.ndim != 1:
        raise InputError(f"samples must have shape (time,), got {samples.shape}")
    if hop < 1:
        raise InputError(f"hop must be at least 1, got {hop}")
    starts = [s for s in range(0, len(samples), hop) if s == 0 or len(samples) - s >= min(min_samples, n_samples)]
    return np.stack([fit_length(samples[s:], n_samples, short="repeat") for s in starts or [0]])


def is_silent(samples: np.ndarray) -> bool:
    """Tell whether no sample exceeds one step of 16-bit audio (−90 dB of full scale)."""
    return not samples.size or max(samples.max(), -samples.min()) <= SILENCE


def display_name(path: AudioPath) -> str:
    r"""Return a file name that prints on one line everywhere; odd bytes become ``\xe9``."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _check_head(path: AudioPath) -> None:
    """Refuse what is no file, or begins as no audio does."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise InputError("a folder; name the audio files in it")
        if not stat.S_ISREG(status.st_mode):
            raise InputError("not a regular file; copy the audio to one")
        if status.st_size == 0:
            raise InputError(f"0 bytes; {decoding.AGAIN}", "empty")
        with open(path, "rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        raise InputError("no such file; check its name and folder", "missing") from None
    except (OSError, ValueError) as error:  # a zero byte in a name is a ValueError
        if isinstance(error, InputError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot be opened ({reason}); check its name and your rights", "unreadable") from None
    if reason := containers.not_audio(head):
        raise InputError(f"not audio but {reason}", "not audio")
