"""The author's labels of the Million Song Dataset: fifty Last.fm tags of the validation and test clips.

The training labels could not be reached when this book was made. Where ``python -m mtlib fetch`` brings
them, or a reader puts ``train_y.npy`` beside the other files, they are used.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base import published
from ...base.errors import InputError
from ...base.tags import TAGS

REPOSITORY = "MSD_split_for_tagging"
SPLITS = ("valid", "test")
"""Splits whose labels every build can have."""
ARTIFACTS = tuple(f"{REPOSITORY}/{split}_{part}" for split in SPLITS for part in ("y.npy", "x_msd_id.txt"))


@dataclass(frozen=True)
class Labels:
    """Labels by split, and the track ids of the splits that have them."""

    by_split: dict[str, np.ndarray]
    """(clip, tag) bool; ``valid``, ``test``, and ``train`` where the reader has it."""
    ids: dict[str, np.ndarray]
    """Track ids (clip,) of ``valid`` and ``test``."""

    @property
    def everything(self) -> np.ndarray:
        """All splits, one below the other."""
        return np.concatenate(list(self.by_split.values()))


def load() -> Labels:
    """Load the labels.

    Raises
    ------
    InputError
        If a file cannot be had, or does not hold one row of fifty labels a clip.
    """
    by_split, ids = {}, {}
    for split in SPLITS:
        by_split[split] = _read(published.fetch(f"{REPOSITORY}/{split}_y.npy"))
        text = published.fetch(f"{REPOSITORY}/{split}_x_msd_id.txt").read_text(encoding="ascii")
        ids[split] = np.array(text.split())
        if len(ids[split]) != len(by_split[split]):
            raise InputError(f"{split}: {len(ids[split])} track ids, but {len(by_split[split])} label rows")
    train = published.ARTIFACTS[f"{REPOSITORY}/train_y.npy"]
    if (found := published.state(train)) == "damaged":
        raise InputError(f"{train.path}: not the author's file (another hash); delete it or get {train.url}")
    if found == "present":
        by_split["train"] = _read(train.path)
    return Labels(by_split, ids)


def _read(path: Path) -> np.ndarray:
    try:
        labels = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise InputError(f"{path}: not a plain array ({error})") from error
    if labels.ndim != 2 or labels.shape[1] != len(TAGS) or not np.isin(labels, (0, 1)).all():
        raise InputError(f"{path}: expected 0 or 1 for {len(TAGS)} tags a clip, got shape {labels.shape}")
    return labels.astype(bool)
