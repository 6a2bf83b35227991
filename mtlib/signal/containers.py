"""What a file's container says: how much audio it should hold, whether that is there, what is joined in it.

libsndfile believes a count that is too small, lowers one that is too large to what a cut file still holds,
and reads the first of several recordings alone. So containers are read here as well: chunks (WAV, RF64, W64,
AIFF, CAF, AU), Ogg's pages, and in `mtlib.signal.mpeg` frames.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ..base.errors import InputError

AudioPath = str | bytes | os.PathLike

MAX_BYTES = 1 << 30
"""Bytes of a file that are taken into memory at most; at 320 kbit/s they last seven hours."""


@dataclass(frozen=True)
class Part:
    """A recording in a file; most files hold one.

    Attributes
    ----------
    data : bytes or None
        What a decoder is given; None for the file itself.
    n_frames : int
        Samples per channel that were counted or promised; 0 leaves that to the decoder.
    held : float
        Audio in the file over audio that its header counts: below 1 it is cut, above 1 it holds more.
    fault : str
        How else the container shows that audio is missing.
    slack : float
        Seconds by which a decoder may come short of what is known to be there.
    n_seekable : int
        Samples up to which seeking is exact: libsndfile guesses in an MP3 of variable bitrate, and in the
        last page of Vorbis.
    codec : str
        Name of a kind that libsndfile does not read.
    """

    data: bytes | None = None
    n_frames: int = 0
    held: float = 1.0
    fault: str = ""
    slack: float = 0.1
    n_seekable: int = 1 << 40
    codec: str = ""


_NOT_AUDIO = (  # first bytes, in lower case, and what they mean
    ((b"<!doctype html", b"<html"), "an HTML page; the download failed"),
    ((b"version https://git-lfs",), "a Git LFS pointer; fetch the file itself (git lfs pull)"),
    ((b"\x00\x05\x16\x07", b"\x00\x05\x16\x00"), "macOS file information (._ files); leave it out"),
    ((b"pk\x03\x04", b"\x1f\x8b"), "an archive; unpack it"),
    ((b"mthd",), "MIDI: notes without sound; render it"),
)

_CODECS = {  # first bytes of kinds that libsndfile does not read
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "WMA",
    b"\x1a\x45\xdf\xa3": "Matroska or WebM",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
    b"MPCK": "Musepack",
    b"MP+": "Musepack",
    b"TTA1": "True Audio",
    b"#!AMR": "AMR",
}

_IN_OGG = {b"\x01vorb": "", b"OpusH": "", b"\x7fFLAC": "FLAC in Ogg", b"Speex": "Speex in Ogg"}

_CHUNKED = {  # kind: size of the file's header, form of a chunk's header, what chunks are rounded up to
    b"RIFF": (12, "<4sI", 2), b"RIFX": (12, ">4sI", 2), b"RF64": (12, "<4sI", 2), b"BW64": (12, "<4sI", 2),
    b"FORM": (12, ">4sI", 2), b"riff": (40, "<16sq", 8), b"caff": (8, ">4sq", 1),
}  # fmt: skip
MAGIC = (*_CHUNKED, b".snd", b"fLaC", b"OggS")
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide")  # of MPEG-4, behind their length


def not_audio(head: bytes) -> str:
    """Return what a file is if its first bytes show that it is no audio."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((m for s, m in _NOT_AUDIO if head.lower().startswith(s) or start.startswith(s)), "")


def knows(head: bytes) -> bool:
    """Tell whether a container, rather than frames of MPEG audio, begins with certain bytes."""
    return head.startswith((*MAGIC, *_CODECS)) or head[4:8] in _BOXES


def id3_size(data: bytes, at: int = 0) -> int:
    """Return the length of the ID3v2 tag at a position, 0 if there is none."""
    if data[at : at + 3] != b"ID3" or len(data) < at + 10:
        return 0
    a, b, c, d = data[at + 6 : at + 10]  # 28 bits, seven to a byte
    return 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if data[at + 5] & 16 else 0)


def read(path: AudioPath) -> bytes:
    """Return a file's bytes, unless they are more than `MAX_BYTES`."""
    with open(path, "rb") as file:
        return _all(file)


def _all(file: BinaryIO) -> bytes:
    if file.seek(0, os.SEEK_END) > MAX_BYTES:
        raise InputError(f"larger than {MAX_BYTES >> 30} GiB; cut it into parts", "too long")
    file.seek(0)
    return file.read()


def parts(file: BinaryIO, head: bytes) -> list[Part]:
    """Return the recordings in a file that begins with certain bytes, and has no tags in front."""
    size = file.seek(0, os.SEEK_END)
    if kind := next((name for magic, name in _CODECS.items() if head.startswith(magic)), ""):
        return [Part(codec=kind)]
    if head[4:8] in _BOXES:
        return [Part(codec="MPEG-4 audio (M4A, AAC)", held=_boxes_held(file, size))]
    if head[:4] == b"OggS":
        return _links(_all(file))
    if head[:4] == b".snd":
        start, n_bytes = struct.unpack(">2I", head[4:12].ljust(8, b"\0"))
        return [Part(held=max(0, size - start) / n_bytes if _is_count(n_bytes) else 1.0)]
    return [_audio_chunk(file, size, head[:4]) if head[:4] in _CHUNKED else Part()]


def _is_count(n_bytes: int) -> bool:
    """Tell a count from what is written where the length is not known: 0, −1, or next to a power of two."""
    return 0 < n_bytes < 1 << 46 and not any(abs(n_bytes - limit) <= 4096 for limit in (1 << 31, 1 << 32))


