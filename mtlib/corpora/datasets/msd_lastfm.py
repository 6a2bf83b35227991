"""The Million Song Dataset with Last.fm's fifty most frequent tags: the thesis' own data.

The author published ids, splits and labels (his repository MSD_split_for_tagging); the audio, previews
by 7digital, is not to be had any more, so a reader brings what there is. Rows without audio are told
and counted; nothing is guessed. A file is looked for by its 7digital id (``5/5/5504670.clip.mp3``) and
by its track id (``T/R/A/TRAAAAK128F9318786.mp3``).
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from ...base import paths
from ...base.errors import InputError
from ...base.tags import CATEGORY, TAGS
from .scanning import SOURCE_SAMPLES, Dataset, Scan, audio_files, count_unlabelled, locate, read_text, tag_table, text

SPLITS = ("train", "valid", "test")


def read_split(folder: Path, split: str) -> tuple[list[str], list[str], np.ndarray]:
    """Read the author's lists of one split.

    Returns
    -------
    track_ids, audio_ids : list of str
        Million Song Dataset and 7digital; the second is empty where the file is not there.
    labels : np.ndarray [shape=(n, 50), dtype=bool]

    Raises
    ------
    InputError
        If a file is missing, or the rows do not agree.
    """
    ids = read_text(folder / f"{split}_x_msd_id.txt").split()
    other = folder / f"{split}_x_7d_id.txt"
    audio_ids = read_text(other).split() if other.is_file() else []
    path = folder / f"{split}_y.npy"
    if not path.is_file():
        raise InputError(f"{path.name} missing in {folder}; clone MSD_split_for_tagging again, in full")
    if not path.stat().st_size:
        raise InputError(f"{path.name}: empty; get it again")
    try:
        labels = np.load(path, "r", allow_pickle=False)  # mapped: a header may claim any size
        if not np.isin(labels, (0, 1)).all():
            raise ValueError("other values than 0 and 1")
    except Exception as error:  # a damaged array can raise anything
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name}: not an array of numbers ({reason}); get it again") from None
    if labels.shape != (len(ids), len(TAGS)):
        raise InputError(
            f"{path.name} has {labels.shape[0] if labels.ndim else 0:,} rows of {labels.shape[1:]} but "
            f"{split}_x_msd_id.txt has {len(ids):,} of {len(TAGS)} tags; get both again"
        )
    if audio_ids and len(audio_ids) != len(ids):
        raise InputError(f"{other.name} has {len(audio_ids):,} rows but {split}_x_msd_id.txt has {len(ids):,}")
    return ids, audio_ids, labels.astype(bool)


def scan(root: Path, *, audio_too: bool = True) -> Scan:
    """Read the author's lists and look for the audio.

    Parameters
    ----------
    root : Path
        Holds ``MSD_split_for_tagging/`` (or it is among the fetched published files) and the audio, in
        ``audio/`` or itself.
    audio_too : bool
        Look for the audio.
    """
    root = Path(root)
    kept = paths.published() / "MSD_split_for_tagging"
    if not kept.is_dir() or (root / kept.name).is_dir():
        locate(root, lambda f: (f / kept.name).is_dir(), "folder MSD_split_for_tagging")
        kept = root / kept.name
    folder = root / "audio" if (root / "audio").is_dir() else root
    notes: list[str] = []
    present = {re.sub(r"(\.clip)?\.\w+$", "", path.rpartition("/")[2]): path
               for path in (audio_files(folder, notes) if audio_too else ())}  # fmt: skip
    parts, labels = [], []
    for split in SPLITS:
        if not any(kept.glob(f"{split}_*")):
            notes.append(f"no files of the {split} split in {kept}: its clips are left out")
            continue
        ids, audio_ids, y = read_split(kept, split)
        audio_ids = audio_ids or [""] * len(ids)
        paths_ = [present.get(a) or present.get(i, "") for a, i in zip(audio_ids, ids, strict=True)]
        parts.append(pd.DataFrame({"clip_id": text(ids), "path": text(paths_), "split": split,
                                   "same_audio": text(audio_ids)}))  # fmt: skip
        parts[-1]["listed"] = text(f"{a[:1]}/{a[1:2] or a}/{a}.clip.mp3" if a else f"{i}.mp3"
                                   for a, i in zip(audio_ids, ids, strict=True))  # fmt: skip
        labels.append(y)
        notes.append(f"{split}: audio for {sum(map(bool, paths_)):,} of {len(ids):,} rows")
    if not parts:
        raise InputError(f"no lists such as train_x_msd_id.txt in {kept}; clone MSD_split_for_tagging again")
    clips = pd.concat(parts, ignore_index=True)
    extra = count_unlabelled(present.values(), clips["path"], notes, len(clips))
    clips["fold"], clips["file_seconds"] = -1, np.nan
    clips["group"] = clips["same_audio"].where(clips["same_audio"] != "", clips["clip_id"])
    tags = tag_table(TAGS, [CATEGORY[tag] for tag in TAGS])
    return Scan(folder, clips, np.concatenate(labels), tags, notes, {}, len(parts) < len(SPLITS), extra)


DATASET = Dataset(
    name="msd_lastfm",
    title="Million Song Dataset with Last.fm tags",
    task="multilabel",
    scan=scan,
    n_clips=242_854,
    page="https://github.com/keunwoochoi/MSD_split_for_tagging",
    commands=("git clone https://github.com/keunwoochoi/MSD_split_for_tagging",),
    size="169.7 GB prepared; the audio (7digital previews) is the reader's own",
    licence="labels: Last.fm, non-commercial research; audio: not redistributable",
    citation="Bertin-Mahieux, Ellis, Whitman and Lamere (2011), ISMIR; split by Choi (2018)",
    faults="Two 7digital ids stand for two tracks each; some previews are empty or shorter than 29 s.",
    n_samples=SOURCE_SAMPLES,
    sample_rates=(22_050, 44_100),
)
