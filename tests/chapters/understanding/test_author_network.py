"""The author's genre network: its file read, and the cells of chapter 7 that use it, on stand-ins of its shape."""

import hashlib
from dataclasses import replace
from functools import partial

import h5py
import numpy as np
import pytest
import torch
from scipy import signal

from book.experiments.understanding import genre_network
from chapter import Chapter, kept_evidence
from mtlib.base import profiles
from mtlib.base import published as files
from mtlib.corpora.synthetic import opening
from mtlib.evidence import claims

SHAPES = [(8, 1, 3, 3), *[(8, 8, 3, 3)] * 4, (8 * 8 * 5, 16), (16, 12), (12, 3)]
"""Of the arrays with weights, as in the file but narrow: five convolutions, three dense layers."""


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Write a stand-in where the author's file belongs and let its hash be the right one."""

    def write(shapes=SHAPES, name="layer_{n}/param_{p}", step=3, seed=0, n_bytes=None):
        rng, path = np.random.default_rng(seed), tmp_path / "genre.keras"
        arrays = [rng.normal(0, (2 / np.prod(s[1:] if len(s) == 4 else s[:1])) ** 0.5, s) for s in shapes]
        with h5py.File(path, "w") as file:
            for n, array in enumerate(arrays):
                kind = "convolution2d" if array.ndim == 4 else "dense"
                bias = rng.normal(0, 0.01, len(array) if array.ndim == 4 else array.shape[1])
                for p, values in enumerate((array, bias)):
                    file[name.format(n=step * n, kind=kind, k=n % 5 + 1, p=p)] = values.astype(np.float32)
        if n_bytes is not None:
            path.write_bytes(path.read_bytes()[:n_bytes])
        content = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        item = files.ARTIFACTS[genre_network.PUBLISHED]
        monkeypatch.setitem(files.ARTIFACTS, genre_network.PUBLISHED, replace(item, name=str(path), checksum=blob))
        return arrays

    return write


@pytest.mark.parametrize("name", ["layer_{n}/param_{p}", "{kind}_{k}/{kind}_{k}_{p}"])
def test_the_network_computes_what_its_arrays_say(put, name):
    arrays = put(name=name)
    (front, network), reason = genre_network.open_published()
    assert reason == ""
    with torch.no_grad():
        x = front(torch.randn(1, genre_network.N_SAMPLES, generator=torch.Generator().manual_seed(0)))
        first, deepest, out = network.stages[0](x)[0].numpy(), network.feature_maps(x)[-1], network(x)
    assert x.shape == (1, 1, 257, 173) and (x >= 0).all() and out.shape == (1, 3)
    bias = network.stages[0].conv.bias[3].item()
    full = signal.convolve2d(x[0, 0].numpy(), arrays[0][3, 0], "same") + bias  # Theano convolves
    pooled = np.maximum(full, 0)[:256, :172].reshape(128, 2, 86, 2).max((1, 3))
    assert np.abs(first[3] - pooled).max() <= 1e-4 * pooled.max()
    hidden = deepest.numpy().reshape(1, -1)
    for layer, matrix in zip((*network.hidden, None), arrays[5:], strict=True):
        dense = layer.dense if layer else network.output
        hidden = hidden @ matrix + dense.bias.detach().numpy()
        hidden = np.maximum(hidden, 0) if layer else hidden
    assert np.abs(hidden - out.numpy()).max() <= 1e-3 * np.abs(hidden).max()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"shapes": SHAPES[1:]}, "4 convolutions and 3 dense layers, expected 5"),
        ({"shapes": [*SHAPES[:5], (300, 16), *SHAPES[6:]]}, "weights of another network: size mismatch for hidden.0"),
        ({"shapes": [*SHAPES[:7], (12, 4)]}, "size mismatch for output"),
        ({"shapes": [(8, 1, 5, 5), *SHAPES[1:]]}, "size mismatch for stages.0"),
        ({"n_bytes": 600}, "not a readable HDF5 file"),
    ],
)
def test_a_file_of_another_shape_is_told_in_one_line(put, how, told):
    put(**how)
    found, reason = genre_network.open_published()
    assert found is None and told in reason and "\n" not in reason and "vggnet5" in reason


