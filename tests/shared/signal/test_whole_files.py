"""Every file heard whole: what is joined, miscounted, cut or of unknown length is decoded, or refused."""

import io
import struct

import av
import numpy as np
import pytest

from mtlib.base.errors import InputError
from mtlib.signal import audio
from sounds import (
    adts,
    cbr,
    count_of,
    encoded,
    half,
    half_zeros,
    id3,
    ogg_page,
    ogg_pages,
    tone,
    with_count,
    with_size,
    with_vbri,
    without_count,
)  # fmt: skip

LIST = b"LIST" + struct.pack("<I", 6000) + b"INFO" * 1500
TAG = b"TAG".ljust(128, b"x")
APE = b"APETAGEX" + struct.pack("<4I8x", 2000, 5000, 1, 0x80000000) + b"x" * 4968 + b"APETAGEX".ljust(32, b"\0")


def vbr(*arguments):
    return encoded("MP3", *arguments)


def ogg(*arguments, subtype="VORBIS"):
    return encoded("OGG", *arguments, subtype=subtype)


def opus(samples):
    return ogg(samples, 48_000, subtype="OPUS")


def last_page(data, **changes):
    *pages, last = ogg_pages(data)
    return b"".join([*pages, ogg_page(last, **changes)])


def flac_total(data, total):
    """Replace the count in the header of a FLAC file."""
    return data[:22] + struct.pack(">I", total) + data[26:]


def picture(n_bytes):
    """Return an ID3 tag with a picture, as players write it."""
    jpeg = b"\xff\xd8\xff\xe0" + np.random.default_rng(0).bytes(n_bytes).replace(b"\xff", b"\xff\0")
    frame = b"APIC" + struct.pack(">I", len(jpeg)) + b"\0\0\0image/jpeg\0\3\0" + jpeg
    return id3(len(frame))[:10] + frame


LOUD_THEN_SILENT = np.concatenate([np.random.default_rng(0).normal(0, 0.2, 64_000), np.zeros(64_000)])

