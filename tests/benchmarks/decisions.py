"""Error rates and power of the decision rules, by simulation.

Run: ``python tests/benchmarks/decisions.py`` (about ten minutes on one core); ``--simulations 200`` is
quick, ``--rule ranks`` measures one. With ``--write`` the table becomes ``data/results/decision_rules.csv``,
with its provenance beside it; evidence may rest on no rule that is not in it (`rules.measured`).

The simulated world is what pilots measured: training seeds spread by 0.007 AUC, unrelated between two
networks even at equal seeds (the worst case), and 800 test clips move a difference of two networks by
0.0027. "false" counts every verdict that the truth does not bear out; on the border (no difference, or a
difference of exactly the margin) at most 5 % is allowed. ``truth`` says in words what was true.
"""

import argparse
import itertools
import json
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from book.experiments.architectures import results as architectures
from book.experiments.architectures import verdicts as architecture_verdicts
from book.experiments.label_noise import estimates
from book.experiments.label_noise import results as noise
from book.experiments.preprocessing import factorial, learning_curves
from book.experiments.preprocessing import results as preprocessing
from book.experiments.preprocessing import verdicts as preprocessing_verdicts
from book.experiments.preprocessing.trainings import BASELINE, FACTORS
from book.experiments.transfer import protocols, published_features, scoreboard
from book.experiments.understanding import label_vectors
from mtlib.base import paths, provenance
from mtlib.evidence import correlation, evaluation, rules, statistics

SEED_DEVIATION = 0.007
CLIP_DEVIATION = 0.0027
N_RUNS = (3, 5, 15)
BOTH = ("supported", "contradicted")

Judge = Callable[[int, float, np.random.Generator], str]
"""Gives a verdict from n, the true effect and a generator."""

Case = tuple[str, Judge, int, float, str, tuple[str, ...]]
"""Rule, judge, n, true effect, the truth in words, verdicts that would be false."""


def differences(n: int, effect: float, rng: np.random.Generator) -> statistics.Estimate:
    """Draw n differences of paired runs that share their test clips."""
    runs = effect + rng.normal(0, CLIP_DEVIATION) + rng.normal(0, SEED_DEVIATION * 2**0.5, n)
    return statistics.mean(runs, floor=CLIP_DEVIATION)


def bootstrap(n: int, effect: float, rng: np.random.Generator) -> str:
    """Judge by the percentile bootstrap over seeds instead: the rule that this book does not use."""
    runs = effect + rng.normal(0, CLIP_DEVIATION) + rng.normal(0, SEED_DEVIATION * 2**0.5, n)
    found = stats.bootstrap((runs,), np.mean, n_resamples=1000, method="percentile", rng=rng)
    return rules.judge_interval(*found.confidence_interval, 0, claimed="above", rule_id="bootstrap")["verdict"]


def order(n: int, effect: float, rng: np.random.Generator) -> str:
    """Judge the order of four networks whose neighbours differ by the effect."""
    runs = rng.normal(0, SEED_DEVIATION, (4, n)) - effect * np.arange(4)[:, None]
    runs += rng.normal(0, CLIP_DEVIATION / 2**0.5, (4, 1))
    steps = [statistics.paired_difference(a, b, floor=CLIP_DEVIATION) for a, b in itertools.pairwise(runs)]
    return rules.judge_order(steps, "abcd")["verdict"]


def contrast(n: int, effect: float, rng: np.random.Generator) -> statistics.Estimate:
    """Return the effect of a crossed design in which "linear" alone does something."""
    shape = tuple(len(levels) for levels in FACTORS.values())
    scores = rng.normal(0, SEED_DEVIATION, (*shape, n)) + rng.normal(0, SEED_DEVIATION, n)
    scores += rng.normal(0, CLIP_DEVIATION / 2**0.5, (*shape, 1))  # what the clips do to each cell
    scores[1] += effect
    return factorial.Factorial(scores, FACTORS).effects(1, clip_error=lambda a, b: CLIP_DEVIATION)["linear"]


def fold_gain(n: int, effect: float, rng: np.random.Generator, n_clips: int = 300) -> statistics.Estimate:
    """Return the gain of one classifier over another, by folds: a real cross-validation."""
    y = rng.choice((-1.0, 1.0), n_clips)
    sides = [rng.normal(size=(n_clips, 5)) + y[:, None] * shift for shift in (0.3 + effect, 0.3)]
    fold, scores = rng.permutation(n_clips) % n, np.empty((2, n))
    for side, f in itertools.product(range(2), range(n)):
        x, test = sides[side], fold == f
        weights = np.linalg.lstsq(x[~test], y[~test], rcond=None)[0]
        scores[side, f] = (np.sign(x[test] @ weights) == y[test]).mean()
    return statistics.fold_mean(scores[0] - scores[1], test_share=1 / n)