def test_another_file_in_its_place_is_not_used(put, monkeypatch):
    put()
    item = files.ARTIFACTS[genre_network.PUBLISHED]
    monkeypatch.setitem(files.ARTIFACTS, genre_network.PUBLISHED, replace(item, checksum="0" * 40))
    monkeypatch.setattr(files, "_unreachable", {item.url.split("/")[2]})
    found, reason = genre_network.open_published()
    assert found is None and "damaged" in reason and "\n" not in reason
    monkeypatch.setitem(files.ARTIFACTS, genre_network.PUBLISHED, replace(item, name=f"{item.name}.not"))
    assert genre_network.open_published() == (None, "the author's genre network is not reachable in this build")


def test_the_best_order_finds_renamed_outputs():
    genre = np.array([0, 1, 2, 0, 1, 2])
    outputs = np.eye(3)[[2, 0, 1, 2, 0, 0]]  # 0 is called 2, 1 is called 0, 2 is called 1, once wrong
    assert genre_network.best_order(outputs, genre) == pytest.approx(5 / 6)


@pytest.fixture
def cells(monkeypatch, published, tmp_path):
    """Run cells of the chapter with three excerpts and few composed clips; return a function and the evidence."""
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    chapter, rows = Chapter(7), kept_evidence(monkeypatch)
    namespace = chapter.opened()
    namespace |= {"heard_names": ["phrase", "bach", "toy"], "authors": ["bach", "toy"], "order": ["phrase", "bach"],
                  "N_SEEDS": 1, "shares": {}, "LOOKED": None, "analysis": None, "originals": None}  # fmt: skip
    return partial(chapter.run, namespace), namespace, rows


def test_the_chapter_judges_with_the_author_s_network(put, cells):
    put()
    run, namespace, rows = cells
    namespace["his"], namespace["why_not_his"] = genre_network.open_published()
    namespace["why_no_network"] = namespace["why_no_vectors"] = "not asked here"
    ballad = opening.open_target("ballad", replace(profiles.PROFILES["smoke"], n_target=10), n_jobs=1)
    namespace |= {"ballad": ballad, "genre_of": ballad.labels("observed")}
    run("his-genre-open")
    namespace |= {"traced": namespace["his_forth"], "strangers": namespace["his_strangers"],
                  "analysis": namespace["his_analysis"], "n_samples": genre_network.N_SAMPLES,
                  "WHO": "stand-in"}  # fmt: skip
    run("claim-04", "stems", "sparsity", "figure-7-4", "figure-7-4-show")
    rows.clear()  # of the taggers
    shown = []
    namespace["display"] = shown.append
    run("his-genre-bench", "his-genre-claims", "untested")
    assert shown[0].data.count("<audio ") + shown[0].data.count(">silent<") == 2 * (1 + 5 * 2)
    assert [row.claim for row in rows] == ["C7.04"] * 4 + ["C7.05"] * 2 + ["C7.06", "C7.01"] + ["C7.07"] * 2 + ["C7.17"]
    assert {row.protocol for row in rows[:-1]} == {"genre network"}
    by_claim = {row.claim: row for row in rows if row.source == "published"}
    assert by_claim["C7.01"].verdict == by_claim["C7.07"].verdict == "not tested"
    assert by_claim["C7.06"].n == 2 and claims.judges(by_claim["C7.06"]) and claims.judges(by_claim["C7.04"])


def test_without_the_file_the_chapter_says_not_reachable(cells):
    run, namespace, rows = cells
    namespace |= {"his": None, "why_not_his": "not reachable in this build"}
    run("his-genre-open", "his-genre-bench", "his-genre-claims", "untested")
    assert [row.claim for row in rows] == ["C7.01", "C7.06", "C7.07", "C7.17"]
    assert all("not reachable in this build" in row.reason for row in rows[:3])
