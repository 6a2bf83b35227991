"""Jamendo vocal: 93 songs with sung and instrumental passages marked (task T5 [Choi2018, Table 6.A]).

Each marked passage is a clip, 4,086 in all, from milliseconds to minutes; a song is a group. Two
layouts are in use: ``train|valid|test/`` with ``jamendo_lab/``, and ``audio/``, ``labels/`` with
``filelists/``.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from .scanning import Dataset, Scan, audio_files, locate, read_text, stem, tag_table

CLASSES = ("nosing", "sing")
SPLITS = ("train", "valid", "test")


def scan(root: Path) -> Scan:
    """Read the marks and look for the songs.

    Parameters
    ----------
    root : Path
        In either layout.
    """
    what = "folders train, valid, test and jamendo_lab, or audio, labels and filelists"
    root = locate(Path(root), lambda f: _original(f) or (f / "filelists").is_dir(), what)
    original = _original(root)
    notes: list[str] = []
    marks = root / ("jamendo_lab" if original else "labels")
    files = audio_files(root, notes)
    if original:
        songs = [(split, path) for split in SPLITS for path in files if path.startswith(f"{split}/")]
    else:
        present = {path.rpartition("/")[2]: path for path in files}
        lists = {split: read_text(root / "filelists" / split).splitlines() for split in SPLITS}
        listed = [(split, present.get(line.strip().rpartition("/")[2], ""), line.strip())
                  for split, lines in lists.items() for line in lines if line.strip()]  # fmt: skip
        notes += [f"listed without audio: {line}" for _, path, line in listed if not path]
        songs = [(split, path) for split, path, _ in listed if path]
    rows, n_bad = [], 0
    for split, path in songs:
        lab = marks / f"{stem(path)}.lab"
        if not lab.is_file():
            notes.append(f"audio without marks (ignored): {path}; looked for {lab.name}")
            continue
        for number, line in enumerate(read_text(lab).splitlines()):
            fields = line.split()
            try:
                start, end, word = float(fields[0]), float(fields[1]), fields[2]
                usable = 0 <= start < end and word in CLASSES
            except (ValueError, IndexError):
                usable = not fields
            if not usable:
                n_bad += 1
            elif fields:
                rows.append((f"{split}/{stem(path)}#{number:03d}", path, split, start, end, word))
    if n_bad:
        notes.append(f"{n_bad} malformed or empty lines in the .lab files skipped")
    columns = ("clip_id", "path", "split", "start", "end", "word")
    clips = pd.DataFrame(rows, columns=list(columns))
    clips["group"], clips["fold"] = clips["path"].map(stem), -1
    labels = np.array([CLASSES.index(word) for word in clips["word"]], int)
    return Scan(root, clips.drop(columns="word"), labels, tag_table(CLASSES, "voice"), notes)


def _original(folder: Path) -> bool:
    return (folder / "jamendo_lab").is_dir() and any((folder / split).is_dir() for split in SPLITS)


DATASET = Dataset(
    name="jamendo_vocal",
    title="Jamendo singing voice",
    task="multiclass",
    scan=scan,
    n_clips=4_086,
    page="https://zenodo.org/records/2585988",
    commands=("download the archive from the page above and unpack it",),
    size="0.5 GB prepared",
    licence="songs under Creative Commons licences of their artists",
    citation="Ramona, Richard and David (2008), ICASSP",
    faults="Passages from milliseconds to minutes; some songs are MP3, most are Ogg.",
    sample_rates=(44_100,),
)
