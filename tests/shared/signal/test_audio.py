"""Decoding: the right samples for good files of every kind, one line for bad ones."""

import os
import re
import struct
import subprocess
import sys

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.signal import audio

CLIPS = "music-auto_tagging-keras/data"


def tone(seconds=3.0, sample_rate=16_000, frequency=440.0):
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def write(path, samples, sample_rate=16_000, **options):
    soundfile.write(path, samples, sample_rate, **options)
    return path


def peak_frequency(samples, sample_rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * sample_rate / len(samples)


@pytest.mark.parametrize(
    ("name", "sample_rate", "options"),
    [
        ("a.wav", 8_000, {"subtype": "PCM_U8"}),
        ("a.wav", 96_000, {"subtype": "PCM_24"}),
        ("a.wav", 48_000, {"subtype": "FLOAT"}),
        ("a.flac", 44_100, {}),
        ("a.ogg", 44_100, {}),
        ("a.au", 22_050, {}),
        ("a.mp3", 44_100, {}),
        ("A.MP3", 22_050, {"format": "MP3"}),
        ("a.wav", 16_000, {"format": "MP3"}),
        ("no_extension", 16_000, {"format": "MP3"}),
    ],
)
def test_every_kind_gives_the_pitch_the_level_and_the_length(tmp_path, name, sample_rate, options):
    samples = tone(3.0, sample_rate)
    write(tmp_path / name, np.stack([samples, 0.5 * samples], 1), sample_rate, **options)
    got = audio.load(tmp_path / name)
    assert got.dtype == np.float32 and got.ndim == 1
    assert abs(len(got) / audio.SAMPLE_RATE - 3.0) < 0.1
    middle = got[6_000:30_000]
    assert peak_frequency(middle, audio.SAMPLE_RATE) == pytest.approx(440, abs=1)
    level = 20 * np.log10(np.sqrt(np.mean(middle**2)) / (0.75 * 0.3 / np.sqrt(2)))  # mean of the channels
    assert abs(level) < 0.1


def test_mp3_data_under_another_name_is_noted(tmp_path):
    path = write(tmp_path / "a.wav", tone(), format="MP3")
    assert audio.decode(path).notes == ("MP3 data in a file named .wav",)


def test_an_id3_tag_with_a_picture_is_skipped(tmp_path):
    plain = write(tmp_path / "a.mp3", tone()).read_bytes()
    picture = b"\xff\xfb\x90\x00" * 50_000  # looks like frames
    size = len(picture)
    tag = b"ID3\x03\x00\x00" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + picture
    (tmp_path / "b.mp3").write_bytes(tag + plain)
    np.testing.assert_array_equal(audio.load(tmp_path / "b.mp3"), audio.load(tmp_path / "a.mp3"))


def test_macos_file_information_beside_an_mp3_does_not_hide_it(tmp_path):
    path = write(tmp_path / "a.mp3", tone())
    expected = audio.load(path)
    (tmp_path / "._a.mp3").write_bytes(b"\0\x05\x16\x07" + bytes(80))
    np.testing.assert_allclose(audio.load(path), expected, atol=1e-6)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_not_utf8_is_read_and_printed(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    write(tmp_path / "a.wav", tone())
    os.rename(os.fsencode(tmp_path / "a.wav"), path)
    assert len(audio.load(path)) == 36_000
    assert audio.display_name(path).endswith(r"caf\xe9.wav")
    audio.display_name(os.fsdecode(path)).encode("utf-8")


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def hole(path, content):
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4096] = content(4096)
    path.write_bytes(bytes(data))


def poisoned(value):
    samples = tone()
    samples[1000] = value
    return samples


def header_only(path):
    write(path, tone())
    path.write_bytes(path.read_bytes()[:44])


BAD = {
    "empty.mp3": (lambda p: p.write_bytes(b""), "0 bytes"),
    "missing.wav": (lambda p: None, "no such file"),
    "folder.wav": (lambda p: p.mkdir(), "a folder"),
    "page.mp3": (lambda p: p.write_text("\n<!DOCTYPE html><html>log in</html>"), "HTML page"),
    "random.mp3": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(20_000)), "not audio"),
    "text.flac": (lambda p: p.write_text("these are words, not audio\n" * 100), "not audio"),
    "pointer.wav": (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
    "._a.wav": (lambda p: p.write_bytes(b"\x00\x05\x16\x07" + b"\0" * 4000), "macOS"),
    "archive.wav": (lambda p: p.write_bytes(b"PK\x03\x04" + b"\0" * 4000), "an archive"),
    "video.mp3": (lambda p: p.write_bytes(b"\0\0\0\x18ftypM4A " + b"\0" * 4000), "not audio of a kind"),
    "nan.wav": (lambda p: write(p, poisoned(np.nan), subtype="FLOAT"), "NaN or infinite"),
    "inf.wav": (lambda p: write(p, poisoned(np.inf), subtype="FLOAT"), "NaN or infinite"),
    "cut.wav": (lambda p: cut(write(p, tone()), 0.5), "truncated, 1.5 of 3.0 s"),
    "cut.au": (lambda p: cut(write(p, tone()), 0.5), "truncated"),
    "cut.flac": (lambda p: cut(write(p, tone()), 0.5), r"truncated, 1\.\d of 3.0 s"),
    "cut_with_count.mp3": (lambda p: cut(write(p, tone(8.0)), 1 / 3), "truncated"),
    "zeros_inside.mp3": (lambda p: hole(write(p, tone(8.0)), bytes), "truncated|undecodable"),
    "noise_inside.mp3": (lambda p: hole(write(p, tone(8.0)), np.random.default_rng(1).bytes), "truncated|undecodable"),
    "header.wav": (header_only, "truncated|0 samples"),
    "riff.wav": (lambda p: p.write_bytes(b"RIFF\x00\x00\x00\x00WAVE"), "not audio"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_readable_line(tmp_path, name, capfd):
    damage, words = BAD[name]
    damage(tmp_path / name)
    with pytest.raises(InputError, match=words) as caught:
        audio.load(tmp_path / name)
    message = str(caught.value)
    assert "\n" not in message and name in message
    assert capfd.readouterr() == ("", "")


def without_count(path):
    """Drop the first frame of an MP3, which carries the count of frames; return the path."""
    data = path.read_bytes()
    assert b"Xing" in data[:64] or b"Info" in data[:64]
    path.write_bytes(data[data.index(data[:2], 2) :])
    return path


def test_an_mp3_that_starts_loud_and_has_no_count_is_read_to_its_end(tmp_path):
    """libsndfile guesses the length from the first, loud frames: a third of what there is."""
    rng = np.random.default_rng(0)
    samples = np.concatenate([rng.normal(0, 0.3, 220_500), np.zeros(220_500)])
    with soundfile.SoundFile(
        tmp_path / "a.mp3", "w", 44_100, 1, format="MP3", bitrate_mode="VARIABLE", compression_level=0.0
    ) as file:
        file.write(samples)
    path = without_count(tmp_path / "a.mp3")
    assert soundfile.info(path).frames < 200_000
    assert audio.decode(path).seconds == pytest.approx(10.0, abs=0.05)


def test_a_hole_in_an_mp3_without_a_count_is_found(tmp_path):
    path = without_count(write(tmp_path / "a.mp3", tone(8.0)))
    assert audio.decode(path).seconds == pytest.approx(8.0, abs=0.15)
    hole(path, np.random.default_rng(1).bytes)
    with pytest.raises(InputError, match=r"truncated|undecodable"):
        audio.load(path)


def test_threads_decode_quietly_and_with_standard_error_closed(tmp_path):
    hole(write(tmp_path / "bad.mp3", tone(8.0)), np.random.default_rng(1).bytes)
    write(tmp_path / "good.mp3", tone())
    program = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from mtlib.signal import audio
def seconds(name):
    try:
        return round(audio.decode(name).seconds)
    except ValueError:
        return "bad"
with ThreadPoolExecutor(4) as pool:
    print(set(pool.map(seconds, ["bad.mp3"] * 20)), set(pool.map(seconds, ["good.mp3"] * 20)))
    os.write(2, b"still here")
    os.close(2)
    print(set(pool.map(seconds, ["bad.mp3"] * 20)), set(pool.map(seconds, ["good.mp3"] * 20)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(paths.ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("{'bad'} {3}\n" * 2, "still here")


def stamped(path, at, form, *values):
    """Write values into a file's header; return the path."""
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, at, *values)
    path.write_bytes(data)
    return path


def silence_in_few_bytes(path):
    """Four hours at 8 kHz in a file of 240 kB."""
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(4):
            file.write(np.zeros(3600 * 8_000, np.int16))


LARGE = {
    "one_hertz.wav": (lambda p: write(p, np.zeros(100_000), 1), "a sample rate of 1 Hz"),
    "seven_hertz.au": (lambda p: write(p, np.zeros(100_000), 7), "a sample rate of 7 Hz"),
    "999.aiff": (lambda p: write(p, np.zeros(100_000), 999), "a sample rate of 999 Hz"),
    "gigahertz.wav": (lambda p: stamped(write(p, tone()), 24, "<I", 2**31 - 1), "a sample rate of 2,147,483,647"),
    "no_rate.wav": (lambda p: stamped(write(p, tone()), 24, "<I", 0), "not audio|a sample rate of 0 Hz"),
    "claims_2_hours.wav": (lambda p: stamped(write(p, tone()), 40, "<I", 240_000_000), "3.0 of 7500.0 s"),
    "claims_2_GB.au": (lambda p: stamped(write(p, tone()), 8, ">I", 2_000_000_000), "3.0 of 62500.0 s"),
    "claims_weeks.flac": (lambda p: stamped(write(p, tone()), 22, ">I", 2**32 - 1), "truncated|undecodable"),
    "1000_channels.wav": (lambda p: stamped(write(p, np.zeros((900, 1000))), 40, "<I", 2_000_000_000), "truncated"),
    "silence.flac": (silence_in_few_bytes, "longer than 3.1 hours; cut it into parts"),
}


def test_a_small_file_never_asks_for_much_memory(tmp_path):
    """All of them in one process that may take 1 GB: one line each."""
    for name, (make, _) in LARGE.items():
        make(tmp_path / name)
        assert (tmp_path / name).stat().st_size < 2_000_000
    program = """
import os, resource, sys
from mtlib.signal import audio
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30), -1))
for name in sys.argv[1:]:
    try:
        print(audio.load(name).shape)
    except ValueError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *LARGE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(paths.ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    for line, (name, (_, words)) in zip(done.stdout.splitlines(), LARGE.items(), strict=True):
        assert line.startswith(f"{name}: ") and re.search(words, line), line


def test_a_clip_shorter_than_its_dataset_promises_is_told(tmp_path):
    path = write(tmp_path / "a.mp3", tone(2.0))
    with pytest.raises(InputError, match=r"truncated, 2\.\d of 29\.1 s decoded"):
        audio.load(path, expected_seconds=29.124)
    assert len(audio.load(path, expected_seconds=2.05)) > 23_000


def test_silence_and_a_twentieth_of_a_second_are_read(tmp_path):
    assert audio.is_silent(audio.load(write(tmp_path / "a.wav", np.zeros(16_000, np.float32))))
    short = audio.load(write(tmp_path / "b.wav", tone(0.05)))
    assert len(short) == 600 and not audio.is_silent(short)


def test_a_part_is_the_part_of_the_whole(tmp_path):
    rng = np.random.default_rng(0)
    path = write(tmp_path / "a.wav", rng.normal(0, 0.1, 5 * 16_000).astype(np.float32))
    part, whole = audio.load(path, offset=1.0, seconds=2.0), audio.load(path)
    assert len(part) == 24_000
    np.testing.assert_allclose(part[200:], whole[12_200:36_000], atol=1e-4)
    with pytest.raises(InputError, match=r"ends at 5\.0 s, before the offset of 9\.0 s"):
        audio.load(path, offset=9.0)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_a_part_of_an_mp3_is_the_part_of_the_whole_too(tmp_path, mode):
    """Constant bitrates have no count of their frames, variable ones have."""
    noise = np.random.default_rng(0).normal(0, 0.1, 6 * 16_000).astype(np.float32)
    with soundfile.SoundFile(tmp_path / "a.mp3", "w", 16_000, 1, format="MP3", bitrate_mode=mode) as file:
        file.write(noise)
    part, whole = audio.decode(tmp_path / "a.mp3", offset=3.5, seconds=2.0), audio.decode(tmp_path / "a.mp3")
    np.testing.assert_allclose(part.samples, whole.samples[56_000:88_000], atol=1e-5)
    with pytest.raises(InputError, match=r"ends at 6\.\d s, before the offset of 9\.0 s"):
        audio.load(tmp_path / "a.mp3", offset=9.0)


def test_the_authors_mp3s_decode_as_measured(published):
    """The header guesses 1.5 % more frames than there are; librosa reads the same samples."""
    path = published / CLIPS / "bensound-actionable.mp3"
    recording = audio.decode(path)
    assert (len(recording.samples), recording.sample_rate, recording.n_channels) == (1_400_832, 44_100, 1)
    assert soundfile.info(path).frames == 1_421_504
    theirs, _ = librosa.load(path, sr=None)
    n = min(len(theirs), len(recording.samples))
    assert np.abs(theirs[:n] - recording.samples[:n]).max() < 1e-5
    ours, resampled = audio.load(path), librosa.load(path, sr=12_000)[0]
    difference, inner = ours[: len(resampled)] - resampled[: len(ours)], slice(200, -200)
    assert np.mean(difference[inner] ** 2) < 1e-7 * np.mean(ours[inner] ** 2)  # −70 dB


@given(st.integers(1, 50), st.integers(1, 50), st.sampled_from(["start", "centre"]), st.sampled_from(["pad", "repeat"]))
def test_fit_length_gives_the_length_and_keeps_the_samples(n_given, n_samples, crop, short):
    samples = np.arange(1, n_given + 1, dtype=np.float32)
    fitted = audio.fit_length(samples, n_samples, crop=crop, short=short)
    assert len(fitted) == n_samples
    if n_given >= n_samples:
        start = (n_given - n_samples) // 2 if crop == "centre" else 0
        np.testing.assert_array_equal(fitted, samples[start : start + n_samples])
    else:
        np.testing.assert_array_equal(fitted[:n_given], samples)
        rest = np.resize(samples, n_samples)[n_given:] if short == "repeat" else 0
        np.testing.assert_array_equal(fitted[n_given:], rest)


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_windows_start_at_every_hop_and_drop_only_a_short_rest(n_given, n_samples, hop, least):
    cut_up = audio.windows(np.arange(n_given, dtype=np.float32), n_samples, hop, least)
    assert cut_up.shape[1] == n_samples
    np.testing.assert_array_equal(cut_up[:, 0], np.arange(len(cut_up)) * hop)
    assert len(cut_up) * hop + min(least, n_samples) > n_given


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: audio.fit_length(np.ones(3), 0), "n_samples must be at least 1, got 0"),
        (lambda: audio.fit_length(np.ones(0), 5), "samples are empty"),
        (lambda: audio.fit_length(np.ones(3), 2, crop="end"), "crop must be"),
        (lambda: audio.windows(np.ones(3), 2, 0, 1), "hop must be at least 1, got 0"),
        (lambda: audio.decode("a.wav", offset=-1), "offset must be at least 0"),
        (lambda: audio.decode("a.wav", seconds=0), "seconds must be above 0"),
        (lambda: audio.load("a.wav", sample_rate=999), "sample rates must be 1,000 to 768,000 Hz, got 999"),
    ],
)
def test_bad_arguments_are_told(call, words):
    with pytest.raises(InputError, match=words):
        call()
