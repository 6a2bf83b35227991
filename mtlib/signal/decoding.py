"""Decoders: libsndfile, and PyAV for kinds that it does not read; one recording of a file after the other.

`mtlib.signal.audio.decode` compares what they give with what the file, or its dataset, promises.
"""

import contextlib
import io
import math
import os
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import soundfile
import soxr

from ..base.errors import InputError
from . import containers, mpeg
from .containers import AudioPath, Part

AGAIN = "download or unpack it again"
CONVERT = "convert it to WAV, FLAC, Ogg or MP3"
MORE = "more audio follows the {} that its header counts; split it into files, or export it again"

FORMATS = ("", "AIFF", "AU", "CAF", "FLAC", "MP3", "OGG", "RF64", "SVX", "W64", "WAV", "WAVEX")
"""What libsndfile may read: the kinds in which a cut file is found out; empty for those of PyAV."""

RATES = (1_000, 768_000)
"""Hertz: the lowest and the highest sample rate that is taken for audio."""

MAX_SAMPLES = 1 << 27
"""Samples that are decoded into memory at most, 512 MiB: 3.1 hours at 12 kHz."""

UNKNOWN = 1 << 40
"""More samples than a file has: what decoders give where its length is not known."""

_lock = threading.Lock()
_users, _saved = 0, None


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
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


