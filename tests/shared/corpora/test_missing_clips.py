"""No clip goes missing without a line, and the status is 0 only if nothing but known faults was left out."""

import os
import re
import shutil
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from miniatures import MAKERS, jamendo_tree, sound
from mtlib.__main__ import program
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.corpora import corpus
from mtlib.corpora.datasets import find, preparation
from mtlib.networks import tagging
from mtlib.signal import audio

FILES = ("gtzan_genre", "gtzan_speech_music")
"""Datasets without a list: their clips are the files that are there."""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path / "published"))


@pytest.fixture
def heard(monkeypatch):
    """Every file that is there can be decoded, at once: what is tested is what is looked for."""

    def decode(path, **options):
        if not os.path.getsize(path):
            raise InputError(f"{path}: 0 bytes; download or unpack it again", "empty")
        return audio.Recording(np.full(400_000, 0.5, np.float32), audio.SAMPLE_RATE, audio.SAMPLE_RATE, 1)

    monkeypatch.setattr(audio, "decode", decode)


@pytest.fixture
def copy_of(tree, tmp_path):
    return lambda name: Path(shutil.copytree(tree(name).root, tmp_path / name))


def run(*arguments, report="report.csv"):
    command = [*map(str, arguments), "--jobs", "1"] + (["--report", str(report)] if report else [])
    return CliRunner().invoke(program, command)


def checked(name, root, tmp_path, *more, command="check"):
    return run(command, name, "--root", root, *more, report=tmp_path / "report.csv")


def wav(path, seconds=30.0):
    return sound(path, 300, seconds, 2_000)


# Cases that readers met


def test_half_a_dataset_without_a_list_is_no_success(tmp_path):
    for folder, name in (("music_wav", "a"), ("speech_wav", "b")):
        wav(tmp_path / "music_speech" / folder / f"{name}.wav")
    result = checked("gtzan_speech_music", tmp_path, tmp_path)
    assert result.exit_code == 1 and "note: 2 of 128 clips found\n" in result.stdout


def test_a_copied_file_is_no_clip(tmp_path):
    for name in ("blues.00000", "Copy of blues.00000", "blues.00000 (1)", "blues.00100", "jazz.00001"):
        wav(tmp_path / f"genres/blues/{name}.wav")
    shutil.copy(tmp_path / "genres/blues/blues.00000.wav", tmp_path / "genres/blues/blues.00000.au")
    result = checked("gtzan_genre", tmp_path, tmp_path)
    assert result.exit_code == 1 and "1 of 1 clips can be used" in result.stdout
    line = "no clip of this dataset (ignored): blues/Copy of blues.00000.wav, blues/blues.00000 (1).wav, "
    assert line + "blues/blues.00000.wav, blues/blues.00100.wav, blues/jazz.00001.wav (5 in all)" in result.stdout


def test_folders_that_are_links_are_read_and_circles_are_not(tmp_path):
    wav(tmp_path / "elsewhere/blues/blues.00000.wav")
    wav(tmp_path / "root/genres/jazz/jazz.00000.wav")
    os.symlink(tmp_path / "elsewhere/blues", tmp_path / "root/genres/blues")
    os.symlink("..", tmp_path / "root/genres/jazz/up")
    os.symlink("itself", tmp_path / "root/genres/jazz/itself")
    result = checked("gtzan_genre", tmp_path / "root", tmp_path)
    assert result.exit_code == 1 and "2 of 2 clips can be used" in result.stdout
    assert "note: 2 of 1,000 clips found" in result.stdout
    assert "998 clips have no file" not in result.stdout  # jazz.00054 is a known fault
    assert "997 clips have no file: blues.00001, " in result.stdout
    (tmp_path / "root/genres/blues").unlink()
    (tmp_path / "root/genres/blues").write_text("../../elsewhere/blues")
    result = checked("gtzan_genre", tmp_path / "root", tmp_path)
    assert "note: files in the place of folders, perhaps links that became text: blues\n" in result.stdout


