"""A folder of one's own: twenty kinds of tables give a right corpus or one line."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniatures import sound
from mtlib.base.errors import InputError
from mtlib.corpora.datasets import folder, preparation

NAMES = ("a.wav", "b.wav", "sub/c.wav", "sub/d.wav", "é.wav")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("music")
    for k, name in enumerate(NAMES):
        sound(root / name, 300 + 100 * k, 0.2)
    return root


@pytest.fixture
def scanned(root, tmp_path):
    def scan(content, name="tags.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        found = folder.dataset(root, path)
        return found, found.scan(root)

    return scan


def tags(scan):
    names = list(scan.tags["name"])
    return {
        i: {names[k] for k in np.flatnonzero(row)} for i, row in zip(scan.clips["clip_id"], scan.labels, strict=True)
    }


PLAIN = {"a.wav": {"rock", "guitar"}, "b.wav": {"rock"}, "sub/c.wav": {"piano"}}


@pytest.mark.parametrize(
    "content",
    [
        "path,tags\na.wav,rock;guitar\nb.wav,rock\nsub/c.wav,piano\n",
        b"\xef\xbb\xbfpath,tags\r\na.wav,rock;guitar\r\nb.wav,rock\r\nsub/c.wav,piano\r\n",  # as Excel does
        "File;Tags\na.wav;rock|guitar\nb.wav;rock\nsub/c.wav;piano\n",
        "path\ttags\na.wav\trock;guitar\nb.wav\trock\nsub\\c.wav\tpiano\n",
        "path,tags\n./a.wav,rock; guitar ;\nsub/../b.wav, rock\n\nc.wav,piano\n",
        "path,tags\na.wav,rock;guitar\nb.wav,rock\nb.wav,rock\nsub/c.wav,piano\n",
        "path,guitar,piano,rock\na.wav,1,0,1\nb.wav,0,0,1\nsub/c.wav,no,yes,no\n",
    ],
    ids=["plain", "BOM", "semicolons", "tabs", "blanks and dots", "twice", "0 and 1"],
)
def test_spellings_of_one_table_are_one_corpus(scanned, content):
    found, scan = scanned(content)
    assert found.task == "multilabel" and tags(scan) == PLAIN
    assert all(scan.clips["path"]) and any("have no label" in note for note in scan.notes)


def test_json_lines_hold_lists(scanned):
    rows = [("a.wav", ["rock", "guitar"]), ("b.wav", ["Rock"]), ("sub/c.wav", ["piano"])]
    lines = "\n".join(json.dumps({"path": path, "tags": tags}) for path, tags in rows)
    _, scan = scanned(lines, "tags.jsonl")
    assert tags(scan) == PLAIN and "upper and lower case are one tag: Rock" in scan.notes[0]


def test_a_table_in_latin_1_and_a_decomposed_name_find_their_file(scanned):
    assert scanned("path,tags\né.wav,a\na.wav,b\n".encode("latin-1"))[1].clips["path"].tolist() == ["é.wav", "a.wav"]
    assert scanned("path,tags\ne\u0301.wav,a\na.wav,b\n")[1].clips["path"].tolist() == ["é.wav", "a.wav"]


def test_an_absolute_path_below_the_folder_will_do(scanned, root):
    assert tags(scanned(f"path,tags\n{root}/a.wav,x\nb.wav,y\n")[1]) == {"a.wav": {"x"}, "b.wav": {"y"}}


def test_classes_numbers_folds_and_groups(scanned):
    found, scan = scanned(
        "path,class,split,artist,fold\na.wav,x,train,k,3\nb.wav,y,Validation,l,3\nsub/c.wav,x,TEST,k,7\n"
    )
    assert found.task == "multiclass" and scan.labels.tolist() == [0, 1, 0]
    assert scan.clips["split"].tolist() == ["train", "valid", "test"] and scan.clips["fold"].tolist() == [0, 0, 1]
    assert scan.clips["group"].tolist() == ["k", "l", "k"]
    found, scan = scanned("path,tempo\na.wav,120.5\nb.wav,80\nsub/c.wav,99\n")
    assert found.task == "regression" and scan.labels.tolist() == [[120.5], [80.0], [99.0]]


def test_folders_are_classes(root, tmp_path):
    for name in ("one/x.wav", "two/y.wav"):
        sound(tmp_path / name, 300, 0.2)
    found = folder.dataset(tmp_path)
    assert found.task == "multiclass" and list(found.scan(root).tags["name"]) == ["one", "two"]
    with pytest.raises(InputError, match="needs two folders with audio"):
        folder.dataset(root)


def test_rows_without_files_are_missing_and_named(scanned):
    _, scan = scanned("path,tags\na.wav,x\nnowhere.wav,y\n")
    assert scan.clips["path"].tolist() == ["a.wav", ""] and scan.clips["listed"].tolist() == ["a.wav", "nowhere.wav"]


def test_a_tag_that_a_split_lacks_is_noted_and_html_stays_text(scanned):
    _, scan = scanned("path,tags,split\na.wav,<script>alert(1)</script>,train\nb.wav,x,test\n")
    assert any("no test clip has <script>alert(1)</script>" in note for note in scan.notes)


def test_ten_thousand_tags(scanned):
    _, scan = scanned("path,tags\na.wav," + ";".join(f"t{k}" for k in range(10_000)) + "\nb.wav,t1\n")
    assert scan.labels.shape == (2, 10_000) and scan.labels.sum() == 10_001


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty; get it again"),
        ("path,tags\n", "no rows"),
        ("name,tags\na.wav,x\n", 'no column "path"'),
        ("path\na.wav\n", "no labels; add a column"),
        ("path,tags\na.wav,\nb.wav,\n", "tags is empty in every row"),
        ("path,tags\na.wav,x,y\n", "line 2: 3 fields, 2 in the header"),
        ("path,tags,tags\na.wav,x,y\n", "two columns are called 'tags'"),
        ("path,tags\n../a.wav,x\n", "leads out of"),
        ("path,tags\n/etc/passwd,x\n", "does not lie below"),
        ("path,tags\n,x\n", "line 2: the path is empty"),
        ("path,tags\na.wav,x\na.wav,y\n", "lines 2 and 3 label a.wav differently"),
        ("path,x,y\na.wav,1,\n", "line 2, column 'y': '' is no number"),
        ("path,x,y\na.wav,1,nan\n", "column 'y': 'nan' is no number"),
        ("path,class\na.wav,x\nb.wav,\n", "line 3: the class is empty"),
        ("path,class\na.wav,x\nb.wav,x\n", "every row has the class 'x'"),
        ("path,tags,split\na.wav,x,train\nb.wav,x,later\n", "line 3: split 'later'; write train"),
        ("path,tags,fold\na.wav,x,1\nb.wav,x,two\n", "whole number in the column fold"),
        ('path,tags\n"a.wav,x\n', "fields|no rows"),
        (b"path,tags\na.wav,x\x00\n", "not text in UTF-8; get it again, or save it as UTF-8"),
    ],
)  # fmt: skip
def test_a_bad_table_is_one_line(scanned, content, words):
    with pytest.raises(InputError, match=words) as caught:
        scanned(content)
    assert "\n" not in str(caught.value)


def test_a_folder_without_audio_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no audio files under"):
        folder.dataset(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        folder.dataset(tmp_path / "gone")


@given(st.integers(0, 2**32 - 1), st.integers(20, 200), st.sampled_from(["multilabel", "multiclass", "regression"]))
def test_drawn_splits_keep_groups_and_share_labels(seed, n_clips, task):
    rng = np.random.default_rng(seed)
    groups = [f"g{k}" for k in rng.integers(0, n_clips // 2, n_clips)]
    labels = {
        "multilabel": rng.random((n_clips, 4)) < [0.5, 0.3, 0.2, 0.1],
        "multiclass": rng.integers(0, 3, n_clips),
        "regression": rng.normal(size=(n_clips, 2)),
    }[task]
    splits = np.array(folder.draw_splits(groups, labels, task))
    assert {frozenset(splits[np.array(groups) == g]).__len__() for g in set(groups)} == {1}
    assert splits.tolist() == folder.draw_splits(groups, labels, task)
    share = (splits == "train").mean()
    assert 0.8 - 6 / n_clips - 0.05 <= share <= 0.8 + 6 / n_clips + 0.05
    assert {"train", "valid", "test"} == set(splits)


def test_folders_and_a_table_of_real_excerpts_are_one_corpus(real, tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    root, table = real / "gtzan_99_excerpts", tmp_path / "genres.csv"
    clips = sorted(path.relative_to(root) for path in root.glob("*/*.wav"))
    table.write_text("\n".join(["path,class", *(f"{clip.as_posix()},{clip.parts[0]}" for clip in clips)]))
    made = []
    for name, labels in (("folders", None), ("table", table)):
        found = folder.dataset(root, labels, 36_000)
        made.append(preparation.prepare(found, root, name=name, short="repeat", n_jobs=1)[0])
    folders, listed = made
    assert len(folders) == 99 and folders.fingerprint == listed.fingerprint
    assert folders.clips.equals(listed.clips) and folders.tags.equals(listed.tags)
    assert np.array_equal(folders.labels(), listed.labels())
    assert np.array_equal(folders.pcm(range(99)), listed.pcm(range(99)))
    shares = folders.clips.groupby("split").size()
    assert (shares > [0, 70, 0]).all() and folders.clips.groupby("split")["group"].nunique().sum() == 99


def test_labels_of_few_test_clips_are_noted(root, tmp_path):
    (tmp_path / "t.csv").write_text("path,tags,split\na.wav,x,train\nb.wav,x;y,test\nsub/c.wav,x,valid\n")
    notes = folder.dataset(root, tmp_path / "t.csv").scan(root).notes
    assert f"2 of 2 labels have fewer than {folder.FEW} test clips: their scores will say little" in notes


def test_a_folder_of_jams_files_gives_tags_and_artists(root, tmp_path):
    jams = pytest.importorskip("jams")
    for name, artist, namespaces in (
        ("a", "Anna", {"tag_open": ["rock", "guitar"], "tag_gtzan": ["rock"], "beat": [1]}),
        ("sub/c", "Anna", {"tag_open": ["piano"]}),
        ("absent", "", {"tag_open": ["rock"]}),
    ):
        content = jams.JAMS(file_metadata={"artist": artist, "duration": 1.0})
        for namespace, values in namespaces.items():
            part = jams.Annotation(namespace=namespace)
            for value in values:
                part.append(time=0, duration=1, value=value, confidence=1)
            content.annotations.append(part)
        path = tmp_path / "labels" / f"{name}.jams"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content.__json__), encoding="utf-8")
    found = folder.dataset(root, tmp_path / "labels")
    scan = found.scan(root)
    assert tags(scan) == {"a.wav": {"rock", "guitar"}, "sub/c.wav": {"piano"}, "absent.jams": {"rock"}}
    assert list(scan.clips["group"]) == ["Anna", "absent", "Anna"] and list(scan.clips["path"])[1] == ""
    for text in ("{", "[]", '{"annotations": 5}'):
        (tmp_path / "labels" / "b.jams").write_text(text)
        with pytest.raises(InputError, match=r"b\.jams: not a JAMS file") as told:
            folder.dataset(root, tmp_path / "labels")
        assert "\n" not in str(told.value)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match=r"no \.jams files under"):
        folder.dataset(root, tmp_path / "nothing")


def test_without_the_library_of_jams_one_line_says_so(root, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jams", None)
    with pytest.raises(InputError, match="JAMS files need one more package: pip install jams"):
        folder.dataset(root, tmp_path)
