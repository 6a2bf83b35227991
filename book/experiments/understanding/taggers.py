"""Chapter 7 with taggers trained in the book: label vectors over seeds, stems in features, probes by layer.

The Compact-convnets are those of chapters 3 and 6 (`transfer_runs.source_spec`), read from the run store.
What is asked of them here can only be asked of composed music: which labels are true, which instrument
sounds where, which notes were played. ``python -m mtlib understanding --record`` computes the tables under
``data/results`` again. Chapter 7 reads them.
"""

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd
import torch
from scipy import stats
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.synthetic import corpora, population
from mtlib.corpora.synthetic.composing import composer
from mtlib.corpora.synthetic.composing.score import Score
from mtlib.evidence import cooccurrence
from mtlib.evidence.statistics import Estimate, mean
from mtlib.training import features
from mtlib.training.runs import Run

from ..transfer import probes
from . import auralisation, composed, deconvolution, label_vectors

VECTORS, STEMS, PROBES = "label_vectors", "stem_features", "layer_probes"
"""Names of the recorded tables."""


N_POPULATION = 20_000
"""Clips whose labels alone are drawn: counts without the chance of a small training split."""


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
    return {
        name: label_vectors.symmetric(cooccurrence.normalised(labels)) for name, labels in counted.items()
    }


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
    similar = {run.spec.seed: label_vectors.similarity(vectors(run)) for run in runs}
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


def scores(corpus: Corpus, clips: np.ndarray) -> list[Score]:
    """Compose clips of the synthetic source corpus again, by their places."""
    numbers = corpus.clips["number"].to_numpy()[clips]
    return composer.compose(
        corpora.Source()(numbers), corpora.labels.SEED, corpus.n_samples / corpus.sample_rate
    )


N_STEM_CLIPS = 60
"""Test clips, the first in which all stems sound, that `stem_features` looks at."""


def stem_features(runs: Sequence[Run], corpus: Corpus) -> pd.DataFrame:
    """Ask whether a feature of some layer holds more of a stem than other features do.

    For each stem the feature is chosen on every second clip and scored on the others, so that what is best
    by chance does not count. Beside every network stands one that forgot all it learned, of the same seed.

    Parameters
    ----------
    runs : sequence of Run
        Trained on `corpus`.
    corpus : Corpus
        The synthetic source corpus.

    Returns
    -------
    DataFrame
        One row a network, layer, stem and scored clip: seed, layer, stem, clip, key, trained, random (which
        share of the energy of the best feature lies where the stem is the loudest; NaN where it is silent).
    """
    clips, powers = [], []
    test = corpus.split("test")
    for place, score in zip(test, scores(corpus, test), strict=True):
        sounds = composed.render_stems(score, corpus.sample_rate)
        if (np.square(sounds).mean(1) > 0).all():
            clips.append(place)
            powers.append(torch.from_numpy(sounds))
        if len(clips) == N_STEM_CLIPS:
            break
    samples, tables = corpus.batch(np.array(clips)), []
    names = corpus.clips["clip_id"].to_numpy()[clips]
    for run in runs:
        extractor = features.from_run(run)
        analysis = auralisation.Analysis(extractor.frontend)
        with torch.no_grad():
            inputs = extractor.frontend(samples)
        parts = [analysis.transform(sounds).abs().square() for sounds in powers]
        forgot = deconvolution.randomised(extractor.network, inputs, n_stages=5, seed=run.spec.seed)
        for weights, network in (("trained", extractor.network), ("random", forgot)):
            traced = deconvolution.trace(network, inputs)
            found = [[] for _ in traced.steps]  # by layer: (clip, feature, stem)
            for (clip, part), layer in product(enumerate(parts), range(len(found))):
                images = analysis.to_bins(deconvolution.deconvolve(traced, layer + 1, clip=clip))
                found[layer].append(composed.shares(images, part))
            for (layer, values), (k, stem) in product(enumerate(found, 1), enumerate(composed.STEMS)):
                shares = held_out(np.stack(values)[..., k]).round(4)
                where = {"seed": run.spec.seed, "layer": layer, "stem": stem, "clip": names[1::2]}
                tables.append(
                    pd.DataFrame({**where, "key": run.key[:12], "weights": weights, "share": shares})
                )
    index = ["seed", "layer", "stem", "clip", "key"]
    return pd.concat(tables).pivot(index=index, columns="weights", values="share").reset_index()