@pytest.mark.parametrize("original", [True, False])
def test_marks_without_a_song_are_missing_clips(tmp_path, original, heard):
    root = jamendo_tree(tmp_path / "tree", original).root
    song = root / ("test" if original else "audio") / "School.ogg"
    song.unlink()
    result = checked("jamendo_vocal", root, tmp_path)
    assert result.exit_code == 1 and "6 of 9 clips can be used" in result.stdout
    assert "missing: 3 clips left out: School.lab: label without audio" in result.stdout
    if not original:
        (root / "filelists/test").write_text("\n")
        with pytest.raises(InputError, match="test: empty; get it again"):
            preparation.look(find("jamendo_vocal"), root)


@pytest.mark.parametrize("original", [True, False])
def test_a_song_without_marks_is_no_success(tmp_path, original, heard):
    root = jamendo_tree(tmp_path / "tree", original).root
    marks = root / ("jamendo_lab" if original else "labels")
    (marks / "School.lab").unlink()
    scan = preparation.look(find("jamendo_vocal"), root)
    assert scan.incomplete and "audio without marks (ignored): School" in " ".join(scan.notes)
    (marks / "02 - Colombia.lab").write_text("0 3.25 nosing\n3.25 9.\n")  # cut inside a line
    scan = preparation.look(find("jamendo_vocal"), root)
    assert scan.incomplete and "02 - Colombia.lab, line 2" in " ".join(scan.notes)


def test_a_song_that_its_list_lost_is_kept_and_noted(tmp_path):
    root = jamendo_tree(tmp_path / "tree", original=False).root
    (root / "filelists/test").write_text("05 - Aux Cieux, Tu es mon Dieu.mp3\n")
    (root / "filelists/valid").write_text("02 - Colombia.ogg\n")
    (root / "filelists/train").write_text("02 - Bogota.ogg\n")
    scan = preparation.look(find("jamendo_vocal"), root)
    assert (scan.clips["path"] != "").all() and (scan.clips["split"] == "").sum() == 3
    assert "songs in no list of a split: School" in scan.notes and scan.incomplete


# Others of the kind, in every dataset


@pytest.mark.parametrize("name", MAKERS)
def test_a_lost_file_has_a_line_in_every_dataset(name, copy_of, heard, tmp_path):
    root, dataset = copy_of(name), find(name)
    before = preparation.look(dataset, root)
    usable = before.clips[(before.clips["path"] != "") & (before.clips["known_fault"] == "")]
    lost = usable.iloc[0]
    (before.root / lost["path"]).unlink()
    report = preparation.check(dataset, root)
    assert report.failed
    if name in FILES:
        n_now = len(before.clips) - 1
        assert f"note: {n_now:,} of {dataset.n_clips:,} clips found" in report.lines
    else:
        missing = report.rows.loc[report.rows["status"] == "missing", "clip_id"]
        song = lost["clip_id"].partition("/")[2]  # its split is known by the folder of its audio alone
        assert {lost["clip_id"], f"/{song}"} & set(missing)
        assert any(line.startswith("missing: ") for line in report.lines)


@pytest.mark.parametrize("name", MAKERS)
def test_links_to_folders_are_followed_in_every_dataset(name, copy_of, tmp_path):
    root, dataset = copy_of(name), find(name)
    before = preparation.look(dataset, root)
    holders = sorted({(before.root / path).parent for path in before.clips["path"] if path})
    for number, folder in enumerate(holders):
        shutil.move(folder, tmp_path / f"elsewhere{number}")
        os.symlink(tmp_path / f"elsewhere{number}", folder)
        os.symlink(root, folder / "loop")
    after = preparation.look(dataset, root)
    assert after.clips["path"].tolist() == before.clips["path"].tolist()
    assert after.incomplete == before.incomplete


ACCENTED = {  # the name that a list gives, and one with accents: in the list, and on the disk
    "magnatagatune": ("berta-album-02-song-0-29.mp3", "bérta-album-02-song-0-29.mp3"),
    "jamendo_vocal": ("School", "Écôle"),
    "urbansound8k": ("100032-3-0-0", "100032-3-0-é"),
}


