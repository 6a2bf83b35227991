"""The folder of a corpus: how it is written, brought up to date, and given labels.

``corpus.json`` names every file that belongs to the corpus and is replaced last, so a reader sees the
old corpus or the new one and never a mixture. Every other name carries a key of the content. Real
datasets and the synthetic music both come through `write`; `mtlib.corpora.corpus` reads what it leaves.
"""

import contextlib
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd

from ..base import files, parallel, paths
from ..base.errors import InputError
from ..base.files import atomic, check_space, digest
from ..signal.audio import display_name
from ..signal.decoding import MAX_SAMPLES
from .shards import ReadShard, Shard, write_shard

TASKS = ("multilabel", "multiclass", "regression")
"""What the labels are: (n_clips, n_tags) of 0 and 1; (n_clips,) class indices; (n_clips, n_tags) numbers."""

_OURS = re.compile(
    r"(\.?(corpus\.json|manifest-KEY\.csv)|audio/\.?\d{5,}-KEY\.(npy|json)|labels/\.?[\w.-]+-KEY\.npy)"
    r"(\.\d+\.tmp)?".replace("KEY", "[0-9a-f]{12}")
)
"""Names that `write` gives to files of a corpus: it deletes no others."""

COLUMNS = ("clip_id", "split", "fold", "group")
"""Columns that every table has; the rest is the source's."""


def write(
    name: str,
    table: pd.DataFrame,
    read_shard: ReadShard | None,
    *,
    audio_recipe: dict[str, Any],
    sample_rate: int,
    n_samples: int | None,
    task: str,
    tags: pd.DataFrame,
    label_sets: dict[str, tuple[np.ndarray, dict[str, Any]]],
    n_jobs: int = 1,
    scheduler: str = "",
    progress: Callable[[int, int], None] | None = None,
    source_columns: tuple[str, ...] | None = None,
    info: dict[str, Any] | None = None,
    loss_limit: float = 0.01,
    shard_bytes: int = 64 << 20,
) -> Path:
    """Write a corpus, or finish, or bring up to date, one that is there.

    Finished shards whose sources did not change are kept. Two calls for the same corpus wait for
    each other. Until the new corpus is whole, an old one of the same name stays as it is.

    Parameters
    ----------
    name : str
        Lower-case letters, digits, ``_``, ``-`` and ``.``.
    table : pd.DataFrame
        One row a clip: clip_id (unique), split, fold, group, and what `read_shard` needs.
    read_shard : callable or None
        None registers labels without audio. Picklable. Takes the rows of one shard, returns a
        `mtlib.corpora.shards.Read` (or the tuple of its fields) for each: int16 samples or None, status,
        message.
    audio_recipe : dict
        Plain values that decide the sound beside the rows: versions, lengths, a recipe's parameters.
    sample_rate : int
    n_samples : int or None
        Length of every clip; None keeps each at its own.
    task : {"multilabel", "multiclass", "regression"}
    tags : pd.DataFrame
        Columns name, category.
    label_sets : dict of str to (labels, meta)
        Labels have a row for every row of `table`; the rows of clips left out are dropped. The first set is
        the one that `mtlib.corpora.corpus.Corpus.labels` gives by default if named ``observed``.
    n_jobs, scheduler
        As in `mtlib.base.parallel.run`.
    progress : callable, optional
        Called with (rows done, rows in all) as shards finish.
    source_columns : tuple of str, optional
        Columns that decide a row's sound: if one of them changes, its shard is written again. All but
        split, fold and group by default. With a column ``source_bytes`` the clips come from files.
    info : dict, optional
        Plain values to keep: title, licence, citation.
    loss_limit : float
        Share of a split that may be lost before `mtlib.corpora.corpus.Corpus.check_losses` refuses it.
    shard_bytes : int

    Returns
    -------
    Path
        The corpus' folder.

    Raises
    ------
    InputError
        If an argument does not fit, files of another kind lie in the folder, the disk is too small, or a
        worker died.
    """
    table = _checked_table(name, table, task, n_samples)
    tags = tags[["name", "category"]].astype(str).to_dict("list")
    label_sets = {
        key: (checked_labels(key, labels, len(table), task, len(tags["name"])), meta)
        for key, (labels, meta) in label_sets.items()
    }
    folder = root() / name
    _check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    columns = source_columns or tuple(c for c in table.columns if c not in COLUMNS[1:])
    lengths = _expected_samples(table, sample_rate, n_samples)
    n_rows = max(1, int(shard_bytes / 2 / max(1.0, lengths[lengths > 0].mean() if lengths.any() else 1)))
    plan = []
    for number, start in enumerate(range(0, len(table) if read_shard else 0, n_rows)):
        rows = table.iloc[start : start + n_rows]
        values = rows[list(columns)].to_dict("split", index=False)
        key = digest([audio_recipe, sample_rate, n_samples, values])
        plan.append(Shard(number, rows, key, n_samples, folder / "audio"))
    with lock(folder):
        _remove(folder, lambda file: file.endswith(".tmp"))
        todo = [shard for shard in plan if shard.finished() is None]
        n_bytes = int(sum(2 * lengths[s.rows.index].sum() + 4096 for s in todo))
        check_space(folder, n_bytes)
        n_done = len(table) - sum(len(shard.rows) for shard in todo)
        for n in parallel.run(_Write(read_shard), todo, n_jobs=n_jobs, scheduler=scheduler):
            n_done += n
            if progress:
                progress(n_done, len(table))
        content = _join(folder, table, plan, audio_recipe)
        kept = content.pop("kept")
        if not kept.any():
            raise InputError(f"corpus {name}: none of {len(table):,} clips can be used", "no clips")
        content |= {
            "sample_rate": sample_rate, "n_samples": n_samples, "task": task, "tags": tags,
            "info": info or {}, "loss_limit": loss_limit, "audio_recipe": audio_recipe,
        }  # fmt: skip
        content["label_sets"] = {
            key: write_labels(folder, key, labels[kept], meta, tags) for key, (labels, meta) in label_sets.items()
        }
        _keep_added_labels(folder, content)
        files.write_json(folder / "corpus.json", content)
        named = {"corpus.json", content["manifest"], *content["shards"]}
        named |= {label_set["file"] for label_set in content["label_sets"].values()}
        named |= {f"audio/{shard.outcome.name}" for shard in plan}
        _remove(folder, lambda file: file not in named)
        return folder


