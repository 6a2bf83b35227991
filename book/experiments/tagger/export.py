"""Networks for the reader's browser: weights and example clips as scripts that a page loads.

A script, unlike a binary file, loads beside a page that was opened from a folder (``file://``). Each assigns
one entry of ``musicTagger.files``: a JSON header and Base64.

Conventions
    The weights are one run of little-endian float16: the nonzero part of each mel filter; for each stage the
    kernels (out, in, freq, time) and the bias, batch normalisation folded into both; the output layer
    (tag, map) and its bias. The header says how many of each, and the SHA-256 of the bytes.
"""

import base64
import hashlib
import html
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mtlib.base import files, published
from mtlib.base.errors import InputError
from mtlib.base.tags import CATEGORY
from mtlib.networks import models, tagging
from mtlib.signal import frontend

NETWORKS = {
    "compact": (
        "Compact-convnet, Choi 2017",
        "transfer_learning_music/keras2_model/model_best.hdf5",
    ),
    "fcn-msd": (
        "FCN, Won et al. 2020",
        "sota-music-tagging-models/sota_music_taggers/models/msd/fcn/best_model.pth",
    ),
}
"""Title and published file of the networks that a page may run, the first of them to begin with."""

Index = dict[str, list[dict[str, Any]]]
"""What a page may load: ``networks`` and ``clips``, each with its file, title, licence and source."""

CLIPS = "data/audio/"
"""Published files below this name are the example clips."""


