"""The author's labels of the Million Song Dataset: fifty Last.fm tags of the validation and test clips.

The training labels and ids could not be reached when this book was made. Where ``python -m mtlib fetch``
brings them, or a reader puts ``train_y.npy`` and ``train_x_msd_id.txt`` beside the other files, they are used.
"""

import re
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

N_TRAIN = 201_680
"""Training clips by the notes on the author's list (E09, E26); counted where a file of theirs is at hand."""


@dataclass(frozen=True)
class Labels:
    """Labels by split, and the track ids of the splits that have them."""

    by_split: dict[str, np.ndarray]
    """(clip, tag) bool; ``valid``, ``test``, and ``train`` where the reader has it."""
    ids: dict[str, np.ndarray]
    """Track ids (clip,) of ``valid`` and ``test``, and of ``train`` where the reader has them."""

    @property
    def everything(self) -> np.ndarray:
        """All splits, one below the other."""
        return np.concatenate(list(self.by_split.values()))

    @property
    def n_train(self) -> int:
        """Training clips: counted, or `N_TRAIN` where neither their ids nor their labels are at hand."""
        return len(self.by_split.get("train", self.ids.get("train", range(N_TRAIN))))


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
        ids[split] = _read_ids(published.fetch(f"{REPOSITORY}/{split}_x_msd_id.txt"))
    if path := _at_hand("train_x_msd_id.txt"):
        ids["train"] = _read_ids(path)
    if path := _at_hand("train_y.npy"):
        by_split["train"] = _read(path)
    for split in ids.keys() & by_split.keys():
        if len(ids[split]) != len(by_split[split]):
            raise InputError(f"{split}: {len(ids[split])} track ids, but {len(by_split[split])} label rows")
    return Labels(by_split, ids)


def _at_hand(name: str) -> Path | None:
    """Return where one of the training files lies, or None if this build cannot reach it."""
    item = published.ARTIFACTS[f"{REPOSITORY}/{name}"]
    if (found := published.state(item)) == "damaged":
        raise InputError(f"{item.path}: not the author's file (another hash); delete it or get {item.url}")
    return item.path if found == "present" else None


def _read_ids(path: Path) -> np.ndarray:
    ids = path.read_text(encoding="ascii", errors="replace").split()
    wrong = [name for name in ids or [""] if not re.fullmatch("TR[A-Z]{5}[0-9A-F]{11}", name)]
    if wrong:
        raise InputError(f"{path}: expected one track id a line, such as TRAAAAK128F9318786, got {wrong[0][:40]!r}")
    return np.array(ids)


def _read(path: Path) -> np.ndarray:
    try:
        labels = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise InputError(f"{path}: not a plain array ({error})") from error
    if labels.ndim != 2 or labels.shape[1] != len(TAGS) or not np.isin(labels, (0, 1)).all():
        raise InputError(f"{path}: expected 0 or 1 for {len(TAGS)} tags a clip, got shape {labels.shape}")
    return labels.astype(bool)
