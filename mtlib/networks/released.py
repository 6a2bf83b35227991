"""The author's released networks: which file, which structure, which front end, which quirks.

============ ===================================== ====== ===========================================
name         file                                  frames what to know
============ ===================================== ====== ===========================================
compact      model_best.hdf5 (Keras 2)             1360   use this one to tag a clip
crnn         music_tagger_crnn_weights_theano.h5   1366   as in the author's README
crnn_trained the same                              1366   as its own statistics say it was trained
cnn          music_tagger_cnn_weights_theano.h5    1366   widths differ from the author's code (E06)
compact1     weights_layer4_theano.hdf5 (Keras 1)  1360   normalises with the statistics of the batch
============ ===================================== ====== ===========================================

**Two readings.** The tagger repository's files store batch normalisation's running values under
``running_std``. Read as *variances*, with decibels going in as they are, they give the tags the author
published. Read as *standard deviations*, with each clip standardised first, they match the variances
that the networks' activations really have, stage by stage; read as variances they are off by factors up
to millions. So ``crnn`` reproduces the publication and ``crnn_trained`` is the network as trained;
the five-layer CNN saturates under the first reading and is only offered under the second.

[Choi2018, §2.4, §4.2.4, §6.2]
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from ..base import published
from ..base.errors import InputError
from ..signal import audio, frontend
from . import keras, models, structures

_TAGGER = "music-auto_tagging-keras"


def _norm(weights: keras.Weights, layer: str, name: str, *, stored: str) -> dict[str, torch.Tensor]:
    """State of one batch normalisation; ``stored`` says what its running values are."""
    stem = f"{layer}/" if stored == "keras2" else f"{layer}/{name}_"
    mean, spread = {
        "keras2": ("moving_mean", "moving_variance"),
        "variance": ("running_mean", "running_std"),
        "deviation": ("running_mean", "running_std"),
        "nothing": (None, None),
    }[stored]
    state = keras.batch_normalisation(
        weights, f"{stem}gamma", f"{stem}beta", mean and stem + mean, spread and stem + spread
    )
    if stored == "deviation":
        state["running_var"] = state["running_var"].square()
    return state


def _tagger_parts(weights: keras.Weights, n_stages: int, stored: str) -> dict[str, dict[str, torch.Tensor]]:
    """State of the parts the two tagger-repository networks share."""
    if stored not in ("variance", "deviation"):
        raise InputError(f"stored must be 'variance' or 'deviation', got {stored!r}")
    parts = {
        "input_norm__norm": _norm(weights, "bn_0_freq", "bn_0_freq", stored=stored),
        "output": keras.dense(weights, "output/output_W", "output/output_b"),
    }
    for i in range(n_stages):
        conv, norm = f"conv{i + 1}", f"bn{i + 1}"
        parts[f"stages__{i}__conv"] = keras.convolution(
            weights, f"{conv}/{conv}_W", f"{conv}/{conv}_b", layout="theano", flip=True
        )
        parts[f"stages__{i}__norm"] = _norm(weights, norm, norm, stored=stored)
    return parts


def crnn(weights: keras.Weights, *, stored: str = "variance") -> models.CRNN:
    """Build the released CRNN from its arrays.

    Parameters
    ----------
    weights : dict
        From `keras.read`.
    stored : {"variance", "deviation"}
        What ``running_std`` is taken for. ``"variance"`` gives the tags the author published;
        ``"deviation"`` gives the statistics the network's own activations have (see above).
    """
    network = models.CRNN()
    parts = _tagger_parts(weights, 4, stored)
    _fill(network, keras.prefixed(**parts, gru1=keras.gru(weights, "gru1"), gru2=keras.gru(weights, "gru2")))
    return network


def cnn(weights: keras.Weights, *, stored: str = "deviation") -> models.Convnet:
    """Build the released five-layer CNN; its widths are read from the file (note E06)."""
    parts = _tagger_parts(weights, 5, stored)
    n_maps = [len(parts[f"stages__{i}__conv"]["bias"]) for i in range(5)]
    n_frames = len(parts["input_norm__norm"]["bias"])
    network = models.Convnet(n_maps, models.CNN5_POOLS, n_frames_normalised=n_frames)
    _fill(network, keras.prefixed(**parts))
    return network


def compact(weights: keras.Weights) -> models.Convnet:
    """Build the Keras 2 Compact-convnet."""
    parts = {"output": keras.dense(weights, "dense_1/kernel", "dense_1/bias")}
    for i in range(5):
        conv, norm = f"conv2d_{i + 1}", f"batch_normalization_{i + 1}"
        parts[f"stages__{i}__conv"] = keras.convolution(
            weights, f"{conv}/kernel", f"{conv}/bias", layout="tensorflow", flip=False
        )
        parts[f"stages__{i}__norm"] = _norm(weights, norm, norm, stored="keras2")
    network = models.Convnet()
    _fill(network, keras.prefixed(**parts))
    return network


def compact1(weights: keras.Weights, *, batch_statistics: bool = True) -> models.Convnet:
    """Build the Keras 1 (Theano) Compact-convnet [Choi2018, §6.2, §7.2].

    It was built with ``BatchNormalization(mode=2)``: it normalises with the statistics of the current
    batch when it predicts, too, so the tags of a clip depend on its company; its stored running
    statistics were never updated. ``batch_statistics=False`` uses the stored values, to see that they
    saturate.
    """
    parts = {"output": keras.dense(weights, "dense_1/dense_1_W", "dense_1/dense_1_b")}
    for i in range(5):
        conv, norm = f"convolution2d_{i + 1}", f"batchnormalization_{i + 1}"
        parts[f"stages__{i}__conv"] = keras.convolution(
            weights, f"ConvBNEluDr/{conv}_W", f"ConvBNEluDr/{conv}_b", layout="theano", flip=True
        )
        parts[f"stages__{i}__norm"] = _norm(
            weights, "ConvBNEluDr", norm, stored="nothing" if batch_statistics else "variance"
        )
    network = models.Convnet(batch_statistics=batch_statistics)
    _fill(network, keras.prefixed(**parts))
    return network


def genre(weights: keras.Weights) -> models.DenseConvnet:
    """Build the genre network [Choi2018, §7.2.4]; the widths of its layers are read from the file.

    Files of its time name arrays by number (``layer_0/param_0``), later ones by kind, so arrays are taken
    in the order of their layers: kernels have four axes, dense layers two. What has no weights is in no
    file: the author's example normalises responses after each pooling, his deconvolution does not, and
    neither does this network.
    """
    kernels, matrices = (
        sorted((name for name, array in weights.items() if array.ndim == n_axes), key=_number) for n_axes in (4, 2)
    )
    if len(kernels) != 5 or len(matrices) < 2:
        raise InputError(
            f"weights of another network: {len(kernels)} convolutions and {len(matrices)} dense layers, "
            "expected 5 and at least 2"
        )
    biases = {name.split("/")[0]: name for name, array in weights.items() if array.ndim == 1}
    parts = {}
    for i, name in enumerate((*kernels, *matrices)):
        bias = biases.get(layer := name.split("/")[0], f"bias of {layer}")
        if name in kernels:
            parts[f"stages__{i}__conv"] = keras.convolution(weights, name, bias, layout="theano", flip=True)
        else:
            last = name == matrices[-1]
            parts["output" if last else f"hidden__{i - 5}__dense"] = keras.dense(weights, name, bias)
    n_maps, n_hidden = [len(weights[name]) for name in kernels], [weights[name].shape[1] for name in matrices[:-1]]
    network = models.DenseConvnet(
        n_maps, n_hidden, structures.pools("genre", 257, 173), [(3, 3)] * 5, n_freq=257, n_frames=173, n_tags=3,
        normalise=False, activation="relu",
    )  # fmt: skip
    _fill(network, keras.prefixed(**parts))
    return network


def _number(name: str) -> int:
    """Return the number of an array's layer: 1 of ``convolution2d_1/convolution2d_1_W``."""
    return int(("0", *re.findall(r"\d+", name.split("/")[0]))[-1])