@pytest.mark.parametrize("disk", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ACCENTED)
def test_names_meet_whatever_the_form_of_their_accents(name, disk, copy_of):
    root, dataset = copy_of(name), find(name)
    n_found = (preparation.look(dataset, root).clips["path"] != "").sum()
    plain, accented = ACCENTED[name]
    on_disk = unicodedata.normalize(disk, accented)
    in_list = unicodedata.normalize("NFC" if disk == "NFD" else "NFD", accented)
    for path in list(root.rglob("*")):
        if path.is_file() and plain in path.name:
            form = in_list if path.suffix == ".lab" else on_disk
            path.rename(path.with_name(path.name.replace(plain, form)))
        elif path.suffix in (".csv", ".tsv"):
            path.write_bytes(path.read_bytes().replace(plain.encode(), in_list.encode()))
    scan = preparation.look(dataset, root)
    assert (scan.clips["path"] != "").sum() == n_found
    assert all((scan.root / path).is_file() for path in scan.clips["path"] if path)
    ids = scan.clips["clip_id"].tolist()
    assert ids == [unicodedata.normalize("NFC", i) for i in ids]


def test_clips_named_by_files_have_one_id_on_every_system(tmp_path):
    for form in ("NFC", "NFD"):
        for folder in ("music_wav", "speech_wav"):
            name = unicodedata.normalize(form, "café")
            wav(tmp_path / form / f"music_speech/{folder}/{name}.wav", 0.1)
    first, second = (preparation.look(find("gtzan_speech_music"), tmp_path / f) for f in ("NFC", "NFD"))
    assert first.clips["clip_id"].tolist() == second.clips["clip_id"].tolist()


def first(n_lines):
    return lambda data: b"".join(data.splitlines(keepends=True)[:n_lines])


CUT = {
    "magnatagatune": ("annotations_final.csv", first(4)),
    "mtg_jamendo": ("mtg-jamendo-dataset/data/splits/split-0/autotagging_top50tags-train.tsv", first(1)),
    "fma": ("fma_metadata/tracks.csv", first(4)),
    "extended_ballroom": ("extendedballroom_v1.1.xml", lambda data: re.sub(rb"<Waltz>.*</Waltz>", b"", data)),
    "emomusic": ("static_annotations.csv", first(3)),
    "urbansound8k": ("UrbanSound8K/metadata/UrbanSound8K.csv", first(3)),
}


@pytest.mark.parametrize("name", CUT)
def test_a_list_cut_between_two_lines_is_no_success(name, copy_of, heard):
    root, (file, cut) = copy_of(name), CUT[name]
    (root / "clips_45seconds/7.mp3").unlink(missing_ok=True)  # it has no label
    assert not preparation.look(find(name), root).incomplete
    (root / file).write_bytes(cut((root / file).read_bytes()))
    report = preparation.check(find(name), root)
    assert report.failed and any(" audio files have no label (ignored): " in line for line in report.lines)
    assert any(f" of {find(name).n_clips:,} clips found" in line for line in report.lines)


def test_lists_of_a_split_that_are_all_cut_are_no_success(copy_of, heard):
    root = copy_of("msd_lastfm")
    sound(root / "audio/7/77.clip.mp3", 400, 30.0)
    assert not preparation.look(find("msd_lastfm"), root).incomplete
    lists = root / "MSD_split_for_tagging"
    for path in lists.glob("train_x_*.txt"):
        path.write_bytes(first(1)(path.read_bytes()))
    with pytest.raises(InputError, match=r"train_y\.npy has 3 rows"):
        preparation.look(find("msd_lastfm"), root)
    np.save(lists / "train_y.npy", np.load(lists / "train_y.npy")[:1])
    assert preparation.check(find("msd_lastfm"), root).failed


def test_a_split_whose_list_is_not_there_is_no_success(copy_of, heard):
    root = copy_of("msd_lastfm")
    for path in (root / "MSD_split_for_tagging").glob("valid_*"):
        path.unlink()
    report = preparation.check(find("msd_lastfm"), root)
    assert report.failed and not (report.rows["status"] == "missing").any()
    assert any("no files of the valid split" in line for line in report.lines)


