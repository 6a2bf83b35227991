"""Jamendo vocal: 93 songs with sung and instrumental passages marked (task T5 [Choi2018, Table 6.A]).

Each marked passage is a clip, 4,086 in all, from milliseconds to minutes; a song is a group. Two
layouts are in use: ``train|valid|test/`` with ``jamendo_lab/``, and ``audio/``, ``labels/`` with
``filelists/``.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from .scanning import Dataset, Scan, audio_files, by_name, composed, locate, read_text, stem, tag_table

CLASSES = ("nosing", "sing")
SPLITS = ("train", "valid", "test")


def scan(root: Path) -> Scan:
    """Read the marks, which say what should be there, and look for the songs.

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
    files = by_name(audio_files(root, notes))
    labs = {composed(lab.stem): lab for lab in sorted(marks.glob("*.lab")) if not lab.name.startswith("._")}
    if original:
        songs = [(split, stem(name), files[name]) for split in SPLITS for name in files
                 if name.startswith(f"{split}/")]  # fmt: skip
    else:
        present = {name.rpartition("/")[2]: path for name, path in files.items()}
        listed = [(split, line.strip().rpartition("/")[2]) for split in SPLITS
                  for line in read_text(root / "filelists" / split).splitlines()]  # fmt: skip
        songs = [(split, stem(name), present.get(name, "")) for split, name in listed if name]
    known = {song for _, song, _ in songs}
    if unmarked := sorted(known - set(labs)):
        notes.append(f"audio without marks (ignored): {', '.join(unmarked[:5])}; .lab files are in {marks.name}")
    unlisted = sorted(set(labs) - known)
    if unlisted and not original:
        notes.append(f"songs in no list of a split: {', '.join(unlisted[:5])}")
    by_stem = {stem(name): path for name, path in files.items()}
    songs += [("", song, by_stem.get(song, "")) for song in unlisted]
    rows, skipped, n_cut = [], [], 0
    for split, song, path in songs:
        for number, line in enumerate(read_text(labs[song]).splitlines() if song in labs else ()):
            if not (fields := line.split()):
                continue
            start, end = (_seconds(field) for field in (*fields, "", "")[:2])
            if 0 <= start < end < 1e5 and fields[2:3] and fields[2] in CLASSES:
                rows.append((f"{split}/{song}#{number:03d}", path, split, start, end, fields[2], song))
            else:  # a mark of no length is no passage; one that begins with a number is damaged
                n_cut += start >= 0 and start != end
                skipped.append(f"{song}.lab, line {number + 1}")
    if skipped:
        notes.append(f"{len(skipped)} malformed or empty lines in the .lab files skipped: {', '.join(skipped[:5])}")
    columns = ("clip_id", "path", "split", "start", "end", "word", "group")
    clips = pd.DataFrame(rows, columns=list(columns))
    clips["fold"], clips["listed"] = -1, clips["group"] + ".lab"
    labels = np.array([CLASSES.index(word) for word in clips["word"]], int)
    incomplete = bool(unmarked or n_cut or (original and len(clips) < DATASET.n_clips))
    return Scan(root, clips.drop(columns="word"), labels, tag_table(CLASSES, "voice"), notes, {}, incomplete)


def _seconds(field: str) -> float:
    try:
        return float(field) if float(field) >= 0 else -1.0
    except ValueError:
        return -1.0


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
