"""MPEG audio (MP3, MP2): where its frames are, how many there are, which recordings they make up.

It has no length of its own: libsndfile guesses one from the first frame unless that carries a count (a "Xing"
or "Info" frame), and reads no further. It knows MP3 by the extension, or by a frame at the very start. So the
frames are counted here, a wrong count is replaced, and what was joined is split.
"""

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from .containers import Part, id3_size

# kbit/s by the bitrate index: layers I, II, III of MPEG-1; layer I, layers II and III of MPEG-2 and 2.5
_KBITS = (
    (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def _frame(header: bytes) -> tuple[int, int, int]:
    """Return the bytes and samples of a frame, and a number for its version, layer, rate, mono; or zeros."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0, 0, 0
    version, layer, bitrate = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3), header[2] >> 4
    rate, pad = header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or not 0 < bitrate < 15 or rate == 3:
        return 0, 0, 0
    kbits = _KBITS[layer - 1 if version == 3 else 3 + (layer > 1)][bitrate]
    n_samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    slot = 4 if layer == 1 else 1
    length = (n_samples * 125 // slot * kbits // _RATES[version][rate] + pad) * slot
    return length, n_samples, 1 + version * 32 + layer * 8 + rate * 2 + (header[3] >> 6 == 3)


def begins(head: bytes) -> bool:
    """Tell whether a file begins with a tag that MPEG audio has, or with a frame."""
    return head.startswith((b"ID3", b"TAG", b"APETAGEX")) or _frame(head[:4])[0] > 0


def after_tags(data: bytes, at: int = 0) -> int:
    """Return the position behind the tags (ID3, APE) at a position."""
    while True:
        if n_bytes := id3_size(data, at):
            at += n_bytes
        elif data[at : at + 3] == b"TAG":
            at += 128
        elif data[at : at + 8] == b"APETAGEX" and len(data) >= at + 16:
            at += 32 + struct.unpack_from("<I", data, at + 12)[0]
        else:
            return at


def is_aac(data: bytes, at: int) -> bool:
    """Tell whether three frames of AAC (ADTS) follow each other at a position."""
    for _ in range(3):
        if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
            return False
        at += max(7, (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5)
    return True


def _next_frame(data: bytes, at: int, stream: int = 0) -> int:
    """Return the position of the next frame that another follows, −1 if there is none.

    One of another stream than the given one needs three that follow it.
    """
    while (at := data.find(b"\xff", at)) >= 0:
        end, found = at, _frame(data[at : at + 4])[2]
        n_needed = 0 if not found else 1 if stream in (0, found) else 3
        for _ in range(n_needed):
            end += _frame(data[end : end + 4])[0]
            if _frame(data[end : end + 4])[2] != found:
                at_end = end <= len(data) and (len(data) - end < 4 or data[end : end + 3] == b"TAG")
                n_needed = n_needed if at_end else 0
                break
        if n_needed:
            return at
        at += 1
    return -1


@dataclass
class _Run:
    """Frames of one stream; the first may be no audio but a count of the others."""

    start: int
    first: tuple[int, int, int]
    word: int  # where "Xing", "Info" or "VBRI" is, 0 if nowhere
    end: int = 0
    n_frames: int = 0
    gap: int = 0  # bytes between its frames that are none
    lengths: dict[bytes, int] = field(default_factory=dict)  # of a frame, by its header: a stream has few


def _words(data: bytes, at: int, end: int) -> list[float]:
    """Return where what begins a frame with a count lies, the last first."""
    found = [match.start() for match in re.compile(b"Xing|Info|VBRI").finditer(data, at, end)]
    return [math.inf, *reversed(found)]


def _runs(data: bytes, at: int, words: list[float]) -> Iterator[_Run]:
    """Yield the runs of frames from a position on, given where a count may be."""
    run, at = None, _next_frame(data, at)
    while at >= 0:
        frame = _frame(data[at : at + 4])
        while words[-1] < at:
            words.pop()
        word = int(words[-1]) if words[-1] < at + min(64, frame[0]) else 0
        if run is None or word or frame[2] != run.first[2]:
            if run:
                yield run
            run = _Run(at, frame, word)
        run.lengths[data[at : at + 4]] = frame[0]
        at, run.n_frames = at + frame[0], run.n_frames + 1
        limit, find = words[-1 - bool(word)] - 64, run.lengths.get
        while at < limit and (length := find(data[at : at + 4])):
            at += length
            run.n_frames += 1
        if at > len(data):  # the last one is cut
            run.n_frames -= 1
        run.end = min(at, len(data))
        if _frame(data[at : at + 4])[2] != run.first[2]:
            behind = after_tags(data, at)
            at = _next_frame(data, behind, run.first[2])
            if behind > run.end and at >= 0:  # tags between: another file begins
                yield run
                run = None
            elif at >= 0 and _frame(data[at : at + 4])[2] == run.first[2]:
                run.gap += at - run.end
    if run:
        yield run


def parts(data: bytes, at: int, named_mp3: bool) -> list[Part]:
    """Return the recordings in a file of MPEG audio whose tags end at a position; none if there are no frames."""
    runs = list(_runs(data, at, _words(data, at, at + 4096)))
    if len(runs) != 1 or abs(_count(data, runs[0])[0] - runs[0].n_frames) > 3:  # another count may lie within
        runs = list(_runs(data, at, _words(data, at, len(data))))
    runs = [run for run in runs if run.n_frames > bool(run.word)]
    n_zeros = len(data) - len(data.rstrip(b"\0"))
    by_name = named_mp3 and n_zeros < 4096 and [run.start for run in runs] == [id3_size(data)]
    found = [_part(data, run, by_name) for run in runs]
    if found and n_zeros >= 4096 and not runs[-1].word:
        found[-1] = replace(found[-1], fault=f"its last {n_zeros:,} bytes are zeros")
    return found


def _count(data: bytes, run: _Run) -> tuple[int, int]:
    """Return the frames and the bytes that a run's first frame counts, 0 where it does not."""
    if not run.word:
        return 0, 0
    if data[run.word : run.word + 4] == b"VBRI":
        n_bytes, n_frames = struct.unpack(">2I", data[run.word + 10 : run.word + 18].ljust(8, b"\0"))
        return n_frames, n_bytes
    flags, *fields = struct.unpack(">3I", data[run.word + 4 : run.word + 16].ljust(12, b"\0"))
    return fields[0] if flags & 1 else 0, fields[flags & 1] if flags & 2 else 0


def _part(data: bytes, run: _Run, by_name: bool) -> Part:
    """Hold the count in a run's first frame against the frames that are there."""
    length, n_samples, stream = run.first
    n_frames, n_held = run.n_frames - bool(run.word), run.end - run.start
    n_claimed, n_bytes = _count(data, run)
    is_constant = len({header[2] >> 4 for header in run.lengths}) <= 1 + bool(run.word)
    n_seekable = 1 << 40 if is_constant else 0
    as_it_is = None if by_name else data[run.start : run.end]
    n_lost = run.gap * n_frames // max(1, n_held - run.gap)  # where noise lies between frames
    fewer, shorter = n_claimed > n_frames + 2, n_bytes > 1.01 * n_held
    if run.gap or ((fewer or not n_claimed) and (shorter or not n_bytes) and (fewer or shorter)):
        n_whole = n_claimed or n_frames * max(n_bytes, n_held) // n_held
        return Part(as_it_is, max(n_whole, n_frames + n_lost) * n_samples, n_seekable=n_seekable)
    if run.word and data[run.word : run.word + 4] != b"VBRI" and abs(n_claimed - n_frames) <= 2:
        return Part(as_it_is, n_seekable=n_seekable)
    if not run.word and (is_constant or stream >> 3 & 3 != 3):
        return Part(as_it_is, n_frames * n_samples, n_seekable=n_seekable)
    # No count, or a wrong one, and a variable bitrate: libsndfile's guess can be far too low. (An added count
    # also makes the decoder drop its delay of 529 samples at the start.)
    first = data[run.start : run.start + 4]
    header = bytes((0xFF, first[1] | 1, 9 << 4 | first[2] & 0x0C, first[3]))
    mono, mpeg1 = first[3] >> 6 == 3, first[1] >> 3 & 3 == 3
    side_information = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    info = header + bytes(side_information) + b"Info" + struct.pack(">II", 1, n_frames)
    audio = data[run.start + (length if run.word else 0) : run.end]
    return Part(info.ljust(_frame(header)[0], b"\0") + audio, n_seekable=n_seekable)
