"""The genre network of §7.2, trained here on three synthetic genres: what it scores, what its layers hold.

The thesis' network and its collection are private. This one has the same layers, input and three genres, by
name; it learns from hundreds of composed clips where the thesis had 80,000 recorded ones, so it tells about
the method and not about the thesis' 75 %. The notebook trains a narrow one live and reads the others from
``data/results``; ``python -m mtlib understanding --part genre --record`` computes them again.

The author's own network (`PUBLISHED`) is opened where its file is at hand, by `open_published`.

Conventions
    Input are log magnitudes of 512-point transforms, standardised clip by clip: the thesis says magnitude,
    the author's code mentions the logarithm in a comment. His own network is given the magnitude itself, as
    in his code of the deconvolution. A network starts from the weights its seed draws;
    these, untrained, are what ``random`` means here.
"""

import numpy as np
import pandas as pd
import soxr
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn

from mtlib.base import profiles, published
from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.evidence.statistics import Estimate, mean
from mtlib.networks import keras, released
from mtlib.signal import audio, views
from mtlib.training import objectives
from mtlib.training.runs import Run
from mtlib.training.specs import Model, RunSpec, View
from mtlib.training.training import Training

from . import auralisation, deconvolution, listening, receptive_fields, sound_descriptors

NETWORKS, LAYERS = "genre_networks", "genre_layers"
"""Names of the recorded tables: one row a network, and one a layer and clip."""

THESIS_MAPS, FEW_MAPS = 64, 16
"""Maps a stage: the thesis', and what a page can train in seconds."""

PEAK_RATE = 3e-3
"""Highest learning rate: nothing is normalised in this network, and 1e-2 is too much for it."""

PUBLISHED = "Auralisation/vggnet5_local_keras_model_CNN_stft_11_frame_173_freq_257_folding_0_best.keras"
"""The author's network, probably the thesis' own: its name gives the input of 257 bins and 173 frames."""

SAMPLE_RATE, N_SAMPLES = 11_025, 44_100
"""Its input: four seconds."""


def open_published() -> tuple[tuple[nn.Module, nn.Module] | None, str]:
    """Open the author's genre network, if this build has it.

    Returns
    -------
    found : (frontend, network) or None
    reason : str
        Why it is None, in one line; empty otherwise.
    """
    if published.state(published.ARTIFACTS[PUBLISHED]) == "missing":
        return None, "the author's genre network is not reachable in this build"
    paths, reason = published.gather([PUBLISHED])
    if not paths:
        return None, reason
    try:
        network = released.genre(keras.read(paths[PUBLISHED]))
    except InputError as error:
        return None, f"{PUBLISHED}: {error}"
    return (views.build("stft", magnitude="linear", standardise=False, sample_rate=SAMPLE_RATE).eval(), network), ""


def excerpt(name: str) -> np.ndarray:
    """Return the middle four seconds of an excerpt of `listening`, as the author's network takes them."""
    samples = listening.load(name, audio.SAMPLE_RATE * N_SAMPLES // SAMPLE_RATE)
    return soxr.resample(samples, audio.SAMPLE_RATE, SAMPLE_RATE, quality="HQ")


def best_order(outputs: np.ndarray, genre: np.ndarray) -> float:
    """Return the accuracy of outputs (clip, output) under the best order of the genres, which no file states."""
    n = outputs.shape[1]
    counts = np.array([[((outputs.argmax(1) == k) & (genre == g)).sum() for g in range(n)] for k in range(n)])
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(genre))


def spec(corpus: Corpus, profile: profiles.Profile, seed: int = 0, n_maps: int = THESIS_MAPS) -> RunSpec:
    """Return the training of a genre network; the dense layer has four times as many units as a stage maps.

    Twice the epochs of the profile: the corpus is small and nothing is normalised.
    """
    training = Training(epochs=2 * profile.epochs, batch=profile.batch, peak_rate=PEAK_RATE)
    model = Model(structure="genre", layer_widths=(n_maps,) * 5 + (4 * n_maps,))
    return RunSpec(corpus=corpus.name, view=View(kind="stft"), model=model, training=training, seed=seed)


def frontend(run: Run) -> nn.Module:
    """Return the front end of a run: samples (clip, time) to spectrograms (clip, 1, freq, frame)."""
    return views.build(**vars(run.spec.view), sample_rate=run.record["input"]["sample_rate"]).eval()


def summary(run: Run, corpus: Corpus) -> pd.DataFrame:
    """Return a run as one row: what it scores on the test clips, and how its first kernels look.

    Returns
    -------
    DataFrame
        n_maps, seed, n_clips, accuracy, accuracy of each genre, change in time, change in frequency
        (mean shares of energy, `receptive_fields.energy_shares`), both for the untrained kernels,
        silent feature and its two shares (`silent_feature`), key.
    """
    clips = run.predictions["test_clips"]
    genre = objectives.targets(corpus, run.spec.labels)[clips].argmax(1)
    right = run.predictions["test_outputs"].argmax(1) == genre
    row = {"n_maps": run.spec.model.layer_widths[0], "seed": run.spec.seed,
           "n_clips": len(clips), "accuracy": right.mean()}  # fmt: skip
    row |= {name: right[genre == k].mean() for k, name in enumerate(corpus.tags["name"])}
    for prefix, network in (("", run.network()), ("untrained ", run.untrained())):
        shares = receptive_fields.energy_shares(first_kernels(network)).mean(0)
        for pattern in ("change in time", "change in frequency"):
            row[prefix + pattern] = shares[receptive_fields.PATTERNS.index(pattern)]
    return pd.DataFrame([row | silent_feature(run, corpus) | {"key": run.key[:12]}])