def test_a_part_of_the_download_is_a_corpus_with_allow_missing(copy_of, heard, tmp_path):
    root = copy_of("mtg_jamendo")
    (root / "audio-low/47/247.low.mp3").unlink()
    (root / "audio-low/82/382.low.mp3").unlink()
    assert checked("mtg_jamendo", root, tmp_path).exit_code == 1
    refused = checked("mtg_jamendo", root, tmp_path, command="prepare")
    assert refused.exit_code == 1 and "corpus mtg_jamendo: 1 clip;" in refused.stdout
    assert checked("mtg_jamendo", root, tmp_path, "--allow-missing", command="prepare").exit_code == 0
    made = corpus.Corpus.open("mtg_jamendo")
    made.check_losses("valid")
    assert made.clips["clip_id"].tolist() == ["track_0000241"]


def test_a_folder_that_cannot_be_read_is_one_line(copy_of, monkeypatch):
    root = copy_of("urbansound8k")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("fold8"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"fold8' cannot be read \(Permission denied\); check its"):
        preparation.look(find("urbansound8k"), root)
    found, problems, _ = tagging.find_audio([root])
    assert len(found) == 4 and "cannot be read (Permission denied)" in problems[0]


# No usable clip


def test_labels_without_audio_give_a_report_and_one_line(copy_of, tmp_path):
    root = copy_of("fma")
    shutil.rmtree(root / "fma_small")
    result = checked("fma", root, tmp_path)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert "0 of 4 clips can be used" in result.stdout
    assert "missing: 3 clips left out: 000/000002.mp3: label without audio; " in result.stdout
    report = pd.read_csv(tmp_path / "report.csv", dtype=str)
    assert Counter(report["status"]) == {"missing": 3, "known fault": 1}


@pytest.mark.parametrize("name", MAKERS)
def test_a_dataset_without_its_audio_is_one_line_everywhere(name, copy_of, tmp_path):
    root = copy_of(name)
    for file in paths.audio_below(root, [])[0]:
        (root / file).unlink()
    for command in ("check", "prepare"):
        result = checked(name, root, tmp_path, command=command)
        assert result.exit_code == 1 and result.stderr.count("\n") == 1, result.stderr
        assert result.stderr.startswith("Error: ") and not isinstance(result.exception, KeyError)
        if name in FILES:
            assert "no clips of GTZAN" in result.stderr
        else:
            assert ": 0 of " in result.stdout and (tmp_path / "report.csv").stat().st_size > 100
    assert corpus.names() == []


DEEPER = {  # where clips are looked for
    "fma": "fma_small",
    "msd_lastfm": "audio",
    "mtg_jamendo": "audio-low",
    "urbansound8k": "UrbanSound8K/audio",
    "emomusic": "clips_45seconds",
}


@pytest.mark.parametrize("name", DEEPER)
def test_clips_one_folder_too_deep_are_found_and_the_folder_named(name, copy_of):
    root = copy_of(name)
    folder = root / DEEPER[name]
    wanted = preparation.look(find(name), root).root
    folder.rename(root / "moved")
    folder.mkdir()
    (root / "moved").rename(folder / folder.name)
    scan = preparation.look(find(name), root)
    if name in ("msd_lastfm", "emomusic"):  # found by their names alone, wherever they lie
        assert scan.clips["path"].any()
    else:
        assert not scan.clips["path"].any() and scan.root == wanted
        assert any(note.endswith(f"did you mean {folder / folder.name}?") for note in scan.notes)


def test_a_corpus_stays_when_its_clips_are_gone(copy_of, heard, tmp_path):
    root = copy_of("urbansound8k")
    made, _ = preparation.prepare(find("urbansound8k"), root)
    for damage in (lambda path: path.write_bytes(b""), Path.unlink):
        for path in list((root / "UrbanSound8K/audio").rglob("*.wav")):
            damage(path)
        with pytest.raises(preparation.NoClips, match="none of 5 clips can be used") as caught:
            preparation.prepare(find("urbansound8k"), root)
        assert set(caught.value.report.rows["status"]) <= {"empty", "missing"}
        assert len(corpus.Corpus.open("urbansound8k")) == len(made) == 5
        np.testing.assert_array_equal(corpus.Corpus.open("urbansound8k").clip(3), made.clip(3))


