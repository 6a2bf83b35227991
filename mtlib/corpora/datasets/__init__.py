"""Ten real datasets: a short file each, with where it comes from and how its lists are read.

Four carry tags or genres for training a tagger (MagnaTagATune, the Million Song Dataset with Last.fm
tags, MTG-Jamendo, FMA), six are target tasks [Choi2018, Table 6.A]. None is downloaded but
MagnaTagATune; the others print where to get them. FMA is the example of ``book/real_corpora.md`` of how
to add one's own.
"""

from pathlib import Path

from ...base import paths
from ...base.errors import InputError
from ...signal.audio import SAMPLE_RATE
from . import (
    emomusic,
    extended_ballroom,
    fma,
    folder,
    gtzan_genre,
    gtzan_speech_music,
    jamendo_vocal,
    magnatagatune,
    msd_lastfm,
    mtg_jamendo,
    urbansound8k,
)
from .scanning import Dataset, Scan

DATASETS: dict[str, Dataset] = {
    module.DATASET.name: module.DATASET
    for module in (
        magnatagatune,
        msd_lastfm,
        mtg_jamendo,
        fma,
        extended_ballroom,
        gtzan_genre,
        gtzan_speech_music,
        emomusic,
        jamendo_vocal,
        urbansound8k,
    )
}
"""The registry, by name."""


def find(name: str) -> Dataset:
    """Return a registry entry.

    Raises
    ------
    InputError
        If there is none of that name; the line names them all.
    """
    if name not in DATASETS:
        raise InputError(f"unknown dataset {name!r}; choose one of {', '.join(DATASETS)}")
    return DATASETS[name]


def opened(
    name: str,
    root: Path | None,
    short: str | None = None,
    labels: Path | None = None,
    class_folders: bool = False,
    seconds: float = 0.0,
) -> tuple[Dataset, Path, str]:
    """Return a registered dataset, or a folder of the reader's own; where it is; what short clips become.

    Parameters
    ----------
    name : str
        A key of `DATASETS`, or ``folder``.
    root : Path or None
        None: where ``fetch`` puts it.
    short : {"drop", "pad", "repeat"}, optional
        By default clips are repeated in a folder, and elsewhere left out.
    labels, class_folders, seconds
        Of a folder: its table of labels, or whether its folders are classes, and the length of clips (0: all).

    Raises
    ------
    InputError
        If there is no such dataset, an argument does not fit, or the folder cannot be used.
    """
    if name != "folder":
        if labels or class_folders:
            raise InputError(f"--labels and --class-folders belong to the dataset folder, not to {name}")
        dataset, fetched = find(name), paths.home() / "datasets" / name
        if root is None and not fetched.is_dir():
            raise InputError(f"where is {name}? Type --root FOLDER; `python -m mtlib fetch {name}` tells how to get it")
        return dataset, root or fetched, short or "drop"
    if (labels is None) != class_folders:
        raise InputError("give a folder's labels: --labels TABLE.csv, or --class-folders where folders are classes")
    if root is None:
        raise InputError("where is the folder? Type --root FOLDER")
    return folder.dataset(root, labels, round(seconds * SAMPLE_RATE) if seconds else None), root, short or "repeat"


__all__ = ["DATASETS", "Dataset", "Scan", "find", "opened"]
