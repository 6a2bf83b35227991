"""Ten real datasets: a short file each, with where it comes from and how its lists are read.

Four carry tags or genres for training a tagger (MagnaTagATune, the Million Song Dataset with Last.fm
tags, MTG-Jamendo, FMA), six are target tasks [Choi2018, Table 6.A]. None is downloaded but
MagnaTagATune; the others print where to get them. FMA is the example of ``book/real_corpora.md`` of how
to add one's own.
"""

from ...base.errors import InputError
from . import (
    emomusic,
    extended_ballroom,
    fma,
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


__all__ = ["DATASETS", "Dataset", "Scan", "find"]