def silent_feature(run: Run, corpus: Corpus, genre: str = "hip-hop") -> dict[str, float]:
    """Look for a feature of the last layer that is silent for one genre and not for the others.

    Returns
    -------
    dict
        ``silent feature`` (chosen on the validation clips), and in which share of the *test* clips it is
        zero: ``silent in genre``, ``silent elsewhere``.
    """
    feature, own, others = silent_clips(run.network(), frontend(run), corpus, genre, run.spec.labels)
    return {"silent feature": feature, "silent in genre": own.mean(), "silent elsewhere": others.mean()}


@torch.inference_mode()
def silent_clips(
    network: nn.Module, front: nn.Module, corpus: Corpus, genre: str = "hip-hop", labels: str = "observed"
) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the feature of `silent_feature`, and for which test clips it is silent: of the genre, of the others."""
    own, silent = list(corpus.tags["name"]).index(genre), {}
    for split in ("valid", "test"):
        clips = corpus.split(split)
        parts = [
            network.feature_maps(front(corpus.batch(part)))[-1].amax((2, 3)) == 0
            for part in np.array_split(clips, -(-len(clips) // 16))
        ]
        is_own = corpus.labels(labels)[clips] == own
        values = torch.cat(parts).numpy()  # (clip, feature)
        silent[split] = values[is_own], values[~is_own]
    best = int((silent["valid"][0].mean(0) - silent["valid"][1].mean(0)).argmax())
    return best, *(side[:, best] for side in silent["test"])


def first_kernels(network: nn.Module) -> np.ndarray:
    """Return the kernels of the first layer, (map, freq, time)."""
    return network.stages[0].conv.weight[:, 0].detach().numpy()


def accuracy(table: pd.DataFrame) -> Estimate:
    """Estimate the accuracy over seeds; the error of the test clips, which the seeds share, is a floor."""
    p, n = table.accuracy.mean(), table.n_clips.iloc[0]
    return mean(table.accuracy.to_numpy(), floor=float(np.sqrt(p * (1 - p) / n)))


def measure(
    network: nn.Module, front: nn.Module, samples: torch.Tensor, sample_rate: int, every: int = 1
) -> pd.DataFrame:
    """Measure the deconvolved features of every layer, and how sparse its activations are.

    Parameters
    ----------
    network, front : Module
    samples : Tensor (clip, time)
    sample_rate : int
    every : int
        Features looked at: each, every second, …

    Returns
    -------
    DataFrame
        One row a clip, layer and feature: clip (its place), layer, feature, the descriptors of
        `sound_descriptors`, and the Gini index of the layer's activations before pooling (mean over maps).
    """
    analysis, tables = auralisation.Analysis(front), []
    with torch.no_grad():
        traced = deconvolution.trace(network, front(samples))
    sparse = [sound_descriptors.gini(step.active.flatten(2)).nanmean(1) for step in traced.steps]  # (clip,)
    for clip, spectrum in enumerate(analysis.transform(samples)):
        reference = sound_descriptors.original(spectrum.abs(), sample_rate)
        for layer, step in enumerate(traced.steps, 1):
            looked = range(0, step.pooled.shape[1], every)
            images = deconvolution.deconvolve(traced, layer, looked, clip=clip)
            found = sound_descriptors.describe(analysis.to_bins(images), reference)
            gini = float(sparse[layer - 1][clip])
            tables.append(pd.DataFrame(found).assign(clip=clip, layer=layer, feature=looked, activations=gini))
    return pd.concat(tables, ignore_index=True)


def layers(run: Run, corpus: Corpus, n_clips: int = 12, every: int = 4) -> pd.DataFrame:
    """Measure a network, trained and untrained, on the first test clips: medians over a layer's features.

    Returns
    -------
    DataFrame
        One row a layer and clip: n_maps, seed, weights, layer, clip (name), descriptors, activations, key.
    """
    clips, tables = corpus.split("test")[:n_clips], []
    for weights, network in (("trained", run.network()), ("random", run.untrained())):
        found = measure(network, frontend(run), corpus.batch(clips), corpus.sample_rate, every)
        medians = found.drop(columns="feature").groupby(["layer", "clip"]).median().reset_index()
        medians["clip"] = corpus.clips["clip_id"].to_numpy()[clips[medians["clip"]]]
        tables.append(medians.assign(weights=weights))
    n_maps = run.spec.model.layer_widths[0]
    return pd.concat(tables).assign(n_maps=n_maps, seed=run.spec.seed, key=run.key[:12])
