"""GTZAN speech/music: 128 clips of 30 s, half speech (task T3 [Choi2018, Table 6.A]); one error is 0.8 %."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .scanning import Dataset, Scan, audio_files, composed, locate, stem, stratified_folds, tag_table, text

CLASSES = ("music", "speech")
FOLDERS = ("music_wav", "speech_wav")


def scan(root: Path) -> Scan:
    """List the two folders.

    Parameters
    ----------
    root : Path
        Holds ``music_speech/``, or is that folder.
    """
    folder = locate(
        Path(root),
        lambda f: all((f / name).is_dir() for name in FOLDERS),
        "folders music_wav and speech_wav",
        ("music_speech",),
    )
    notes: list[str] = []
    info: dict[str, Any] = {}
    files = [path for path in audio_files(folder, notes) if path.partition("/")[0] in FOLDERS]
    labels = np.array([FOLDERS.index(path.partition("/")[0]) for path in files], int)
    ids = [f"{CLASSES[label]}/{composed(stem(path))}" for path, label in zip(files, labels, strict=True)]
    clips = pd.DataFrame(
        {
            "clip_id": text(ids),
            "path": text(files),
            "split": "",
            "fold": stratified_folds(labels, CLASSES, info),
            "group": text(ids),
            "file_seconds": 29.9,
        }
    )
    incomplete = len(ids) < DATASET.n_clips
    return Scan(folder, clips, labels, tag_table(CLASSES, "kind"), notes, info, incomplete)


DATASET = Dataset(
    name="gtzan_speech_music",
    title="GTZAN speech/music",
    task="multiclass",
    scan=scan,
    n_clips=128,
    page="https://www.kaggle.com/datasets/lnicalo/gtzan-musicspeech-collection",
    commands=("tar xzf music_speech.tar.gz",),
    size="0.3 GB to download, 0.1 GB prepared",
    licence="unknown",
    citation="Tzanetakis and Cook (2002), IEEE Transactions on Speech and Audio Processing",
    faults="The original host is gone; the copy above needs an account.",
    checksums={"music_speech.tar.gz": "sha256:8753bc4129fc0a916d6efcf25dbcaf30e06b41acb44ad7c3d0b5c9d9c90ff546"},
    sample_rates=(22_050,),
    n_channels=1,
)