def held_out(values: np.ndarray) -> np.ndarray:
    """Choose the highest feature of (clip, feature) on even clips; return its values on the odd ones.

    A feature that is silent (NaN) in half of the clips is not chosen.
    """
    chosen_on = np.ma.masked_invalid(values[::2])
    often = chosen_on.count(0) > len(chosen_on) / 2
    return values[1::2, np.where(often, chosen_on.mean(0).filled(-1), -1).argmax()]


def stem_gain(table: pd.DataFrame, stem: str, layer: int) -> Estimate:
    """Estimate what training adds to the share of a stem in the best feature of a layer.

    Parameters
    ----------
    table : DataFrame
        From `stem_features`.
    stem : str
    layer : int

    Returns
    -------
    Estimate
        Over clips, means over seeds; the error of the few seeds, which the clips share, is a floor.
    """
    rows = table[(table.stem == stem) & (table.layer == layer)]
    gains = (rows.trained - rows.random).groupby([rows.seed, rows["clip"]]).mean().unstack()  # (seed, clip)
    floor = float(gains.mean(axis=1).std() / len(gains) ** 0.5) if len(gains) > 1 else 0.0
    return mean(gains.mean().dropna().to_numpy(), floor=floor)


PROBES_OF = {"onset": "low", "pitch": "low", "instrument": "high", "genre": "high"}
"""What `layer_probes` asks for, and its level in the hierarchy that the thesis describes."""

LEAST_CLIPS = 30
"""Clips of a class, below which a probe leaves it out."""


def probe_targets(corpus: Corpus, clips: np.ndarray) -> dict[str, np.ndarray]:
    """Return what was composed: onsets a second, mean pitch, instrument of the accompaniment, genre.

    Returns
    -------
    dict of str to ndarray (clip,)
        Numbers, or names of classes (empty: a class too rare to ask for).

    Raises
    ------
    InputError
        If fewer than two classes are left.
    """
    seconds, found = corpus.n_samples / corpus.sample_rate, {"onset": [], "pitch": []}
    for score in scores(corpus, clips):
        notes = np.concatenate([part.notes for part in score.parts])
        starts = np.sort(notes["start"][(notes["start"] >= 0) & (notes["start"] < seconds)])
        found["onset"].append((1 + (np.diff(starts) > 0.03).sum()) / seconds)
        pitched = np.concatenate([part.notes for part in score.parts if not part.is_drum])
        found["pitch"].append(np.average(pitched["pitch"], weights=pitched["duration"]))
    targets = {name: np.array(values) for name, values in found.items()}
    for name, column in (("instrument", "comping"), ("genre", "genre")):
        named = corpus.clips[column].iloc[clips].reset_index(drop=True)
        targets[name] = named.where(named.map(named.value_counts()) >= LEAST_CLIPS, "").to_numpy(str)
        if (n := len({*targets[name]} - {""})) < 2:
            raise InputError(
                f"a probe for the {name} needs two of them with {LEAST_CLIPS} clips each, got {n} among "
                f"{len(clips)} clips: take a larger profile"
            )
    return targets


def layer_probes(extractors: dict[str, features.Extractor], corpus: Corpus, seed: int) -> pd.DataFrame:
    """Ask every layer by linear probes for what was composed into the test clips.

    Parameters
    ----------
    extractors : dict
        By kind of weights.
    corpus : Corpus
        The synthetic source corpus.
    seed : int
        Of the networks, kept in the table; folds are the same for all.

    Returns
    -------
    DataFrame
        One row a kind, layer, probe and fold: seed, weights, layer, probe, fold, n_clips, score (R² of
        onsets and pitch by ridge regression, accuracy of instrument and genre by a ridge classifier).
    """
    clips, rows = corpus.split("test"), []
    targets = probe_targets(corpus, clips)
    for weights, extractor in extractors.items():
        values = features.of_corpus(corpus, extractor, clips)
        for (probe, y), layer in product(targets.items(), np.unique(extractor.layers)):
            x, is_class = values[:, extractor.layers == layer], y.dtype.kind == "U"
            kept = y != "" if is_class else np.isfinite(y)
            model = RidgeClassifierCV(probes.PENALTIES) if is_class else RidgeCV(probes.PENALTIES)
            folds = (StratifiedKFold if is_class else KFold)(10, shuffle=True, random_state=0)
            found = cross_val_score(make_pipeline(StandardScaler(), model), x[kept], y[kept], cv=folds)
            rows += [(weights, int(layer), probe, k, kept.sum(), score) for k, score in enumerate(found)]
    columns = ["weights", "layer", "probe", "fold", "n_clips", "score"]
    return pd.DataFrame(rows, columns=columns).assign(seed=seed)
