"""Damage: every kind has its status, nothing is lost without a line, nothing becomes silence."""

import functools
import json
import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

from miniatures import cbr, slices, sound, tone
from mtlib.__main__ import program
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.corpora import corpus
from mtlib.corpora.datasets import downloads, find, preparation

GTZAN = find("gtzan_genre")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path / "published"))
    return tmp_path / "home"


@pytest.fixture
def mtat(tree):
    return tree("magnatagatune").root


@pytest.fixture
def copy_of(tree, tmp_path):
    """A copy of a dataset's miniature, to be damaged."""
    return lambda name: Path(shutil.copytree(tree(name).root, tmp_path / name))


@pytest.fixture
def copy(copy_of):
    return copy_of("magnatagatune")


TARGET = "mp3/0/berta-album-02-song-0-29.mp3"  # clip 10
NAME = TARGET.removeprefix("mp3/")


def hole(path, content):
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = content(4096)
    path.write_bytes(bytes(data))


def cut(path, n_bytes):
    path.write_bytes(path.read_bytes()[:n_bytes])


def cut_with_count(path):
    sound(path, 500, 29.124)  # a variable bitrate: the file carries a count
    cut(path, path.stat().st_size // 3)


def pcm(path, factors):
    samples = tone(500, 29.124, 16_000)[:, None] * factors
    soundfile.write(path, samples, 16_000, format="WAV", subtype="FLOAT")


def nan(path):
    samples = tone(500, 29.124, 16_000)
    samples[9] = np.nan
    soundfile.write(path, samples, 16_000, format="WAV", subtype="FLOAT")


DAMAGE = {  # what happens to the file: the status, what a reader sees
    "empty": (lambda p: p.write_bytes(b""), "empty", f"{NAME}: 0 bytes; download or unpack it again"),
    "gone": (lambda p: p.unlink(), "missing", f"{NAME}: label without audio"),
    "half": (lambda p: cut(p, p.stat().st_size // 2), "truncated", "truncated, 14.6 of 29.1 s decoded"),
    "inside a frame": (lambda p: cut(p, 50_001), "truncated", "of 29.1 s decoded"),
    "cut, with a count": (cut_with_count, "truncated", "of 29.1 s decoded"),
    "noise": (lambda p: hole(p, np.random.default_rng(1).bytes), ("truncated", "undecodable"), NAME),
    "zeros": (lambda p: hole(p, bytes), "truncated", "of 29.1 s decoded"),
    "page": (lambda p: p.write_text("<!DOCTYPE html><html>log in</html>"), "not audio", "HTML page"),
    "short": (lambda p: cbr(p, 500, 5.0), "truncated", "of 29.1 s decoded"),
    "channels cancel": (lambda p: pcm(p, [1, -1]), "too quiet", "its 2 channels cancel each other"),
    "a level of 1e-6": (lambda p: pcm(p, [5e-6, 5e-6]), "too quiet", "its level is too low"),
    "the scale of 16 bits": (lambda p: pcm(p, [32768, 32768]), "unscaled", "full scale is 1"),
    "not finite": (nan, "nonfinite", "1 samples are NaN or infinite"),
    "one hertz": (
        lambda p: soundfile.write(p, np.zeros(100_000), 1, format="WAV"),
        "not audio",
        "a sample rate of 1 Hz",
    ),
    "no audio at all": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(20_000)), "not audio", NAME),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_clip_has_a_status_and_never_samples(name, copy, capfd):
    damage, statuses, words = DAMAGE[name]
    damage(copy / TARGET)
    dataset = find("magnatagatune")
    report = preparation.check(dataset, copy)
    made, again = preparation.prepare(dataset, copy)
    row = report.rows.set_index("clip_id").loc["10"]
    assert row["status"] in (statuses if isinstance(statuses, tuple) else (statuses,))
    assert words in row["message"] and "\n" not in row["message"]
    assert report.failed and report.lines == again.lines
    assert any(words in line for line in report.lines)
    assert "10" not in set(made.clips["clip_id"])
    assert len(made) + len(made.left_out) == len(report.rows)
    assert made.pcm(np.arange(len(made))).any(axis=1).all()
    assert capfd.readouterr() == ("", "")


def test_a_known_fault_is_no_error_and_the_same_status_elsewhere_is(mtat, copy, tmp_path):
    """Exit status and report of the command line."""
    run = functools.partial(CliRunner().invoke, program)
    report = tmp_path / "report.csv"
    good = run(["check", "magnatagatune", "--root", str(mtat), "--jobs", "1", "--report", str(report)])
    assert good.exit_code == 0
    assert "known fault: 1 clip empty in the official archive (35644), left out" in good.output
    assert pd.read_csv(report, dtype=str)["status"].tolist() == ["known fault"]
    (copy / TARGET).write_bytes(b"")
    bad = run(["check", "magnatagatune", "--root", str(copy), "--jobs", "1", "--report", str(report)])
    assert bad.exit_code == 1 and "empty: 1 clip left out" in bad.output
    assert f"Error: not all clips can be used; {report} lists every one" in bad.output
    command = ["prepare", "magnatagatune", "--root", str(copy), "--jobs", "1", "--report", str(report)]
    prepared = run(command)
    assert prepared.exit_code == 1 and "refused unless --allow-missing" in prepared.output
    made = corpus.Corpus.open("magnatagatune")
    with pytest.raises(InputError, match=r"lost 1 of 2 clips of its train split \(1 empty\)"):
        made.check_losses("train")
    assert run([*command, "--allow-missing"]).exit_code == 0
    corpus.Corpus.open("magnatagatune").check_losses("train")
    tried = run([*command, "--name", "tried", "--limit", "2", "--allow-missing"])
    assert tried.exit_code == 0 and "corpus tried: 2 clips; use it with --corpus tried" in tried.output


def test_odd_but_harmless_files_are_kept_and_noted(copy):
    folder = copy / "mp3"
    sound(folder / "0/berta-album-02-song-0-29.mp3", 500, 29.124, 44_100, 2)
    silent = folder / "b/carl-album-03-song-0-29.mp3"
    soundfile.write(silent, np.zeros(round(29.124 * 16_000)), 16_000, format="MP3")
    (folder / "0/._berta-album-02-song-0-29.mp3").write_bytes(b"\0\x05\x16\x07" + bytes(80))
    (folder / "f/anne-album-01-song-146-175.mp3").write_bytes((folder / "f/anne-album-01-song-30-59.mp3").read_bytes())
    report = preparation.check(find("magnatagatune"), copy)
    assert not report.failed
    for words in (
        "note: 1 clip at 44100 Hz, 16000 expected – a re-encoded copy?",
        "note: 1 clip with 2 channels, 1 expected (mean taken)",
        "note: 1 clip silent (kept)",
        "note: 1 file of macOS file information (._*) skipped",
        "note: 2 clips equal to another, sample by sample (kept): 2 = 6",
    ):
        assert words in report.lines
    assert report.rows.set_index("clip_id").loc["11", "status"] == "silent"


def test_a_passage_that_runs_past_the_end_of_its_song_is_left_out(copy_of):
    root = copy_of("jamendo_vocal")
    lab = root / "jamendo_lab" / "School.lab"
    lab.write_text("0 3 nosing\n3 9.9 sing\n8 12.5 sing\n11 12 nosing\n")  # of 10 s
    report = preparation.check(find("jamendo_vocal"), root)
    rows = report.rows[report.rows["path"].str.contains("School")]
    assert rows["status"].tolist() == ["ok", "ok", "truncated", "truncated"]
    assert rows["message"].tolist()[2:] == [
        "test/School.ogg: truncated, ends at 10.0 s, its passage at 12.5 s; unpack it again",
        "test/School.ogg: ends at 10.0 s, before the offset of 11.0 s",
    ]


@pytest.mark.parametrize(("short", "kept"), [("drop", False), ("pad", True), ("repeat", True)])
def test_a_short_preview_goes_by_policy(copy_of, short, kept):
    root = copy_of("msd_lastfm")
    sound(root / "audio/5/5/5504670.clip.mp3", 400, 20.0, 22_050)
    made, report = preparation.prepare(find("msd_lastfm"), root, short=short)
    assert ("TRAAAAK128F9318786" in set(made.clips["clip_id"])) == kept
    if kept:
        tail = made.pcm([0])[0, -50_000:]
        assert tail.any() == (short == "repeat")
        assert made.clips["n_samples"].iat[0] == pytest.approx(240_000 if short == "pad" else 349_440, abs=700)
    else:
        assert any(line.startswith("short: 1 clip left out: 5/5/5504670.clip.mp3: 20.") for line in report.lines)


def test_names_and_formats_users_have(copy_of, tmp_path):
    root = copy_of("gtzan_genre").rename(tmp_path / ("long" * 60)) / "genres"
    os.rename(root / "blues/blues.00012.wav", root / "blues/blues.00012.WAV")
    sound(root / "rock/rock.00000.wav", 800, 30.0, 22_050, format="MP3")
    odd = os.fsencode(root) + b"/rock/rock.caf\xe9, 'b' & c.wav"
    if os.name != "nt":
        shutil.copy(root / "blues/blues.00000.wav", odd)
    report = preparation.check(GTZAN, root.parent)
    assert r"note: no clip of this dataset (ignored): rock/rock.caf\xe9, 'b' & c.wav (1 in all)" in report.lines
    assert "note: MP3 data in a file named .wav: 1 clip" in report.lines
    made, _ = preparation.prepare(GTZAN, root.parent)
    assert {"blues.00012", "rock.00000"} <= set(made.clips["clip_id"])
    report.save(tmp_path / "report.csv")
    pd.read_csv(tmp_path / "report.csv", encoding="utf-8")
    with pytest.raises(InputError, match="class blues has 3 clips < 10 folds"):
        next(made.folds())
    assert "note: no folds: class blues has 3 clips < 10 folds" in report.lines
    music = copy_of("gtzan_speech_music") / "music_speech/music_wav"
    shutil.copy(root / "blues/blues.00000.wav", os.fsencode(music) + b"/caf\xe9, 'b' & c.wav")
    found, _ = preparation.prepare(find("gtzan_speech_music"), music.parent)
    assert r"music/caf\xe9, 'b' & c" in set(found.clips["clip_id"])


def table(copy):
    return copy / "annotations_final.csv"


def edit(change):
    return lambda copy: table(copy).write_bytes(change(table(copy).read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        edit(lambda data: b"\xef\xbb\xbf" + data),
        edit(lambda data: data.replace(b"\r\n", b"\n")),
        edit(lambda data: data + b"\r\n\r\n"),
    ],
)
def test_harmless_edits_of_a_table_change_nothing(change, copy, mtat):
    before = preparation.look(find("magnatagatune"), mtat)
    change(copy)
    after = preparation.look(find("magnatagatune"), copy)
    np.testing.assert_array_equal(after.labels, before.labels)
    assert list(after.clips["clip_id"]) == list(before.clips["clip_id"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit(lambda d: d.replace(b'"mp3_path"', b'"path"')),
         r'annotations_final.csv: no column "mp3_path" \(found clip_id, no voice, singer, duet …\)'),
        (edit(lambda d: d.replace(b"\t", b";")), r"annotations_final.csv: 1 column; is this really TAB"),
        (edit(lambda d: d.replace(b'"0"\t"0"', b'"0"', 1)), "line 2: 189 fields, 190 expected"),
        (edit(lambda d: d.replace(b'"2"', b'"2', 1)), "annotations_final.csv, line"),
        (lambda c: table(c).unlink(), "annotations_final.csv missing: looked for"),
        (lambda c: shutil.rmtree(c / "mp3"), "no folders 0–f under"),
        (lambda c: (c / "mp3.zip.001").touch(), "mp3.zip.002 missing in"),
    ],
)  # fmt: skip
def test_a_broken_table_or_archive_is_one_line(change, words, copy):
    change(copy)
    with pytest.raises(InputError, match=words) as caught:
        preparation.look(find("magnatagatune"), copy)
    assert "\n" not in str(caught.value)


def test_a_wrong_root_is_told_with_the_right_one(copy, tmp_path):
    dataset = find("magnatagatune")
    for wrong in (copy.parent, copy / "mp3/0"):
        with pytest.raises(
            InputError, match=r"no folders 0–f under .*; found .*did you mean --root .*magnatagatune(/mp3)?\?"
        ):
            preparation.look(dataset, wrong)
    preparation.look(dataset, copy / "mp3")
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "genres.tar.gz").touch()
    with pytest.raises(InputError, match=r"found genres.tar.gz, still packed: unpack it there"):
        preparation.look(GTZAN, packed)
    with pytest.raises(InputError, match="no such folder; name the folder the dataset was unpacked into"):
        preparation.look(GTZAN, tmp_path / "nowhere")


