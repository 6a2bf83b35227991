"""Chapter 3 with stand-ins of the training labels and ids: counted, not extrapolated."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from chapter import Chapter, kept_evidence
from mtlib.base import published as files
from mtlib.base.errors import InputError
from mtlib.base.tags import TAGS
from mtlib.corpora.datasets import msd_labels

IDS, LABELS = (f"{msd_labels.REPOSITORY}/train_{part}" for part in ("x_msd_id.txt", "y.npy"))
CELLS = ("load", "facts", "split-test", "split-glue", "sizes", "claims-counts", "claim-distinct", "untested")


@pytest.fixture
def put(tmp_path, monkeypatch, published):
    """Put a stand-in where one of the training files belongs and let its hash be the right one."""

    def write(name, values):
        path = tmp_path / name.split("/")[1]
        if isinstance(values, str):
            path.write_text(values, encoding="ascii")
        else:
            np.save(path, values)
        content = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        monkeypatch.setitem(files.ARTIFACTS, name, replace(files.ARTIFACTS[name], name=str(path), checksum=blob))

    return write


def ids(n):
    """Sorted track ids before those of validation, one a line."""
    return "".join(f"TRAAAAA128F{i:07X}\n" for i in range(n))


def labels(n, n_empty):
    """Random labels, one tag at least but for the last clips."""
    rng = np.random.default_rng(0)
    given = rng.random((n, len(TAGS))) < 0.03
    given[np.arange(n), rng.integers(0, len(TAGS), n)] = True
    given[n - n_empty :] = False
    return given.astype(np.int8)


def run(monkeypatch):
    """Evidence of the cells that count clips and labels, and the names they leave."""
    chapter, rows = Chapter(3), kept_evidence(monkeypatch)
    namespace = chapter.opened()
    chapter.run(namespace, *CELLS)
    return {(row.claim, row.question): row for row in rows}, namespace


def test_with_both_files_everything_is_counted(put, monkeypatch):
    put(IDS, ids(msd_labels.N_TRAIN))
    put(LABELS, labels(msd_labels.N_TRAIN, n_empty=12))
    rows, namespace = run(monkeypatch)
    assert rows["C3.01", "holds"].estimate == 242_842 and rows["C3.01", "holds"].verdict == "supported"
    assert rows["C3.01", "reproduced"].estimate == 242_854
    assert {rows[name, "holds"].n for name in ("C3.01", "C3.02", "C3.03")} == {242_854}
    assert rows["C3.02", "holds"].rule_id == rows["C3.03", "holds"].rule_id == "exact"
    assert rows["C3.03", "holds"].estimate == len(np.unique(namespace["everything"], axis=0))
    rock = int(namespace["everything"][:, TAGS.index("rock")].sum())
    assert f"counted {rock:,}" in rows["C3.02", "holds"].reason


def test_with_the_ids_alone_clips_are_counted_and_labels_are_not(put, monkeypatch):
    put(IDS, ids(1000))
    rows, _ = run(monkeypatch)
    assert rows["C3.01", "reproduced"].estimate == 1000 + 12_634 + 28_540
    assert rows["C3.01", "holds"].reason == "the file of the training labels is not reachable in this build"
    assert rows["C3.03", "holds"].verdict == "inconclusive"


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        (IDS, "", "expected one track id a line"),
        (IDS, ids(3) + "SOAAAAA12A8C13\n", "got 'SOAAAAA12A8C13'"),
        (LABELS, np.zeros((7, 49), np.int8), "50 tags a clip, got shape \\(7, 49\\)"),
        (LABELS, labels(4, 0), "train: 3 track ids, but 4 label rows"),
    ],
)
def test_a_file_of_another_shape_is_told_in_one_line(put, name, values, told):
    put(IDS, ids(3))
    put(name, values)
    with pytest.raises(InputError, match=told) as caught:
        msd_labels.load()
    assert "\n" not in str(caught.value)
