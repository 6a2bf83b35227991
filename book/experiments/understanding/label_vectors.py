"""Label vectors: what the output layer of a tagger says about its tags.

The output layer holds one vector a tag. Tags whose vectors point the same way are given for the same
reasons; the thesis compares that with how often tags occur together [Choi2018, §7.3, Eq. 7.1]. Networks
trained here are asked over seeds, and against labels whose truth is known (`vector_agreement`).

Conventions
    Vectors are (feature, tag). Pairs are unordered, (i, j) with i < j, 1,225 for fifty tags; a ranking
    starts at 1 with the highest value, equal values in the order of the tags.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.synthetic import population
from mtlib.evidence import cooccurrence
from mtlib.evidence.statistics import Estimate
from mtlib.training.runs import Run

KINDS = ("cosine", "dot product")

NAME = "label_vectors"
"""Of the recorded table."""

N_POPULATION = 20_000
"""Clips whose labels alone are drawn: counts without the chance of a small training split."""


def similarity(vectors: np.ndarray, *, kind: str = "cosine") -> np.ndarray:
    """Compare every label vector with every other.

    Parameters
    ----------
    vectors : ndarray (feature, tag)
        The output layer, such as ``network.output.weight.T``.
    kind : {"cosine", "dot product"}
        Equation 7.1 prints the dot product; Table 7-C holds cosines (note E60).

    Returns
    -------
    ndarray (tag, tag) float64
        Symmetric.
    """
    vectors = np.asarray(vectors, np.float64)
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise InputError(f"vectors must be a finite (feature, tag) matrix, got shape {vectors.shape}")
    if kind not in KINDS:
        raise InputError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "cosine":
        norms = np.linalg.norm(vectors, axis=0)
        if (norms == 0).any():
            raise InputError(f"the label vector of tag {int(norms.argmin())} is zero; it has no direction")
        vectors = vectors / norms
    matrix = vectors.T @ vectors
    return (matrix + matrix.T) / 2


def symmetric(matrix: np.ndarray) -> np.ndarray:
    """Return max(C(i, j), C(j, i)): what the thesis ranks (footnote 3, note E62)."""
    return np.maximum(matrix, matrix.T)


@dataclass(frozen=True)
class Pairs:
    """The pairs of a symmetric matrix in the order of their values."""

    first: np.ndarray
    second: np.ndarray
    values: np.ndarray

    def names(self, tags: list[str], n: int | None = None) -> list[frozenset[str]]:
        """Return the first n pairs as sets of tags."""
        return [frozenset((tags[i], tags[j])) for i, j in zip(self.first[:n], self.second[:n], strict=True)]


def ranked_pairs(matrix: np.ndarray) -> Pairs:
    """Rank the pairs of a symmetric matrix (tag, tag), highest first."""
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T):
        raise InputError(f"a symmetric (tag, tag) matrix is needed, got shape {matrix.shape}")
    rows, columns = np.triu_indices(len(matrix), 1)
    order = np.argsort(-matrix[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    return Pairs(rows, columns, matrix[rows, columns])


def pair_ranks(matrix: np.ndarray) -> np.ndarray:
    """Return the rank of every pair as a symmetric matrix (tag, tag), zeros on the diagonal."""
    pairs = ranked_pairs(matrix)
    ranks = np.zeros(np.shape(matrix), int)
    ranks[pairs.first, pairs.second] = np.arange(1, len(pairs.first) + 1)
    return ranks + ranks.T


def overlap(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, *, n: int = 20, n_permutations: int = 2000
) -> tuple[int, float]:
    """Count the pairs that stand among the n highest of both matrices.

    Returns
    -------
    shared : int
    p_value : float
        Chance of at least as many shared pairs if the tags of one matrix are permuted: pairs come from few
        tags, and are not independent.
    """
    n_tags = len(first)
    n_pairs = n_tags * (n_tags - 1) // 2
    if not 1 <= n <= n_pairs:
        raise InputError(f"n must lie between 1 and {n_pairs}, got {n}")
    tops = [pair_ranks(matrix) <= n for matrix in (first, second)]
    tops = [top & ~np.eye(n_tags, dtype=bool) for top in tops]
    shared = int((tops[0] & tops[1]).sum()) // 2
    orders = (rng.permutation(n_tags) for _ in range(n_permutations))
    by_chance = [int((tops[0] & tops[1][np.ix_(order, order)]).sum()) // 2 for order in orders]
    return shared, (1 + sum(n >= shared for n in by_chance)) / (1 + n_permutations)


def judge_overlap(shared: int, p_value: float) -> dict[str, object]:
    """Judge that two orders share more of their highest pairs than chance gives, from `overlap`."""
    verdict = "supported" if p_value <= 0.05 else "inconclusive"
    return {"estimate": shared, "rule_id": "overlap", "verdict": verdict}


def mean_gap(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Estimate the mean of ``first − second`` over pairs; its error leaves out one tag at a time.

    Parameters
    ----------
    first, second : ndarray (tag, tag)
        Symmetric; the diagonal is left out.
    """
    gap = np.asarray(first, np.float64) - second
    gap = gap - np.diag(np.diag(gap))
    n, total, rows = len(gap), gap.sum() / 2, gap.sum(1)
    left_out = (total - rows) / ((n - 1) * (n - 2) / 2)
    error = float(np.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum()))
    return Estimate(float(total / (n * (n - 1) / 2)), error, n - 1, n, kind="jackknife")