def save(value):
    return lambda path: np.save(path, value, allow_pickle=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Path.unlink, "train_y.npy missing in .*; clone MSD_split_for_tagging again"),
        (save(np.zeros((2, 50), bool)), r"train_y.npy has 2 rows of \(50,\) but train_x_msd_id.txt has 3 of 50 tags"),
        (save(np.array([{"a": 1}] * 3)), "train_y.npy: not an array of numbers"),
    ],
)
def test_label_arrays_that_do_not_fit_are_refused(change, words, copy_of):
    root = copy_of("msd_lastfm")
    change(root / "MSD_split_for_tagging/train_y.npy")
    with pytest.raises(InputError, match=words):
        preparation.look(find("msd_lastfm"), root)


def test_a_link_that_became_text_is_told(copy_of):
    root = copy_of("mtg_jamendo")
    path = root / "mtg-jamendo-dataset/data/splits/split-0/autotagging_top50tags-train.tsv"
    path.write_text("../../autotagging.tsv")
    with pytest.raises(InputError, match=r"autotagging_top50tags-train.tsv: a link that became text"):
        preparation.look(find("mtg_jamendo"), root)


def test_strange_and_empty_classes_are_noted(copy_of):
    root = copy_of("gtzan_genre")
    sound(root / "genres/polka/polka.00000.wav", 400, 30.0, 22_050)
    (root / "genres/metal").mkdir()
    report = preparation.check(GTZAN, root)
    assert "note: folders that are no genre of this dataset (ignored): polka" in report.lines
    urban = copy_of("urbansound8k")
    csv = urban / "UrbanSound8K/metadata/UrbanSound8K.csv"
    csv.write_text(csv.read_text().replace(",3,dog_bark", ",4,dog_bark"))
    with pytest.raises(InputError, match="classID 4 is not dog_bark"):
        preparation.look(find("urbansound8k"), urban)
    ballroom = copy_of("extended_ballroom")
    (ballroom / "extendedballroom_v1.1.xml").write_text("<ballroom>")
    with pytest.raises(InputError, match=r"extendedballroom_v1.1.xml: not XML"):
        preparation.look(find("extended_ballroom"), ballroom)