class _Write:
    """Writes one shard; a class, so that it can be sent to another process."""

    def __init__(self, read_shard: Any):
        self.read_shard = read_shard

    def __call__(self, shard: Shard) -> int:
        return write_shard(shard, self.read_shard)


def _join(folder: Path, table: pd.DataFrame, plan: list[Shard], recipe: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest from the finished shards; return what corpus.json says of the audio."""
    outcomes = []
    for shard in plan:
        for row in shard.finished() or ():
            details = row.pop("details")
            outcomes.append(row | {"shard": shard.number if row["place"] >= 0 else -1} | details)
    if not plan:  # labels only
        outcomes = [{"place": -1, "n_samples": 0, "status": "ok", "message": "", "shard": -1}] * len(table)
    manifest = pd.concat([table.reset_index(drop=True), pd.DataFrame(outcomes)], axis=1)
    kept = (manifest["shard"] >= 0).to_numpy() | (not plan)
    identity = "crc" if "source_bytes" in table else "clip_id"
    sound = manifest.loc[kept, ["clip_id", "n_samples", identity]].to_numpy().tolist()
    sources = None if "source_bytes" in table else [shard.key for shard in plan]
    for column in manifest.select_dtypes(["object", "str"]):
        manifest[column] = [display_name(value) for value in manifest[column].fillna("").astype(str)]
    text = manifest.to_csv(index=False, lineterminator="\n").encode()
    file = f"manifest-{hashlib.sha256(text).hexdigest()[:12]}.csv"
    with atomic(folder / file) as out:
        out.write(text)
    kinds = {"i": "int64", "u": "int64", "f": "float64", "b": "bool"}
    named = [f"audio/{s.array.name}" if s.array.exists() else "" for s in plan]
    return {
        "manifest": file,
        "columns": {c: kinds.get(manifest[c].dtype.kind, "str") for c in manifest.columns},
        "shards": named,
        "audio_key": digest([recipe, sound, sources]),
        "kept": kept,
    }


def label_key(data: bytes, tags: dict, meta: dict) -> str:
    """Return the key of a label set: of its file's bytes, the tags and the parameters it was made with."""
    return digest([hashlib.sha256(data).hexdigest(), tags, meta])


def write_labels(folder: Path, name: str, labels: np.ndarray, meta: dict, tags: dict) -> dict[str, Any]:
    """Write a label set under the key of its content, and return its entry in the manifest."""
    buffer = io.BytesIO()
    np.save(buffer, labels, allow_pickle=False)
    data = buffer.getvalue()
    key = label_key(data, tags, meta)
    (folder / "labels").mkdir(exist_ok=True)
    file = f"labels/{name}-{key}.npy"
    with atomic(folder / file) as out:
        out.write(data)
    return {"file": file, "key": key, "meta": meta}


def _keep_added_labels(folder: Path, content: dict[str, Any]) -> None:
    """Carry label sets that were added later over to a corpus whose clips are the same."""
    try:
        old = files.read_json(folder / "corpus.json")
        if (old["manifest"], old["tags"]) == (content["manifest"], content["tags"]):
            content["label_sets"] = old["label_sets"] | content["label_sets"]
    except Exception:  # there is none, or a damaged one
        return


def _check_folder(folder: Path) -> None:
    """Refuse a folder that is not new, empty or a corpus: its files would be mixed with ours."""
    for part in (folder, folder / "audio", folder / "labels"):
        files.check_no_link(part, paths.home())
    with contextlib.suppress(Exception):  # there is no corpus.json, or a damaged one
        if {"manifest", "shards", "label_sets"} <= files.read_json(folder / "corpus.json").keys():
            return
    found = [folder] if folder.is_file() else [path for path in folder.rglob("*") if not path.is_dir()]
    named = [path.relative_to(folder).as_posix() for path in found]
    others = [file for file in named if not _OURS.fullmatch(file)]
    if others or (named and not any(file.startswith(("audio/", "labels/")) for file in named)):
        raise InputError(
            f"{folder} holds files of another kind, such as {display_name((others or named)[0])}; they are "
            "not touched: move them away, or choose another name with --name"
        )


def _remove(folder: Path, chosen: Callable[[str], bool]) -> None:
    """Delete those of our files in a corpus' folder that are chosen by their names below it."""
    for path in folder.rglob("*"):
        file = path.relative_to(folder).as_posix()
        if _OURS.fullmatch(file) and chosen(file) and path.is_file():
            path.unlink(missing_ok=True)


def root() -> Path:
    """Return the folder of all corpora."""
    return paths.home() / "corpora"


def lock(folder: Path) -> filelock.FileLock:
    """Keep two processes off one corpus: the second waits."""
    return filelock.FileLock(folder.with_name(f".{folder.name}.lock"))


def _expected_samples(table: pd.DataFrame, sample_rate: int, n_samples: int | None) -> np.ndarray:
    """Return about how many samples each row will take."""
    if n_samples:
        lengths = np.full(len(table), float(n_samples))
    elif "expected_seconds" in table:
        lengths = table["expected_seconds"].fillna(30.0).to_numpy() * sample_rate
    else:
        lengths = np.full(len(table), 30.0 * sample_rate)
    lengths = np.minimum(lengths, MAX_SAMPLES)  # a list may claim anything
    return np.where(table["source_bytes"] > 0, lengths, 0.0) if "source_bytes" in table else lengths


def _checked_table(name: str, table: pd.DataFrame, task: str, n_samples: int | None) -> pd.DataFrame:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name):
        raise InputError(f"a corpus is named in a-z, 0-9, _, - and ., got {name!r}")
    if task not in TASKS:
        raise InputError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
    if n_samples is not None and n_samples < 1:
        raise InputError(f"n_samples must be at least 1, got {n_samples}")
    if missing := [column for column in COLUMNS if column not in table]:
        raise InputError(f"the table of corpus {name} has no column {missing[0]!r}")
    if table.empty:
        raise InputError(f"the table of corpus {name} has no rows")
    table = table.reset_index(drop=True)
    table = table.assign(**{c: table[c].astype(str) for c in ("clip_id", "split", "group")})
    if (twice := table["clip_id"][table["clip_id"].duplicated()]).size:
        raise InputError(f"clip_id {twice.iloc[0]!r} occurs twice in the table of corpus {name}")
    return table


def checked_labels(name: str, labels: np.ndarray, n_clips: int, task: str, n_tags: int) -> np.ndarray:
    """Return a label set as an array; refuse one whose name, shape or values a corpus cannot hold."""
    labels = np.asarray(labels)
    shape = (n_clips,) if task == "multiclass" else (n_clips, n_tags)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(f"a label set is named in letters, digits, _, - and ., got {name!r}")
    if labels.shape != shape:
        raise InputError(f"label set {name!r} must have shape {shape}, got {labels.shape}")
    if labels.dtype.kind not in "biuf" or not np.isfinite(labels).all():
        raise InputError(f"label set {name!r} must hold finite numbers, got dtype {labels.dtype}")
    if task == "multiclass" and (
        labels.dtype.kind not in "iu" or (n_clips and not 0 <= labels.min() <= labels.max() < n_tags)
    ):
        raise InputError(f"label set {name!r} must hold class indices 0 … {n_tags - 1} as integers")
    return labels