@dataclass
class Decoded:
    """The mean of the channels of the recordings in a file, one behind the other, and what it should have been.

    Attributes
    ----------
    sample_rate : int
        Of the samples; that of the first recording unless given.
    source : (int, int, str)
        Rate, channels and libsndfile's format of the first recording.
    n_parts : int
        Recordings in the file.
    seconds, whole_seconds, slack_seconds : float
        Length of what was decoded; of the file by its own account, up to where reading stopped; what may lack.
    fault : (str, str)
        What else shows that audio is missing or left over, and its status; empty if nothing does.
    peak, mean_peak, kept_peak : float
        Largest magnitude of any channel, of their mean, and of that at the new rate.
    n_nonfinite : int
    """

    sample_rate: int
    source: tuple[int, int, str] = (0, 0, "")
    n_parts: int = 0
    seconds: float = 0.0
    whole_seconds: float = 0.0
    slack_seconds: float = 0.0
    fault: tuple[str, str] = ("", "")
    peak: float = 0.0
    mean_peak: float = 0.0
    kept_peak: float = 0.0
    n_nonfinite: int = 0
    _blocks: list[np.ndarray] = field(default_factory=list)

    def read(self, file: Any, n_wanted: float, n_left: float) -> tuple[int, bool]:
        """Take samples from a file that has some left; return how many came, and whether it ended."""
        rate, n_channels, n_read, ended, resampler = file.samplerate, file.channels, 0, False, None
        self.sample_rate = self.sample_rate or rate
        weights = np.full(n_channels, 1 / n_channels, np.float32)
        while not ended and n_read < n_wanted:  # memory follows what is there, not what is promised
            asked = int(min(n_wanted - n_read, n_left - n_read, max(1, (1 << 22) // n_channels)))
            block = file.read(asked, dtype="float32", always_2d=True)
            n_read += len(block)
            ended = len(block) < asked or n_read >= n_left
            # (time, channel) -> (time,); the product is many times faster than mean(axis=1)
            with np.errstate(invalid="ignore", over="ignore"):
                mean = block @ weights if n_channels > 1 else block[:, 0]
            mean_peak, is_last = _peak(mean), ended or n_read >= n_wanted
            peak = _peak(block) if n_channels > 1 else mean_peak
            if not math.isfinite(peak):
                self.n_nonfinite += int(np.sum(~np.isfinite(block)))
                continue
            self.peak, self.mean_peak = max(self.peak, peak), max(self.mean_peak, mean_peak)
            if rate != self.sample_rate and is_last and resampler is None:
                mean = soxr.resample(mean, rate, self.sample_rate, quality="HQ")  # as in blocks, but sooner
            elif rate != self.sample_rate:
                resampler = resampler or soxr.ResampleStream(rate, self.sample_rate, 1, quality="HQ")
                mean = resampler.resample_chunk(mean, is_last)
            self.kept_peak = max(self.kept_peak, _peak(mean))
            self._blocks.append(mean)
            if sum(map(len, self._blocks)) > MAX_SAMPLES:
                hours = MAX_SAMPLES / self.sample_rate / 3600
                raise InputError(f"longer than {hours:.1f} hours; cut it into parts", "too long")
        return n_read, ended

    def samples(self) -> np.ndarray:
        """Return all samples; each block is freed once it is copied, so that memory holds them once."""
        if len(self._blocks) == 1:
            return self._blocks[0]
        samples, at = np.empty(sum(map(len, self._blocks)), np.float32), 0
        while self._blocks:
            block = self._blocks.pop(0)
            samples[at : at + len(block)] = block
            at += len(block)
        return samples


def _peak(samples: np.ndarray) -> float:
    """Return the largest magnitude; that of NaN is NaN."""
    return float(max(samples.max(), -samples.min())) if samples.size else 0.0


def decode(path: AudioPath, head: bytes, offset: float, seconds: float, sample_rate: int | None) -> Decoded:
    """Decode what lies in a file between `offset` and `offset + seconds`, recording by recording.

    Raises
    ------
    InputError
        If the file cannot be opened or decoded, has a rate that no audio has, or lasts too long.
    """
    found, recordings = Decoded(sample_rate or 0), parts(path, head)
    found.n_parts = len(recordings)
    for part in recordings:
        with _opened(path, part) as file:
            rate, n_there = file.samplerate, file.frames if 0 <= file.frames < UNKNOWN else 0
            found.source = found.source if found.source[0] else (rate, file.channels, file.format)
            start = _skip(file, round(max(0, offset - found.whole_seconds) * rate), part.n_seekable)
            n_wanted = math.ceil((seconds - found.seconds) * rate) if seconds < math.inf else seconds
            n_read, ended = found.read(file, n_wanted, n_there - start if n_there else math.inf)
            n_whole = part.n_frames or round(n_there / min(part.held or 1, 1)) or start + n_read
            found.whole_seconds, found.seconds = found.whole_seconds + n_whole / rate, found.seconds + n_read / rate
            found.slack_seconds = max(found.slack_seconds, part.slack)
            if not ended:
                break
            n_unread = file.raw.seek(0, os.SEEK_END) - at if file.raw and (at := file.raw.tell()) else 0
            if part.fault:
                words = f"truncated, {offset + found.seconds:.1f} s decoded: {part.fault}"
                found.fault = f"{words}; {AGAIN}", "truncated"
            if (part.held - 1) * n_there > part.slack * rate or n_unread > 1 << 13:
                found.fault = MORE.format(f"{n_there / rate:.1f} s"), "miscounted"
    return found


def parts(path: AudioPath, head: bytes) -> list[Part]:
    """Return the recordings in a file that begins with certain bytes; the content decides what it is."""
    folder, name = os.path.split(os.fsencode(path))
    named_mp3 = name.lower().endswith(b".mp3") and not containers.knows(head)
    if head[:4] == b"RIFF" and (at := head.find(b"fmt ")) > 0 and head[at + 8 : at + 10] == b"\x55\0":  # MP3 within
        data = containers.read(path)
        return mpeg.parts(data, data.find(b"data", at) + 8, False) or [Part()]
    if not (named_mp3 or mpeg.begins(head) or mpeg.is_aac(head, 0)):
        with open(path, "rb") as file:
            return containers.parts(file, head)
    data = containers.read(path)
    at = mpeg.after_tags(data)
    if containers.knows(data[at : at + 16]):  # tags in front of it confuse libsndfile
        data = data[at:]
        found = containers.parts(io.BytesIO(data), data[:4096])
        return [part if part.data else replace(part, data=data) for part in found]
    if mpeg.is_aac(data, at):
        return [Part(codec="AAC")]
    # Beside macOS file information, libsndfile takes that for a part of the file and knows no MP3.
    by_name = named_mp3 and not os.path.exists(os.path.join(folder, b"._" + name))
    return mpeg.parts(data, at, by_name) or [Part()]


@contextlib.contextmanager
def _opened(path: AudioPath, part: Part) -> Iterator[Any]:
    """Open a recording with the decoder that reads it; what fails within is one line."""
    file: Any = None
    with contextlib.ExitStack() as stack:
        try:
            if part.codec:
                file = stack.enter_context(_PyAV(path, part.codec))
            else:
                raw = io.BytesIO(part.data) if part.data is not None else open(path, "rb")  # noqa: SIM115
                stack.enter_context(raw)
                is_flac = raw.read(4) == b"fLaC"
                raw.seek(0)
                by_name = part.data is None and not is_flac
                file = stack.enter_context(_SoundFile(os.fsencode(path) if by_name else raw))
                file.raw = raw if is_flac else None
            if not RATES[0] <= file.samplerate <= RATES[1]:
                words = f"a sample rate of {file.samplerate:,} Hz, audio has {RATES[0]:,} to {RATES[1]:,}"
                raise InputError(f"{words}; {AGAIN}", "not audio")
            if file.format not in FORMATS:
                words = f"a cut file of this kind ({file.format}) cannot be told from a whole one"
                raise InputError(f"{words}; {CONVERT}", "not audio")
            yield file
        except (soundfile.LibsndfileError, RuntimeError) as error:
            words, status = f"undecodable ({str(error).rstrip('.')}); {AGAIN}", "undecodable"
            if part.held > 1.01:
                words, status = MORE.format("audio"), "miscounted"
            elif part.held < 0.99:
                words, status = f"truncated, {part.held:.0%} of its audio is there; {AGAIN}", "truncated"
            elif file is None and not part.codec:
                words, status = f"not audio of a kind that can be read; {AGAIN}, or {CONVERT}", "not audio"
            raise InputError(words, status) from None


def _skip(file: Any, n_frames: int, n_seekable: int) -> int:
    """Move on, by reading beyond where seeking is exact; return by how many samples."""
    can_seek = isinstance(file, _SoundFile) and file.frames < UNKNOWN and n_frames
    at = file.seek(min(n_frames, n_seekable, file.frames)) if can_seek else 0
    while at < n_frames and len(block := file.read(min(1 << 18, n_frames - at), always_2d=True)):
        at += len(block)
    return at


class _SoundFile(soundfile.SoundFile):
    """A file that soundfile does not seek in after every read: where the length is not known, that fails."""

    raw: Any = None
    """The open file, for FLAC: what is left unread of it follows the samples that its header counts."""

    def seekable(self) -> bool:
        """Return False."""
        return False


class _PyAV:
    """The first stream of audio in a file, read as a `_SoundFile` is."""

    format, raw = "", None

    def __init__(self, path: AudioPath, codec: str):
        try:
            import av
        except ImportError:
            raise InputError(f"{codec}, which needs PyAV: pip install av, or {CONVERT}", "not audio") from None
        self.samplerate, self.frames = 0, 1 << 62
        self._blocks = self._decode(av, os.fsdecode(path))
        self._rest = next(self._blocks, np.empty((0, 1), np.float32))
        self.channels = self._rest.shape[1]

    def _decode(self, av: Any, path: str) -> Generator[np.ndarray, None, None]:
        """Yield blocks (time, channel) as float32; whatever fails is a RuntimeError, as in soundfile."""
        try:
            with av.open(path, metadata_errors="ignore") as container:
                stream, is_guess = container.streams.audio[0], container.format.name in ("aac", "amr")
                seconds = (container.duration or 0) / av.time_base
                if stream.duration:
                    seconds = float(stream.duration * stream.time_base)
                resampler = av.AudioResampler(format="flt")  # changes neither rate nor channels
                for frame in container.decode(stream):
                    if not self.samplerate:
                        self.samplerate = frame.rate
                        self.frames = round(seconds * frame.rate) if seconds and not is_guess else self.frames
                    for block in resampler.resample(frame):
                        yield block.to_ndarray().reshape(-1, block.layout.nb_channels)
        except (av.error.FFmpegError, IndexError, ValueError) as error:
            raise RuntimeError(getattr(error, "strerror", "") or error) from None

    def read(self, frames: int, **_: Any) -> np.ndarray:
        """Return the next samples (time, channel), fewer at the end."""
        found, n_found = [self._rest], len(self._rest)
        while n_found < frames and (block := next(self._blocks, None)) is not None:
            found.append(block)
            n_found += len(block)
        joined = np.concatenate(found)
        self._rest = joined[frames:]
        return joined[:frames]

    def __enter__(self) -> "_PyAV":
        return self

    def __exit__(self, *_: object) -> None:
        self._blocks.close()