def test_clips_of_a_corpus_are_not_replaced_by_a_trial_or_another_dataset(mtat, tree):
    dataset, other = find("magnatagatune"), find("msd_lastfm")
    preparation.prepare(dataset, mtat, limit=2)
    made, _ = preparation.prepare(dataset, mtat)  # more is no loss
    assert len(made.clips) > 2
    with pytest.raises(InputError, match=r"magnatagatune has \d+ clips, of which 2 would be kept.*--name"):
        preparation.prepare(dataset, mtat, limit=2)
    with pytest.raises(InputError, match=r"magnatagatune holds clips of magnatagatune; choose .*--name"):
        preparation.prepare(other, tree("msd_lastfm").root, name="magnatagatune")
    assert len(corpus.Corpus.open("magnatagatune").clips) == len(made.clips)


def test_a_changed_file_is_decoded_again(copy):
    dataset = find("magnatagatune")
    first, _ = preparation.prepare(dataset, copy)
    before = first.clip(2)
    cbr(copy / TARGET, 3_000, 29.124)
    second, _ = preparation.prepare(dataset, copy)
    assert second.clips["clip_id"].iat[2] == "10"
    assert not np.array_equal(second.clip(2), before) and second.audio_key != first.audio_key
    np.testing.assert_array_equal(second.clip(0), first.clip(0))