def _folded(stage: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Return kernels and bias of a stage with its batch normalisation folded in."""
    conv, norm = stage.conv, stage.norm
    if stage.pool_first or conv.kernel_size != (3, 3) or not isinstance(norm, nn.BatchNorm2d):
        raise InputError("only stages of 3×3 kernels, normalised before they pool, run in a page")
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()  # (out,)
    bias = (conv.bias - norm.running_mean) * gain + norm.bias
    return (conv.weight * gain[:, None, None, None]).numpy(), bias.numpy()


def _frontend(chain: nn.Module) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return what a page must know of a front end, and the nonzero part of each mel filter."""
    mel, decibel, *rest = chain
    if not isinstance(mel, frontend.MelSpectrogram) or decibel.doubled or len(rest) > 1:
        raise InputError("only mel-spectrograms in plain decibels run in a page")
    stft = mel.stft
    if (stft.padding, stft.pad_mode) != ("centre", "reflect"):
        raise InputError("only frames that are centred, with reflected ends, run in a page")
    parts, spans = [], []
    for row in mel.filters.numpy():
        inside = np.flatnonzero(row)
        first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (0, -1)
        parts.append(row[first : last + 1])
        spans.append([first, last + 1 - first])
    header = {
        "n_fft": stft.n_fft, "hop_length": stft.hop_length, "n_mels": len(spans), "filters": spans,
        "amin": decibel.amin, "top_db": decibel.top_db, "reference": decibel.reference,
        "standardise": rest[0].eps if rest else None,
    }  # fmt: skip
    return header, parts


@torch.inference_mode()
def pack(tagger: tagging.Tagger) -> tuple[dict[str, Any], bytes]:
    """Return the header and the weights of a tagger for the browser.

    Parameters
    ----------
    tagger : Tagger
        Its network is a `models.Convnet` of 3×3 kernels; its front end a mel-spectrogram in decibels.

    Returns
    -------
    header : dict
        Plain values.
    weights : bytes
        float16, little-endian.

    Raises
    ------
    InputError
        If the page's engine cannot run the network, or a weight does not fit into float16.
    """
    network = tagger.network
    if not isinstance(network, models.Convnet):
        raise InputError(f"{tagger.name}: only networks of the class Convnet run in a page")
    front, parts = _frontend(tagger.frontend)
    scale, shift = 1.0, 0.0
    if isinstance(norm := network.input_norm, nn.BatchNorm2d):
        scale = float(norm.weight / (norm.running_var + norm.eps).sqrt())
        shift = float(norm.bias - norm.running_mean * scale)
    elif not isinstance(norm, nn.Identity):
        raise InputError(f"{tagger.name}: networks that normalise their input over time do not run in a page")
    layers = []
    for stage, pool in zip(network.stages, network.pools, strict=True):
        parts += _folded(stage)
        n_out, n_in = stage.conv.weight.shape[:2]
        layers.append({"n_in": n_in, "n_out": n_out, "pool": list(pool), "activation": stage.activation})
    parts += [network.output.weight.numpy(), network.output.bias.numpy()]
    flat = np.concatenate([part.ravel() for part in parts])
    with np.errstate(over="ignore"):
        weights = flat.astype("<f2")
    if not np.isfinite(weights).all():
        raise InputError(f"{tagger.name}: a weight is beyond what float16 holds")
    hop = min(round(tagging.HOP_SECONDS * tagger.sample_rate), tagger.n_samples)
    header = {
        "name": tagger.name, "sample_rate": tagger.sample_rate, "n_samples": tagger.n_samples, "hop": hop,
        "min_samples": round(hop * tagging.MIN_SECONDS / tagging.HOP_SECONDS), "frontend": front,
        "input": {"scale": scale, "shift": shift}, "layers": layers, "tags": list(tagger.tags),
        "categories": [CATEGORY.get(tag, "tag") for tag in tagger.tags],
        "sha256": hashlib.sha256(weights.tobytes()).hexdigest(),
    }  # fmt: skip
    return header, weights.tobytes()


def _write(folder: Path, name: str, header: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Write one script, and return its header with the script's name."""
    entry = {**header, "data": base64.b64encode(data).decode()}
    with files.atomic(folder / f"{name}.js") as file:
        file.write(f"musicTagger.files[{json.dumps(name)}] = {json.dumps(entry)};\n".encode())
    return {"file": name, **{key: header[key] for key in ("title", "licence", "source")}}


def _provenance(title: str, artifact: published.Artifact) -> dict[str, str]:
    return {"title": title, "licence": artifact.licence, "source": artifact.url}


def write(folder: Path) -> tuple[Index, list[tuple[str, str, str]]]:
    """Write the networks and clips that this build may hold into a folder, and nothing else.

    Returns
    -------
    index : Index
    missing : list of (str, str, str)
        Title of each network whose file is not at hand, why, and the command that gets it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index: Index = {"networks": [], "clips": []}
    missing = []
    for name, (title, file) in NETWORKS.items():
        artifact = published.ARTIFACTS[file]
        if published.is_public_build() and not artifact.redistribute:
            continue
        try:
            header, weights = pack(tagging.load_model(name))
        except InputError as error:
            later = "" if artifact.owner == published.AUTHOR else " later"
            missing.append((title, str(error), f"python -m mtlib fetch{later}"))
            continue
        header |= _provenance(title, artifact)
        index["networks"].append(_write(folder, name, header, weights))
    for name, artifact in sorted(published.ARTIFACTS.items()):
        if not (name.startswith(CLIPS) and name.endswith(".ogg") and artifact.redistribute):
            continue
        if published.state(artifact) == "present":
            header = _provenance(artifact.what, artifact) | {"name": Path(name).name, "type": "audio/ogg"}
            number = f"clip-{len(index['clips']) + 1}"
            index["clips"].append(_write(folder, number, header, artifact.path.read_bytes()))
    kept = {f"{entry['file']}.js" for entries in index.values() for entry in entries}
    for path in folder.glob("*.js"):
        if path.name not in kept:
            path.unlink()
    return index, missing


def page(index: Index) -> str:
    """Return the HTML that the tagger's script fills in; ``index`` is what `write` returned."""
    values = html.escape(json.dumps(index), quote=True)
    scripts = "".join(f"<script src='../_static/tagger/{name}.js'></script>" for name in ("engine", "page"))
    return (
        f"<div class='mt-tagger' data-folder='../media/tagger/' data-index=\"{values}\">"
        f"<p>The tagger needs JavaScript.</p></div>{scripts}"
    )


def show() -> tuple[str, list[tuple[str, str, str]]]:
    """Write the files of the page that is being built, and return its HTML and what is missing.

    Outside a build there is no folder beside the page: the HTML then says so.
    """
    if not (media := os.environ.get("MTLIB_MEDIA")):
        return "<p class='mt-missing'>The tagger runs in the built book: call <code>make book</code>.</p>", []
    index, missing = write(Path(media) / "tagger")
    return page(index) if index["networks"] else "", missing