def test_advice_is_given_once(copy_of, heard):
    root = copy_of("urbansound8k")
    for number, path in enumerate(sorted((root / "UrbanSound8K/audio").rglob("*.wav"))):
        path.write_bytes(b"") if number < 2 else path.unlink()
    lines = preparation.check(find("urbansound8k"), root).lines
    (empty,), (missing,) = ([x for x in lines if x.startswith(kind)] for kind in ("empty: 2", "missing: 3"))
    assert empty.count("download or unpack it again") == 1 and empty.count("0 bytes") == 2
    assert missing.count("unpack the archive again") == 1 and missing.count("label without audio") == 3


def test_limit_draws_from_what_is_there(copy_of, heard, tmp_path):
    root = copy_of("urbansound8k")
    files = sorted((root / "UrbanSound8K/audio").rglob("*.wav"))
    for path in files[:3]:
        path.unlink()
    result = checked("urbansound8k", root, tmp_path, "--limit", "2", command="prepare")
    assert result.exit_code == 0 and "corpus urbansound8k: 2 clips;" in result.stdout
    assert {Path(p).stem for p in files[3:]} == set(corpus.Corpus.open("urbansound8k").clips["clip_id"])


def test_short_says_what_it_applies_to(copy_of, heard, tmp_path):
    for short in ("pad", "repeat"):
        result = checked("gtzan_genre", copy_of("gtzan_genre"), tmp_path, "--short", short)
        line = f"note: --short {short} changes nothing here: every clip keeps its own length"
        assert line in result.stdout
        shutil.rmtree(tmp_path / "gtzan_genre")
    result = checked("fma", copy_of("fma"), tmp_path, "--short", "pad")
    assert "--short" not in result.stdout and result.exit_code == 0


# A reader's own folder


def test_a_folder_is_searched_for_every_kind_of_audio_and_the_rest_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    for number, extension in enumerate(paths.EXTENSIONS):
        (tmp_path / "a" / f"{number}{extension if number % 2 else extension.upper()}").touch()
    for name in ("cover.jpg", "back.JPG", "list.m3u", "README", ".DS_Store", "._0.mp3"):
        (tmp_path / "a" / name).touch()
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    os.symlink(tmp_path / "gone.mp3", tmp_path / "a" / "link.mp3")
    assert {".opus", ".m4a", ".mp3", ".wav"} <= set(paths.EXTENSIONS)
    found, problems, notes = tagging.find_audio([tmp_path])
    assert len(found) == len(paths.EXTENSIONS) + 1 and not problems  # a dead link is told when it is opened
    (note,) = notes
    for words in ("2 .jpg", "1 .m3u", "1 without extension", "1 ._*"):
        assert words in note
    assert ".DS_Store" not in note


@pytest.mark.parametrize("command", [["tag", "--model", "compact"], ["features", "--network", "mfcc"]])
def test_audio_that_cannot_be_read_is_no_success(command, tmp_path, published_files):
    sound(tmp_path / "music/good.wav", 300, 2.0)
    (tmp_path / "music/song.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    (tmp_path / "music/cover.jpg").touch()
    output = ["-o", str(tmp_path / "out.npz")] if command[0] == "features" else []
    result = CliRunner().invoke(program, [command[0], str(tmp_path / "music"), *command[1:], *output])
    assert result.exit_code == 1
    assert "passed over 1 .jpg" in result.stderr and "song.m4a: not audio" in result.stderr
    (tmp_path / "music/song.m4a").unlink()
    result = CliRunner().invoke(program, [command[0], str(tmp_path / "music"), *command[1:], *output])
    assert result.exit_code == 0, result.stderr


@pytest.fixture
def published_files(published, monkeypatch):
    monkeypatch.setenv("MTLIB_PUBLISHED", str(published))


def test_a_folder_without_audio_says_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").touch()
    _, problems, _ = tagging.find_audio([tmp_path])
    assert problems == [f"{tmp_path}: a folder without audio files (but 1 .txt)"]
