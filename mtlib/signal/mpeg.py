"""The frames of MP3 data: where they start, how many there are, and a count where it is missing.

libsndfile knows MP3 by the extension or by a frame at the very start, and believes the count in a
"Xing" or "Info" frame; without one it guesses. `data_and_count` hides both from `mtlib.signal.audio`.
"""

import os
import struct

CONTAINERS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"fLaC", b"OggS", b"caff")
"""First bytes of the formats that libsndfile knows by their content."""

# MPEG audio, layer III: kbit/s by the bitrate index, hertz by version (3: MPEG-1, 2: MPEG-2, 0: 2.5).
_KBITS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_KBITS[0] = _KBITS[2]
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def _frame(data: bytes, at: int) -> tuple[int, int]:
    """Return length in bytes of the whole frame at a position, and its stream's mark; 0, 0 if none."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE6 != 0xE2:
        return 0, 0
    version, bitrate, rate = data[at + 1] >> 3 & 3, data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or not 0 < bitrate < 15 or rate == 3:
        return 0, 0
    slots = 144_000 if version == 3 else 72_000  # samples of a frame / 8 bits, times 1000
    length = slots * _KBITS[version][bitrate] // _RATES[version][rate] + (data[at + 2] >> 1 & 1)
    return (length, 1 + version * 4 + rate) if at + length <= len(data) else (0, 0)


def _next_frame(data: bytes, at: int, mark: int = 0) -> int:
    """Return the position of the next frame that another one follows, −1 if there is none."""
    while (at := data.find(b"\xff", at)) >= 0:
        length, found = _frame(data, at)
        if length and found == (mark or found):
            end = at + length
            if _frame(data, end)[1] == found or len(data) - end < 4 or data[end : end + 3] == b"TAG":
                return at
        at += 1
    return -1


def data_and_count(path: str | bytes | os.PathLike, head: bytes) -> tuple[bytes | None, int]:
    """Return MP3 data from its first frame on and the samples counted in it.

    Parameters
    ----------
    path : str, bytes or path
        A file that may be MP3.
    head : bytes
        Its first bytes.

    Returns
    -------
    data : bytes or None
        None where libsndfile can read the file itself, MP3 or not.
    n_samples : int
        Samples a channel, counted frame by frame; 0 if the data carry a count of their own.
    """
    folder, name = os.path.split(os.fsencode(path))
    named_mp3 = name.lower().endswith(b".mp3")
    tagged = head.startswith((b"ID3", b"TAG"))
    if head.startswith(CONTAINERS) or not (named_mp3 or tagged or _frame(head, 0)[0]):
        return None, 0
    # Beside macOS file information, libsndfile takes that for a part of the file and knows no MP3.
    named_mp3 = named_mp3 and not os.path.exists(os.path.join(folder, b"._" + name))
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while data[at : at + 3] == b"ID3" and len(data) >= at + 10:
        a, b, c, d = data[at + 6 : at + 10]  # 28 bits, seven to a byte
        at += 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if data[at + 5] & 16 else 0)
    if data[at : at + 4] in CONTAINERS:
        return None, 0
    first = _next_frame(data, at)
    if first < 0:
        return None, 0
    length, mark = _frame(data, first)
    if any(count in data[first : first + min(length, 64)] for count in (b"Xing", b"Info", b"VBRI")):
        return None if named_mp3 else data[first:], 0

    n_frames, at = 0, first
    lengths: dict[bytes, int] = {}  # of a frame, by its header: a stream has few
    while at >= 0:
        while (header := data[at : at + 3]) in lengths or _frame(data, at)[1] == mark:
            if header not in lengths:
                lengths[header] = _frame(data, at)[0]
            n_frames, at = n_frames + 1, at + lengths[header]
        n_frames -= at > len(data)  # the last one is cut
        at = _next_frame(data, at, mark)
    mono, mpeg1 = data[first + 3] >> 6 == 3, data[first + 1] >> 3 & 3 == 3
    n_counted = n_frames * (1152 if mpeg1 else 576)
    if len({header[2] >> 4 for header in lengths}) == 1:
        return None if named_mp3 else data[first:], n_counted
    # A variable bitrate: libsndfile's guess can be far too low. (An added count also makes the decoder
    # drop its delay of 529 samples at the start.)
    header = bytes((0xFF, data[first + 1] | 1, 9 << 4 | data[first + 2] & 0x0C, data[first + 3]))
    side_information = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    info = header + bytes(side_information) + b"Info" + struct.pack(">II", 1, n_frames)
    return info.ljust(_frame(header.ljust(4096, b"\0"), 0)[0], b"\0") + data[first:], n_counted
