"""GTZAN genre: 1,000 clips of 30 s in ten genres (task T2 [Choi2018, Table 6.A]).

Two archives of one name exist, with .au and with .wav files. The folds are the author's, over all
clips; the splits are the fault-filtered, artist-filtered ones of [Kereliuk2015], 443, 197 and 290
clips; the 70 clips that they leave out have the split "excluded".
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...base import paths
from ...signal.audio import display_name
from .scanning import Dataset, Scan, audio_files, locate, stem, stratified_folds, tag_table, text

CLASSES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
FILTERED = pd.read_csv(paths.DATA / "datasets" / "gtzan_filtered.csv", dtype=str)
CORRUPT = "jazz.00054"


def scan(root: Path) -> Scan:
    """List the genres' folders.

    Parameters
    ----------
    root : Path
        Holds ``genres/`` (or ``genres_original/``), or is that folder.
    """
    inside = ("genres", "genres_original", "Data/genres_original")
    folder = locate(
        Path(root), lambda f: any((f / name).is_dir() for name in CLASSES), "genre folders (blues …)", inside
    )
    notes: list[str] = []
    info: dict[str, Any] = {}
    files = audio_files(folder, notes)
    strange = sorted({path.partition("/")[0] for path in files} - set(CLASSES))
    if strange:
        notes.append(f"folders that are no genre of this dataset (ignored): {', '.join(strange[:5])}")
    if texts := [name for name in CLASSES if (folder / name).is_file()]:
        notes.append(f"files in the place of folders, perhaps links that became text: {', '.join(texts)}")
    expected = {f"{name}/{name}.{number:05d}" for name in CLASSES for number in range(100)}
    present: dict[str, str] = {}
    others = []
    for path in files:
        if path.rpartition(".")[0] not in expected or present.setdefault(stem(path), path) != path:
            others += [display_name(path)] * (path.partition("/")[0] in CLASSES)
    if others:
        notes.append(f"no clip of this dataset (ignored): {', '.join(others[:5])} ({len(others)} in all)")
    ids = sorted(present)
    if lost := sorted({stem(f"{path}.") for path in expected} - {*ids, CORRUPT}):
        notes.append(f"{len(lost):,} clips have no file: {', '.join(lost[:5])}; unpack the archive again")
    labels = np.array([CLASSES.index(i.partition(".")[0]) for i in ids], int)
    split = dict(zip(FILTERED["clip_id"], FILTERED["split"], strict=True))
    clips = pd.DataFrame(
        {
            "clip_id": text(ids),
            "path": text(present[i] for i in ids),
            "split": text(split.get(i, "excluded") for i in ids),
            "fold": stratified_folds(labels, CLASSES, info),
            "group": text(ids),
            "file_seconds": 29.9,
            "known_fault": text("corrupt in two of the circulating copies" if i == CORRUPT else "" for i in ids),
        }
    )
    return Scan(folder, clips, labels, tag_table(CLASSES, "genre"), notes, info, bool(lost))


DATASET = Dataset(
    name="gtzan_genre",
    title="GTZAN genre",
    task="multiclass",
    scan=scan,
    n_clips=1_000,
    page="https://huggingface.co/datasets/marsyas/gtzan",
    commands=(
        "curl -LO https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz",
        "tar xzf genres.tar.gz",
    ),
    size="1.2 GB to download, 0.7 GB prepared",
    licence="unknown",
    citation="Tzanetakis and Cook (2002), IEEE Transactions on Speech and Audio Processing",
    faults="Repetitions, wrong labels and distortions (Sturm 2013); jazz.00054 is corrupt in some copies.",
    checksums={
        "genres.tar.gz (.wav)": "sha256:24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6",
        "genres.tar.gz (.au)": "md5:fe37942310e589be16b04b6d631790de",
    },
    sample_rates=(22_050,),
    n_channels=1,
)
