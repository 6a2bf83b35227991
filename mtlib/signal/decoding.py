"""FFmpeg decodes, through PyAV; what its packets hold is counted and held against what the file says."""

import itertools
import math
import os
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import soxr

from ..base.errors import InputError
from . import containers

AudioPath = str | bytes | os.PathLike

AGAIN = "download or unpack it again"

FORMATS = "aac,aiff,asf,au,caf,flac,matroska,mov,mp3,ogg,w64,wav,wv"
"""What FFmpeg may open, by its names: kinds in which a cut file is found out, and which lead to no other file."""

RATES = (1_000, 768_000)
"""Hertz: the lowest and the highest sample rate that is taken for audio."""

MAX_SAMPLES = 1 << 27
"""Samples that are decoded into memory at most, 512 MiB: 3.1 hours at 12 kHz."""

SLACK_SECONDS = 0.1
"""What may be missing and is no damage."""


class Mono:
    """The mean of the channels at one rate, and the levels that were met on the way.

    Attributes
    ----------
    samples : np.ndarray [shape=(time,), dtype=float32]
    sample_rate : int
    seconds : float
        Length of what was taken.
    peak, mean_peak : float
        Largest magnitude of any channel, and of their mean.
    n_nonfinite : int
    """

    def __init__(self, sample_rate: int):
        self.samples, self.sample_rate, self.seconds = np.empty(0, np.float32), sample_rate, 0.0
        self.peak, self.mean_peak, self.n_nonfinite = 0.0, 0.0, 0
        self._rate, self._resampler = sample_rate, None

    def add(self, block: np.ndarray, rate: int) -> None:
        """Take samples (channel, time), at a rate that may change on the way."""
        if rate != self._rate:
            self.end()
            self._rate, self._resampler = rate, soxr.ResampleStream(rate, self.sample_rate, 1, quality="HQ")
        n_channels, n_samples = block.shape
        self.seconds += n_samples / rate
        if not math.isfinite(peak := _peak(block)):
            self.n_nonfinite += int(np.sum(~np.isfinite(block)))
            return
        # (channel, time) -> (time,); the product is many times faster than mean(axis=0)
        mean = np.full(n_channels, 1 / n_channels, np.float32) @ block if n_channels > 1 else block[0]
        self.peak, self.mean_peak = max(self.peak, peak), max(self.mean_peak, _peak(mean))
        self._append(self._resampler.resample_chunk(mean) if self._resampler else mean)

    def end(self) -> None:
        """Take what the resampler holds back."""
        if self._resampler:
            self._append(self._resampler.resample_chunk(np.empty(0, np.float32), last=True))
            self._resampler = None

    def _append(self, samples: np.ndarray) -> None:
        n_before = len(self.samples)
        self.samples.resize(n_before + len(samples), refcheck=False)  # in place: memory holds the audio once
        self.samples[n_before:] = samples
        if len(self.samples) > MAX_SAMPLES:
            hours = MAX_SAMPLES / self.sample_rate / 3600
            raise InputError(f"longer than {hours:.1f} hours; cut it into parts", "too long")


def _peak(samples: np.ndarray) -> float:
    """Return the largest magnitude; that of NaN is NaN."""
    return float(max(samples.max(), -samples.min()))


