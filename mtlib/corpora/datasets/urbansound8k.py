"""UrbanSound8K: 8,732 sounds of at most 4 s in ten classes (task T6 [Choi2018, Table 6.A]).

The ten folds are part of the dataset and are never shuffled. Files have many sample rates, bit depths
and channel counts.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ...base.errors import InputError
from .scanning import (
    Dataset,
    Scan,
    audio_files,
    by_name,
    checked_number,
    count_unlabelled,
    locate,
    read_rows,
    tag_table,
    text,
)

TABLE = "UrbanSound8K.csv"
COLUMNS = ("slice_file_name", "fsID", "start", "end", "fold", "classID", "class")
CLASSES = (
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot",
    "jackhammer", "siren", "street_music",
)  # fmt: skip


def scan(root: Path) -> Scan:
    """Read the table and look for the sounds.

    Parameters
    ----------
    root : Path
        Holds ``metadata/UrbanSound8K.csv`` and ``audio/fold1`` … ``fold10``, or the table and the folds.
    """
    root = locate(Path(root), lambda f: _table(f).is_file(), TABLE, ("UrbanSound8K",))
    folder = root / "audio" if (root / "audio").is_dir() else root
    notes: list[str] = []
    rows = read_rows(_table(root), COLUMNS)
    files = by_name(audio_files(folder, notes))
    listed = [f"fold{row['fold']}/{row['slice_file_name']}" for row in rows]
    labels = np.array([checked_number(row, "classID", TABLE, 0, 9, int) for row in rows], int)
    folds = np.array([checked_number(row, "fold", TABLE, 1, 10, int) - 1 for row in rows], int)
    starts = [checked_number(row, "start", TABLE, 0, 1e5) for row in rows]
    seconds = [checked_number(row, "end", TABLE, s + 1e-3, 1e5) - s for row, s in zip(rows, starts, strict=True)]
    for row, label in zip(rows, labels, strict=True):
        if CLASSES[label] != row["class"]:
            line = f"{TABLE}, line {row['line']}"
            raise InputError(f"{line}: classID {label} is not {row['class']}; get it again")
    clips = pd.DataFrame(
        {
            "clip_id": text(row["slice_file_name"].rpartition(".")[0] for row in rows),
            "path": text(files.get(path, "") for path in listed),
            "listed": text(listed),
            "split": "",
            "fold": folds,
            "group": text(row["fsID"] for row in rows),
            "file_seconds": seconds,
        }
    )
    spread = clips.groupby("group")["fold"].nunique()
    if (spread > 1).any():
        notes.append(f"recordings in more than one fold: {', '.join(spread.index[spread > 1][:5])}")
    extra = count_unlabelled(files.values(), clips["path"], notes, len(clips))
    return Scan(folder, clips, labels, tag_table(CLASSES, "sound"), notes, unlabelled=extra)


def _table(folder: Path) -> Path:
    inside = folder / "metadata" / TABLE
    return inside if inside.is_file() else folder / TABLE


DATASET = Dataset(
    name="urbansound8k",
    title="UrbanSound8K",
    task="multiclass",
    scan=scan,
    n_clips=8_732,
    page="https://urbansounddataset.weebly.com/urbansound8k.html",
    commands=("curl -LO https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz", "tar xzf UrbanSound8K.tar.gz"),
    size="6 GB to download, 0.8 GB prepared",
    licence="non-commercial (CC BY-NC)",
    citation="Salamon, Jacoby and Bello (2014), ACM Multimedia",
    faults="Five recordings occur in two folds; some sounds are shorter than one analysis window.",
    checksums={"UrbanSound8K.tar.gz": "md5:9aa69802bbf37fb986f71ec1483a196e"},
)
