"""EmoMusic: 744 excerpts of 45 s with arousal and valence, rated 1 to 9 (task T4 [Choi2018, Table 6.A]).

The raw ratings are kept; R² does not depend on their scale. The DEAM files for the same songs have the
two columns the other way round and are no substitute. The splits are the official development and
evaluation sets.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from .scanning import (
    Dataset,
    Scan,
    audio_files,
    checked_number,
    count_unlabelled,
    locate,
    read_rows,
    stem,
    tag_table,
    text,
)

TARGETS = ("arousal", "valence")
STATIC = "static_annotations.csv"


def scan(root: Path) -> Scan:
    """Read the ratings and look for the excerpts.

    Parameters
    ----------
    root : Path
        Holds ``clips_45seconds/`` and the tables, themselves or in ``annotations/``.
    """
    root = locate(Path(root), lambda f: (f / "clips_45seconds").is_dir(), "folder clips_45seconds")
    tables = locate(root, lambda f: (f / STATIC).is_file(), STATIC, ("annotations",))
    means = [f"mean_{name}" for name in TARGETS]
    rows = read_rows(tables / STATIC, ("song_id", *means))
    labels = np.array([[checked_number(row, name, STATIC, 1, 9) for name in means] for row in rows])
    songs = {
        row["song_id"]: row for row in read_rows(tables / "songs_info.csv", ("song_id", "Artist", "Mediaeval 2013 set"))
    }
    notes: list[str] = []
    info: dict[str, Any] = {}
    folder = root / "clips_45seconds"
    files = audio_files(folder, notes)
    present = {stem(path): path for path in files}
    ids = [row["song_id"] for row in rows]
    fold = np.full(len(ids), -1)
    if len(ids) >= 10:
        for number, (_, test) in enumerate(KFold(10).split(ids)):  # the author's, in the order of the table
            fold[test] = number
    else:
        info["no_folds"] = f"{len(ids)} clips < 10 folds"
    unknown = {"Artist": "", "Mediaeval 2013 set": ""}
    clips = pd.DataFrame(
        {
            "clip_id": text(ids),
            "path": text(present.get(i, "") for i in ids),
            "listed": text(f"{i}.mp3" for i in ids),
            "split": text(songs.get(i, unknown)["Mediaeval 2013 set"] for i in ids),
            "fold": fold,
            "group": text(songs.get(i, unknown)["Artist"] or i for i in ids),
            "file_seconds": 44.6,
        }
    )
    if lacking := [i for i in ids if i not in songs]:
        notes.append(f"{len(lacking)} songs have no line in songs_info.csv: {', '.join(lacking[:5])}")
    extra = count_unlabelled(files, clips["path"], notes, len(clips))  # the archive has more songs than ratings
    return Scan(folder, clips, labels, tag_table(TARGETS, "emotion"), notes, info, unlabelled=extra)


DATASET = Dataset(
    name="emomusic",
    title="EmoMusic",
    task="regression",
    scan=scan,
    n_clips=744,
    page="http://cvml.unige.ch/databases/emoMusic/",
    commands=("tar xzf clips_45sec.tar.gz", "tar xzf annotations.tar.gz"),
    size="0.8 GB prepared",
    licence="songs from the Free Music Archive under Creative Commons; see the page's terms",
    citation="Soleymani, Caro, Schmidt, Sha and Yang (2013), CrowdMM",
    faults="More excerpts than ratings; 52 artists are in both official sets.",
    checksums={
        "clips_45sec.tar.gz": "sha256:3994a5d5fefc27f9540d1a69cd7f1294c68e6cb311ce49765021e2e9c7a1057b",
        "annotations.tar.gz": "sha256:e0cb0b06e1b0ce7f04b1572fc410937699b7fad9dae67ddaa745f06cda4b0b33",
    },
    sample_rates=(44_100,),
)
