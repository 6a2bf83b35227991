"""A corpus: clips decoded once, their labels, splits and folds, mapped from disk.

Real datasets and the synthetic music take the same form. A corpus lives in ``MTLIB_HOME/corpora/NAME``:
shards of 16-bit mono samples (`mtlib.corpora.shards`), a manifest with one row for every clip of the
source, kept or not, one array for each named label set, and ``corpus.json``, which names all of these and
is replaced last. What it names is whole; what it does not name is not there.

Conventions
    Clips keep the order of the source's table. A tagging source gives every clip `n_samples` samples
    (29.12 s, [Choi2018, §4.2]) and the true length beside it; where clips differ in length, as in the
    target tasks [Choi2018, §6.3], `n_samples` is None. A clip that cannot be used has a row that says why in
    `Corpus.left_out`, and no samples; it is never silent instead.

    The *audio key* changes with the sound (source files or recipe, decoder, resampler), a *label key*
    with the labels of one set; `Corpus.fingerprint_of` joins both with the splits.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..base import files
from ..base.errors import InputError
from ..base.files import digest
from . import writing
from .shards import ReadShard, clip_at

_AGAIN = "run the command that prepared it again: what is whole is kept"

_compared: set[tuple[str, int, int]] = set()  # clips whose checksum was right: once in a process is enough

if TYPE_CHECKING:
    import torch  # loaded where clips become tensors


class Corpus:
    """A prepared corpus, read-only but for `add_labels`; open one with `Corpus.open`.

    Attributes
    ----------
    name : str
    sample_rate : int
        Hertz.
    n_samples : int or None
        Length of every clip, None where they differ.
    task : {"multilabel", "multiclass", "regression"}
    tags : pd.DataFrame
        Columns name, category; one row a column of the labels (a class, for multiclass).
    clips : pd.DataFrame
        One row a kept clip, in storage order: clip_id, split, fold (−1: none), group, n_samples, status
        and what the source tells.
    left_out : pd.DataFrame
        The same for clips that could not be used, with status and message.
    label_sets : tuple of str
    audio_key, label_key, fingerprint : str
        Of the sound, of the first label set, of both.
    info : dict
        What the writer told: title, licence, citation and the like.
    labels_only : bool
        Whether there is no audio: asking for samples is then refused.
    """

    def __init__(self, folder: Path, content: dict[str, Any]):
        self.folder, self.name, self._content = folder, folder.name, content
        self.sample_rate, self.n_samples = content["sample_rate"], content["n_samples"]
        self.task, self.info, self.audio_key = content["task"], content["info"], content["audio_key"]
        self.tags = pd.DataFrame(content["tags"])
        text = (folder / content["manifest"]).read_bytes()
        if hashlib.sha256(text).hexdigest()[:12] not in content["manifest"]:
            raise ValueError(f"{content['manifest']} is not as it was written")
        manifest = _read_table(io.BytesIO(text), content["columns"])
        self.labels_only = not content["shards"]
        kept = (manifest["shard"] >= 0) | self.labels_only
        self.left_out = manifest[~kept].drop(columns=["shard", "place", "n_samples"]).reset_index(drop=True)
        self.clips = manifest[kept].drop(columns=["shard", "place", "message"]).reset_index(drop=True)
        stored = manifest.reindex(columns=["shard", "place", "n_samples", "crc"])
        self._rows = stored[kept].to_numpy().tolist()
        self._arrays = [np.load(folder / name, mmap_mode="r") if name else None for name in content["shards"]]
        self._versions = [(str(folder / name), os.stat(folder / name).st_ctime_ns) for name in content["shards"]]

    def __repr__(self) -> str:
        return f"<Corpus {self.described()}>"

    def described(self) -> str:
        """Return name, size and how much of it is absent, in words."""
        seconds = f"of {self.n_samples / self.sample_rate:.4g} s" if self.n_samples else "of uneven length"
        n_listed = len(self) + len(self.left_out)
        return (
            f"{self.name}: {len(self):,} clips {'without audio' if self.labels_only else seconds}, {self.task}; "
            f"{len(self.left_out):,} of {n_listed:,} listed are absent ({len(self.left_out) / n_listed:.1%})"
        )

    def __len__(self) -> int:
        return len(self.clips)

    def __reduce__(self) -> tuple:
        return Corpus.open, (self.folder,)

    @classmethod
    def open(cls, name: str | Path) -> "Corpus":
        """Map a corpus by its name, or by its folder.

        Raises
        ------
        InputError
            If there is none of that name, its preparation was interrupted, or a file is missing or cut.
        """
        folder = Path(name) if os.sep in str(name) else writing.root() / str(name)
        if not (folder / "corpus.json").exists():
            if (folder / "audio").is_dir():
                raise InputError(f"corpus {folder.name}: its preparation did not end; {_AGAIN}")
            known = ", ".join(names()) or "none"
            raise InputError(
                f"no corpus named {str(name)!r}; prepared on this machine: {known}; prepare one with "
                "`python -m mtlib prepare DATASET --root FOLDER`"
            )
        with files.told_if_damaged(f"corpus {folder.name}", _AGAIN):
            return cls(folder, files.check_form(files.read_json(folder / "corpus.json"), "corpus"))

    @property
    def label_sets(self) -> tuple[str, ...]:
        """Names of the label sets."""
        return tuple(self._content["label_sets"])

    @property
    def label_key(self) -> str:
        """Key of the first label set."""
        return self._label_set(self.label_sets[0])["key"]

    @property
    def fingerprint(self) -> str:
        """Key of sound, splits and the first label set."""
        return self.fingerprint_of(self.label_sets[0])

    def fingerprint_of(self, label_set: str) -> str:
        """Return the key of sound, splits and one label set; other sets do not change it."""
        splits = digest([self.clips[name].tolist() for name in writing.COLUMNS])
        return digest([self.audio_key, splits, self._label_set(label_set)["key"]])

    def labels(self, name: str = "observed") -> np.ndarray:
        """Return one label set, one row per kept clip; see `mtlib.corpora.writing.TASKS` for the shape.

        Raises
        ------
        InputError
            If there is no such set, or its file is damaged.
        """
        told = self._label_set(name)
        with files.told_if_damaged(f"corpus {self.name}", _AGAIN):
            data = (self.folder / told["file"]).read_bytes()
            if writing.label_key(data, self._content["tags"], told["meta"]) != told["key"]:
                raise ValueError(f"{told['file']} is not as it was written")
            labels = np.load(io.BytesIO(data), allow_pickle=False)
            return writing.checked_labels(name, labels, len(self), self.task, len(self.tags))

    def label_meta(self, name: str) -> dict[str, Any]:
        """Return the parameters that a label set was saved with."""
        return dict(self._label_set(name)["meta"])

    def split(self, name: str) -> np.ndarray:
        """Return the indices of the clips of one split, as int64 in storage order.

        Raises
        ------
        InputError
            If no clip is in it; the line names the splits there are.
        """
        indices = np.flatnonzero(self.clips["split"].to_numpy() == name)
        if not len(indices):
            known = ", ".join(sorted(set(self.clips["split"]) - {""})) or "none"
            raise InputError(f"corpus {self.name} has no clips in split {name!r}; it has {known}")
        return indices

    def folds(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (training, test) indices, one pair a fold of the dataset's own cross-validation.

        Raises
        ------
        InputError
            If the dataset has no folds, or too few clips for them.
        """
        fold = self.clips["fold"].to_numpy()
        if not (fold >= 0).any():
            reason = self.info.get("no_folds", "it has splits only")
            raise InputError(f"corpus {self.name} has no folds: {reason}")
        inside = fold >= 0
        for number in np.unique(fold[inside]):
            yield np.flatnonzero(inside & (fold != number)), np.flatnonzero(fold == number)

    def check_losses(self, split: str, limit: float | None = None) -> None:
        """Refuse a split that lost too many clips, known faults of the dataset aside.

        Parameters
        ----------
        split : str
        limit : float, optional
            Share that may be lost; 0.01, unless the corpus was prepared with another one.

        Raises
        ------
        InputError
            With the count, the share, and what to do.
        """
        limit = self._content["loss_limit"] if limit is None else limit
        lost = self.left_out[(self.left_out["split"] == split) & (self.left_out["status"] != "known fault")]
        n_clips = int((self.clips["split"] == split).sum()) + len(lost)
        if len(lost) > limit * n_clips:
            kinds = ", ".join(f"{count} {kind}" for kind, count in lost["status"].value_counts().items())
            raise InputError(
                f"corpus {self.name} lost {len(lost)} of {n_clips} clips of its {split} split ({kinds}), "
                f"more than {limit:.0%}; mend the files and prepare again, or accept it with --allow-missing"
            )

    def pcm(self, indices: Any) -> np.ndarray:
        """Return clips as stored.

        Parameters
        ----------
        indices : array_like of int [shape=(n,)]

        Returns
        -------
        samples : np.ndarray [shape=(n, n_samples), dtype=int16]
            Shorter clips end in zeros.
        """
        if self.n_samples is None:
            raise InputError(f"the clips of corpus {self.name} differ in length; use clip() or batch(n_samples=)")
        indices = self._check(indices)
        samples = np.empty((len(indices), self.n_samples), np.int16)
        for row, index in zip(samples, indices, strict=True):
            clip = self._stored(index)
            row[: len(clip)], row[len(clip) :] = clip, 0
        return samples

    def batch(self, indices: Any, n_samples: int | None = None) -> "torch.Tensor":
        """Return clips as float32 in [−1, 1].

        Parameters
        ----------
        indices : array_like of int [shape=(n,)]
        n_samples : int, optional
            Take the first `n_samples` samples; a shorter clip is repeated until it fills them
            [Choi2018, §6.2.2]. Needed where clips differ in length.

        Returns
        -------
        samples : torch.Tensor [shape=(n, n_samples), dtype=float32]
        """
        import torch

        if self.n_samples is not None and (n_samples is None or n_samples <= self.n_samples):
            samples = self.pcm(indices)[:, :n_samples]
        elif n_samples is not None and n_samples > 0:
            samples = np.stack([np.resize(self._stored(i)[:n_samples], n_samples) for i in self._check(indices)])
        else:
            raise InputError(f"corpus {self.name}: n_samples must be at least 1, got {n_samples}")
        return torch.from_numpy(samples).to(torch.float32).div_(32768)

    def clip(self, index: int) -> np.ndarray:
        """Return one clip at its true length, as float32 in [−1, 1] of shape (time,)."""
        return self._stored(int(self._check([index])[0])).astype(np.float32) / 32768

    def verify(self) -> None:
        """Compare every clip and label set with its checksum; the first that is damaged is refused."""
        for index in range(0 if self.labels_only else len(self)):
            self._stored(index)
        for name in self.label_sets:
            self.labels(name)

    def _stored(self, index: int) -> np.ndarray:
        """Return a clip at its true length; the first time in a process, compare its checksum."""
        number, place, n_samples, crc = self._rows[index]
        array = self._arrays[number]
        if (key := (*self._versions[number], place)) not in _compared:
            with files.told_if_damaged(f"corpus {self.name}", _AGAIN):
                clip_at(array, place, n_samples, crc)
            _compared.add(key)
        return clip_at(array, place, n_samples)

    def check_audio(self) -> None:
        """Refuse a corpus without audio, and say what to do."""
        if self.labels_only:
            raise InputError(
                f"corpus {self.name} holds labels only; prepare its audio with "
                f"`python -m mtlib prepare {self.info.get('dataset', 'DATASET')} --root FOLDER`"
            )

    def _check(self, indices: Any) -> np.ndarray:
        self.check_audio()
        indices = np.asarray(indices, np.int64)
        if indices.ndim != 1 or (len(indices) and not 0 <= indices.min() <= indices.max() < len(self)):
            raise InputError(f"indices must be 1-D and within 0 … {len(self) - 1}, got {indices}")
        return indices

    def _label_set(self, name: str) -> dict[str, Any]:
        if name not in self._content["label_sets"]:
            raise InputError(f"corpus {self.name} has no label set {name!r}; it has {', '.join(self.label_sets)}")
        return self._content["label_sets"][name]

    def add_labels(self, name: str, labels: np.ndarray, meta: dict[str, Any]) -> None:
        """Add a named label set over the same audio; one of the same name is replaced.

        Parameters
        ----------
        name : str
        labels : np.ndarray
            A row a kept clip, in storage order; see `mtlib.corpora.writing.TASKS` for the shape.
        meta : dict
            The parameters it was made with, as plain values.
        """
        labels = writing.checked_labels(name, labels, len(self), self.task, len(self.tags))
        with writing.lock(self.folder):
            with files.told_if_damaged(f"corpus {self.name}", _AGAIN):
                content = files.read_json(self.folder / "corpus.json")
            if content["manifest"] != self._content["manifest"]:
                raise InputError(f"corpus {self.name} was prepared again meanwhile; open it again")
            content["label_sets"][name] = writing.write_labels(self.folder, name, labels, meta, content["tags"])
            files.write_json(self.folder / "corpus.json", content)
        self._content = content


def names() -> list[str]:
    """Return the names of the corpora prepared on this machine."""
    root = writing.root()
    return sorted(p.parent.name for p in root.glob("*/corpus.json")) if root.is_dir() else []


def write(name: str, table: pd.DataFrame, read_shard: ReadShard | None, **options: Any) -> Corpus:
    """Write a corpus, or bring one up to date, and open it.

    The arguments, their meaning and what is refused: `mtlib.corpora.writing.write`.
    """
    return Corpus.open(writing.write(name, table, read_shard, **options))


def _read_table(file: IO[bytes], columns: dict[str, str]) -> pd.DataFrame:
    numeric = {name: [""] for name, kind in columns.items() if kind == "float64"}
    return pd.read_csv(file, dtype=columns, keep_default_na=False, na_values=numeric)