KILL = """
import json, os, signal, sys
from mtlib.corpora import corpus, datasets
from mtlib.corpora.datasets import preparation
root, moments = sys.argv[1], json.loads(sys.argv[2])
write = corpus.write
corpus.write = lambda *a, **k: write(*a, **k, shard_bytes=400_000)

def killing(function, number):
    def counted(*arguments):
        nonlocal number
        number -= 1
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return counted

def run(home, event="", number=0):
    os.environ["MTLIB_HOME"] = home
    child = os.fork()
    if child == 0:
        if event == "read":
            preparation.ReadAudio._read = killing(preparation.ReadAudio._read, number)
        if event == "replace":
            os.replace = killing(os.replace, number)
        preparation.prepare(datasets.find("urbansound8k"), root)
        os._exit(0)
    return os.waitpid(child, 0)[1]

assert run("calm") == 0
for moment in moments:
    assert run("killed", *moment) == signal.SIGKILL
    names = os.listdir("killed/corpora/urbansound8k/audio")
    print(sum(name.endswith(".json") and name[0] != "." for name in names))
assert run("killed") == 0
"""

MOMENTS = [
    (("read", 1), 0), (("read", 6), 1), (("replace", 1), 1), (("replace", 2), 1), (("replace", 3), 2),
    (("read", 10), 4), (("replace", 6), 6), (("read", 32), 13), (("replace", 5), 15), (("replace", 3), 15),
]  # fmt: skip
"""Before which clip is read, or which file gets its name, a process is killed; shards that are there then.

A shard has four clips and two files; the manifest, the labels and corpus.json come after the last of 15."""


