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
    folder = locate(Path(root), lambda f: (f / "blues").is_dir(), "genre folders (blues …)", inside)
    notes: list[str] = []
    info: dict[str, Any] = {}
    files = [path for path in audio_files(folder, notes) if path.count("/") == 1]
    strange = sorted({path.partition("/")[0] for path in files} - set(CLASSES))
    if strange:
        notes.append(f"folders that are no genre of this dataset (ignored): {', '.join(strange[:5])}")
    present = {stem(path): path for path in files if path.partition("/")[0] in CLASSES}
    ids = sorted(present)
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
    if len(ids) < 1000:
        notes.append(f"{len(ids):,} of 1,000 clips found")
    return Scan(folder, clips, labels, tag_table(CLASSES, "genre"), notes, info)


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