def rank_interval(
    labels: np.ndarray, places: Sequence[tuple[int, int]], rng: np.random.Generator, n_resamples: int = 200
) -> tuple[int, int]:
    """Bound, at 95 %, the best rank that some pairs have by co-occurrence among all clips like these.

    Clips are resampled; a pair surely goes before another if their difference exceeds its standard error by a
    factor that no difference with these pairs exceeds in 95 % of the replicates (max-t). The rank of the best
    one itself would be biased: chance moves neighbours past it.

    Parameters
    ----------
    labels : ndarray (clip, tag)
    places : sequence of (int, int)
        The pairs, as tags.
    """
    labels, upper = labels.astype(np.float32), np.triu_indices(labels.shape[1], 1)
    index = [int(np.flatnonzero((upper[0] == min(p)) & (upper[1] == max(p)))[0]) for p in places]

    def values(weights: np.ndarray) -> np.ndarray:
        counts = (labels * weights[:, None]).T @ labels
        return symmetric(counts / np.diag(counts)[:, None])[upper]

    found, n = values(np.ones(len(labels), np.float32)), len(labels)
    picked = (np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(n_resamples))
    drawn = np.stack([values(weights.astype(np.float32)) for weights in picked])
    gaps = found - found[index, None]  # (place, pair)
    moved = drawn[:, None] - drawn[:, index, None]  # (replicate, place, pair)
    errors = moved.std(0, ddof=1) + 1e-12
    factor = np.quantile(np.abs((moved - gaps) / errors).max((1, 2)), 0.95)
    before, after = (side.sum(1) for side in (gaps > factor * errors, gaps < -factor * errors))
    return 1 + int(before.min()), len(found) - int(after.max())


def judge_share(
    share: float, n_features: int, n_tags: int, rng: np.random.Generator, n_draws: int = 200
) -> dict[str, object]:
    """Judge that more pairs are similar (cosine above 0) than of vectors without a preferred direction.

    Parameters
    ----------
    share : float
        Of the pairs of `n_tags` vectors of `n_features` values.

    Returns
    -------
    dict
        estimate, rule_id, verdict and reason of `claims.record`: against the middle 95 % of random draws.
    """
    upper = np.triu_indices(n_tags, 1)
    drawn = [(similarity(rng.standard_normal((n_features, n_tags)))[upper] > 0).mean() for _ in range(n_draws)]
    low, high = np.quantile(drawn, (0.025, 0.975), method="weibull")  # as rare as said, at few draws too
    verdict = "supported" if share > high else "contradicted" if share < low else "inconclusive"
    reason = f"random vectors: {np.mean(drawn):.2f} on average, 95 % of them {low:.2f} to {high:.2f}"
    return {"estimate": share, "rule_id": "random vectors", "verdict": verdict, "reason": reason}