WHOLE = {  # file: what it holds, its length in seconds
    # several recordings in one file
    "two_links.ogg": (lambda: ogg(tone(4.0)) + ogg(tone(4.0, hertz=880)), 8.0),
    "two_links.opus": (lambda: 2 * opus(tone(4.0, 48_000)), 8.0),
    "joined.mp3": (lambda: vbr(tone(4.0)) + vbr(tone(4.0, hertz=880)), 8.2),
    "joined_of_two_rates.mp3": (lambda: vbr(tone(4.0)) + vbr(tone(4.0, 44_100), 44_100), 8.2),
    "joined_without_counts.mp3": (lambda: cbr(tone(4.0)) + cbr(tone(4.0, 44_100, 880), 44_100), 8.2),
    "joined_mono_and_stereo.mp3": (lambda: cbr(tone(4.0)) + cbr(tone(4.0, hertz=880, n_channels=2)), 8.2),
    "joined_with_tags.mp3": (lambda: picture(5_000) + vbr(tone(4.0)) + TAG + picture(90_000) + cbr(tone(4.0)), 8.1),
    "joined_of_one_rate.mp3": (lambda: vbr(tone(4.0)) + cbr(tone(4.0)), 8.1),
    # counts that are absent or wrong
    "counts_0.mp3": (lambda: with_count(vbr(LOUD_THEN_SILENT), 0), 8.0),
    "no_flag.mp3": (lambda: with_count(vbr(LOUD_THEN_SILENT), 0, flags=0), 8.1),
    "no_count.mp3": (lambda: without_count(vbr(LOUD_THEN_SILENT)), 8.0),
    "counts_half.mp3": (lambda: (lambda m: with_count(m, count_of(m)[1] // 2))(vbr()), 8.0),
    "counts_double.mp3": (lambda: (lambda m: with_count(m, count_of(m)[1] * 2))(vbr()), 8.0),
    "counts_half.au": (lambda: with_size(encoded("AU"), b".snd\x00\x00\x00\x18", ">I", 128_000), 8.0),
    "counts_half.flac": (lambda: flac_total(encoded("FLAC"), 64_000), 8.0),
    "joined.flac": (lambda: 2 * encoded("FLAC", tone(4.0)), 8.0),
    "vbri.mp3": (lambda: (lambda m: with_vbri(m, count_of(m)[1], len(m)))(vbr()), 8.0),
    "vbri_counts_half.mp3": (lambda: (lambda m: with_vbri(m, count_of(m)[1] // 2, len(m) // 2))(vbr()), 8.0),
    "layer_2.mp2": (lambda: mp2(230), 8.3),
    "mpeg_2.5.mp3": (lambda: 2 * encoded("MP3", tone(4.0, 8_000), 8_000), 8.3),
    "junk_first.mp3": (lambda: np.random.default_rng(0).bytes(9000) + vbr(), 8.1),
    "mp3_in.wav": (lambda: mp3_in_wav(vbr(LOUD_THEN_SILENT)), 8.1),
    "mp3_without_a_count_in.wav": (lambda: mp3_in_wav(without_count(vbr(LOUD_THEN_SILENT))), 8.0),
    # lengths that were not known when the header was written
    "unknown.flac": (lambda: flac_total(encoded("FLAC"), 0), 8.0),
    "minus_one.wav": (lambda: with_size(encoded("WAV"), b"data", "<I", 0xFFFFFFFF), 8.0),
    "sox.wav": (lambda: with_size(encoded("WAV"), b"data", "<I", 0x7FFFF000), 8.0),
    "half_of_all.wav": (lambda: with_size(encoded("WAV"), b"data", "<I", 0x80000000), 8.0),
    "zero.wav": (lambda: with_size(encoded("WAV"), b"data", "<I", 0), 8.0),
    "zero_rifx.wav": (lambda: with_size(encoded("WAV", endian="BIG"), b"data", ">I", 0), 8.0),
    "minus_one.au": (lambda: encoded("AU")[:8] + b"\xff\xff\xff\xff" + encoded("AU")[12:], 8.0),
    "minus_one.caf": (lambda: with_size(encoded("CAF"), b"data", ">q", -1), 8.0),
    # what follows and is no audio
    "list.wav": (lambda: encoded("WAV") + LIST, 8.0),
    "list_first.wav": (lambda: (lambda w: w[:36] + 9 * LIST + w[36:])(encoded("WAV")), 8.0),
    "picture_first.wav": (lambda: picture(90_000) + vbr(), 8.0),
    "tag.wav": (lambda: encoded("WAV") + TAG, 8.0),
    "padded.wav": (lambda: encoded("WAV") + bytes(50_000), 8.0),
    "tagged.flac": (lambda: id3(3000) + encoded("FLAC") + TAG, 8.0),
    "tag.ogg": (lambda: ogg() + TAG, 8.0),
    "tags.mp3": (lambda: id3(70_000) + cbr() + APE + TAG, 8.1),
    "odd.wav": (lambda: encoded("WAV", tone()[:-1], subtype="PCM_U8"), 8.0),
    # an end that libsndfile leaves off
    "counts_0.13_s_more.ogg": (lambda: last_page(ogg(), granule=130_080), 8.0),
}  # fmt: skip

for kind, subtypes in {
    "WAV": ("PCM_16", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"),
    "AIFF": ("PCM_16", "FLOAT", "ALAW", "IMA_ADPCM"),
    "CAF": ("PCM_16", "ALAC_16"), "RF64": ("PCM_16",), "W64": ("PCM_16",), "AU": ("PCM_16", "ULAW"),
}.items():  # fmt: skip
    for subtype in subtypes:
        WHOLE[f"whole_{subtype}.{kind.lower()}"] = (lambda k=kind, s=subtype: encoded(k, subtype=s), 8.0)


def mp3_in_wav(mp3):
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, 16_000, 4000, 1, 0, 12, 1, 2, 576, 1, 1393)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(mp3)) + mp3
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def mp2(n_frames):
    """Return frames of layer II that hold silence: MPEG-1, 32 kHz, 64 kbit/s, mono."""
    return (b"\xff\xfd\x48\xc0" + bytes(284)) * n_frames


@pytest.mark.parametrize("name", WHOLE)
def test_every_sample_is_heard(tmp_path, name):
    make, seconds = WHOLE[name]
    path = tmp_path / name
    path.write_bytes(make())
    assert audio.decode(path).seconds == pytest.approx(seconds, abs=0.12)


@pytest.mark.parametrize("name", ["two_links.ogg", "joined.mp3", "joined_of_two_rates.mp3"])
def test_recordings_that_are_joined_are_heard_in_turn(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(WHOLE[name][0]())
    recording = audio.decode(path, sample_rate=12_000)
    second = 440 if "rates" in name else 880
    for hertz, samples in ((440, recording.samples[6_000:42_000]), (second, recording.samples[54_000:90_000])):
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        assert np.argmax(spectrum) / 3 == pytest.approx(hertz, abs=1)
    part = audio.load(path, offset=4.5, seconds=1.0)
    # where rates meet, samples lie between those of the whole
    np.testing.assert_allclose(part[200:-200], recording.samples[54_200:65_800], atol=0.03)
    across = audio.load(path, offset=3.0, seconds=2.0)
    np.testing.assert_allclose(across[200:-200], recording.samples[36_200:59_800], atol=2e-3)


CUT = {  # file: what it holds, what the line says
    "half.aiff": (lambda: half(encoded("AIFF")), r"truncated, 4\.0 of 8\.0 s decoded"),
    "half_float.aiff": (lambda: half(encoded("AIFF", subtype="FLOAT")), r"truncated, 4\.0 of 8\.0 s"),
    "half_ima.aiff": (lambda: half(encoded("AIFF", subtype="IMA_ADPCM")), r"truncated, 4\.0 of 8\.0 s"),
    "half.rf64": (lambda: half(encoded("RF64")), r"truncated, 4\.0 of 8\.0 s"),
    "half.w64": (lambda: half(encoded("W64")), r"truncated, 4\.0 of 8\.0 s"),
    "half_rifx.wav": (lambda: half(encoded("WAV", endian="BIG")), r"truncated, 4\.0 of 8\.0 s"),
    "half_24.wav": (lambda: half(encoded("WAV", subtype="PCM_24")), r"truncated, 4\.0 of 8\.0 s"),
    "half_ima.wav": (lambda: half(encoded("WAV", subtype="IMA_ADPCM")), r"truncated, 4\.0 of 8\.\d s"),
    "half_ms.wav": (lambda: half(encoded("WAV", subtype="MS_ADPCM")), r"truncated, [34]\.\d of [78]\.\d s"),
    "half_gsm.wav": (lambda: half(encoded("WAV", subtype="GSM610")), r"truncated, 4\.0 of 8\.0 s"),
    "half_g721.wav": (lambda: half(encoded("WAV", subtype="G721_32")), r"truncated, 4\.0 of 8\.0 s"),
    "half.au": (lambda: half(encoded("AU")), r"truncated, 4\.0 of 8\.0 s"),
    "half.caf": (lambda: half(encoded("CAF")), r"truncated, 3\.\d of 8\.0 s"),
    "half_alac.caf": (lambda: half(encoded("CAF", subtype="ALAC_16")), r"truncated, 3\.\d of 7\.\d s"),
    "half.flac": (lambda: half(encoded("FLAC")), "truncated|undecodable"),
    "half_unknown.flac": (lambda: half(flac_total(encoded("FLAC"), 0)), "truncated|undecodable"),
    "half.ogg": (lambda: half(ogg(LOUD_THEN_SILENT)), "truncated.*its last page does not end the stream"),
    "half.opus": (lambda: half(opus(tone(8.0, 48_000))), "truncated.*last page"),
    "no_last_page.ogg": (lambda: b"".join(ogg_pages(ogg(LOUD_THEN_SILENT))[:-1]), "truncated.*last page"),
    "a_page_is_lost.ogg": (
        lambda: (lambda pages: b"".join(pages[:3] + pages[4:]))(ogg_pages(ogg(LOUD_THEN_SILENT))),
        "truncated",
    ),
    "a_flipped_bit.ogg": (lambda: flipped(ogg(LOUD_THEN_SILENT), 9_000), "truncated"),
    "second_link_is_cut.ogg": (lambda: ogg() + half(ogg(LOUD_THEN_SILENT)), "truncated"),
    "half_zeros.ogg": (lambda: half_zeros(ogg(LOUD_THEN_SILENT)), "truncated.*last page"),
    "half_zeros.flac": (lambda: half_zeros(encoded("FLAC")), "truncated|undecodable"),
    "half_zeros.mp3": (lambda: half_zeros(cbr()), "undecodable in part .damaged packets: 1"),
    "half_zeros_vbr.mp3": (lambda: half_zeros(vbr(LOUD_THEN_SILENT)), "truncated|undecodable in part"),
    "half_with_count.mp3": (lambda: half(vbr(LOUD_THEN_SILENT)), r"truncated, \d\.\d of 8\.\d s"),
    "half_with_vbri.mp3": (
        lambda: (lambda m: half(with_vbri(m, count_of(m)[1], len(m))))(vbr()), r"truncated, [34]\.\d of 8"),
    "noise_within.mp3": (lambda: with_noise(cbr()), "truncated|undecodable"),
    "noise_within_vbr.mp3": (lambda: with_noise(vbr(LOUD_THEN_SILENT[:60_000])), "truncated|undecodable"),
}  # fmt: skip

MORE = {  # a header that counts less than there is
    "counts_half.wav": lambda: with_size(encoded("WAV"), b"data", "<I", 128_000),
    "counts_half_rifx.wav": lambda: with_size(encoded("WAV", endian="BIG"), b"data", ">I", 128_000),
    "counts_half.aiff": lambda: with_size(encoded("AIFF"), b"SSND", ">I", 128_008),
    "counts_half.rf64": lambda: with_size(encoded("RF64"), b"ds64", "<Q", 128_000, 12),
    "counts_half.caf": lambda: with_size(encoded("CAF"), b"data", ">q", 128_004),
    "joined.wav": lambda: encoded("WAV", tone(4.0)) + encoded("WAV", tone(4.0)),
    "joined.aiff": lambda: encoded("AIFF", tone(4.0)) + encoded("AIFF", tone(4.0)),
}
CUT |= {name: (make, r"more audio follows the .*that its header counts") for name, make in MORE.items()}

OTHER = {  # other kinds, and levels that no music has
    "no_sound.mp3": (lambda: adts(50), "not audio: a sample rate of 0 Hz"),
    "no_sound.m4a": (lambda: b"\0\0\0\x18ftypM4A \0\0\2\0" + bytes(4000), "or cut within its header"),
    "no_sound.wma": (lambda: b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(4000), "not audio of a kind"),
    "playlist.mp3": (lambda: b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/hostname\n", "not audio of a kind"),
    "three_links_of_other_rates.ogg": (
        lambda: ogg(tone(3.0)) + opus(tone(3.0, 48_000, 880, 2)) + ogg(tone(2.0, 8_000), 8_000),
        r"undecodable behind 3\.0 s"),
    "tags_that_look_like_frames_between.mp3": (
        lambda: vbr(tone(3.0)) + TAG + id3(5000) + cbr(tone(3.0)), "undecodable in part .damaged packets"),
    "tagged.wav": (lambda: id3(3000) + encoded("WAV"), "not audio of a kind"),
    "zero.rf64": (lambda: with_size(encoded("RF64"), b"ds64", "<Q", 0, 12), r"truncated, 0\.0 of 8\.0 s"),
    "zero.aiff": (lambda: with_size(encoded("AIFF"), b"SSND", ">I", 0), "not audio of a kind"),
    "notes.wav": (lambda: b"MThd\0\0\0\x06" + bytes(400), "not audio but MIDI"),
    "speech.wav": (lambda: encoded("NIST"), "not audio of a kind that can be read"),
    "cancel.wav": (
        lambda: encoded("WAV", tone(3.0, n_channels=2) * [1, -1]), "its 2 channels cancel each other"),
    "cancel.mp3": (
        lambda: encoded("MP3", tone(3.0, n_channels=2) * [1, -1]), "its 2 channels cancel each other"),
    "cancel_almost.flac": (
        lambda: encoded("FLAC", tone(3.0, n_channels=2) * [1, -0.99]), "its 2 channels cancel each other"),
    "cancel_four.wav": (
        lambda: encoded("WAV", tone(3.0, n_channels=4) * [1, -1, -1, 1]), "its 4 channels cancel each other"),
    "low.wav": (lambda: encoded("WAV", tone(3.0) * 1e-5, subtype="FLOAT"), r"too low, a peak of -11[01] dB"),
    "low.flac": (lambda: encoded("FLAC", tone(3.0) * 1e-5, subtype="PCM_24"), "too low, a peak of -111 dB"),
    "low.ogg": (lambda: ogg(tone(3.0) * 1e-5), r"too low, a peak of -1\d\d dB"),
    "int16_scale.wav": (lambda: encoded("WAV", tone(3.0) * 32768, subtype="FLOAT"), r"samples reach 9,8\d\d"),
    "int8_scale.wav": (lambda: encoded("WAV", tone(3.0) * 128, subtype="FLOAT"), "samples reach 38"),
    "int24_scale.aiff": (
        lambda: encoded("AIFF", tone(3.0) * 2**23, subtype="DOUBLE"), r"samples reach 2,5\d\d,"),
}  # fmt: skip


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def with_noise(data):
    middle = len(data) // 2
    return data[:middle] + np.random.default_rng(1).bytes(4096) + data[middle + 4096 :]


@pytest.mark.parametrize("name", CUT | OTHER)
def test_what_is_not_whole_or_not_music_is_one_line(tmp_path, name, capfd):
    make, words = (CUT | OTHER)[name]
    path = tmp_path / name
    path.write_bytes(make())
    with pytest.raises(InputError, match=words) as caught:
        audio.decode(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert "digital silence" not in str(caught.value) and capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("kind", "n_channels"),
    [(kind, n) for kind in ("WAV", "MP3", "OPUS") for n in (1, 2, 6) if (kind, n) != ("MP3", 6)],  # two at most
)
def test_silence_and_one_channel_of_many_are_no_fault(tmp_path, kind, n_channels):
    samples = np.zeros((48_000, n_channels), np.float32)
    kind, subtype = ("OGG", kind) if kind == "OPUS" else (kind, None)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(kind, samples, 48_000, subtype))
    assert audio.is_silent(audio.decode(path).samples)
    samples[:, 0] = tone(1.0, 48_000)
    path.write_bytes(encoded(kind, samples, 48_000, subtype))
    assert abs(audio.decode(path).samples).max() == pytest.approx(0.3 / n_channels, rel=0.1)


def through_ffmpeg(codec, kind, samples, sample_rate=44_100):
    """Return samples (time,) or (time, channel) as a file that FFmpeg writes."""
    buffer, layout = io.BytesIO(), "mono" if samples.ndim == 1 else "stereo"
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=sample_rate)
        stream.layout, stream.bit_rate = layout, 128_000
        planes = np.ascontiguousarray(np.atleast_2d(samples.T), np.float32)
        whole = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        whole.sample_rate, whole.pts = sample_rate, 0
        size = stream.codec_context.frame_size or 1024
        cut = av.AudioResampler(stream.format, layout, sample_rate, frame_size=size)
        for frame in [*cut.resample(whole), *cut.resample(None), None]:
            container.mux(stream.encode(frame))
    return buffer.getvalue()


FFMPEG = {
    "a.m4a": ("aac", "ipod"), "b.m4a": ("alac", "ipod"), "a.aac": ("aac", "adts"), "a.mp3": ("aac", "adts"),
    "a.mp4": ("aac", "mp4"), "a.wma": ("wmav2", "asf"), "a.webm": ("libopus", "webm"),
    "a.ogg": ("flac", "ogg"), "a.wv": ("wavpack", "wv"),
}  # fmt: skip


@pytest.mark.parametrize("name", FFMPEG)
def test_other_kinds_are_read_through_ffmpeg(tmp_path, name):
    codec, kind = FFMPEG[name]
    sample_rate = 48_000 if codec == "libopus" else 44_100
    path = tmp_path / name
    samples = tone(8.0, sample_rate, n_channels=2) * np.array([1, 0.5], np.float32)
    data = through_ffmpeg(codec, kind, samples, sample_rate)
    path.write_bytes(data)
    recording = audio.decode(path, sample_rate=12_000)
    assert recording.seconds == pytest.approx(8.0, abs=0.05)
    assert (recording.source_rate, recording.n_channels) == (sample_rate, 2)
    middle = recording.samples[12_000:84_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) / 6 == pytest.approx(440, abs=0.5)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.75 * 0.3 / np.sqrt(2), rel=0.02)  # mean, not sum
    part = audio.load(path, offset=3.0, seconds=2.0)
    np.testing.assert_allclose(part[200:-200], recording.samples[36_200:59_800], atol=2e-3)
    for cut in (half(data), half_zeros(data)):
        path.write_bytes(cut)
        with pytest.raises(InputError, match=r"truncated|undecodable|cut within its header"):
            audio.decode(path)
