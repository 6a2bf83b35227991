"""One run, from its values to its outputs: nothing here stores anything but the state of the training.

A change here that gives other results needs a new `specs.VERSION`.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..base.errors import InputError
from ..corpora.corpus import Corpus
from ..networks import structures
from ..signal import views
from . import objectives
from .loading import Clips
from .training import Fitted, fit, predict, seeded

SPLITS = ("train", "valid", "test")


def subset(train: np.ndarray, n_train: int, seed: int) -> np.ndarray:
    """Draw a training subset; at one seed a larger subset contains a smaller one."""
    if n_train > len(train):
        raise InputError(f"n_train {n_train} is more than the {len(train)} clips of the training split")
    return np.random.default_rng([seed, 0]).permutation(train)[: n_train or len(train)]


def build_network(spec: Any, n_samples: int, sample_rate: int, n_outputs: int) -> nn.Module:
    """Build the network of a run, with the weights that its seed draws."""
    n_freq, n_frames = views.size({**asdict(spec.view), "sample_rate": sample_rate}, n_samples)
    with seeded(spec.seed, 2**31):
        return structures.build(n_freq=n_freq, n_frames=n_frames, n_tags=n_outputs, **asdict(spec.model))


def n_samples_used(spec: Any, corpus: Corpus) -> int:
    """Return how much of each clip a run uses, in samples."""
    n_samples = round(spec.clip_seconds * corpus.sample_rate) or corpus.n_samples
    if n_samples is None:
        raise InputError(f"the clips of corpus {corpus.name} differ in length; give clip_seconds")
    return n_samples


def run_experiment(
    spec: Any,
    corpus: Corpus,
    device: torch.device,
    folder: Path | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> tuple[nn.Module, Fitted, dict[str, np.ndarray]]:
    """Train the network of a run and let it predict.

    Parameters
    ----------
    spec : RunSpec
        Resolved.
    corpus : Corpus
    device : torch.device
    folder, report
        As for `training.fit`.

    Returns
    -------
    network : Module
        With the weights of the best epoch.
    fitted : Fitted
    predictions : dict
        ``valid_clips``, ``valid_outputs``, ``test_clips``, ``test_outputs``: indices (clip,) and outputs
        (clip, output) float32.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(spec.threads)
    try:
        targets = objectives.targets(corpus, spec.labels)
        n_samples = n_samples_used(spec, corpus)
        clips = Clips(corpus, asdict(spec.view), device, n_samples=n_samples)
        network = build_network(spec, n_samples, corpus.sample_rate, targets.shape[1])
        for name in SPLITS:
            corpus.check_losses(name)
        train, valid, test = (corpus.split(name) for name in SPLITS)
        train = subset(train, spec.n_train, spec.subset_seed)
        how = {"task": corpus.task, "precision": spec.precision}
        fitted = fit(
            network, clips, targets, train, valid, spec.training, seed=spec.seed, folder=folder, report=report, **how
        )
        outputs = {"valid_clips": valid, "test_clips": test}
        for name, indices in (("valid_outputs", valid), ("test_outputs", test)):
            outputs[name] = predict(network, clips, indices, **how)
    finally:
        torch.set_num_threads(n_threads)
    return network, fitted, outputs
