"""Weights of the author's Keras networks, as PyTorch state.

The released networks were trained with Keras 1 on Theano and, once, with Keras 2 on TensorFlow. Their
HDF5 files hold plain arrays; this module reads them (never a pickle) and turns them into the
`state_dict` of the networks in `mtlib.networks.models`. Four things differ between the frameworks, each a
named option here:

* ``flip``: Theano *convolves*, PyTorch correlates, so Theano kernels are flipped in both axes.
* ``layout``: kernels are (out, in, freq, time) in Theano files, (freq, time, in, out) in TensorFlow's.
* Keras 1 stores the running *variance* under the name ``running_std``.
* a Keras 1 GRU keeps one matrix a gate (update z, reset r, candidate h) and one bias a gate.
"""

from pathlib import Path

import h5py
import numpy as np
import torch

from ..base.errors import InputError

Weights = dict[str, np.ndarray]
"""Arrays of one file by the last two parts of their path, such as ``conv1/conv1_W``."""


def read(path: str | Path) -> Weights:
    """Read every array of a Keras weight file.

    Parameters
    ----------
    path : path
        HDF5 file written by Keras 1 or 2.

    Returns
    -------
    dict of str to ndarray
        float32 arrays; the key is ``layer/name`` with Keras 2's ``:0`` removed.

    Raises
    ------
    InputError
        If the file is missing, is not HDF5, is damaged, or holds values that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path.name}: no such weight file in {path.parent}; run `python -m mtlib fetch`")
    weights: Weights = {}

    def take(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer_weights"):
            weights["/".join(name.split("/")[-2:]).removesuffix(":0")] = np.asarray(item[()], np.float32)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(take)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path.name}: not a readable HDF5 file ({_first_line(error)}); fetch it again") from error
    if not weights:
        raise InputError(f"{path.name}: an HDF5 file without any array; fetch it again")
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise InputError(f"{path.name}: {name} holds values that are not finite; fetch it again")
    return weights


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip("'\"")


def take(weights: Weights, name: str, shape: tuple[int, ...] | None = None) -> torch.Tensor:
    """Return one array as a tensor, or say what is wrong with the file.

    Raises
    ------
    InputError
        If the array is missing or has another shape: the file belongs to another network.
    """
    if name not in weights:
        layers = ", ".join(dict.fromkeys(key.split("/")[0] for key in weights))
        raise InputError(f"weights of another network: no {name} (layers found: {layers})")
    array = weights[name]
    if shape is not None and array.shape != shape:
        raise InputError(f"weights of another network: {name} has shape {array.shape}, expected {shape}")
    return torch.from_numpy(array.copy())


def convolution(weights: Weights, kernel: str, bias: str, *, layout: str, flip: bool) -> dict[str, torch.Tensor]:
    """Turn a Keras convolution into the state of `torch.nn.Conv2d`.

    Parameters
    ----------
    kernel, bias : str
        Names of the arrays.
    layout : {"theano", "tensorflow"}
        Order of the kernel's axes in the file.
    flip : bool
        Flip both kernel axes: true for networks trained on Theano.

    Returns
    -------
    dict
        ``weight`` (out, in, freq, time) and ``bias`` (out,), float32.
    """
    if layout not in ("theano", "tensorflow"):
        raise InputError(f"layout must be 'theano' or 'tensorflow', got {layout!r}")
    weight = take(weights, kernel)
    if weight.ndim != 4:
        raise InputError(f"weights of another network: {kernel} has {weight.ndim} axes, expected 4")
    if layout == "tensorflow":
        weight = weight.permute(3, 2, 0, 1)
    if flip:
        weight = weight.flip((-2, -1))
    return {"weight": weight.contiguous(), "bias": take(weights, bias, (weight.shape[0],))}


def batch_normalisation(
    weights: Weights, gamma: str, beta: str, mean: str | None, variance: str | None
) -> dict[str, torch.Tensor]:
    """Turn a Keras batch normalisation into the state of `torch.nn.BatchNorm2d`.

    Without ``mean`` and ``variance`` only gain and offset are returned, for a layer that always uses
    the statistics of the current batch (Keras 1, ``mode=2``).
    """
    state = {"weight": take(weights, gamma), "bias": take(weights, beta)}
    if mean is not None and variance is not None:
        state["running_mean"] = take(weights, mean, tuple(state["weight"].shape))
        state["running_var"] = take(weights, variance, tuple(state["weight"].shape))
        if (state["running_var"] < 0).any():
            raise InputError(f"{variance} holds negative variances: the file is damaged; fetch it again")
        state["num_batches_tracked"] = torch.tensor(0)
    return state


def gru(weights: Weights, layer: str) -> dict[str, torch.Tensor]:
    """Turn a Keras 1 GRU into the state of `mtlib.networks.layers.KerasGRU`.

    Returns
    -------
    dict
        ``kernel`` (n_in, 3 n_hidden), ``recurrent`` (n_hidden, 3 n_hidden) and ``bias`` (3 n_hidden,),
        gates in the order update, reset, candidate.
    """
    gates = ("z", "r", "h")
    return {
        "kernel": torch.cat([take(weights, f"{layer}/{layer}_W_{gate}") for gate in gates], dim=1),
        "recurrent": torch.cat([take(weights, f"{layer}/{layer}_U_{gate}") for gate in gates], dim=1),
        "bias": torch.cat([take(weights, f"{layer}/{layer}_b_{gate}") for gate in gates]),
    }


def dense(weights: Weights, kernel: str, bias: str) -> dict[str, torch.Tensor]:
    """Turn a Keras dense layer (in, out) into the state of `torch.nn.Linear` (out, in)."""
    weight = take(weights, kernel)
    return {"weight": weight.T.contiguous(), "bias": take(weights, bias, (weight.shape[1],))}


def prefixed(**parts: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Join the states of layers into one; ``__`` in a keyword stands for a dot."""
    return {f"{name.replace('__', '.')}.{key}": value for name, part in parts.items() for key, value in part.items()}
