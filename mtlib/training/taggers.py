"""Taggers that are trained and compared: their runs, the tables of finished ones, untrained twins.

Conventions
    A *base* is the run that other runs are changes of. AUC is macro, over the tags that have one.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..base.errors import InputError
from ..base.profiles import Profile, Settings
from ..corpora.corpus import Corpus
from ..evidence import evaluation
from ..networks.tagging import probabilities
from ..signal import views
from . import experiment, features, objectives, sweeps
from .runs import Run
from .specs import RunSpec
from .training import Training

OPSET = 18
"""Of exported ONNX files."""

KINDS: dict[str, dict[str, Any]] = {
    "trained": {},
    "true labels": {"labels": "true"},
    "half the clips": {"share": 2},
    "a quarter of the clips": {"share": 4},
}
"""The source tagger, and variants of its training."""


FEATURES = (*KINDS, "random", "mfcc")
"""Kinds of features: of trained networks, of untrained weights, MFCC statistics."""


def training(profile: Profile) -> Training:
    """Return how a profile trains: epochs, clips a step, highest rate."""
    return Training(epochs=profile.epochs, batch=profile.batch, peak_rate=profile.peak_rate)


def base(settings: Settings, corpus: Corpus) -> RunSpec:
    """Return the run that others are changes of: log-mel, a quarter of the training clips."""
    profile = settings.profile
    length = round(profile.clip_seconds * corpus.sample_rate)
    whole = corpus.n_samples is not None and corpus.n_samples <= length
    n_train = max(2, min(profile.n_train, len(corpus.split("train"))) // 4)
    return RunSpec(
        corpus=corpus.name,
        labels="observed" if "observed" in corpus.label_sets else corpus.label_sets[0],
        clip_seconds=0.0 if whole else float(profile.clip_seconds),
        n_train=n_train,
        training=training(profile),
        seed=settings.seed,
    )


def source_spec(source: Corpus, profile: Profile, kind: str = "trained", seed: int = 0) -> RunSpec:
    """Return the run of the source tagger, a Compact-convnet on all training clips, or of a variant.

    Parameters
    ----------
    source : Corpus
    profile : Profile
    kind : str
        One of `KINDS`.
    seed : int

    Raises
    ------
    InputError
        If no training has that name.
    """
    if kind not in KINDS:
        raise InputError(f"no training gives {kind!r}; choose one of {', '.join(KINDS)}")
    changes = dict(KINDS[kind])
    if share := changes.pop("share", None):
        changes["n_train"] = len(source.split("train")) // share
    return RunSpec(corpus=source.name, training=training(profile), seed=seed).change(**changes)


def untrained(source: Corpus, seed: int) -> features.Extractor:
    """Return the network of the source tagger with the weights it starts from."""
    spec = RunSpec(corpus=source.name, seed=seed)
    network = experiment.build_network(spec, source.n_samples, source.sample_rate, len(source.tags))
    front = views.build(**vars(spec.view), sample_rate=source.sample_rate)
    return features.Extractor(f"random-{seed}", front, network.eval(), source.n_samples, source.sample_rate)


def extractors(
    source: Corpus, profile: Profile, kinds: Sequence[str] = FEATURES, seed: int = 0, **options: Any
) -> dict[str, features.Extractor | None]:
    """Return the extractors of some kinds of features; what is not in the run store is trained.

    Parameters
    ----------
    source : Corpus
    profile : Profile
    kinds : sequence of str
        Of `FEATURES`.
    seed : int
        Of trainings and random weights.
    **options
        Of `sweeps.sweep`.
    """
    trained = [kind for kind in kinds if kind not in ("random", "mfcc")]
    runs = sweeps.sweep([source_spec(source, profile, kind, seed) for kind in trained], **options)
    found: dict[str, features.Extractor | None] = {"mfcc": None, "random": untrained(source, seed)}
    found |= {kind: features.from_run(run) for kind, run in zip(trained, runs, strict=True)}
    return {kind: found[kind] for kind in kinds}


def agreement(known: pd.DataFrame, live: pd.DataFrame) -> str:
    """Say in a sentence how live runs agree with the recorded runs of the same key.

    Parameters
    ----------
    known, live : DataFrame
        From `table`, recorded and made here.

    Returns
    -------
    str
        Other processors and libraries round differently. Such a difference is set against what another seed
        changes: the standard deviation of the recorded seeds, pooled over configurations and sizes.
    """
    both = known.merge(live, on="key", suffixes=("", "_live"))
    if not len(both):
        return "No run of this page was recorded before."
    gap = float((both["roc_auc"] - both["roc_auc_live"]).abs().max())
    if gap < 1e-6:
        return f"Of the runs of this page {len(both)} were recorded before; they came out the same."
    groups = known.groupby(["configuration", "n_train"])["roc_auc"]
    spread = float(np.sqrt(groups.var(ddof=1).dropna().mean()))
    said = f"Of the runs of this page {len(both)} were recorded before, on another processor or with another "
    said += f"library: here their AUC differs by up to {gap:.4f}. "
    if gap <= 2 * spread:
        return said + f"That is within two standard deviations of the seeds ({2 * spread:.4f})."
    return said + f"That is more than two standard deviations of the seeds ({2 * spread:.4f}): mind the machine."


def table(named: Iterable[tuple[str, Run]]) -> pd.DataFrame:
    """Return one row per finished run: configuration, size, seed, scores, time, key.

    Returns
    -------
    DataFrame
        ``true_auc`` is NaN on a corpus whose true labels nobody knows.
    """
    rows, truths = [], {}
    for name, run in named:
        spec, record = run.spec, run.record
        if spec.corpus not in truths:
            corpus = Corpus.open(spec.corpus)
            truths[spec.corpus] = objectives.targets(corpus, "true") if "true" in corpus.label_sets else None
        truth, predictions = truths[spec.corpus], run.predictions
        true_auc = np.nan
        if truth is not None:
            areas = evaluation.tag_areas(truth[predictions["test_clips"]], predictions["test_outputs"])
            true_auc = float(np.nanmean(areas))
        rows.append(
            {
                "configuration": name,
                "n_train": spec.n_train,
                "epochs": spec.training.epochs,
                "seed": spec.seed,
                "roc_auc": record["metrics"]["roc_auc"],
                "pr_auc": record["metrics"]["pr_auc"],
                "true_auc": true_auc,
                "n_undefined": len(record["metrics"]["undefined"]),
                "n_clips": record["metrics"]["n_clips"],
                "seconds": record["seconds"],
                "commit": record["commit"],
                "key": run.key,
            }
        )
    return pd.DataFrame(rows)


class FromSamples(nn.Module):
    """Samples (batch, time) to probabilities (batch, tag), in one module."""

    def __init__(self, run: Run):
        super().__init__()
        tagger = features.from_run(run)
        self.frontend, self.network, self.task = tagger.frontend, tagger.network, tagger.task

    def forward(self, samples: Tensor) -> Tensor:
        """Return what the network says of ``samples`` (batch, time), (batch, tag)."""
        return probabilities(self.network(self.frontend(samples)), self.task)


def _metadata(run: Run) -> dict[str, str]:
    """Return what a program needs to know beside the weights, as text."""
    tagger = features.from_run(run)
    return {
        "tags": json.dumps(list(tagger.tags)), "sample_rate": str(tagger.sample_rate),
        "n_samples": str(tagger.n_samples), "task": tagger.task, "run": run.key,
    }  # fmt: skip


def to_safetensors(run: Run, path: Path) -> None:
    """Write the weights of the network, named as in its ``state_dict``."""
    weights = {name: value.contiguous() for name, value in run.network().state_dict().items()}
    save_file(weights, path, metadata=_metadata(run))


def to_onnx(run: Run, path: Path) -> None:
    """Write front end, network and last activation as one ONNX graph.

    Raises
    ------
    InputError
        If the packages ``onnx`` and ``onnxscript`` are not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError:
        raise InputError("ONNX needs two more packages: pip install onnx onnxscript") from None
    model = FromSamples(run).eval()
    samples = torch.zeros(2, features.from_run(run).n_samples)  # one clip would fix the batch at one
    program = torch.onnx.export(
        model, (samples,), input_names=["samples"], output_names=["outputs"],
        opset_version=OPSET, dynamo=True,
        dynamic_shapes={"samples": {0: torch.export.Dim("batch")}}, verbose=False,
    )  # fmt: skip
    assert program is not None  # with dynamo=True there is one
    found = program.model_proto
    onnx.helper.set_model_props(found, _metadata(run))
    onnx.save(found, path)


WRITERS: dict[str, Callable[[Run, Path], None]] = {"onnx": to_onnx, "safetensors": to_safetensors}
"""Kinds of files that a run is exported to."""
