"""MagnaTagATune: 29-second clips with the tags of a listening game; the book's default real corpus.

The fifty most frequent of its 188 tags are fixed here in one order, though two pairs tie inside. Clips
with none of them are left out. Splits go by folder, as in the literature: 0–b, c, d–f. They keep songs
apart but not artists (45 of 75 test artists are in training too), so the folds, ten, keep artists
apart.
"""

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd

from ...base import paths
from ...base.errors import InputError
from ...base.files import atomic
from .scanning import (
    SOURCE_SAMPLES,
    Dataset,
    Scan,
    audio_files,
    by_name,
    count_unlabelled,
    group_folds,
    locate,
    read_rows,
    sha256,
    text,
)

FOLDERS = "0123456789abcdef"
EMPTY = ("35644", "55753", "57881")
"""Clips whose file in the official archive has 0 bytes."""

PARTS = ("mp3.zip.001", "mp3.zip.002", "mp3.zip.003")
TAGS = pd.read_csv(paths.DATA / "datasets" / "magnatagatune_tags.csv", dtype=str)
CLIP_INFO = (
    "clip_id", "track_number", "title", "artist", "album", "url", "segmentStart", "segmentEnd",
    "original_url", "mp3_path",
)  # fmt: skip
"""Columns of ``clip_info_final.csv``."""


def scan(root: Path) -> Scan:
    """Read the annotations and look for the clips.

    Parameters
    ----------
    root : Path
        Holds ``annotations_final.csv`` and the folders 0–f, themselves or in ``mp3/``.
    """
    root = Path(root)
    here = {part: (root / part).is_file() for part in PARTS}
    if any(here.values()) and not all(here.values()):
        lost = next(part for part, found in here.items() if not found)
        raise InputError(f"{lost} missing in {root}; all three parts are needed: fetch it, then unpack")
    folder = locate(root, _has_clips, "folders 0–f", ("mp3", "mp3s", "mp3.zip"))
    annotations = next(
        (f / "annotations_final.csv" for f in (root, folder, folder.parent)
         if (f / "annotations_final.csv").is_file()), root / "annotations_final.csv",
    )  # fmt: skip
    notes: list[str] = []
    return read_annotations(annotations, folder, notes, audio_files(folder, notes))


def read_annotations(annotations: Path, folder: Path, notes: list[str], present: list[str]) -> Scan:
    """Read ``annotations_final.csv``; ``present`` are the clips at hand, relative to `folder`."""
    names = list(TAGS["name"])
    rows = read_rows(annotations, ("clip_id", *names, "mp3_path"), "\t")
    for row in rows:
        if not {"0", "1"}.issuperset(row[name] for name in names) or row["mp3_path"][:1] not in (*FOLDERS,):
            raise InputError(
                f"{annotations.name}, line {row['line']}: tags must be 0 or 1 and mp3_path begin with a "
                f"folder 0–f, got {row['mp3_path']!r}; get it again"
            )
    labels = np.array([[row[name] == "1" for name in names] for row in rows], bool).reshape(-1, len(names))
    tagged = np.any(labels, axis=1)
    files = by_name(present)
    listed = [files.get(row["mp3_path"], "") for row in rows]
    rows = [row for row, keep in zip(rows, tagged, strict=True) if keep]
    extra = count_unlabelled(present, listed, notes, len(tagged))
    notes.insert(0, f"{(~tagged).sum():,} of {len(tagged):,} clips have none of the {len(names)} tags (left out)")
    paths_ = [row["mp3_path"] for row in rows]
    artists = text(path.rpartition("/")[2].partition("-")[0] for path in paths_)
    info: dict[str, str] = {}
    empty = "empty in the official archive"
    clips = pd.DataFrame(
        {
            "clip_id": text(row["clip_id"] for row in rows),
            "path": text(files.get(path, "") for path in paths_),
            "listed": text(paths_),
            "split": text(_split(path) for path in paths_),
            "fold": group_folds(artists, info),
            "group": artists,
            "file_seconds": 29.124,
            "known_fault": text(empty if row["clip_id"] in EMPTY else "" for row in rows),
        }
    )
    return Scan(folder, clips, labels[tagged], TAGS, notes, info, unlabelled=extra)