def many_sounds(root, n_clips=60):
    """A tree of UrbanSound8K with many sounds, from few encodings."""
    base = root / "UrbanSound8K"
    (base / "metadata").mkdir(parents=True)
    lines = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for i in range(n_clips):
        name = f"{i}-3-0-0.wav"
        path = base / f"audio/fold{i % 10 + 1}/{name}"
        sound(path, 300 + 20 * i, 4.0, 44_100)
        lines.append(f"{name},{i},0,4.0,1,{i % 10 + 1},3,dog_bark")
    (base / "metadata/UrbanSound8K.csv").write_text("\n".join(lines) + "\n")
    return root


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_at_ten_moments_the_store_is_the_undisturbed_one(tmp_path):
    root = many_sounds(tmp_path / "urban")
    moments, n_finished = zip(*MOMENTS, strict=True)
    done = subprocess.run(
        [sys.executable, "-c", KILL, root, json.dumps(moments)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [int(line) for line in done.stdout.split()] == list(n_finished)  # it went on from where it was
    whole = files(tmp_path / "calm/corpora/urbansound8k")
    assert sum(name.endswith(".npy") for name in whole) > 10
    assert files(tmp_path / "killed/corpora/urbansound8k") == whole


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 1 MB, where one can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs rights that this machine does not give")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_too_small_is_one_line_with_the_bytes(tiny_disk, tmp_path, monkeypatch):
    root = many_sounds(tmp_path / "urban", 12)
    monkeypatch.setenv("MTLIB_HOME", str(tiny_disk))
    with pytest.raises(InputError, match=r"1,1\d\d,\d{3} bytes are needed and 1,0\d\d,\d{3} are free in .*MTLIB_HOME"):
        preparation.prepare(find("urbansound8k"), root)
    assert not list(tiny_disk.rglob("*.npy"))


def fill(folder, n_bytes):
    (folder / "other").write_bytes(bytes(n_bytes))


def test_a_disk_that_fills_up_meanwhile_loses_nothing_finished(tiny_disk, tmp_path, monkeypatch):
    root = many_sounds(tmp_path / "urban", 8)
    monkeypatch.setenv("MTLIB_HOME", str(tiny_disk))
    dataset, read = find("urbansound8k"), preparation.ReadAudio.__call__

    def read_and_fill(self, rows):
        if "4-3-0-0" in set(rows["clip_id"]):
            fill(tiny_disk, 500_000)
        return read(self, rows)

    small = functools.partial(corpus.write, shard_bytes=200_000)
    monkeypatch.setattr(corpus, "write", small)
    monkeypatch.setattr(preparation.ReadAudio, "__call__", read_and_fill)
    with pytest.raises(
        InputError, match=r"no room for 0000\d.*npy \(No space left on device\): [\d,]+ bytes are free in"
    ) as caught:
        preparation.prepare(dataset, root)
    assert "\n" not in str(caught.value)
    assert not list(tiny_disk.rglob("*.tmp")) and 0 < len(list(tiny_disk.rglob("*.npy"))) < 4
    with pytest.raises(InputError, match="its preparation did not end"):
        corpus.Corpus.open("urbansound8k")
    (tiny_disk / "other").unlink()
    monkeypatch.setattr(preparation.ReadAudio, "__call__", read)
    assert len(preparation.prepare(dataset, root)[0]) == 8


class _Server(BaseHTTPRequestHandler):
    """Serves a folder, resumes, and breaks off each first answer half way."""

    folder: Path
    asked: list

    def do_GET(self):
        path = self.folder / self.path.lstrip("/")
        data = path.read_bytes()
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.asked.append((path.name, start))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = len(data) if start or len(data) < 100_000 else len(data) // 2
        self.wfile.write(data[start:end])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirror(tmp_path, mtat):
    folder = tmp_path / "mirror"
    slices(mtat / "mp3", folder)
    for name in ("annotations_final.csv", "clip_info_final.csv"):
        shutil.copy(mtat / name, folder)
    handler = type("Handler", (_Server,), {"folder": folder, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()


def test_magnatagatune_is_fetched_resumed_verified_and_unpacked(mirror, mtat, tmp_path):
    url, handler = mirror
    sums = {name: f"sha256:{downloads.sha256(handler.folder / name)}" for name in find("magnatagatune").checksums}
    dataset = type(find("magnatagatune"))(**{**vars(find("magnatagatune")), "checksums": sums})
    target = tmp_path / "fetched"
    for _ in range(3):  # the first answer for each part breaks off
        with pytest.raises(InputError, match=r"stopped sending; what came is kept: run the same command again"):
            downloads.fetch_magnatagatune(dataset, target, mirror=url)
    downloads.fetch_magnatagatune(dataset, target, mirror=url)
    assert sum(start > 0 for _, start in handler.asked) == 3
    assert files(target / "mp3") == files(mtat / "mp3")
    n_asked = len(handler.asked)
    downloads.fetch_magnatagatune(dataset, target, mirror=url)
    assert len(handler.asked) == n_asked
    assert len(preparation.prepare(dataset, target)[0]) == 5

    wrong = dict.fromkeys(sums, "sha256:" + "0" * 64)
    bad = type(dataset)(**{**vars(dataset), "checksums": wrong})
    with pytest.raises(InputError, match="stopped sending"):
        downloads.fetch_magnatagatune(bad, tmp_path / "bad", mirror=url)
    with pytest.raises(
        InputError, match=r"mp3.zip.001: what http.* sends has another SHA-256 than 0+…; it was not kept"
    ):
        downloads.fetch_magnatagatune(bad, tmp_path / "bad", mirror=url)
    assert not list((tmp_path / "bad").iterdir())


def test_archives_that_cannot_be_unpacked_are_told(mtat, tmp_path):
    parts = slices(mtat / "mp3", tmp_path)
    with pytest.raises(InputError, match=r"mp3.zip.009 missing"):
        downloads.unpack([*parts, tmp_path / "mp3.zip.009"], tmp_path / "out")
    cut(parts[2], 500)
    with pytest.raises(InputError, match=r"mp3.zip.001 … mp3.zip.003: damaged"):
        downloads.unpack(parts, tmp_path / "out")


def test_a_dataset_that_is_not_fetched_says_how_to_get_it():
    done = CliRunner().invoke(program, ["fetch", "urbansound8k"])
    assert done.exit_code == 0
    for words in ("curl -LO https://zenodo.org", "md5:9aa69802", "6 GB", "prepare urbansound8k --root FOLDER"):
        assert words in done.output
    for command, words in (
        (["fetch", "nothing"], "unknown dataset 'nothing'"),
        (["check", "gtzan_genre"], "where is gtzan_genre? Type --root FOLDER"),
    ):
        done = CliRunner().invoke(program, command)
        assert done.exit_code == 1 and words in done.output