def surprising(similar: np.ndarray, together: np.ndarray, *, n: int = 20, above: int = 100) -> np.ndarray:
    """Return the pairs among the n most similar whose co-occurrence ranks below place `above`.

    Returns
    -------
    ndarray (pair, 4) int
        Both tags, rank by similarity, rank by co-occurrence; in the order of similarity.
    """
    ranks, other = pair_ranks(similar), pair_ranks(together)
    i, j = np.nonzero(np.triu((ranks <= n) & (other > above), 1))
    found = np.stack([i, j, ranks[i, j], other[i, j]], 1)
    return found[np.argsort(found[:, 2])]


def layout(similar: np.ndarray) -> tuple[np.ndarray, float]:
    """Place the tags in a plane by classical scaling of their cosine similarities.

    Parameters
    ----------
    similar : ndarray (tag, tag)
        Cosines.

    Returns
    -------
    places : ndarray (tag, 2)
        Distances approximate those of the unit vectors, sqrt(2 − 2 cos).
    share : float
        Share of the squared distances that two dimensions keep.
    """
    centre = np.eye(len(similar)) - 1 / len(similar)
    values, axes = np.linalg.eigh(centre @ similar @ centre)
    values, axes = values[::-1].clip(min=0), axes[:, ::-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(len(axes))])  # a fixed sign
    return axes[:, :2] * np.sqrt(values[:2]), float(values[:2].sum() / values.sum())


def together(corpus: Corpus) -> dict[str, np.ndarray]:
    """Return how often tags occur together, symmetric as the thesis ranks it, by the labels counted.

    Returns
    -------
    dict of str to ndarray (tag, tag)
        ``observed`` and ``true`` labels of the training clips; ``observed, many`` and ``true, many`` of
        `N_POPULATION` clips of the same kind.
    """
    train = corpus.split("train")
    counted = {name: corpus.labels(name)[train] for name in ("observed", "true")}
    many = population(N_POPULATION)  # other clips than the corpus'
    counted |= {"observed, many": many.observed, "true, many": many.true}
    return {name: symmetric(cooccurrence.normalised(labels)) for name, labels in counted.items()}


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's correlation over the pairs of two symmetric matrices (tag, tag)."""
    pairs = np.triu_indices(len(first), 1)
    return float(stats.spearmanr(first[pairs], second[pairs]).statistic)


def vector_agreement(runs: Sequence[Run], corpus: Corpus) -> pd.DataFrame:
    """Compare the label vectors of runs with each other and with co-occurrences.

    Parameters
    ----------
    runs : sequence of Run
        Of several seeds, all trained on one label set.
    corpus : Corpus

    Returns
    -------
    DataFrame
        One row a pair: labels (trained on), seed, against (as `together`, or ``seed 3``), correlation (of
        the ranks of cosines), n_tags, key.
    """
    similar = {run.spec.seed: similarity(vectors(run)) for run in runs}
    keys = {run.spec.seed: run.key[:12] for run in runs}
    rows = [
        (seed, name, rank_correlation(matrix, counts))
        for name, counts in together(corpus).items()
        for seed, matrix in similar.items()
    ]
    rows += [(a, f"seed {b}", rank_correlation(similar[a], similar[b])) for a, b in combinations(similar, 2)]
    table = pd.DataFrame(rows, columns=["seed", "against", "correlation"])
    return table.assign(labels=runs[0].spec.labels, n_tags=len(corpus.tags), key=table.seed.map(keys))


def vectors(run: Run) -> np.ndarray:
    """Return the label vectors of a run, (feature, tag)."""
    return run.network().output.weight.detach().numpy().T


def stability(table: pd.DataFrame) -> Estimate:
    """Estimate the mean correlation of two seeds' similarities; its error leaves out one seed at a time.

    Parameters
    ----------
    table : DataFrame
        The rows of `vector_agreement` for networks trained on one label set; three seeds or more.
    """
    pairs = table[table.against.str.startswith("seed ")]
    second = pairs.against.str.removeprefix("seed ").astype(int)
    seeds = sorted({*pairs.seed, *second})
    if (n := len(seeds)) < 3:
        raise InputError(f"stability takes three seeds or more, got {n}")
    left_out = np.array([pairs.correlation[(pairs.seed != s) & (second != s)].mean() for s in seeds])
    error = float(np.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum()))
    return Estimate(float(pairs.correlation.mean()), error, n - 1, n)
