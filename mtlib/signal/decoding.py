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


class Decoder:
    """A file as the mean of its channels at one rate, and what tells whether it is whole.

    Attributes
    ----------
    samples : np.ndarray [shape=(time,), dtype=float32]
        What was read.
    sample_rate : int
        Its rate: that of the file unless given.
    kind : str
        FFmpeg's name of the container.
    source_rate, n_channels : int
        Of the file.
    seconds : float
        Where reading stopped.
    peak, mean_peak : float
        Largest magnitude of any channel, and of their mean.
    notes : list of str
        What is odd but harmless.

    Raises
    ------
    InputError
        If FFmpeg cannot open the file, or it has a rate that no audio has.
    """

    def __init__(self, path: AudioPath, sample_rate: int | None):
        self._path, options = path, {"format_whitelist": FORMATS}
        with open(path, "rb") as file:
            if file.read(4) == b"RIFF":  # in whose first megabytes FFmpeg looks for other codecs
                options["probesize"] = "20000"
        try:
            self._container: Any = av.open(f"file:{os.fsdecode(path)}", metadata_errors="ignore", options=options)
            self._stream: Any = self._container.streams.audio[0]
            self.source_rate, self.n_channels = self._stream.rate, self._stream.codec_context.channels
        except (av.error.FFmpegError, ValueError, IndexError, AttributeError):  # no audio, or no decoder
            words = f"not audio of a kind that can be read, or cut within its header; {AGAIN}"
            raise InputError(f"{words}, or convert it to WAV, FLAC, Ogg or MP3", "not audio") from None
        if not RATES[0] <= self.source_rate <= RATES[1]:
            words = f"a sample rate of {self.source_rate:,} Hz, audio has {RATES[0]:,} to {RATES[1]:,}"
            raise InputError(f"not audio: {words}; {AGAIN}", "not audio")
        self.kind, self.seconds, self.peak, self.mean_peak = self._container.format.name, 0.0, 0.0, 0.0
        self.samples, self.sample_rate = np.empty(0, np.float32), sample_rate or self.source_rate
        self.notes: list[str] = []
        self._rate, self._resampler = self.sample_rate, None
        self._start, self._packet_seconds, self._error = 0, 0.0, ""
        self._n_damaged, self._n_bytes, self._n_lost_bytes = 0, 0, 0

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def read(self, offset: float, end: float) -> None:
        """Decode what lies between two times in seconds."""
        for block, rate in self._blocks(offset):
            start, self.seconds = self.seconds, self.seconds + block.shape[1] / rate
            first, last = (max(0, round((t - start) * rate)) for t in (offset, min(end, self.seconds)))
            if rate != self._rate:
                self._end_resampling()
                self._rate, self._resampler = rate, soxr.ResampleStream(rate, self.sample_rate, 1, quality="HQ")
            if first < last:
                mean = self._mean(block[:, first:last])
                self._append(self._resampler.resample_chunk(mean) if self._resampler else mean)
            if self.seconds >= end:
                break
        self._end_resampling()

    def _blocks(self, offset: float) -> Iterator[tuple[np.ndarray, int]]:
        """Yield samples (channel, time) and their rate, from somewhere before an offset on."""
        fifo, kind = av.AudioFifo(), None
        for frame in itertools.chain(self._frames(offset), [None]):
            now = frame and (frame.format.name, frame.layout.name, frame.rate)
            if fifo.samples >= 1 << 16 or (fifo.samples and now != kind):
                for whole in av.AudioResampler(format="fltp").resample(fifo.read()):  # keeps rate and channels
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
                    self.seconds = packet.pts * tick
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

    def _mean(self, block: np.ndarray) -> np.ndarray:
        """Return the mean (time,) of channels (channel, time)."""
        n_channels, peak = len(block), float(max(block.max(), -block.min()))
        if not math.isfinite(peak):
            n_bad = np.sum(~np.isfinite(block))
            raise InputError(f"{n_bad:,} samples are NaN or infinite; export it again", "nonfinite")
        # the product is many times faster than mean(axis=0)
        mean = np.full(n_channels, 1 / n_channels, np.float32) @ block if n_channels > 1 else block[0]
        self.peak, self.mean_peak = max(self.peak, peak), max(self.mean_peak, float(max(mean.max(), -mean.min())))
        return mean

    def _append(self, samples: np.ndarray) -> None:
        n_before = len(self.samples)
        self.samples.resize(n_before + len(samples), refcheck=False)  # in place: memory holds the audio once
        self.samples[n_before:] = samples
        if len(self.samples) > MAX_SAMPLES:
            hours = MAX_SAMPLES / self.sample_rate / 3600
            raise InputError(f"longer than {hours:.1f} hours; cut it into parts", "too long")

    def _end_resampling(self) -> None:
        if self._resampler:
            self._append(self._resampler.resample_chunk(np.empty(0, np.float32), last=True))

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

    def check(self, offset: float, end: float, expected: float | None) -> None:
        """Refuse a file that ended earlier than it should, or while more follows, once it was read."""
        claimed, beyond = self._claim()
        known, ended = max(self.seconds, claimed), self.seconds < end
        slack = 0.5 if self.kind == "ogg" and expected is None else SLACK_SECONDS  # some count more than there is
        whole = known if expected is None else expected
        if ended and beyond * self.seconds > SLACK_SECONDS:
            words = f"more audio follows the {self.seconds:.1f} s that its header counts; split it into files"
            raise InputError(f"{words}, or export it again", "miscounted")
        if offset >= known > 0:
            raise InputError(f"ends at {known:.1f} s, before the offset of {offset:.1f} s", "truncated")
        if self.seconds < min(whole, end) - slack:
            raise InputError(f"truncated, {self.seconds:.1f} of {whole:.1f} s decoded; {AGAIN}", "truncated")
        if ended and (reason := self._fault(claimed)):
            raise InputError(f"{reason}; {AGAIN}", "truncated" if reason.startswith("truncated") else "undecodable")
        if not len(self.samples):
            raise InputError(f"0 samples behind its header; {AGAIN}", "truncated")
        if ended and 0 < claimed < self.seconds - 0.5:
            self.notes.append(f"{self.seconds:.1f} s, of which its header counts {claimed:.1f} s")
        if self._n_damaged:
            self.notes.append(f"damaged packets: {self._n_damaged}")
