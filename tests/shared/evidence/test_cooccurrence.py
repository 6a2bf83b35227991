"""Co-occurrence against counting by hand, and against the printed matrix."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mtlib.base import paths
from mtlib.base import published as files
from mtlib.base.errors import InputError
from mtlib.base.tags import TAGS
from mtlib.corpora.datasets import msd_labels
from mtlib.evidence import cooccurrence


@given(arrays(bool, st.tuples(st.integers(1, 30), st.integers(2, 5))))
def test_equation_3_1_by_hand(labels):
    C = cooccurrence.normalised(labels)
    for i in range(labels.shape[1]):
        for j in range(labels.shape[1]):
            n_i = labels[:, i].sum()
            if n_i:
                assert C[i, j] == pytest.approx((labels[:, i] & labels[:, j]).sum() / n_i)
            else:
                assert np.isnan(C[i, j])


def test_the_published_labels_give_the_printed_matrix(published):
    printed = pd.read_csv(paths.DATA / "thesis" / "nco_figure_3_1_7_11.csv")
    C = 100 * cooccurrence.normalised(msd_labels.load().everything)
    ours = np.array([C[TAGS.index(r.i_column), TAGS.index(r.j_row)] for r in printed.itertuples()])
    usable = (printed.is_diagonal == 0) & (printed.damaged_cell == 0)
    assert usable.sum() == 504
    assert np.corrcoef(printed.value_used[usable], ours[usable])[0, 1] >= 0.97
    assert ours == pytest.approx(printed.validtest_pct, abs=0.005)


def test_published_labels_are_as_described(published):
    labels = msd_labels.load()
    assert {name: part.shape for name, part in labels.by_split.items() if name != "train"} == {
        "valid": (12_634, 50), "test": (28_540, 50),
    }  # fmt: skip
    assert labels.everything.any(1).all()


def test_training_labels_are_used_when_present_and_refused_when_odd(published, tmp_path, monkeypatch):
    folder = tmp_path / msd_labels.REPOSITORY
    folder.mkdir()
    for name in msd_labels.ARTIFACTS:
        (tmp_path / name).symlink_to(published / name)
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path))
    item = files.ARTIFACTS[f"{msd_labels.REPOSITORY}/train_y.npy"]
    np.save(item.path, np.ones((7, 50), np.int8))
    with pytest.raises(InputError, match="not the author's file"):
        msd_labels.load()

    def accept():
        content = item.path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        monkeypatch.setitem(files.ARTIFACTS, item.name, replace(item, checksum=blob))

    accept()
    assert len(msd_labels.load().by_split["train"]) == 7
    np.save(item.path, np.ones((7, 49)))
    accept()
    with pytest.raises(InputError, match="50 tags"):
        msd_labels.load()
