"""Sounds in memory, in every container, and tools to damage them as users' files are damaged."""

import io
import struct

import numpy as np
import soundfile


def tone(seconds=8.0, sample_rate=16_000, hertz=440.0, n_channels=1):
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    samples = (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    return samples if n_channels == 1 else np.stack([samples] * n_channels, 1)


def encoded(kind, samples=None, sample_rate=16_000, subtype=None, endian=None, **options):
    """Return samples as a file of a kind that libsndfile writes; by default 8 s of a tone."""
    samples = tone(8.0, sample_rate) if samples is None else samples
    buffer = io.BytesIO()
    n_channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(buffer, "w", sample_rate, n_channels, subtype, endian, format=kind, **options) as file:
        file.write(samples)
    return buffer.getvalue()


def cbr(samples=None, sample_rate=16_000, level=0.85):
    """Return an MP3 of constant bitrate: it has no count of its frames."""
    return encoded("MP3", samples, sample_rate, bitrate_mode="CONSTANT", compression_level=level)


def half(data):
    """Cut in the middle."""
    return data[: len(data) // 2]


def half_zeros(data):
    """Leave a download that had taken its room and did not end."""
    return half(data) + bytes(len(data) - len(data) // 2)


def with_size(data, name, form, value, skip=0):
    """Replace the length of a chunk, or what else follows its name."""
    data, at = bytearray(data), data.index(name) + len(name) + skip
    struct.pack_into(form, data, at, value)
    return bytes(data)


def count_of(mp3):
    """Return where an MP3 counts its frames, and their number."""
    at = max(mp3.find(b"Xing"), mp3.find(b"Info"))
    return at + 8, struct.unpack_from(">I", mp3, at + 8)[0]


def with_count(mp3, n_frames, flags=0x0F):
    """Replace the count of an MP3."""
    data, (at, _) = bytearray(mp3), count_of(mp3)
    struct.pack_into(">II", data, at - 4, flags, n_frames)
    return bytes(data)


def without_count(mp3):
    """Drop the first frame of an MP3, which counts the others."""
    return mp3[mp3.index(mp3[:2], 2) :]


def with_vbri(mp3, n_frames, n_bytes):
    """Replace the first frame's count by Fraunhofer's."""
    vbri = b"VBRI" + struct.pack(">3H2I", 1, 0, 75, n_bytes, n_frames)
    first = mp3[: mp3.index(mp3[:2], 2)]
    return (first[:36] + vbri).ljust(len(first), b"\0")[: len(first)] + mp3[len(first) :]


def id3(n_bytes):
    """Return an ID3v2 tag whose content looks like frames of MP3."""
    size = bytes((n_bytes >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + (b"\xff\xfb\x90\x00" * n_bytes)[:n_bytes]


def ogg_pages(data):
    """Return the pages of an Ogg file."""
    pages, at = [], 0
    while at < len(data):
        n_segments = data[at + 26]
        end = at + 27 + n_segments + sum(data[at + 27 : at + 27 + n_segments])
        pages.append(data[at:end])
        at = end
    return pages


def ogg_page(page, granule=None, flags=None):
    """Return a page with another position or other flags, and its checksum, bit by bit as the format says."""
    page = bytearray(page)
    if granule is not None:
        struct.pack_into("<q", page, 6, granule)
    page[5] = page[5] if flags is None else flags
    page[22:26], crc = bytes(4), 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 1 << 31 else 0)) & 0xFFFFFFFF
    struct.pack_into("<I", page, 22, crc)
    return bytes(page)


def adts(n_frames, n_bytes=300):
    """Return frames of AAC without content."""
    header = bytes((0xFF, 0xF1, 0x50, 0x80 | n_bytes >> 11, n_bytes >> 3 & 0xFF, (n_bytes & 7) << 5 | 0x1F, 0xFC))
    return (header + bytes(n_bytes - 7)) * n_frames
