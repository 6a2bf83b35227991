"""Labels without audio: the official tables byte for byte, and a corpus that says what it lacks."""

import hashlib
import json
import os
import shutil

import pytest
from click.testing import CliRunner

from mtlib.__main__ import program
from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.datasets import find, labels_only, magnatagatune, preparation
from mtlib.corpora.synthetic import opening


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_official_tables_come_out_of_the_one_file(later, tmp_path):
    source = later / "jukemir/metadata/magnatagatune.json.gz"
    magnatagatune.write_tables(source, tmp_path)
    for name in ("annotations_final.csv", "clip_info_final.csv"):
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        assert magnatagatune.DATASET.checksums[name] == f"sha256:{digest}"
    written = os.stat(tmp_path / "annotations_final.csv").st_mtime_ns
    magnatagatune.write_tables(source, tmp_path)
    assert os.stat(tmp_path / "annotations_final.csv").st_mtime_ns == written  # kept
    (tmp_path / "annotations_final.csv").write_text("corrected by the reader")
    with pytest.raises(InputError, match=r"annotations_final.csv is not the official table, and is kept"):
        magnatagatune.write_tables(source, tmp_path)
    assert (tmp_path / "annotations_final.csv").read_text() == "corrected by the reader"
    (tmp_path / "annotations_final.csv").unlink()
    magnatagatune.write_tables(source, tmp_path)
    assert (tmp_path / "annotations_final.csv").stat().st_size == 21_517_373


def test_a_file_of_other_labels_is_refused(tmp_path):
    import gzip

    with gzip.open(tmp_path / "labels.json.gz", "wt") as file:
        about = dict.fromkeys(magnatagatune.CLIP_INFO, "1")
        json.dump({"1": {"extra": about, "y_all": ["guitar"]}}, file)
    with pytest.raises(InputError, match=r"annotations_final.csv: not the official table"):
        magnatagatune.write_tables(tmp_path / "labels.json.gz", tmp_path / "out")


@pytest.mark.parametrize("name", ["magnatagatune", "msd_lastfm", "mtg_jamendo"])
def test_labels_are_those_of_the_corpus_with_audio(name, tree):
    root = tree(name).root
    bare = labels_only.prepare(name, root)
    whole, _ = preparation.prepare(find(name), root)
    rows = bare.clips["clip_id"].isin(whole.clips["clip_id"]).to_numpy()
    assert bare.name == f"{name}-labels" and bare.labels_only and not whole.labels_only
    assert (bare.labels()[rows] == whole.labels()).all() and len(bare) == len(whole) + len(whole.left_out)
    for column in ("clip_id", "split", "fold", "group"):
        assert bare.clips[column][rows].tolist() == whole.clips[column].tolist()


def test_asking_for_audio_gives_one_line(tree):
    made = labels_only.prepare("magnatagatune", tree("magnatagatune").root)
    line = "holds labels only; prepare its audio with `python -m mtlib prepare magnatagatune --root FOLDER`"
    for ask in (made.pcm, made.batch, lambda i: made.clip(i[0]), lambda i: opening.open_source("quick", made.name)):
        with pytest.raises(InputError, match=line) as caught:
            ask([0])
        assert "\n" not in str(caught.value)


def test_audio_is_never_replaced_by_labels(tree):
    root = tree("magnatagatune").root
    whole, _ = preparation.prepare(find("magnatagatune"), root)
    with pytest.raises(InputError, match="corpus magnatagatune holds audio"):
        labels_only.prepare("magnatagatune", root, "magnatagatune")
    assert Corpus.open("magnatagatune").audio_key == whole.audio_key


def test_the_command(tree, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(tree("mtg_jamendo").root / "mtg-jamendo-dataset", root / "mtg-jamendo-dataset")
    result = CliRunner().invoke(program, ["prepare", "mtg_jamendo", "--labels-only", "--root", str(root)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("corpus mtg_jamendo-labels: the labels of ")
    result = CliRunner().invoke(program, ["prepare", "fma", "--labels-only", "--root", str(root)])
    assert result.exit_code == 1 and "fma cannot be prepared without audio; choose" in result.stderr
