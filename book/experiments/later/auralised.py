"""Deconvolved and auralised features of the five-layer networks of 2020, against the same without training.

The thesis' questions of section 7.2 and their control [Adebayo2018], asked of networks that other people
trained on three datasets (`mtlib.networks.later`): do features of the first layer follow onsets, do those
of the second do so more, is less and less active with depth, and what of it is left when the weights are forgotten?

Conventions
    Sounds are 29 s at 16 kHz, shorter ones repeated. In each layer `N_FEATURES` features are opened, evenly
    spaced among those that answer to the excerpt. ``random`` is the network with all convolutional weights
    drawn anew.

References
----------
J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from book.experiments.understanding import auralisation, deconvolution, sound_descriptors
from mtlib.base import published
from mtlib.evidence import recorded, statistics
from mtlib.networks import later
from mtlib.signal import audio

RECORDED = "later_features"
"""Name of the recorded table: one row for each network, excerpt, layer and kind of weights."""

NETWORKS = tuple(name for name in later.NAMES if name.startswith("fcn"))
N_SAMPLES = later.N_SAMPLES["fcn"]
N_FEATURES = 4

EXCERPTS = tuple(name for name in published.ARTIFACTS if name.startswith("data/audio/") and name.endswith(".ogg"))
"""Real excerpts that may be passed on, by their names among the published files."""

MEASURES = ("onsets", "best onset", "sparsity", "alike", "heard")


def title(name: str) -> str:
    """Return what an excerpt is called on a page."""
    return name.rpartition("/")[2].removesuffix(".ogg").replace("_", " ")


def load() -> dict[str, np.ndarray]:
    """Return the excerpts (time,) by title.

    Raises
    ------
    InputError
        If a file cannot be had.
    """
    found = {title(name): audio.load(published.fetch(name), sample_rate=later.SAMPLE_RATE) for name in EXCERPTS}
    return {name: audio.fit_length(samples, N_SAMPLES, short="repeat") for name, samples in found.items()}


@torch.inference_mode()
def describe(
    front: nn.Module, network: nn.Module, clips: Mapping[str, np.ndarray], sample_rate: int, *,
    n_forgotten: int | None = None, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Measure features of every layer, as trained and with weights drawn anew.

    Parameters
    ----------
    front : Module
        Samples (clip, time) to the network's input.
    network : Module
        With ``stages``, in evaluation mode.
    clips : mapping of str to ndarray (time,)
    sample_rate : int
    n_forgotten : int, optional
        Stages whose weights are drawn anew, from the top; all by default.
    seed : int

    Returns
    -------
    DataFrame
        excerpt, layer, weights (trained or random), and means over features: ``onsets`` (size of the
        correlation with the onsets of the excerpt), ``best onset`` (the highest), ``sparsity`` (Gini index of
        the activations, over all features), ``alike`` (correlation of the image with the trained one; of
        trained: with another feature's), ``heard`` (correlation of the levels of sound and excerpt, phase borrowed).
    """
    x = front(torch.from_numpy(np.stack(list(clips.values()))))
    analysis = auralisation.Analysis(front)
    n_forgotten = len(network.stages) if n_forgotten is None else n_forgotten
    strange = deconvolution.randomised(network, x, n_stages=n_forgotten, seed=seed)
    traces = {"trained": deconvolution.trace(network, x), "random": deconvolution.trace(strange, x)}
    rows = []
    for clip, (name, samples) in enumerate(clips.items()):
        spectrum = analysis.transform(torch.from_numpy(samples))
        reference = sound_descriptors.original(spectrum.abs(), sample_rate)
        level = sound_descriptors.decibels(spectrum).flatten()
        for layer in range(1, len(network.stages) + 1):
            answers = [traced.steps[layer - 1].pooled[clip].flatten(1).amax(1) > 0 for traced in traces.values()]
            both = torch.stack(answers).all(0).nonzero()[:, 0].tolist()  # silent ones have no image
            looked = [both[k * len(both) // N_FEATURES] for k in range(min(N_FEATURES, len(both)))]
            taught = None
            for weights, traced in traces.items():
                images = deconvolution.deconvolve(traced, layer, looked, clip=clip)
                taught = images if taught is None else taught
                other = taught.roll(1, 0) if weights == "trained" else images
                alike = sound_descriptors.pearson(taught.abs().flatten(1), other.abs().flatten(1))
                onsets = sound_descriptors.describe(analysis.to_bins(images), reference)["onset correlation"]
                sounds = auralisation.sound(images, spectrum, analysis, len(samples))
                heard = sound_descriptors.decibels(analysis.transform(sounds)).flatten(1)
                active = traced.steps[layer - 1].active[clip].clamp(min=0).flatten(1)
                rows.append((
                    name, layer, weights, _mean(np.abs(onsets)), _highest(onsets),
                    _mean(sound_descriptors.gini(active).numpy()), _mean(alike.numpy()),
                    _mean(sound_descriptors.pearson(heard, level).numpy()),
                ))  # fmt: skip
    return pd.DataFrame(rows, columns=["excerpt", "layer", "weights", *MEASURES])


@torch.inference_mode()
def hear(
    front: nn.Module, network: nn.Module, samples: np.ndarray, layer: int, *, seed: int = 0
) -> tuple[int, dict[str, np.ndarray]]:
    """Return a feature that answers to an excerpt (time,), and what it sounds like by weights, the phase borrowed."""
    x, analysis = front(torch.from_numpy(samples)[None]), auralisation.Analysis(front)
    strange = deconvolution.randomised(network, x, n_stages=len(network.stages), seed=seed)
    traces = {"trained": deconvolution.trace(network, x), "random": deconvolution.trace(strange, x)}
    answers = torch.stack([traced.steps[layer - 1].pooled[0].flatten(1).amax(1) for traced in traces.values()])
    feature = int(answers.amin(0).argmax())
    spectrum, sounds = analysis.transform(torch.from_numpy(samples)), {}
    for weights, traced in traces.items():
        image = deconvolution.deconvolve(traced, layer, [feature])
        sounds[weights] = auralisation.sound(image, spectrum, analysis, len(samples))[0].numpy()
    return feature, sounds


def _mean(values: np.ndarray) -> float:
    """Return the mean without silent features; NaN if all are."""
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else np.nan


def _highest(values: np.ndarray) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() else np.nan


def record(table: pd.DataFrame) -> Path:
    """Keep the measures of some networks in ``data/results``."""
    return recorded.write(
        RECORDED, table, ["network", "excerpt", "layer", "weights"], command="python -m mtlib later features --record"
    )


def by_excerpt(table: pd.DataFrame, measure: str, layer: int, weights: str = "trained") -> np.ndarray:
    """Return a measure (excerpt,), means over networks."""
    rows = table[(table.layer == layer) & (table.weights == weights)]
    return rows.groupby("excerpt")[measure].mean().to_numpy()


def difference(
    table: pd.DataFrame, measure: str, first: tuple[int, str], second: tuple[int, str]
) -> statistics.Estimate:
    """Estimate by how much a measure is higher in one (layer, weights) than in another, over excerpts."""
    return statistics.paired_difference(by_excerpt(table, measure, *first), by_excerpt(table, measure, *second))