def write_tables(labels: Path, folder: Path) -> None:
    """Write the two official tables, byte for byte, from the one file of jukemir; right ones are kept.

    Parameters
    ----------
    labels : Path
        ``magnatagatune.json.gz``, of the published files.
    folder : Path
        Gets ``annotations_final.csv`` and ``clip_info_final.csv``.

    Raises
    ------
    InputError
        If a table does not come out as the official one.
    """
    names = ("annotations_final.csv", "clip_info_final.csv")
    wanted = [folder / name for name in names if not is_official(folder / name)]
    if there := [path for path in wanted if path.exists()]:
        raise InputError(f"{there[0]} is not the official table, and is kept; move it away")
    if not wanted:
        return
    with gzip.open(labels, "rb") as file:
        clips = [(clip["extra"], clip["y_all"]) for clip in json.load(file).values()]
    columns = (paths.DATA / "datasets" / "magnatagatune_columns.txt").read_text(encoding="utf-8").splitlines()
    folder.mkdir(parents=True, exist_ok=True)
    for name, header, rows in (
        (
            "annotations_final.csv",
            ("clip_id", *columns, "mp3_path"),
            (
                (about["clip_id"], *("1" if column in tags else "0" for column in columns), about["mp3_path"])
                for about, tags in ((about, set(tags)) for about, tags in clips if tags is not None)
            ),
        ),
        ("clip_info_final.csv", CLIP_INFO, ([about[column] for column in CLIP_INFO] for about, _ in clips)),
    ):
        table = io.StringIO(newline="")
        writer = csv.writer(table, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerows((header, *rows))
        with atomic(folder / name) as file:
            file.write(table.getvalue().encode())
        if not is_official(folder / name):
            raise InputError(f"{folder / name}: not the official table; get {labels} again")


def is_official(path: Path) -> bool:
    """Tell whether a file is there and has the hash of the official one."""
    return path.is_file() and f"sha256:{sha256(path)}" == DATASET.checksums[path.name]


def _has_clips(folder: Path) -> bool:
    return sum((folder / name).is_dir() for name in FOLDERS) >= 2


def _split(path: str) -> str:
    number = FOLDERS.find(path[:1])
    return "train" if number < 12 else "valid" if number == 12 else "test"


DATASET = Dataset(
    name="magnatagatune",
    title="MagnaTagATune",
    task="multilabel",
    scan=scan,
    n_clips=21_108,
    page="https://mirg.city.ac.uk/codeapps/the-magnatagatune-dataset",
    commands=("python -m mtlib fetch magnatagatune",),
    size="3.0 GB to download, 14.8 GB prepared",
    licence="CC BY-NC-SA 3.0",
    citation="Law, West, Mandel, Bay and Downie (2009), ISMIR",
    faults="Three clips are empty in the official archive; artists occur in more than one split.",
    checksums={
        "mp3.zip.001": "sha256:f857fe185968773058cc71662c2ef5d8f2d4b7338e3c122cfd52f82dcb9760b9",
        "mp3.zip.002": "sha256:fc2e1ec441755556ed1398b1808f1b08b6034372f8bc27394510c0c58cdb52ce",
        "mp3.zip.003": "sha256:83a689824c17e82f6eb81cdbc4e4ca239a4cfc1fb41f1a5c80b861caec90450f",
        "clip_info_final.csv": "sha256:cb6108a10d3a91f0bfd7d2fbec2382559d15f20c8d28093f14e12162a47a3e78",
        "annotations_final.csv": "sha256:99b94e95825d4fa576386a5367b9c96e0ec636e9f9c240aceb492f4728f68c3c",
    },
    n_samples=SOURCE_SAMPLES,
    sample_rates=(16_000,),
    n_channels=1,
)
