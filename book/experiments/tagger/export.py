"""Networks for the reader's browser: weights and example clips as scripts that a page loads.

A script, unlike a binary file, loads beside a page that was opened from a folder (``file://``). Each assigns
one entry of ``musicTagger.files``: a JSON header and Base64.

Conventions
    The weights are one run of little-endian float16: the nonzero part of each mel filter; for each stage the
    kernels (out, in, freq, time), the bias, and a gain and an offset after pooling; the output layer
    (tag, map) and its bias. A normalisation before pooling is folded into the kernels. The header says how
    many of each, and the SHA-256 of the bytes.
"""

import base64
import hashlib
import html
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mtlib.base import files, published
from mtlib.base.errors import InputError
from mtlib.base.tags import CATEGORY
from mtlib.corpora.corpus import Corpus
from mtlib.networks import models, tagging
from mtlib.signal import frontend, views
from mtlib.training import features, runs

NETWORKS = {
    "compact": ("Compact-convnet, Choi 2017", "transfer_learning_music/keras2_model/model_best.hdf5"),
    "fcn-msd": ("FCN, Won et al. 2020", "sota-music-tagging-models/sota_music_taggers/models/msd/fcn/best_model.pth"),
}
"""Title and published file of the networks that a page may run, the first of them to begin with."""

Index = dict[str, list[dict[str, Any]]]
"""What a page may load: ``networks`` and ``clips``, each with its file, title, licence and source."""

CLIPS = "data/audio/"
"""Published files below this name are the example clips."""


def _stage(stage: nn.Module) -> list[np.ndarray]:
    """Return kernels, bias, and the gain and offset that follow pooling."""
    conv, norm, ones = stage.conv, stage.norm, torch.ones(stage.conv.out_channels)
    if conv.kernel_size != (3, 3):
        raise InputError(f"only stages with kernels of 3×3 run in a page, got {conv.kernel_size}")
    gain, offset = ones, 0 * ones
    if isinstance(norm, nn.BatchNorm2d):
        if norm.running_var is None:
            raise InputError("a network that normalises with the batch does not run in a page")
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()  # (out,)
        offset = norm.bias - norm.running_mean * gain
    kernels, bias = conv.weight, conv.bias
    if not stage.pool_first:
        kernels, bias = kernels * gain[:, None, None, None], bias * gain + offset
        gain, offset = ones, 0 * ones
    return [part.numpy() for part in (kernels, bias, gain, offset)]


def _parts(chain: nn.Module) -> list[nn.Module]:
    """Return the parts of a front end, without the sequences around them."""
    if not isinstance(chain, nn.Sequential):
        return [chain]
    return [part for one in chain for part in _parts(one)]


def _frontend(chain: nn.Module) -> tuple[dict[str, Any], float, list[np.ndarray]]:
    """Return the header of a front end, its last factor, and the nonzero part of each mel filter."""
    mel, decibel, *rest = _parts(chain)
    norms = [part for part in rest if isinstance(part, frontend.Standardise)]
    factors = [part.factor for part in rest if isinstance(part, views.Scale)]
    plain = isinstance(mel, frontend.MelSpectrogram) and isinstance(decibel, frontend.Decibel)
    if not plain or decibel.doubled or len(rest) > len(norms) + len(factors) or len(rest) > 2:
        raise InputError("only mel-spectrograms in plain decibels run in a page")
    if mel.stft.padding != "centre" or mel.stft.n_fft.bit_count() != 1:
        raise InputError("only frames as librosa centres them, of a power of two, run in a page")
    parts, spans = [], []
    for row in mel.filters.numpy():
        inside = np.flatnonzero(row)
        first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (0, -1)
        parts.append(row[first : last + 1])
        spans.append([first, last + 1 - first])
    header = {
        "n_fft": mel.stft.n_fft, "hop_length": mel.stft.hop_length, "n_mels": len(spans), "filters": spans,
        "amin": decibel.amin, "top_db": decibel.top_db, "reference": decibel.reference,
        "standardise": norms[0].eps if norms else None,
    }  # fmt: skip
    return header, factors[0] if factors else 1.0, parts


