"""What can only be asked of composed music: which stem sounds where, which notes were played.

What an instrument contributes to a mixture is known where the mixture was composed: parts are muted, and
the rest is rendered again. `stem_features` asks whether a feature of a network holds one of these stems
[Choi2018, §7.2.4.4], `layer_probes` what each layer knows of the score. ``python -m mtlib understanding
--record`` computes the tables under ``data/results`` again.

Conventions
    Stems are taken before production and add up to what the production got. Equaliser, tilt and level change
    all of them alike, so which one is the loudest at a point stays; reverberation and noise blur it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.synthetic import corpora, recipes
from mtlib.corpora.synthetic.composing import composer
from mtlib.corpora.synthetic.composing.score import Part, Score
from mtlib.corpora.synthetic.rendering import render
from mtlib.evidence.statistics import Estimate, mean
from mtlib.training import features
from mtlib.training.runs import Run

from . import auralisation, deconvolution

STEM_FEATURES, PROBES = "stem_features", "layer_probes"
"""Names of the recorded tables."""

PENALTIES = tuple(10.0**power for power in range(-2, 5))
"""Of the ridge probes."""

STEMS = ("melody", "chords", "bass", "kick", "other drums")
"""Leads and voices; comping and pads; bass; the kick drum; what else a drummer plays."""

_ROLES = {"melody": ("lead", "voice"), "chords": ("comping", "pad"), "bass": ("bass",), "drums": ("drums",)}


def render_stems(score: Score, sample_rate: int) -> np.ndarray:
    """Render the stems of a score without its production.

    Returns
    -------
    ndarray (stem, time) float32
        In the order of `STEMS`; zeros where nobody plays.
    """
    sounds = {
        name: _mix(score, sample_rate, lambda part, roles=roles: np.full(len(part.notes), part.role in roles))
        for name, roles in _ROLES.items()
    }
    is_kick = [_kicks, lambda part: (part.role == "drums") & ~_kicks(part)]
    alone = np.stack([_mix(score, sample_rate, chosen) for chosen in is_kick])
    # A part is brought to its level whatever of it plays; both pieces go back to the level they had in it.
    gains = np.linalg.lstsq(alone.T, sounds.pop("drums"), rcond=None)[0].astype(np.float32)
    return np.stack([*sounds.values(), *(gains[:, None] * alone)])


def _kicks(part: Part) -> np.ndarray:
    return (part.role == "drums") & (part.notes["pitch"] == recipes.DRUMS["kick"])


def _mix(score: Score, sample_rate: int, chosen: Callable[[Part], np.ndarray]) -> np.ndarray:
    """Mix the chosen notes; every part keeps its place, which seeds its sound."""
    parts = tuple(replace(part, notes=part.notes[chosen(part)]) for part in score.parts)
    return render.mix(replace(score, parts=parts), sample_rate)


def shares(images: Tensor, powers: Tensor) -> np.ndarray:
    """Return which share of each image's energy lies where a stem is the loudest.

    Parameters
    ----------
    images : Tensor (image, freq, frame)
        Their size counts, not their sign.
    powers : Tensor (stem, freq, frame)

    Returns
    -------
    ndarray (image, stem)
        Rows sum to 1, but for energy where no stem sounds; NaN for an image of zeros.
    """
    highest = powers.amax(0, keepdim=True)
    loudest = ((powers == highest) & (highest > 0)).flatten(1).float()  # (stem, point)
    energy = images.flatten(1).square()
    return (energy @ loudest.T / energy.sum(1, keepdim=True)).numpy()


def scores(corpus: Corpus, clips: np.ndarray) -> list[Score]:
    """Compose clips of the synthetic source corpus again, by their places."""
    numbers = corpus.clips["number"].to_numpy()[clips]
    return composer.compose(corpora.Source()(numbers), corpora.labels.SEED, corpus.n_samples / corpus.sample_rate)


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
        sounds = render_stems(score, corpus.sample_rate)
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
                found[layer].append(shares(images, part))
            for (layer, values), (k, stem) in product(enumerate(found, 1), enumerate(STEMS)):
                best = held_out(np.stack(values)[..., k]).round(4)
                where = {"seed": run.spec.seed, "layer": layer, "stem": stem, "clip": names[1::2]}
                tables.append(pd.DataFrame({**where, "key": run.key[:12], "weights": weights, "share": best}))
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
            model = RidgeClassifierCV(PENALTIES) if is_class else RidgeCV(PENALTIES)
            folds = (StratifiedKFold if is_class else KFold)(10, shuffle=True, random_state=0)
            found = cross_val_score(make_pipeline(StandardScaler(), model), x[kept], y[kept], cv=folds)
            rows += [(weights, int(layer), probe, k, kept.sum(), score) for k, score in enumerate(found)]
    columns = ["weights", "layer", "probe", "fold", "n_clips", "score"]
    return pd.DataFrame(rows, columns=columns).assign(seed=seed)
