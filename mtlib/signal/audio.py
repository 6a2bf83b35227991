"""Audio files to samples: decode, average the channels, resample, fit to a length.

The thesis works on mono audio at 12 kHz [Choi2018, §5.2]; its networks take clips of about 29 seconds.

Conventions
    Samples are float32 in [−1, 1], time last; a decoded MP3 may exceed 1 and is not clipped.
    The order is fixed, because the parts do not commute: native channels, their mean, soxr "HQ"
    resampling, cutting. Resamplers differ by −30 dB above 5.4 kHz, so one is used everywhere.
    A short read is the usual form of damage, so the decoded length is compared with what the file,
    or the caller, promised. Whatever cannot be used raises `InputError` with one line.

An MP3 has no length of its own: libsndfile guesses one from the first frame unless the file carries
a frame count (a "Xing" or "Info" frame), and reads no further than its guess. The frames of
such a file are therefore counted here. MP3 data under another name is freed of its tags and read
from memory (`mtlib.signal.mpeg`).
"""

import contextlib
import io
import math
import os
import stat
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from ..base.errors import InputError
from . import mpeg

SAMPLE_RATE = 12_000
"""Hertz: the rate of every network in the book."""

N_SAMPLES = {1366: 349_440, 1360: 348_000}
"""Clip length, in samples at 12 kHz, by the number of spectrogram frames (hop 256) it gives.

1366 frames: 29.12 s with centred frames, CRNN and its rivals [Choi2018, §4.2].
1360 frames: 29 s with "same" padding, the Compact-convnet [Choi2018, §2.4].
"""

SILENCE = 2.0**-15
"""One step of 16-bit audio: what never exceeds it is silent."""

RESAMPLER = f"soxr {soxr.__version__} HQ"
"""The resampler, in words: part of the key of every cache of decoded audio."""

RATES = (1_000, 768_000)
"""Hertz: the lowest and the highest sample rate that is taken for audio."""

MAX_SAMPLES = 1 << 27
"""Samples that are decoded into memory at most, 512 MiB: 3.1 hours at 12 kHz."""

_SLACK_SECONDS = 0.1  # a shorter read than promised by less than this is no damage; also read in excess
_AGAIN = "download or unpack it again"

AudioPath = str | bytes | os.PathLike


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


