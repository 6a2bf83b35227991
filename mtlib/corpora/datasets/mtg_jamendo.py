"""MTG-Jamendo: 54,380 full songs under Creative Commons licences with the 50 most frequent tags.

The repository's own lists are read, split 0 of five, artist-disjoint. The central 29.12 s of a song are
taken. Any subset of the hundred audio folders will do; ``audio-low`` files carry ``.low.mp3`` where the
list says ``.mp3``.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ...base.errors import InputError
from ...signal import audio
from .scanning import (
    SOURCE_SAMPLES,
    Dataset,
    Scan,
    audio_files,
    checked_number,
    count_unlabelled,
    locate,
    read_rows,
    read_text,
    tag_table,
    text,
)

REPOSITORY = "mtg-jamendo-dataset"
SPLITS = {"train": "train", "valid": "validation", "test": "test"}
COLUMNS = ("TRACK_ID", "ARTIST_ID", "PATH", "DURATION", "TAGS")


def scan(root: Path, number: int = 0, *, audio_too: bool = True) -> Scan:
    """Read one of the five splits and look for the songs.

    Parameters
    ----------
    root : Path
        Holds the repository ``mtg-jamendo-dataset/`` and the folders 00–99, in ``audio-low/`` or ``audio/``.
    number : int
        Which split, 0–4.
    audio_too : bool
        Look for the songs.
    """
    root = Path(root)
    data = locate(root, lambda f: (f / "data/splits").is_dir(), "folder data/splits", (REPOSITORY,)) / "data"
    folder = next((root / name for name in ("audio-low", "audio") if (root / name).is_dir()), root)
    notes: list[str] = []
    present = {path.replace(".low.mp3", ".mp3"): path for path in audio_files(folder, notes)} if audio_too else {}
    names = read_text(data / "tags/top50.txt").split()
    if len(set(names)) < len(names):
        raise InputError("top50.txt: a tag is listed twice; get it again")
    column = {name: i for i, name in enumerate(names)}
    rows = []
    for split, word in SPLITS.items():
        path = data / f"splits/split-{number}/autotagging_top50tags-{word}.tsv"
        if read_text(path).count("\n") <= 1 and read_text(path).strip().endswith(".tsv"):
            raise InputError(f"{path.name}: a link that became text; clone {REPOSITORY} with git, on Linux or macOS")
        for row in read_rows(path, COLUMNS, "\t", rest="TAGS"):
            seconds = checked_number(row, "DURATION", path.name, 0.1, 1e5)
            rows.append(row | {"split": split, "seconds": seconds})
    labels = np.zeros((len(rows), len(names)), bool)
    for i, row in enumerate(rows):
        for tag in filter(None, row["TAGS"]):
            if tag not in column:
                raise InputError(f"{row['TRACK_ID']}: tag {tag!r} is not in tags/top50.txt; get both again")
            labels[i, column[tag]] = True
    seconds = np.array([row["seconds"] for row in rows])
    length = SOURCE_SAMPLES / audio.SAMPLE_RATE
    clips = pd.DataFrame(
        {
            "clip_id": text(row["TRACK_ID"] for row in rows),
            "path": text(present.get(row["PATH"], "") for row in rows),
            "listed": text(row["PATH"] for row in rows),
            "split": text(row["split"] for row in rows),
            "fold": -1,
            "group": text(row["ARTIST_ID"] for row in rows),
            "start": np.maximum(0, (seconds - length) / 2),
            "end": np.minimum(seconds, (seconds + length) / 2),
            "file_seconds": seconds,
        }
    )
    found = clips["path"] != ""
    notes += [f"{split}: audio for {found[clips['split'] == split].sum():,} of "
              f"{(clips['split'] == split).sum():,} rows" for split in SPLITS]  # fmt: skip
    extra = count_unlabelled(present.values(), clips["path"], notes, len(clips))  # songs without these tags
    short = [name.rpartition("---")[2] for name in names]
    unique = short if len(set(short)) == len(short) else names
    tags = tag_table(unique, [name.partition("---")[0] for name in names])
    return Scan(folder, clips, labels, tags, notes, unlabelled=extra)


DATASET = Dataset(
    name="mtg_jamendo",
    title="MTG-Jamendo, 50 most frequent tags",
    task="multilabel",
    scan=scan,
    n_clips=54_380,
    page="https://github.com/MTG/mtg-jamendo-dataset",
    commands=(
        "git clone https://github.com/MTG/mtg-jamendo-dataset",
        "python mtg-jamendo-dataset/scripts/download/download.py --dataset raw_30s --type audio-low audio-low --unpack",
    ),
    size="156 GB to download (ten of its hundred archives, 16 GB, are a start), 38.0 GB prepared",
    licence="metadata CC BY-NC-SA 4.0; each song under its own Creative Commons licence",
    citation="Bogdanov, Won, Tovstogan, Porter and Serra (2019), ICML workshop",
    faults="465 groups of identical songs; tags are those of the uploaders.",
    n_samples=SOURCE_SAMPLES,
    sample_rates=(44_100,),
)