def _chunks(file: BinaryIO, size: int, at: int, form: str, multiple: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and length of chunks; one that leads out of the file is the last."""
    n_header = struct.calcsize(form)
    while at + n_header <= size:
        file.seek(at)
        name, n_bytes = struct.unpack(form, file.read(n_header))
        n_bytes -= n_header if name[4:] else 0  # W64 counts the header too
        yield name[:4], at + n_header, n_bytes
        if n_bytes < 0:
            return
        at += n_header + -(-n_bytes // multiple) * multiple


def _audio_chunk(file: BinaryIO, size: int, kind: bytes) -> Part:
    """Compare the chunk of audio with the file: cut, followed by more, or of unknown length."""
    start, form, multiple = _CHUNKED[kind]
    long_size = 0
    for name, at, n_bytes in _chunks(file, size, start, form, multiple):
        if name == b"ds64":
            file.seek(at + 8)
            long_size = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
        if name in (b"data", b"SSND", b"BODY"):
            n_bytes = long_size if kind in (b"RF64", b"BW64") else n_bytes
            if not _is_count(n_bytes):
                return _until_the_end(file, size, at, struct.calcsize(form), kind)
            ends = (at + n_bytes, at + -(-n_bytes // multiple) * multiple)  # some writers leave out the rounding
            n_beyond = min(_n_beyond(file, size, end, form, multiple) for end in ends)
            return Part(held=(min(n_bytes, size - at) + n_beyond) / n_bytes)
    return Part()


def _until_the_end(file: BinaryIO, size: int, at: int, n_header: int, kind: bytes) -> Part:
    """Fill in a length that was not known when the header was written, where libsndfile needs it."""
    file.seek(at - n_header)
    is_blank = not any(file.read(n_header)[4:])
    if size - at < 4096 or kind == b"riff" or not (is_blank or kind in (b"caff", b"RF64", b"BW64")):
        return Part()
    data = bytearray(_all(file))
    if kind in (b"RF64", b"BW64"):  # whose length is in another chunk, which is now ignored
        data[:4] = b"RIFF"
    form = {b"FORM": ">I", b"RIFX": ">I", b"caff": ">q"}.get(kind, "<I")
    struct.pack_into(form, data, at - n_header + 4, size - at)
    return Part(bytes(data))


def _n_beyond(file: BinaryIO, size: int, at: int, form: str, multiple: int) -> int:
    """Return how many bytes behind the audio are neither chunks nor zeros: audio that is not counted."""
    for name, start, n_bytes in _chunks(file, size, at, form, multiple):
        is_name = name.isascii() and name.decode().isprintable() and name not in MAGIC
        if not is_name or not 0 <= n_bytes <= size + 1 - start:
            break
        at = start + -(-n_bytes // multiple) * multiple
    file.seek(min(at, size))
    return max(size - at, 0) if file.read(1 << 16).strip(b"\0") else 0


def _boxes_held(file: BinaryIO, size: int) -> float:
    """Return how much of the boxes of an MPEG-4 file is there."""
    at, n_bytes = 0, 8
    while at + 16 <= size and n_bytes >= 8:
        file.seek(at)
        n_bytes, _, n_long = struct.unpack(">I4sQ", file.read(16))
        n_bytes = n_long if n_bytes == 1 else n_bytes  # 0: to the end
        at += n_bytes
    return min(1.0, size / at) if n_bytes and at else 1.0


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _page_crc(page: bytes) -> int:
    """Return the checksum of an Ogg page: zlib's CRC-32 with all bits reversed, from zero."""
    rest = page[:22] + bytes(4) + page[26:]
    value = zlib.crc32(rest.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


@dataclass
class _Link:
    """A stream in an Ogg file, and what its pages say."""

    start: int
    serial: int = -1
    codec: str = ""
    number: int = 0  # that the next page should have
    has_gap: bool = False
    has_end: bool = True
    granules: list[int] = field(default_factory=list)


def _links(data: bytes) -> list[Part]:
    """Return the streams that follow each other in an Ogg file, and whether each is whole and ends."""
    links, at, is_header = [], 0, False
    while (at := data.find(b"OggS", at)) >= 0 and len(data) >= at + 27:
        flags, granule, serial, number, crc, n_segments = struct.unpack_from("<BqIIIB", data, at + 5)
        first = at + 27 + n_segments
        end = first + sum(data[at + 27 : first])
        if end > len(data) or _page_crc(data[at:end]) != crc:
            at += 4
            continue
        if flags & 2 and not is_header:  # pages that begin streams, side by side, begin a recording
            links.append(_Link(at))
        is_header, link = bool(flags & 2), links[-1] if links else _Link(at)
        if is_header and link.serial < 0 and data[first : first + 5] in _IN_OGG:
            link.serial, link.codec = serial, _IN_OGG[data[first : first + 5]]
        if serial == link.serial:
            link.has_gap |= number != link.number
            link.number, link.has_end = number + 1, bool(flags & 4)
            link.granules += [granule] if granule > 0 else []
        at = end
    found = []
    for link, following in zip(links, [*links[1:], _Link(len(data))], strict=False):
        fault = "" if link.has_end else "its last page does not end the stream"
        fault = fault or ("pages are missing or damaged" if link.has_gap else "")
        n_seekable = max(0, link.granules[-2] - link.granules[0]) if len(link.granules) > 1 else 0
        part = data[link.start : following.start] if len(links) > 1 else None
        slack = 0.1 if fault else 0.5
        found.append(Part(part, fault=fault, slack=slack, n_seekable=n_seekable, codec=link.codec))
    return next(([part] for part in found if part.codec), found) or [Part()]
