"""What a network is to learn: loss, starting point and score of the three kinds of target.

Targets are (clip, output): 0 and 1 for "multilabel" (the fifty tags) and "multiclass" (genres, one 1 a
row), numbers for "regression" (valence and arousal). `mtlib.training.training` uses it.
"""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import r2_score
from torch.nn import functional as F

from ..base.errors import InputError
from ..corpora.corpus import Corpus
from ..corpora.writing import TASKS
from ..evidence import evaluation


def targets(corpus: Corpus, label_set: str) -> np.ndarray:
    """Return the targets (clip, output) float32 of a label set; classes become rows with one 1."""
    labels = corpus.labels(label_set)
    if corpus.task == "multiclass":
        return np.eye(len(corpus.tags), dtype=np.float32)[labels]
    return labels.astype(np.float32)


def loss_function(task: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the mean loss of logits against targets (clip, output)."""
    if task not in TASKS:
        raise InputError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
    losses: dict[str, Callable[..., torch.Tensor]] = {
        "multilabel": F.binary_cross_entropy_with_logits,
        "multiclass": F.cross_entropy,  # takes probabilities as targets too
        "regression": F.mse_loss,
    }
    return losses[task]


def prior(targets: np.ndarray, task: str) -> np.ndarray:
    """Return the output bias that predicts the base rate: log-odds, log share, or mean, one an output."""
    if task == "regression":
        return targets.mean(0)
    shares = (targets.sum(0) + 0.5) / (len(targets) + 1)
    return np.log(shares / (1 - shares)) if task == "multilabel" else np.log(shares / shares.sum())


def score(targets: np.ndarray, outputs: np.ndarray, task: str) -> float:
    """Return what early stopping looks at: macro AUC over the tags that have one, accuracy, or mean R²."""
    if task == "multiclass":
        return float(np.mean(targets.argmax(1) == outputs.argmax(1)))
    if task == "regression":
        return float(r2_score(targets, outputs))
    areas = evaluation.tag_areas(targets, outputs)
    if np.isnan(areas).all():
        raise InputError("no tag has both kinds of clips in the validation split; take more validation clips")
    return float(np.nanmean(areas))  # the tags left out are the same in every epoch