@torch.inference_mode()
def pack(tagger: tagging.Tagger, categories: Mapping[str, str] = CATEGORY) -> tuple[dict[str, Any], bytes]:
    """Return the header and the weights of a tagger for the browser.

    Parameters
    ----------
    tagger : Tagger
        Its network is a `models.Convnet` of 3×3 kernels; its front end a mel-spectrogram in decibels.
    categories : mapping of str to str
        Category of each tag; a tag that is not in it is in the category "tag".

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
    front, scale, parts = _frontend(tagger.frontend)
    shift = 0.0
    if isinstance(norm := network.input_norm, nn.BatchNorm2d):
        gain = float(norm.weight / (norm.running_var + norm.eps).sqrt())
        scale, shift = scale * gain, float(norm.bias - norm.running_mean * gain)
    elif not isinstance(norm, nn.Identity):
        raise InputError(f"{tagger.name}: networks that normalise their input over time do not run in a page")
    layers = []
    for stage, pool in zip(network.stages, network.pools, strict=True):
        parts += _stage(stage)
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
        "categories": [categories.get(tag, "tag") for tag in tagger.tags],
        "sha256": hashlib.sha256(weights.tobytes()).hexdigest(),
    }  # fmt: skip
    return header, weights.tobytes()


def find(name: str) -> tuple[tagging.Tagger, dict[str, str], str]:
    """Find a run by its key, or a published network: its tagger, the categories of its tags, its licence.

    Raises
    ------
    InputError
        If neither has the name, or the run's task is another.
    """
    if (run := runs.find(name)) is None:
        return tagging.load_model(name), CATEGORY, "see where it was published"
    if run.record["task"] != "multilabel":
        raise InputError(f"run {run.key} does not tag: its task is {run.record['task']}")
    tags = Corpus.open(run.spec.corpus).tags.astype(str)
    return features.from_run(run), dict(zip(tags["name"], tags["category"], strict=True)), "your own"


def write_own(name: str, path: Path) -> int:
    """Write what `find` finds as one JSON file, and return its size in bytes.

    Raises
    ------
    InputError
        If nothing has the name, or `pack` refuses it.
    """
    tagger, categories, licence = find(name)
    header, weights = pack(tagger, categories)
    header |= {"title": name, "licence": licence, "data": base64.b64encode(weights).decode()}
    content = json.dumps(header).encode()
    with files.atomic(path) as file:
        file.write(content)
    return len(content)


def _write(folder: Path, name: str, header: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Write one script, and return its header with the script's name."""
    entry = {**header, "data": base64.b64encode(data).decode()}
    with files.atomic(folder / f"{name}.js") as file:
        file.write(f"musicTagger.files[{json.dumps(name)}] = {json.dumps(entry)};\n".encode())
    return {"file": name, **{key: header[key] for key in ("title", "licence", "source")}}


def _provenance(title: str, artifact: published.Artifact) -> dict[str, str]:
    return {"title": title, "licence": artifact.licence, "source": artifact.url}


def clips() -> dict[str, published.Artifact]:
    """Return the example clips at hand that may be redistributed, by the name of their script."""
    found = [
        artifact
        for name, artifact in sorted(published.ARTIFACTS.items())
        if name.startswith(CLIPS) and name.endswith(".ogg") and artifact.redistribute
    ]
    present = [artifact for artifact in found if published.state(artifact) == "present"]
    return {f"clip-{i}": artifact for i, artifact in enumerate(present, 1)}


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
    for name, artifact in clips().items():
        header = _provenance(artifact.what, artifact) | {"name": artifact.path.name, "type": "audio/ogg"}
        index["clips"].append(_write(folder, name, header, artifact.path.read_bytes()))
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
