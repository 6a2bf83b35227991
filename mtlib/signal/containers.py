"""What a file's container says: how much audio it should hold, whether that is there, what is joined in it.

libsndfile believes a count that is too small, lowers one that is too large to what a cut file still holds,
and reads the first of several recordings alone. So containers are read here as well: chunks (WAV, RF64, W64,
AIFF, CAF, AU), Ogg's pages, and in `mtlib.signal.mpeg` frames.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..base.errors import InputError

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
    codec : str
        Name of a kind that libsndfile does not read.
    """

    data: bytes | None = None
    n_frames: int = 0
    held: float = 1.0
    fault: str = ""
    slack: float = 0.1
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

_CHUNKED = {  # kind: size of the file's header, form of a chunk's header, what chunks are rounded up to
    b"RIFF": (12, "<4sI", 2), b"RIFX": (12, ">4sI", 2), b"RF64": (12, "<4sI", 2), b"BW64": (12, "<4sI", 2),
    b"FORM": (12, ">4sI", 2), b"riff": (40, "<16sq", 8), b"caff": (8, ">4sq", 1),
}  # fmt: skip
MAGIC = (*_CHUNKED, b".snd", b"fLaC", b"OggS")


def not_audio(head: bytes) -> str:
    """Return what a file is if its first bytes show that it is no audio."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((m for s, m in _NOT_AUDIO if head.lower().startswith(s) or start.startswith(s)), "")


def codec(head: bytes) -> str:
    """Return the name of a kind of audio that libsndfile does not read, from a file's first bytes."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "MPEG-4 audio (M4A, AAC)"
    if head[:4] == b"OggS" and (found := head[28:].removeprefix(b"\x7f")[:4]) in (b"FLAC", b"Spee"):
        return "FLAC in Ogg" if found == b"FLAC" else "Speex"
    return next((name for magic, name in _CODECS.items() if head.startswith(magic)), "")


def id3_size(data: bytes, at: int = 0) -> int:
    """Return the length of the ID3v2 tag at a position, 0 if there is none."""
    if data[at : at + 3] != b"ID3" or len(data) < at + 10:
        return 0
    a, b, c, d = data[at + 6 : at + 10]  # 28 bits, seven to a byte
    return 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if data[at + 5] & 16 else 0)


def read(path: str | bytes | os.PathLike) -> bytes:
    """Return a file's bytes, unless they are more than `MAX_BYTES`."""
    with open(path, "rb") as file:
        return _all(file)


def _all(file: BinaryIO) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"larger than {MAX_BYTES >> 30} GiB; cut it into parts", "too long")
    return data


def parts(file: BinaryIO, head: bytes) -> list[Part]:
    """Return the recordings in a file that begins with certain bytes, and has no tags in front."""
    size = file.seek(0, os.SEEK_END)
    if head[:4] == b"OggS":
        file.seek(0)
        return _links(_all(file))
    if head[:4] == b".snd":
        start, n_bytes = struct.unpack(">2I", head[4:12].ljust(8, b"\0"))
        return [Part(held=(size - start) / n_bytes if _is_count(n_bytes) else 1.0)]
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
            if n_bytes == 0xFFFFFFFF and long_size:
                n_bytes = long_size
            if not _is_count(n_bytes):
                return _until_the_end(file, size, at, struct.calcsize(form), kind)
            end = at + -(-n_bytes // multiple) * multiple
            return Part(held=(min(n_bytes, size - at) + _n_beyond(file, size, end, form, multiple)) / n_bytes)
    return Part()


def _until_the_end(file: BinaryIO, size: int, at: int, n_header: int, kind: bytes) -> Part:
    """Fill in a length that was not known when the header was written, where libsndfile needs it."""
    file.seek(at - n_header)
    old = file.read(n_header)
    if size - at < 4096 or kind == b"riff" or (any(old[4:8]) and kind != b"caff"):
        return Part()
    form = {b"FORM": ">I", b"RIFX": ">I", b"caff": ">q"}.get(kind, "<I")
    file.seek(0)
    data = bytearray(_all(file))
    struct.pack_into(form, data, at - n_header + 4, len(data) - at)
    return Part(bytes(data))


def _n_beyond(file: BinaryIO, size: int, at: int, form: str, multiple: int) -> int:
    """Return how many bytes behind the audio are neither chunks nor zeros: audio that is not counted."""
    for name, start, n_bytes in _chunks(file, size, at, form, multiple):
        if (
            name in MAGIC
            or not name.isascii()
            or not name.decode().isprintable()
            or start + n_bytes > size + 1
        ):
            break
        at = start + -(-n_bytes // multiple) * multiple
    file.seek(min(at, size))
    return max(size - at, 0) if file.read(1 << 16).strip(b"\0") else 0


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _page_crc(page: bytes) -> int:
    """Return the checksum of an Ogg page: zlib's CRC-32 with all bits reversed, from zero."""
    rest = page[:22] + bytes(4) + page[26:]
    value = zlib.crc32(rest.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


def _links(data: bytes) -> list[Part]:
    """Return the streams that follow each other in an Ogg file, and whether each is whole and ends."""
    starts, streams, at, beginning = [], [], 0, False
    while (at := data.find(b"OggS", at)) >= 0 and len(data) >= at + 27:
        flags, _, serial, number, crc, n_segments = struct.unpack_from("<BqIIIB", data, at + 5)
        first = at + 27 + n_segments
        end = first + sum(data[at + 27 : first])
        if end > len(data) or _page_crc(data[at:end]) != crc:
            at += 4
            continue
        if flags & 2:
            if not beginning:  # pages that begin streams, side by side, begin a recording
                starts.append(at)
                streams.append({})
            if data[first : first + 7] in (b"\x01vorbis", b"OpusHea"):
                streams[-1].setdefault("serial", serial)
        beginning = bool(flags & 2)
        if streams and serial == streams[-1].get("serial"):
            streams[-1]["gap"] = streams[-1].get("gap") or number != streams[-1].get("next", number)
            streams[-1] |= {"next": number + 1, "ended": bool(flags & 4)}
        at = end
    found = []
    for start, end, stream in zip(starts, [*starts[1:], len(data)], streams, strict=True):
        fault = "its last page does not end the stream" if not stream.get("ended", True) else ""
        fault = fault or ("pages are missing or damaged" if stream.get("gap") else "")
        found.append(
            Part(data[start:end] if len(starts) > 1 else None, fault=fault, slack=0.1 if fault else 0.5)
        )
    return found or [Part()]
