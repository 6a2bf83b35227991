"""Networks that Won, Ferraro, Bogdanov and Serra trained in 2020, on three datasets, at 16 kHz.

========= =========================== ======================= ==============================
structure window                      trained on              what it is
========= =========================== ======================= ==============================
fcn       29 s (1813 frames)          msd, mtat, jamendo      the author's five-layer CNN
crnn      29 s (1813 frames)          msd, mtat, jamendo      the author's CRNN, with another GRU
musicnn   3 s (188 frames)            mtat, jamendo           tall and long kernels, then dense
========= =========================== ======================= ==============================

Conventions
    A network is named ``structure-dataset``. Input are power mel-spectrograms of 96 bands (HTK's mel scale,
    filters of height 1) in decibels of a power of 1, without a floor; one batch normalisation brings them
    to scale. The networks have ReLU where the author's have ELU.
    Tags stand in the order of `TAGS`: the thesis' for msd, that of ``data/datasets`` for the others.
    MTG-Jamendo's stand in alphabetical order, not in that of the list in the authors' code: on real
    excerpts only that order gives *metal* to metal and *classical* to classical music.

References
----------
    M. Won, A. Ferraro, D. Bogdanov, X. Serra, "Evaluation of CNN-based Automatic Music Tagging Models",
    Sound and Music Computing 2020.
"""

import csv

import torch
from torch import nn

from ..base import published, tags
from ..base.errors import InputError
from ..base.paths import DATA
from ..signal import frontend
from . import models, released

SAMPLE_RATE = 16_000
N_SAMPLES = {"fcn": 464_000, "crnn": 464_000, "musicnn": 48_000}
"""Length of a window by structure."""

NAMES = tuple(
    f"{n}-{d}" for d in ("msd", "mtat", "jamendo") for n in N_SAMPLES if (n, d) != ("musicnn", "msd")
)
"""The networks: ``fcn-msd`` and so on."""


def _tags(dataset: str) -> tuple[str, ...]:
    with open(DATA / "datasets" / f"{dataset}_tags.csv", encoding="utf-8", newline="") as file:
        return tuple(row["name"] for row in csv.DictReader(file))


TAGS = {"msd": tags.TAGS, "mtat": _tags("magnatagatune"), "jamendo": _tags("mtg_jamendo")}
"""The fifty tags of each dataset, in the order of the networks' outputs."""


class _GRU(nn.GRU):
    """PyTorch's GRU, without its last state."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[0]  # type: ignore[has-type]  # PyTorch declares it overloaded


def _block(conv: nn.Module, norm: type[nn.Module]) -> nn.Sequential:
    return nn.Sequential(conv, norm(conv.out_channels), nn.ReLU())


class Musicnn(nn.Module):
    """Tall kernels for timbre and long ones for rhythm, three layers over time, two dense ones.

    References
    ----------
    J. Pons, X. Serra, "musicnn: Pre-trained convolutional neural networks for music audio tagging", 2019.
    """

    def __init__(self) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm2d(1)
        self.tall = nn.ModuleList(
            _block(nn.Conv2d(1, 204, (height, 7), padding=(0, 3)), nn.BatchNorm2d) for height in (67, 38)
        )
        self.long = nn.ModuleList(
            _block(nn.Conv1d(1, 51, length, padding=length // 2), nn.BatchNorm1d) for length in (129, 65, 33)
        )
        self.middle = nn.ModuleList(
            _block(nn.Conv1d(n_in, 64, 7, padding=3), nn.BatchNorm1d) for n_in in (561, 64, 64)
        )
        self.hidden = nn.Sequential(nn.Linear(1506, 200), nn.BatchNorm1d(200), nn.ReLU())
        self.output = nn.Linear(200, 50)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a spectrogram (batch, 1, 96, time) to logits (batch, tag)."""
        x = self.input_norm(x)
        seen = [block(x).amax(2) for block in self.tall]  # (batch, 204, time)
        seen += [block(x.mean(2)) for block in self.long]  # (batch, 51, time)
        layers = [torch.cat(seen, 1)]  # (batch, 561, time)
        for i, block in enumerate(self.middle):
            layers.append(block(layers[-1]) + (layers[-1] if i else 0))  # (batch, 64, time)
        x = torch.cat(layers, 1)  # (batch, 753, time)
        return self.output(self.hidden(torch.cat([x.amax(2), x.mean(2)], 1)))  # (batch, tag)


def _network(structure: str) -> nn.Module:
    if structure == "musicnn":
        return Musicnn()
    network: nn.Module
    if structure == "fcn":
        network = models.Convnet((64, 128, 128, 128, 64), models.CNN5_POOLS, activation="relu")
    else:
        network = models.CRNN(n_frames=1813, n_padding=0, activation="relu")
        network.gru1, network.gru2 = _GRU(128, 32, batch_first=True), _GRU(32, 32, batch_first=True)
    network.input_norm = nn.BatchNorm2d(1)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-5  # PyTorch's, not Keras'
    return network


def load(name: str) -> tuple[nn.Module, nn.Module]:
    """Fetch, verify and build one of the networks.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Returns
    -------
    frontend : torch.nn.Module
        Samples (batch, time) at 16 kHz to decibels (batch, 1, 96, time).
    network : torch.nn.Module
        Decibels to logits (batch, 50), in the order of `TAGS`; in evaluation mode.

    Raises
    ------
    InputError
        If the name is unknown, or its file cannot be had.
    """
    if name not in NAMES:
        known = ", ".join((*released.RELEASES, *NAMES))
        raise InputError(f"unknown network {name!r}; choose one of {known}")
    structure, dataset = name.split("-")
    path = published.fetch(
        f"sota-music-tagging-models/sota_music_taggers/models/{dataset}/{structure}/best_model.pth"
    )
    state = torch.load(path, map_location="cpu", weights_only=True)
    mel = frontend.MelSpectrogram(sample_rate=SAMPLE_RATE)
    mel.filters = state["spec.mel_scale.fb"].T.contiguous()  # theirs: (mel, freq)
    network = _network(structure)
    values = [value for key, value in state.items() if not key.startswith("spec.")]
    network.load_state_dict(
        dict(zip(network.state_dict(), values, strict=True))
    )  # the same order, other names
    return nn.Sequential(mel, frontend.Decibel(reference=1.0, top_db=None)), network.eval()