def shares_of_clips(n: int, effect: float, rng: np.random.Generator) -> statistics.Estimate:
    """Return the difference of two recalls, of 30 and 70 % of the clips."""
    sides = [rng.binomial(1, p, size).astype(float) for p, size in ((0.7 + effect, 3 * n // 10), (0.7, 7 * n // 10))]
    return statistics.difference(*sides)


def log_times(n: int, effect: float, rng: np.random.Generator) -> statistics.Estimate:
    """Return the difference of the logarithms of two networks' times."""
    return statistics.difference(rng.normal(effect, 0.1, n), rng.normal(0, 0.1, n))


def one_split(n: int, effect: float, rng: np.random.Generator) -> statistics.Estimate:
    """Return the difference of two scores on one split, whose clips were resampled."""
    value = rng.normal(effect, CLIP_DEVIATION)
    return statistics.Estimate(value, 0.0, np.inf, n, floor=CLIP_DEVIATION, kind="test clips")


def proportion(n: int, truth: float, rng: np.random.Generator) -> str:
    """Judge that a share lies above one half."""
    ends = statistics.proportion_interval(rng.binomial(n, truth), n, method="exact")
    return rules.judge_interval(*ends, 0.5, claimed="above", rule_id="proportion")["verdict"]


def posterior(n: int, effect: float, rng: np.random.Generator) -> str:
    """Judge that two tags have a higher tagability than two others, from n clips in all."""
    total, share, drawn = 240_000, 0.02, []
    for tagability in (0.2 + effect, 0.2 + effect, 0.2, 0.2):
        deserved = share / tagability
        wrong = rng.binomial(50, deserved * (1 - tagability) / (1 - share))
        counts = estimates.Counts(total, int(total * share), 50, int(rng.binomial(50, 0.0)), 50, int(wrong))
        drawn.append(estimates.draws(counts, rng, n_draws=1000)["recall"])
    gap = (drawn[0] + drawn[1] - drawn[2] - drawn[3]) / 2
    ends = np.quantile(gap, estimates.JUDGING)
    return rules.judge_interval(*ends, 0, claimed="above", rule_id="posterior")["verdict"]


def curve_table(n: int, effect: float, rng: np.random.Generator, last: float = 0.02) -> pd.DataFrame:
    """Return runs of the baseline at five sizes whose AUC grows by `effect` per doubling."""
    rows = []
    for size, seed in itertools.product((62, 125, 250, 500, 1000), range(n)):
        auc = 0.7 + effect * np.log2(size / 250) - (effect - last) * (size == 1000)
        rows.append((BASELINE, size, 4, seed, auc + rng.normal(0, SEED_DEVIATION), 1.0, 0.01))
    columns = ["configuration", "n_train", "epochs", "seed", "roc_auc", "seconds", "bias"]
    return pd.DataFrame(rows, columns=columns)


def slope_and_step(n: int, last: float, rng: np.random.Generator) -> str:
    """Judge that AUC grows with the logarithm of the size and flattens at the end."""
    return preprocessing_verdicts.judged_growth(preprocessing.Results(curve_table(n, 0.02, rng, last)))["verdict"]


def spread_ratio(n: int, ratio: float, rng: np.random.Generator) -> str:
    """Judge that one network's scores spread more than another's."""
    return architecture_verdicts.judge_spreads(ratio * rng.normal(size=n), rng.normal(size=n))["verdict"]


def spread(n: int, deviation: float, rng: np.random.Generator) -> str:
    """Judge that two trainings differ by less than the margin in 95 % of cases."""
    table = curve_table(n, 0.0, rng)
    table = table[table.n_train == 250].assign(roc_auc=rng.normal(0.7, deviation, n))
    return preprocessing_verdicts.judged_repeats(preprocessing.Results(table))["verdict"]


def multiplier(n: int, truth: float, rng: np.random.Generator) -> str:
    """Judge that doing without the logarithm costs about as much as half the data."""
    sizes = np.repeat([62.0, 125, 250, 500, 1000], [3, 3, 18, 3, 3])
    clips = rng.normal(0, CLIP_DEVIATION)
    scores = 0.7 + 0.02 * np.log2(sizes / 250) + rng.normal(0, SEED_DEVIATION, len(sizes))
    linear = 0.7 - 0.02 * np.log2(truth) + clips + rng.normal(0, SEED_DEVIATION, 18)
    found = learning_curves.data_multiplier(
        learning_curves.fit(sizes, scores), linear, 250, rng, floor=CLIP_DEVIATION, n_draws=1000
    )
    return preprocessing_verdicts.judged_multiplier(found)["verdict"]


def tags(n: int, effect: float, rng: np.random.Generator) -> str:
    """Judge two networks by the tags on which one is ahead: 200 clips, 12 tags, the whole path."""
    labels = rng.random((200, 12)) < 0.2
    clip = labels + rng.normal(size=labels.shape)
    shift = 0.1 * rng.normal(size=(2, n, 1, 1)) + 0.1 * rng.normal(size=(2, n, 1, 12))
    shift[0] += effect
    scores = clip + shift * labels + 0.5 * rng.normal(size=(2, n, *labels.shape))
    areas = [np.stack([evaluation.tag_areas(labels, run) for run in runs]) for runs in scores]
    floor = architectures.tag_share_error(labels, *scores, rng, 40)
    share = architectures.tag_share(*areas, floor=floor)
    return rules.judge_known({"a": share, "b": share}, claimed="above", reference=0.5)["verdict"]


def clip_scores(n: int, effect: float, rng: np.random.Generator) -> str:
    """Judge two networks from labels and scores: 300 clips, 8 tags, the whole path through `compare`."""
    labels = rng.random((300, 8)) < 0.15
    clip = labels + rng.normal(size=labels.shape)  # what both networks hear in a clip
    shift = 0.05 * rng.normal(size=(2, n, 1, 1))  # a seed's luck
    shift[0] += effect / 0.24  # 0.24: slope of the area in the shift, here
    scores = clip + shift * labels + 0.5 * rng.normal(size=(2, n, *labels.shape))
    estimate = evaluation.compare(labels, *scores, rng, n_resamples=100)
    return rules.judge(estimate, claimed="above")["verdict"]


def related(n: int, truth: float, rng: np.random.Generator, claimed: str = "above") -> str:
    """Judge a rank correlation of n units that is `truth`; that of their normal values is a little larger."""
    a, b = rng.normal(size=(2, n))
    linear = 2 * np.sin(np.pi * truth / 6)
    b = linear * a + (1 - linear**2) ** 0.5 * b
    found = correlation.correlation(a, b, rng=rng, n_permutations=499)
    return rules.judge_correlation(found, claimed=claimed)["verdict"]


def unrelated(n: int, truth: float, rng: np.random.Generator) -> str:
    """Judge that the same correlation is none."""
    return related(n, truth, rng, "none")


def matrices(n: int, truth: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return two similarity matrices of n units, whose units and pairs correlate by `truth`."""
    both = []
    for units, pairs in zip(rng.normal(size=(2, n)), rng.normal(size=(2, n, n)), strict=True):
        if both:
            units, pairs = (
                truth * old + (1 - truth**2) ** 0.5 * new for old, new in zip(both[0], (units, pairs), strict=True)
            )
        both.append((units, pairs))
    return tuple(u[:, None] + u + (p + p.T) / 2 for u, p in both)


def mantel(n: int, truth: float, rng: np.random.Generator) -> str:
    """Judge the rank correlation of two matrices."""
    found = correlation.matrix_correlation(*matrices(n, truth, rng), rng=rng, n_permutations=199)
    return rules.judge_correlation(found, claimed="above")["verdict"]


def overlap(n: int, truth: float, rng: np.random.Generator) -> str:
    """Judge that the twenty highest pairs of two matrices share more than chance gives."""
    shared, p = label_vectors.overlap(*matrices(n, truth, rng), rng, n_permutations=199)
    return label_vectors.judge_overlap(shared, p)["verdict"]


def pair_gap(n: int, effect: float, rng: np.random.Generator) -> statistics.Estimate:
    """Return by how much the pairs of one matrix are higher than those of another, on average."""
    first, second = matrices(n, 0.0, rng)
    return label_vectors.mean_gap(first + effect, second)


def random_vectors(n: int, pull: float, rng: np.random.Generator) -> str:
    """Judge that vectors have a common direction."""
    upper = np.triu_indices(n, 1)
    values = label_vectors.similarity(pull + rng.standard_normal((16, n)))[upper]
    return label_vectors.judge_share(float((values > 0).mean()), 16, n, rng)["verdict"]


def labelled(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return labels (clip, tag) of a world in which some of twelve tags go together."""
    world = np.random.default_rng(1)
    loadings, cut = world.normal(0, 0.8, (3, 12)), world.uniform(0.3, 1.2, 12)
    return rng.normal(size=(n, 3)) @ loadings + rng.normal(size=(n, 12)) > cut * 1.5


@cache
def true_pairs() -> label_vectors.Pairs:
    """Return the pairs of that world's tags in their true order."""
    labels = labelled(1_000_000, np.random.default_rng(2)).astype(np.float32)
    counts = labels.T @ labels
    return label_vectors.ranked_pairs(label_vectors.symmetric(counts / np.diag(counts)[:, None]))


def rank_over_clips(n: int, place: int, rng: np.random.Generator) -> str:
    """Judge that a pair of tags ranks beyond 20 of 66 by co-occurrence; in truth it stands at `place`."""
    pairs = true_pairs()
    pair = int(pairs.first[place - 1]), int(pairs.second[place - 1])
    low, high = label_vectors.rank_interval(labelled(n, rng), [pair], rng, 100)
    return rules.judge_interval(low, high, 20, claimed="above", rule_id="rank over clips")["verdict"]


def ranks(n: int, step: float, rng: np.random.Generator) -> str:
    """Judge that 14 combinations with layer 4 beat 14 without; accuracies differ by `step`."""
    task = published_features.TASKS["T5"]
    y = rng.integers(2, size=n)
    data = published_features.TaskData(task, {}, y, pd.DataFrame())
    hard = rng.random(n)  # clips are hard for all combinations alike
    results = []
    for name in scoreboard.RUN:
        right = (0.7 * hard + 0.3 * rng.random(n)) < 0.8 + step * ("4" in name)
        found = "T5", name, "thesis", 0, float(right.mean()), (), (n,), "", 0, 0.0
        results.append(protocols.Result(*found, np.arange(n), np.where(right, y, 1 - y)))
    counts = evaluation.resample(n, 300, rng).astype(float)
    above = scoreboard.surely_above(np.array([r.score for r in results]), scoreboard.resampled(data, results, counts))
    table = pd.DataFrame(above, index=scoreboard.RUN, columns=scoreboard.RUN)
    return scoreboard.judge_statements(scoreboard.STATEMENTS["T5", "all 28"], table)["verdict"]


def correlated(n: int, truth: float, rng: np.random.Generator) -> correlation.Correlation:
    """Return Pearson's correlation of n systems."""
    a, b = rng.normal(size=(2, n))
    b = truth * a + (1 - truth**2) ** 0.5 * b
    return correlation.correlation(a, b, rng=rng, method="pearson", n_permutations=1)


def agreement(n: int, truth: float, rng: np.random.Generator) -> str:
    """Judge that scores agree over systems."""
    return noise.judge_agreement(correlated(n, truth, rng))["verdict"]


def fisher_gap(n: int, truth: float, rng: np.random.Generator) -> statistics.Estimate:
    """Return by how much a correlation of five systems exceeds one of the others."""
    return noise.fisher_difference(correlated(5, truth, rng), correlated(n - 5, 0.5, rng))


def mean_correlation(n: int, truth: float, rng: np.random.Generator) -> str:
    """Judge that the mean of three correlations lies above .5."""
    _, low, high = noise.mean_correlation([correlated(n, truth, rng) for n in (5, 5, n - 10)])
    return rules.judge_interval(low, high, 0.5, claimed="above", rule_id="mean correlation")["verdict"]


def counted(n: int, factor: float, rng: np.random.Generator) -> str:
    """Judge two stated counts by a random part of the clips."""
    counts, n_rest = {"rock": 46_000, "happy": 620}, 214_000
    hits = {tag: rng.hypergeometric(count, n_rest - count, n) for tag, count in counts.items()}
    stated = {tag: round(factor * count) for tag, count in counts.items()}
    return noise.judge_totals(hits, stated, n, n_rest)["verdict"]


def judged(draw: Callable[..., statistics.Estimate], **how) -> Judge:
    """Return a judge of one estimate that `draw` draws."""
    return lambda n, effect, rng: rules.judge(draw(n, effect, rng), **how)["verdict"]


def each(draw: Callable[..., statistics.Estimate], k: int, **how) -> Judge:
    """Return a judge of `k` estimates that are drawn alike."""

    def judge(n: int, effect: float, rng: np.random.Generator) -> str:
        found = {str(i): draw(n, effect, rng) for i in range(k)}
        return rules.judge_known(found, **how)["verdict"]

    return judge


def all_but_one(draw: Callable[..., statistics.Estimate], k: int, other: float, **how) -> Judge:
    """Return a judge of `k` estimates of which one has the effect, the others another."""

    def judge(n: int, effect: float, rng: np.random.Generator) -> str:
        found = {str(i): draw(n, other if i else effect, rng) for i in range(k)}
        return rules.judge_known(found, **how)["verdict"]

    return judge


UP = {"claimed": "above"}
SAME = {"claimed": "equal"}
MARGIN = statistics.MARGIN
TWO = "two networks differ by it"


def cases() -> Iterator[Case]:
    """List everything that is measured, from a table: rule, judge, n, effects, what is true, the border.

    At the border every decided verdict is false; above it "contradicted" is, below it "supported".
    """
    auc = (0.0, 0.01, 0.02)
    table = [
        ("mean", judged(differences, **UP), N_RUNS, auc, TWO, 0.0),
        ("mean", clip_scores, (5,), (0.0, 0.02), "two networks, from clips and scores", 0.0),
        ("every mean", each(differences, 5, **UP), (*N_RUNS, 60), auc, "each of 5 is it", 0.0),
        ("every mean", each(differences, 10, **UP), (*N_RUNS, 60), auc, "each of 10 is it", 0.0),
        ("every mean", all_but_one(differences, 5, 0.03, **UP), N_RUNS, (0.0,), "4 of 5 are 0.03", 0.0),
        ("every mean", all_but_one(differences, 10, 0.03, **UP), N_RUNS, (0.0,), "9 of 10 are 0.03", 0.0),
        ("order", order, N_RUNS, auc, "neighbours of four differ by it", 0.0),
        ("contrast", judged(contrast, **UP), (3,), auc, "an effect of the crossed design is it", 0.0),
        ("every contrast", each(contrast, 6, **UP), (3,), auc, "each of 6 effects is it", 0.0),
        ("every contrast", all_but_one(contrast, 6, 0.03, **UP), (3,), (0.0,), "5 of 6 are 0.03", 0.0),
        ("folds", judged(fold_gain, **UP), (5, 10), (0.0, 0.1), "features clearer by it", 0.0),
        ("every folds", each(fold_gain, 6, **UP), (5, 10), (0.0, 0.1), "six tasks, clearer by it", 0.0),
        ("every folds", all_but_one(fold_gain, 6, 0.3, **UP), (5, 10), (0.0,), "5 of 6 clearer by .3", 0.0),
        ("two samples", judged(shares_of_clips, **UP), (1000,), (0.0, 0.1), "recalls differ by it", 0.0),
        ("every two samples", each(log_times, 15, **UP), (10,), (0.0, 0.1), "15 times differ by it", 0.0),
        ("test clips", judged(one_split, **UP), (673,), auc, "one split, clips resampled", 0.0),
        ("every test clips", each(one_split, 4, **UP), (673,), auc, "four splits, clips resampled", 0.0),
        ("jackknife", judged(pair_gap, **UP), (20,), (0.0, 2.0), "pairs of two matrices differ by it", 0.0),
        ("correlation", related, (5, 12, 50), (0.0, 0.5), "correlation of normal scores", 0.0),
        ("matrix correlation", mantel, (20,), (0.0, 0.6), "correlation of units and pairs", 0.0),
        ("overlap", overlap, (20,), (0.0, 0.6), "correlation of units and pairs", 0.0),
        ("proportion", proportion, (4, 160), (0.5, 0.6), "the share is it", 0.5),
        ("posterior", posterior, (400,), (0.0, 0.4), "tagabilities of two pairs differ by it", 0.0),
        ("spread ratio", spread_ratio, (8, 15), (1.0, 4.0), "ratio of two standard deviations", 1.0),
        ("every tags", tags, (3,), (0.0, 0.5), "two networks, one clearer by it", 0.0),
        ("Pearson interval", agreement, (5,), (0.5, 0.99), "correlation of five systems", 0.5),
        ("mean correlation", mean_correlation, (16,), (0.5, 0.99), "correlation in three groups", 0.5),
        ("Fisher", judged(fisher_gap, **UP), (11,), (0.5, 0.99), "correlation, against .5", 0.5),
        ("ranks", ranks, (673,), (0.0, 0.2), "accuracies with and without layer 4 differ by it", 0.0),
        ("random vectors", random_vectors, (30,), (0.0, 0.5), "a common direction of this length", 0.0),
        ("rank over clips", rank_over_clips, (2000,), (20, 60), "true rank, against 20", 20),
        ("percentile bootstrap over seeds (not used)", bootstrap, N_RUNS, (0.0,), TWO, 0.0),
    ]  # fmt: skip
    for rule_id, judge, sizes, effects, truth, border in table:
        for n, effect in itertools.product(sizes, effects):
            yield rule_id, judge, n, effect, truth, BOTH if effect == border else ("contradicted",)
    same = [  # "equal": the border is the margin, and what lies within may not be contradicted
        ("mean, equal", judged(differences, **SAME), (*N_RUNS, 60), TWO),
        ("every mean, equal", all_but_one(differences, 5, 0.0, **SAME), (3, 15, 60), "one of 5 is it"),
        ("every contrast, equal", all_but_one(contrast, 6, 0.0, **SAME), (3,), "one of 6 is it"),
    ]  # fmt: skip
    for rule_id, judge, sizes, truth in same:
        for n, effect in itertools.product(sizes, (0.0, MARGIN)):
            yield rule_id, judge, n, effect, truth, BOTH if effect else ("contradicted",)
    wrong = {True: ("contradicted",), False: ("supported",)}
    for n, truth in itertools.product((5, 50, 500), (0.0, 0.3, 0.4)):
        false = BOTH if truth == 0.3 else wrong[truth < 0.3]
        yield "correlation within a margin", unrelated, n, truth, "correlation, against a margin of .3", false
    for deviation, false in ((MARGIN / 1.96 / 2**0.5, BOTH), (0.0008, wrong[True])):
        yield "spread", spread, 15, round(deviation, 6), "standard deviation of a training", false
    for last, false in ((MARGIN, BOTH), (0.02, wrong[False]), (-0.02, wrong[True])):
        yield "slope and step", slope_and_step, 5, last, "the last doubling adds it", false
    for truth, false in ((2**0.5, BOTH), (2**1.5, BOTH), (2.0, wrong[True]), (1.0, wrong[False])):
        yield "multiplier", multiplier, 48, round(truth, 4), "true multiplier", false
    for factor in (1.0, 1.5):
        yield "counts", counted, 12_600, factor, "stated over true counts", wrong[factor == 1]


SLOW = {
    "every folds", "multiplier", "every tags", "ranks", "matrix correlation", "overlap",
    "rank over clips", "random vectors", "correlation", "correlation within a margin",
}  # fmt: skip


def measure(n_simulations: int, only: str = "", seed: int = 0) -> pd.DataFrame:
    """Simulate every case; one row each, shares of verdicts, the false ones with a 95 % interval."""
    rows = []
    for rule_id, judge, n, effect, truth, false in cases():
        if only and rule_id != only:
            continue
        slow = rule_id in SLOW or judge is clip_scores
        n_cases, rng = n_simulations or (500 if slow else 1000), np.random.default_rng(seed)
        verdicts = [judge(n, effect, rng) for _ in range(n_cases)]
        n_false = sum(verdict in false for verdict in verdicts)
        low, high = statistics.proportion_interval(n_false, n_cases)
        shares = {name: verdicts.count(name) / n_cases for name in (*BOTH, "inconclusive")}
        rows.append({"rule_id": rule_id, "n": n, "effect": effect, "truth": truth, "n_simulations": n_cases,
                     **shares, "false": n_false / n_cases, "false_low": low, "false_high": high})  # fmt: skip
        told = ", ".join(f"{share:.3f} {name}" for name, share in shares.items())
        print(f"{rule_id:30} n={n:<6} {effect:<6.4g} {told}, false {n_false / n_cases:.3f}: {truth}", flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=0, help="1000 by default, of slow rules 500")
    parser.add_argument("--rule", default="", help="one rule alone")
    parser.add_argument("--write", action="store_true", help="write data/results/decision_rules.*")
    given = parser.parse_args()
    table = measure(given.simulations, given.rule)
    if given.write:
        target = paths.DATA / "results" / "decision_rules.csv"
        if given.rule and target.exists():
            known = pd.read_csv(target)
            table = pd.concat([known[known.rule_id != given.rule], table])
        target.parent.mkdir(exist_ok=True)
        table.to_csv(target, index=False, float_format="%.6g", lineterminator="\n")
        command = "python tests/benchmarks/decisions.py --write"
        record = provenance.stamp(command=command, seed_deviation=SEED_DEVIATION, clip_deviation=CLIP_DEVIATION)
        target.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