class Source:
    """The audio in a file, and what tells whether it is all there.

    Attributes
    ----------
    kind : str
        FFmpeg's name of the container.
    rate, n_channels : int
    seconds : float
        Where the last block ended.
    notes : list of str
        What is odd but harmless.

    Raises
    ------
    InputError
        If FFmpeg cannot open the file, or it has a rate that no audio has.
    """

    def __init__(self, path: AudioPath):
        self._path, options = path, {"format_whitelist": FORMATS}
        try:
            self._container: Any = av.open(f"file:{os.fsdecode(path)}", metadata_errors="ignore", options=options)
            self._stream: Any = self._container.streams.audio[0]
            self.rate, self.n_channels = self._stream.rate, self._stream.codec_context.channels
        except (av.error.FFmpegError, ValueError, IndexError, AttributeError):  # no audio, or no decoder
            words = f"not audio of a kind that can be read, or cut within its header; {AGAIN}"
            raise InputError(f"{words}, or convert it to WAV, FLAC, Ogg or MP3", "not audio") from None
        self.kind, self.seconds = self._container.format.name, 0.0
        self.notes: list[str] = []
        self._start, self._packet_seconds, self._error = 0, 0.0, ""
        self._n_damaged, self._n_bytes, self._n_lost_bytes = 0, 0, 0
        if not RATES[0] <= self.rate <= RATES[1]:
            words = f"not audio: a sample rate of {self.rate:,} Hz, audio has {RATES[0]:,} to {RATES[1]:,}"
            raise InputError(f"{words}; {AGAIN}", "not audio")

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def blocks(self, offset: float) -> Iterator[tuple[np.ndarray, int]]:
        """Yield samples (channel, time) and their rate, from somewhere before an offset on."""
        fifo, kind = av.AudioFifo(), None
        for frame in itertools.chain(self._frames(offset), [None]):
            now = frame and (frame.format.name, frame.layout.name, frame.rate)
            if fifo.samples >= 1 << 16 or (fifo.samples and now != kind):
                for whole in av.AudioResampler(format="fltp").resample(fifo.read()):  # keeps rate and channels
                    self.seconds += whole.samples / whole.rate
                    yield whole.to_ndarray(), whole.rate
            if frame:
                fifo, kind, frame.pts = fifo if now == kind else av.AudioFifo(), now, None
                fifo.write(frame)

    def _frames(self, offset: float) -> Iterator[Any]:
        """Yield what FFmpeg decodes; count packets that it cannot, and stop where it does."""
        tick = float(self._stream.time_base)
        # MP3 is skipped up to a second before. Elsewhere, times are rounded or begin anew within a file.
        skipped, ready = offset - 1 if self.kind == "mp3" else 0.0, False
        try:
            for packet in self._container.demux(self._stream):
                if packet.size and not self._packet_seconds:
                    self._start, self._packet_seconds = packet.pos or 0, (packet.duration or 0) * tick
                if skipped > 0 and packet.pts is not None and packet.pts * tick < skipped:
                    continue
                try:
                    frames = packet.decode()
                    self._n_bytes += packet.size
                except av.error.FFmpegError:
                    self._n_damaged, self._n_lost_bytes = self._n_damaged + 1, self._n_lost_bytes + packet.size
                    continue
                if frames and skipped > 0 and not ready:
                    self.seconds, ready = (frames[0].pts - (self._stream.start_time or 0)) * tick, True
                yield from frames
        except av.error.FFmpegError as error:
            self._error = str(error.strerror)

    def _claim(self) -> tuple[float, float]:
        """Return the length that the file's header gives, 0 if FFmpeg guesses it; and how many times more follows."""
        seconds = (self._container.duration or 0) / av.time_base
        if self._stream.duration:
            seconds = float(self._stream.duration * self._stream.time_base)
        with open(self._path, "rb") as file:
            held, beyond = containers.shares(file, self._start)
            n_frames, n_bytes = containers.mpeg_counts(file, self._start)
            n_left = file.seek(0, os.SEEK_END) - self._start
        is_guess = self.kind == "aac" or (self.kind == "wav" and self._stream.codec_context.name.startswith("mp"))
        if self.kind == "mp3":  # or a count that the bytes contradict
            is_guess = abs(n_frames * self._packet_seconds - seconds) > 0.2 or 0 < n_bytes <= 1.01 * n_left + 1500
        return self.seconds / held if held < 1 else seconds * (not is_guess), beyond

    def _fault(self, claimed: float) -> str:
        """Return how the end of the file shows that audio is missing."""
        if self._error:
            return f"undecodable behind {self.seconds:.1f} s ({self._error})"
        # An MP3 may be cut within its last frame; AAC has nothing else that tells that it is cut.
        tolerated = 0.0 if self.kind == "aac" else SLACK_SECONDS
        if self._n_lost_bytes * self.seconds > tolerated * self._n_bytes:
            return f"undecodable in part (damaged packets: {self._n_damaged})"
        with open(self._path, "rb") as file:
            reason = containers.ogg_fault(file) if self.kind == "ogg" else ""
            if not claimed and file.seek(max(0, file.seek(0, os.SEEK_END) - 4096)) and not any(file.read()):
                reason = "its last bytes are zeros"
        return reason and f"truncated, {self.seconds:.1f} s decoded: {reason}"

    def check(self, got: float, offset: float, seconds: float, expected: float | None) -> None:
        """Refuse what ended earlier than it should, or while more follows, given the seconds that were got."""
        claimed, beyond = self._claim()
        known, ended = max(self.seconds, claimed), self.seconds < offset + seconds
        slack = 0.5 if self.kind == "ogg" and expected is None else SLACK_SECONDS  # some count more than there is
        whole = known if expected is None else expected
        if ended and beyond * self.seconds > SLACK_SECONDS:
            words = f"more audio follows the {self.seconds:.1f} s that its header counts; split it into files"
            raise InputError(f"{words}, or export it again", "miscounted")
        if got == 0 and offset >= known > 0:
            raise InputError(f"ends at {known:.1f} s, before the offset of {offset:.1f} s", "truncated")
        if got < min(whole - offset, seconds) - slack:
            raise InputError(f"truncated, {offset + got:.1f} of {whole:.1f} s decoded; {AGAIN}", "truncated")
        if ended and (reason := self._fault(claimed)):
            raise InputError(f"{reason}; {AGAIN}", "truncated" if reason.startswith("truncated") else "undecodable")
        if got == 0:
            raise InputError(f"0 samples behind its header; {AGAIN}", "truncated")
        if ended and 0 < claimed < self.seconds - 0.5:
            self.notes.append(f"{self.seconds:.1f} s, of which its header counts {claimed:.1f} s")
        if self._n_damaged:
            self.notes.append(f"damaged packets: {self._n_damaged}")


def decode(
    path: AudioPath, offset: float, seconds: float, expected: float | None, sample_rate: int | None
) -> tuple[Mono, Source]:
    """Decode what lies in a file between `offset` and `offset + seconds`.

    Raises
    ------
    InputError
        If the file cannot be opened or decoded, is shorter than `expected` or its own header says, or longer.
    """
    with Source(path) as source:
        mono, end = Mono(sample_rate or source.rate), offset + seconds
        for block, rate in source.blocks(offset):
            start = source.seconds - block.shape[1] / rate
            first, last = (max(0, round((t - start) * rate)) for t in (offset, min(end, source.seconds)))
            if first < last:
                mono.add(block[:, first:last], rate)
            if source.seconds >= end:
                break
        mono.end()
        source.check(mono.seconds, offset, seconds, expected)
    return mono, source