def _fill(network: nn.Module, state: dict[str, torch.Tensor]) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split("\n\t")[1:2]) or str(error)
        raise InputError(f"weights of another network: {reason}") from error
    network.eval()


def _standardised() -> nn.Module:
    return nn.Sequential(frontend.crnn_frontend(), frontend.Standardise())


@dataclass(frozen=True)
class Release:
    """One released network: its file, how to build it, what goes in."""

    name: str
    artifact: str
    build: Callable[[keras.Weights], nn.Module]
    make_frontend: Callable[[], nn.Module]
    n_samples: int


_CRNN = f"{_TAGGER}/data/music_tagger_crnn_weights_theano.h5"
_CNN = f"{_TAGGER}/data/music_tagger_cnn_weights_theano.h5"
_COMPACT = "transfer_learning_music/keras2_model/model_best.hdf5"
_COMPACT1 = f"{_TAGGER}/compact_cnn/weights_layer4_theano.hdf5"

RELEASES = {
    release.name: release
    for release in (
        Release("compact", _COMPACT, compact, frontend.compact_frontend, audio.N_SAMPLES[1360]),
        Release("crnn", _CRNN, crnn, frontend.crnn_frontend, audio.N_SAMPLES[1366]),
        Release("crnn_trained", _CRNN, partial(crnn, stored="deviation"), _standardised, audio.N_SAMPLES[1366]),
        Release("cnn", _CNN, cnn, _standardised, audio.N_SAMPLES[1366]),
        Release("compact1", _COMPACT1, compact1, frontend.theano_compact_frontend, audio.N_SAMPLES[1360]),
    )
}
"""The released networks by name."""


def load(name: str) -> tuple[nn.Module, nn.Module]:
    """Fetch, verify and build a released network.

    Parameters
    ----------
    name : {"compact", "crnn", "crnn_trained", "cnn", "compact1"}

    Returns
    -------
    frontend : torch.nn.Module
        Samples (batch, time) at 12 kHz to spectrograms (batch, 1, freq, time).
    network : torch.nn.Module
        Spectrograms to logits (batch, 50); in evaluation mode.

    Raises
    ------
    InputError
        If the name is unknown, or the file cannot be had or does not fit.
    """
    if name not in RELEASES:
        raise InputError(f"unknown released network {name!r}; choose one of {', '.join(RELEASES)}")
    release = RELEASES[name]
    path = published.fetch(release.artifact)
    try:
        network = release.build(keras.read(path))
    except InputError as error:
        message = str(error)
        raise InputError(message if path.name in message else f"{path.name}: {message}") from error
    return release.make_frontend(), network
