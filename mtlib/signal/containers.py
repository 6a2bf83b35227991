"""What a file says about its own length, where FFmpeg does not tell or believes it too soon.

FFmpeg lowers the length of a cut WAV to what is left, stops where the length of a chunk is too small, and takes a
guess for the length of an MP3 without a count.
"""

import mmap
import re
import struct
from typing import Any, BinaryIO

_NOT_AUDIO = (  # first bytes, in lower case, and what they mean
    ((b"<!doctype html", b"<html"), "an HTML page; the download failed"),
    ((b"version https://git-lfs",), "a Git LFS pointer; fetch the file itself (git lfs pull)"),
    ((b"\x00\x05\x16\x07", b"\x00\x05\x16\x00"), "macOS file information (._ files); leave it out"),
    ((b"pk\x03\x04", b"\x1f\x8b"), "an archive; unpack it"),
    ((b"mthd",), "MIDI: notes without sound; render it"),
)

_CHUNKED = {  # kind: bytes before its audio where its length is written; form; what that counts besides; chunks
    b"RIFF": (4, "<I", 0, "<4sI"), b"RIFX": (4, ">I", 0, ">4sI"), b"FORM": (12, ">I", 8, ">4sI"),
    b"riff": (8, "<q", 24, "<16sq"), b"caff": (12, ">q", 4, ">4sq"),
}  # fmt: skip
_FIXED = {b".snd": (8, ">I"), b"RF64": (28, "<Q"), b"BW64": (28, "<Q")}  # it is written at a fixed place


def not_audio(head: bytes) -> str:
    """Return what a file is if its first bytes show that it is no audio."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((m for s, m in _NOT_AUDIO if head.lower().startswith(s) or start.startswith(s)), "")


def shares(file: BinaryIO, start: int) -> tuple[float, float]:
    """Compare the length that a file of chunks gives its audio with the bytes from a position on.

    Returns
    -------
    held, beyond : float
        What is there, at most 1, and what follows that is neither chunks nor zeros, over what should be there.
        A length that was not known when the header was written, and any other file, gives 1 and 0.
    """
    size, kind = file.seek(0, 2), file.seek(0) or file.read(4)
    if kind not in (*_CHUNKED, *_FIXED):
        return 1.0, 0.0
    before, form, besides, chunk = _CHUNKED.get(kind, (start, "", 0, "<4sI"))
    at, form = _FIXED.get(kind, (start - before, form))
    file.seek(max(0, at))
    n_bytes = _unpack(form, file.read(8))[0] - besides
    # 0, −1 or next to a power of two is no length
    if not 0 < n_bytes < 1 << 46 or any(abs(n_bytes + besides - limit) <= 4096 for limit in (1 << 31, 1 << 32)):
        return 1.0, 0.0
    n_beyond = 0 if kind == b".snd" else max(0, size - start - n_bytes)
    for rounded in {n_bytes, -(-n_bytes // 2) * 2, -(-n_bytes // 8) * 8}:
        file.seek(start + rounded)
        rest = file.read(1 << 16)
        name, length = _unpack(chunk, rest)
        is_name = name[:4].isascii() and name[:4].decode().isprintable() and name[:4] not in (*_CHUNKED, *_FIXED)
        if not rest.strip(b"\0") or (is_name and 0 <= length <= n_beyond):
            n_beyond = 0
    return min(1.0, (size - start) / n_bytes), n_beyond / n_bytes


def _unpack(form: str, data: bytes) -> tuple[Any, ...]:
    """Unpack the beginning of data; what is beyond their end is zero."""
    return struct.unpack_from(form, data.ljust(struct.calcsize(form), b"\0"))


def mpeg_counts(file: BinaryIO, start: int) -> tuple[int, int]:
    """Return the frames and the bytes that an MP3 counts before its first frame of audio, 0 where it does not."""
    file.seek(max(0, start - 1500))
    before = file.read(min(start, 1500))
    at = max(before.rfind(word) for word in (b"Xing", b"Info", b"VBRI"))
    if before[at : at + 4] == b"VBRI":
        n_bytes, n_frames = _unpack(">2I", before[at + 10 :])
        return n_frames, n_bytes
    flags, n_frames, n_bytes = _unpack(">3I", before[at + 4 :] if at >= 0 else b"")
    return n_frames * (flags & 1), n_bytes * (flags >> 1 & 1)


def ogg_fault(file: BinaryIO) -> str:
    """Return how the pages of an Ogg file show that audio is missing."""
    running: dict[int, int] = {}
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for page in re.finditer(rb"OggS\0(?=.{17})", data, re.DOTALL):
            flags, serial, number = struct.unpack_from("<B8xII", data, page.end())
            if serial in running if flags & 2 else number != running.get(serial, -1) + 1:
                return "pages are missing"
            running[serial] = number
            if flags & 4:
                del running[serial]
    return "its last page does not end the stream" if running else ""
