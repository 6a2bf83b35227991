"""FMA small: 8,000 clips of 30 s in eight balanced genres; the example of how a dataset is added.

A loader reads the dataset's own lists, looks which files are there, and returns a `Scan`. That is all:
decoding, checking, storing and reporting are the same for every dataset.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ...base.errors import InputError
from .scanning import (
    SOURCE_SAMPLES,
    Dataset,
    Scan,
    audio_files,
    check_is_list,
    count_unlabelled,
    locate,
    tag_table,
    text,
)

NO_AUDIO = (99134, 108925, 133297)
"""Clips whose file is a header without audio."""

SPLITS = {"training": "train", "validation": "valid", "test": "test"}
COLUMNS = (("set", "split"), ("set", "subset"), ("track", "genre_top"), ("artist", "id"))


def scan(root: Path) -> Scan:
    """Read ``tracks.csv`` and look for the clips.

    Parameters
    ----------
    root : Path
        Holds ``fma_metadata/`` and ``fma_small/``.
    """
    root = locate(Path(root), lambda f: (f / "fma_metadata/tracks.csv").is_file(), "fma_metadata/tracks.csv")
    tracks = read_tracks(root / "fma_metadata/tracks.csv")
    notes: list[str] = []
    folder = root / "fma_small"
    present = set(audio_files(folder, notes)) if folder.is_dir() else set()
    listed = [f"{number // 1000:03d}/{number:06d}.mp3" for number in tracks.index]
    genres = sorted(set(tracks["track", "genre_top"]))
    fault = "no audio in the official archive"
    clips = pd.DataFrame(
        {
            "clip_id": text(f"{number:06d}" for number in tracks.index),
            "path": text(path if path in present else "" for path in listed),
            "listed": text(listed),
            "split": text(SPLITS[word] for word in tracks["set", "split"]),
            "fold": -1,
            "group": text(tracks["artist", "id"]),
            "file_seconds": np.nan,
            "known_fault": text(fault if number in NO_AUDIO else "" for number in tracks.index),
        }
    )
    labels = np.array([genres.index(genre) for genre in tracks["track", "genre_top"]], int)
    extra = count_unlabelled(present, clips["path"], notes, len(clips))
    return Scan(folder, clips, labels, tag_table(genres, "genre"), notes, unlabelled=extra)


def read_tracks(path: Path) -> pd.DataFrame:
    """Read the rows of the small subset: a whole number as index, and the four columns that are used."""
    with open(path, "rb") as file:
        check_is_list(path.name, file.read(1000).decode("latin-1"))
    try:
        tracks = pd.read_csv(path, index_col=0, header=[0, 1], low_memory=False)
    except Exception as error:  # a damaged table can raise anything
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name}: not the table of tracks ({reason}); get it again") from None
    for column in COLUMNS:
        if column not in tracks:
            raise InputError(f"{path.name}: no column {column} in its two header lines; get it again")
    small = (tracks["set", "subset"] == "small").to_numpy()
    numbers = pd.to_numeric(tracks.index, errors="coerce")
    good = (numbers >= 0) & (numbers < 1e6) & (numbers % 1 == 0) & tracks["set", "split"].isin(SPLITS)
    good &= tracks[list(COLUMNS)].notna().all(axis=1)
    if len(bad := np.flatnonzero(small & ~good)):
        values = ", ".join(map(str, (tracks.index[bad[0]], *tracks[list(COLUMNS)].iloc[bad[0]])))
        raise InputError(
            f"{path.name}, row {bad[0] + 4}: a track needs a number, an artist, a genre and a split of "
            f"{', '.join(SPLITS)}, got {values}; get it again"
        )
    return tracks.set_index(numbers.astype("Int64"))[small]


DATASET = Dataset(
    name="fma",
    title="Free Music Archive, small subset",
    task="multiclass",
    scan=scan,
    n_clips=8_000,
    page="https://github.com/mdeff/fma",
    commands=(
        "curl -LO https://os.unil.cloud.switch.ch/fma/fma_metadata.zip",
        "curl -LO https://os.unil.cloud.switch.ch/fma/fma_small.zip",
        "python -m zipfile -e fma_metadata.zip . && python -m zipfile -e fma_small.zip .",
    ),
    size="7.2 GiB to download, 5.6 GB prepared",
    licence="metadata CC BY 4.0; each song under its own Creative Commons licence",
    citation="Defferrard, Benzi, Vandergheynst and Bresson (2017), ISMIR",
    faults="Three clips hold no audio; a few are shorter than 30 s.",
    checksums={
        "fma_metadata.zip": "sha1:f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
        "fma_small.zip": "sha1:ade154f733639d52e35e32f5593efe5be76c6d70",
    },
    n_samples=SOURCE_SAMPLES,
    sample_rates=(44_100, 48_000),
)
