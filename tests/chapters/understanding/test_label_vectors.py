"""Label vectors: Table 7-C in order and value, the rank correlation, and what rankings must obey."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from book.experiments.understanding import label_vectors
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.base.tags import TAGS
from mtlib.corpora.datasets import msd_labels
from mtlib.evidence import cooccurrence, correlation
from mtlib.networks import released


@pytest.fixture(scope="module")
def vectors(published) -> np.ndarray:
    return released.load("compact1")[1].output.weight.detach().numpy().T


@pytest.fixture(scope="module")
def together(published) -> np.ndarray:
    by_split = msd_labels.load().by_split
    labels = np.concatenate([by_split["valid"], by_split["test"]])
    return label_vectors.symmetric(cooccurrence.normalised(labels))


def printed(name: str) -> list[frozenset[str]]:
    with open(paths.DATA / "thesis" / "table_7c_top20_pairs.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["list"] == name]
    return [frozenset((r["tag_a"], r["tag_b"])) for r in sorted(rows, key=lambda r: int(r["rank"]))]


def test_table_7c_comes_back_in_order_by_cosine(vectors):
    pairs = label_vectors.ranked_pairs(label_vectors.similarity(vectors))
    assert pairs.names(TAGS, 20) == printed("label vectors")
    assert pairs.values[[5, 8, 11]].round(2).tolist() == [0.88, 0.86, 0.82]
    assert int((pairs.values < 0).sum()) == 104


def test_equation_7_1_as_written_does_not_give_it(vectors):
    matrix = label_vectors.similarity(vectors, kind="dot product")
    np.testing.assert_allclose(matrix, vectors.T.astype(float) @ vectors, rtol=1e-5, atol=1e-4)
    found = label_vectors.ranked_pairs(matrix).names(TAGS, 20)
    assert len(set(found) & set(printed("label vectors"))) == 8


def test_rank_correlation_with_co_occurrence(vectors, together):
    found = correlation.matrix_correlation(
        label_vectors.similarity(vectors), together, rng=np.random.default_rng(0), n_permutations=20
    )
    assert found.value == pytest.approx(0.56, abs=0.01)


def test_surprising_pairs_and_overlap_of_the_published_network(vectors, together):
    similar = label_vectors.similarity(vectors)
    found = label_vectors.surprising(similar, together)
    names = [(TAGS[i], TAGS[j], a, b) for i, j, a, b in found]
    assert ("catchy", "happy", 9, 214) in names and ("sexy", "rnb", 12, 142) in names
    shared, chance = label_vectors.overlap(similar, together, np.random.default_rng(0), n_permutations=199)
    assert shared == 10 and chance == 1 / 200
    low, high = label_vectors.rank_interval(
        np.random.default_rng(0).random((500, 50)) < 0.2, [(0, 1)], np.random.default_rng(1), 50
    )
    assert 1 <= low <= high <= 1225


def test_a_rank_is_bounded_by_what_is_sure():
    """Tags 0 and 1 always together, 2 and 3 often, the others seldom: only the first two ranks are sure."""
    rng = np.random.default_rng(0)
    labels = rng.random((4000, 8)) < 0.1
    labels[:, 1] = labels[:, 0]
    labels[:, 3] = labels[:, 2] & (rng.random(4000) < 0.7)
    bounds = [
        label_vectors.rank_interval(labels, [pair], np.random.default_rng(1), 100) for pair in ((0, 1), (3, 2), (5, 6))
    ]
    assert bounds[0] == (1, 1 + bounds[0][1] - 1) and bounds[0][1] <= 2  # (2, 3) may be as sure
    assert bounds[1][1] <= 2 and bounds[2][0] == 3 and bounds[2][1] == 28


def test_the_mean_gap_is_the_mean_over_pairs_and_its_error_counts_tags():
    rng = np.random.default_rng(0)
    upper, values, errors = np.triu_indices(20, 1), [], []
    for _ in range(300):  # each tag has a level of its own, shared by all of its pairs
        level, noise = rng.normal(size=20), rng.normal(size=(20, 20))
        first = level[:, None] + level + (noise + noise.T) / 2
        found = label_vectors.mean_gap(first, np.ones((20, 20)))
        assert found.value == pytest.approx((first - 1)[upper].mean())
        values.append(found.value)
        errors.append(found.standard_error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_directions_are_told_from_chance():
    rng = np.random.default_rng(0)
    judge = label_vectors.judge_share
    assert [judge(share, 32, 50, rng)["verdict"] for share in (0.9, 0.5, 0.2)] == [
        "supported", "inconclusive", "contradicted",
    ]  # fmt: skip
    assert label_vectors.judge_overlap(10, 0.01)["verdict"] == "supported"
    assert label_vectors.judge_overlap(2, 0.2)["verdict"] == "inconclusive"


MATRICES = st.integers(4, 9).flatmap(
    lambda n: st.integers(0, 2**31).map(lambda seed: np.random.default_rng(seed).normal(size=(5, n)))
)


@settings(max_examples=30)
@given(MATRICES)
def test_similarity_and_ranks_obey_their_laws(vectors):
    cosine = label_vectors.similarity(vectors)
    np.testing.assert_allclose(np.diag(cosine), 1)
    np.testing.assert_allclose(label_vectors.similarity(3 * vectors), cosine)
    ranks = label_vectors.pair_ranks(cosine)
    upper = np.triu_indices(len(cosine), 1)
    assert sorted(ranks[upper]) == list(range(1, len(upper[0]) + 1))
    np.testing.assert_array_equal(ranks[upper], stats.rankdata(-cosine[upper]))
    assert label_vectors.overlap(cosine, cosine, np.random.default_rng(0), n=3, n_permutations=9)[0] == 3


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_the_map_keeps_distances_that_fit_a_plane(seed):
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, 8)
    vectors = np.stack([np.cos(angles), np.sin(angles)])
    places, share = label_vectors.layout(label_vectors.similarity(vectors))
    assert share == pytest.approx(1)
    ours = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.testing.assert_allclose(ours, np.linalg.norm(vectors.T[:, None] - vectors.T[None], axis=-1), atol=1e-7)


def test_bad_input_is_told():
    with pytest.raises(InputError, match="kind must be one of cosine, dot product, got 'angle'"):
        label_vectors.similarity(np.ones((2, 3)), kind="angle")
    with pytest.raises(InputError, match="tag 1 is zero"):
        label_vectors.similarity(np.array([[1.0, 0.0], [1.0, 0.0]]))
    with pytest.raises(InputError, match="symmetric"):
        label_vectors.ranked_pairs(np.arange(9.0).reshape(3, 3))
    with pytest.raises(InputError, match="n must lie between 1 and 3, got 4"):
        label_vectors.overlap(np.eye(3), np.eye(3), np.random.default_rng(0), n=4)
