"""Tagging files from the command line: right tags for good files, one line for bad ones."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from mtlib.__main__ import program
from mtlib.base.errors import InputError
from mtlib.base.tags import TAGS
from mtlib.networks import tagging

CLIPS = "music-auto_tagging-keras/data"


@pytest.fixture(scope="module")
def compact(published):
    return tagging.load_model("compact")


def invoke(*arguments):
    return CliRunner().invoke(program, ["tag", *map(str, arguments)])


def tone(seconds, sample_rate=12_000):
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def test_the_compact_convnet_hears_jazz_in_the_jazz_piano(published, compact):
    samples = tagging.audio.load(published / CLIPS / "bensound-thejazzpiano.mp3")
    first = tagging.tag_samples(samples, compact)[0]
    assert TAGS[int(first.argmax())] == "jazz"
    assert first[TAGS.index("jazz")] == pytest.approx(0.74, abs=0.02)
    as_in_the_file = replace(compact, frontend=tagging.released.frontend.compact_frontend("same"))
    assert tagging.tag_samples(samples, as_in_the_file)[0].max() == pytest.approx(0.697, abs=0.01)


def test_json_lines_hold_all_tags(published):
    result = invoke(published / CLIPS / "bensound-dubstep.mp3", "--json", "--model", "compact")
    assert result.exit_code == 0, result.stderr
    row = json.loads(result.stdout)
    assert set(row) == {"file", "model", "seconds", "tags"}
    assert tuple(row["tags"]) == TAGS and max(row["tags"], key=row["tags"].get) == "electronic"
    assert row["model"] == "compact" and 31 < row["seconds"] < 33


def test_a_table_shows_the_top(published):
    result = invoke(published / CLIPS / "bensound-dubstep.mp3", "--top", 3, "--model", "crnn_trained")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 4 and "electronic" in result.stdout.splitlines()[1]


def test_later_networks_have_their_own_tags_and_windows(later):
    clip = later / "data/audio/Kevin_MacLeod_-_Vibe_Ace.ogg"  # 61.5 s of jazz
    rows = [json.loads(invoke(clip, "--json", *more).stdout) for more in ((), ("--model", "musicnn-jamendo"))]
    assert [row["model"] for row in rows] == ["fcn-msd", "musicnn-jamendo"]
    assert tuple(rows[0]["tags"]) == TAGS and max(rows[0]["tags"], key=rows[0]["tags"].get) == "jazz"
    assert tuple(rows[1]["tags"]) == tagging.later.TAGS["jamendo"]
    assert [round(row["seconds"], 1) for row in rows] == [61.5, 61.5]
    musicnn = tagging.load_model("musicnn-jamendo")
    n_windows = [len(tagging.tag_samples(tone(s, 16_000), musicnn)) for s in (2.0, 4.5, 4.6, 9.0)]
    assert n_windows == [1, 1, 2, 3]  # a rest of 1.5 s is dropped, one of 1.6 s is repeated to 3


def test_the_crnn_as_released_warns_in_one_line(published):
    result = invoke(published / CLIPS / "bensound-dubstep.mp3", "--model", "crnn", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["model"] == "crnn"
    (line,) = result.stderr.splitlines()
    assert "use crnn_trained" in line
    assert invoke(published / CLIPS / "bensound-dubstep.mp3", "--model", "crnn_trained").stderr == ""


def test_short_audio_is_repeated_and_windows_are_averaged(compact):
    half = tone(14.5)
    twice = np.concatenate([half, half])
    np.testing.assert_allclose(tagging.tag_samples(half, compact), tagging.tag_samples(twice, compact), atol=1e-5)
    assert len(tagging.tag_samples(tone(43.9), compact)) == 1  # 14.9 s remain: dropped
    assert len(tagging.tag_samples(tone(44.1), compact)) == 2


def test_a_folder_is_tagged_past_its_bad_files(tmp_path, published):
    soundfile.write(tmp_path / "good.wav", tone(2.0), 12_000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(24_000, np.float32), 12_000)
    soundfile.write(tmp_path / "slow.wav", np.zeros(100_000, np.float32), 1)
    (tmp_path / "song.m4a").write_bytes(b"\0\0\0\x18ftypM4A " + bytes(400))
    (tmp_path / "page.mp3").write_text("<!DOCTYPE html><html></html>")
    (tmp_path / "._good.wav").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "empty.flac").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not audio, not looked at")
    (tmp_path / "inner").mkdir()
    shutil.copy(tmp_path / "good.wav", tmp_path / "inner" / "again.WAV")
    result = invoke(tmp_path, tmp_path / "missing.wav", "--json", "--model", "compact")
    assert result.exit_code == 1
    assert [json.loads(line)["file"].split("/")[-1] for line in result.stdout.splitlines()] == ["good.wav", "again.WAV"]
    note, *errors = result.stderr.splitlines()
    assert note == f"{tmp_path}: passed over 1 ._*, 1 .txt"
    assert len(errors) == 7 and all(line.startswith("Error: ") for line in errors), errors
    for name in ("silent.wav", "page.mp3", "slow.wav", "song.m4a", "empty.flac", "missing.wav"):
        assert sum(name in line for line in errors) == 1, errors
    assert errors[-1] == "Error: 6 of 8 files could not be tagged"


def test_bad_models_are_told(published):
    for name, words in (
        ("vgg", "unknown network 'vgg'; choose one of compact, .*fcn-msd"),
        ("compact1", "depend on its company"),
    ):
        with pytest.raises(InputError, match=words):
            tagging.load_model(name)


def test_an_empty_folder_is_told(tmp_path, published):
    result = invoke(tmp_path, "--model", "compact")
    assert result.exit_code == 1 and "a folder without audio files" in result.stderr