_lock = threading.Lock()
_users, _saved = 0, None


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere while any thread decodes: the MP3 decoder writes to it from C."""
    global _users, _saved
    with _lock:
        if _users == 0:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                _saved = os.dup(2)
            except OSError:  # closed: from now on it is nowhere
                _saved = None
            if nowhere != 2:
                os.dup2(nowhere, 2)
                os.close(nowhere)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _saved is not None:
                os.dup2(_saved, 2)
                os.close(_saved)
                _saved = None


@_quiet_stderr()
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
        or holds NaN or infinity; if `offset` lies behind its end; if it has a rate that no audio has
        (`RATES`), or more than `MAX_SAMPLES`.

    Examples
    --------
    >>> decode("clip.mp3", expected_seconds=29.124)  # doctest: +SKIP
    """
    if not (math.isfinite(offset) and offset >= 0):
        raise InputError(f"offset must be at least 0 seconds, got {offset}")
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"seconds must be above 0, got {seconds}")
    name = display_name(path)
    head = _read_head(path, name)
    mp3, n_counted = mpeg.data_and_count(path, head)
    opened, blocks, n_read, n_kept, n_nonfinite = False, [], 0, 0, 0
    try:
        with soundfile.SoundFile(os.fsencode(path) if mp3 is None else io.BytesIO(mp3)) as file:
            opened, rate, n_channels = True, file.samplerate, file.channels
            if not RATES[0] <= rate <= RATES[1]:
                words = f"a sample rate of {rate:,} Hz, audio has {RATES[0]:,} to {RATES[1]:,}"
                raise InputError(f"{name}: {words}; {_AGAIN}", "not audio")
            resampler = soxr.ResampleStream(rate, sample_rate or rate, 1, quality="HQ")
            n_promised = n_counted or (file.frames if file.frames < 1 << 40 else 0)  # 0: a stream of unknown length
            start = round(offset * rate)
            if start:
                file.seek(min(start, file.frames))
            weights = np.full(n_channels, 1 / n_channels, np.float32)
            n_wanted = math.inf if seconds is None else math.ceil(seconds * rate)
            at_end = False
            while not at_end:  # in blocks: memory follows what is there, not what is promised
                asked = min(n_wanted - n_read, max(1, (1 << 20) // n_channels))
                block = file.read(asked, dtype="float32", always_2d=True)
                n_read += len(block)
                n_nonfinite += np.sum(~np.isfinite(block))
                at_end = len(block) < asked or n_read == n_wanted
                # (time, channel) -> (time,); the product is many times faster than mean(axis=1)
                mono = block @ weights if n_channels > 1 else block[:, 0]
                blocks.append(mono if sample_rate in (None, rate) else resampler.resample_chunk(mono, at_end))
                n_kept += len(blocks[-1])
                if n_kept > MAX_SAMPLES:
                    raise InputError(
                        f"{name}: longer than {MAX_SAMPLES / (sample_rate or rate) / 3600:.1f} hours; "
                        "cut it into parts",
                        "too long",
                    )
    except (soundfile.LibsndfileError, RuntimeError) as error:
        if not opened:
            raise InputError(
                f"{name}: not audio of a kind that can be read; {_AGAIN}, or convert it to WAV, FLAC, Ogg or MP3",
                "not audio",
            ) from None
        raise InputError(f"{name}: undecodable ({str(error).rstrip('.')}); {_AGAIN}", "undecodable") from None

    expected = expected_seconds
    if expected is None:
        expected = max(n_promised, _pcm_frames_promised(path, head)) / rate
    if n_read == 0 and start >= n_promised > 0:
        raise InputError(f"{name}: ends at {n_promised / rate:.1f} s, before the offset of {offset:.1f} s", "truncated")
    wanted = expected - offset if seconds is None else min(expected - offset, seconds)
    if n_read / rate < wanted - _SLACK_SECONDS:
        raise InputError(
            f"{name}: truncated, {offset + n_read / rate:.1f} of {expected:.1f} s decoded; {_AGAIN}", "truncated"
        )
    if n_read == 0:
        raise InputError(f"{name}: 0 samples behind its header; {_AGAIN}", "truncated")
    if n_nonfinite:
        raise InputError(f"{name}: {n_nonfinite:,} samples are NaN or infinite; export it again", "nonfinite")
    extension = os.path.splitext(os.fsencode(path))[1].lower()
    notes = (
        ()
        if mp3 is None or extension == b".mp3"
        else (f"MP3 data in a file named {display_name(extension) or 'without extension'}",)
    )
    return Recording(_joined(blocks), sample_rate or rate, rate, n_channels, notes)


def _joined(blocks: list[np.ndarray]) -> np.ndarray:
    """Join blocks and free each once it is copied, so that memory holds the audio once."""
    if len(blocks) == 1:
        return blocks[0]
    samples, at = np.empty(sum(map(len, blocks)), np.float32), 0
    while blocks:
        block = blocks.pop(0)
        samples[at : at + len(block)] = block
        at += len(block)
    return samples


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
    more = None if seconds is None else seconds + _SLACK_SECONDS
    samples = decode(
        path, offset=offset, seconds=more, expected_seconds=expected_seconds, sample_rate=sample_rate
    ).samples
    return samples if seconds is None else samples[: round(seconds * sample_rate)]


def resample(samples: np.ndarray, from_rate: int, to_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Resample with soxr "HQ": pass band to 91 % of the new Nyquist frequency.

    Parameters
    ----------
    samples : np.ndarray [shape=(time,), dtype=float32]
    from_rate, to_rate : int
        Hertz.

    Returns
    -------
    samples : np.ndarray [shape=(round(time * to_rate / from_rate),), dtype=float32]
    """
    if not (RATES[0] <= from_rate <= RATES[1] and RATES[0] <= to_rate <= RATES[1]):
        raise InputError(f"sample rates must be {RATES[0]:,} to {RATES[1]:,} Hz, got {from_rate} and {to_rate}")
    if samples.ndim != 1:
        raise InputError(f"samples must have shape (time,), got {samples.shape}")
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    return samples if from_rate == to_rate else soxr.resample(samples, from_rate, to_rate, quality="HQ")


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


_NOT_AUDIO = (  # first bytes, in lower case, and what they mean
    ((b"<!doctype html", b"<html"), "not audio but an HTML page; the download failed"),
    ((b"version https://git-lfs",), "not audio but a Git LFS pointer; fetch the file itself (git lfs pull)"),
    ((b"\x00\x05\x16\x07", b"\x00\x05\x16\x00"), "not audio but macOS file information (._ files); leave it out"),
    ((b"pk\x03\x04", b"\x1f\x8b"), "not audio but an archive; unpack it"),
)


def _read_head(path: AudioPath, name: str) -> bytes:
    """Return the first 4,096 bytes of a file that may be audio."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{name}: a folder; name the audio files in it")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{name}: not a regular file; copy the audio to one")
        if status.st_size == 0:
            raise InputError(f"{name}: 0 bytes; {_AGAIN}", "empty")
        with open(path, "rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file; check its name and folder", "missing") from None
    except OSError as error:
        raise InputError(
            f"{name}: cannot be opened ({error.strerror}); check its name and your rights", "unreadable"
        ) from None
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for signatures, meaning in _NOT_AUDIO:
        if head.lower().startswith(signatures) or start.startswith(signatures):
            raise InputError(f"{name}: {meaning}", "not audio")
    if head[4:8] == b"ftyp":
        raise InputError(
            f"{name}: MPEG-4 audio (AAC), which cannot be read here; convert it to WAV, FLAC, Ogg or MP3", "not audio"
        )
    return head


def _pcm_frames_promised(path: AudioPath, head: bytes) -> int:
    """Return the frames that a WAV or AU header promises, 0 if it does not say.

    libsndfile lowers its own count to what a cut file still holds, so the header is read here.
    """
    if head[:4] == b".snd":
        _, n_bytes, encoding, _, n_channels = struct.unpack(">5I", head[4:24].ljust(20, b"\0"))
        width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(encoding, 0) * n_channels
        return n_bytes // width if width and n_bytes < 0x7FFFF000 else 0
    if head[:4] != b"RIFF":
        return 0
    width = 0
    with open(path, "rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            kind, n_bytes = header[:4], struct.unpack("<I", header[4:])[0]
            if kind == b"data":  # a stream that did not know its length wrote the largest number
                return n_bytes // width if width and n_bytes < 0x7FFFF000 else 0
            start = file.tell()
            if kind == b"fmt ":
                code, _, _, _, align, _ = struct.unpack("<HHIIHH", file.read(16).ljust(16, b"\0"))
                width = align if code in (1, 3, 6, 7, 0xFFFE) else 0  # PCM, float, A-law, µ-law, extensible
            file.seek(start + n_bytes + n_bytes % 2)
    return 0
