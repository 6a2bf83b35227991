"""A folder of one's own: audio files and a table of their labels, or one folder per class.

The table has a column ``path`` and either ``tags`` (separated by ``;``), ``class``, or one column per tag
(0 and 1) or per number to predict. ``split``, ``group`` (or ``artist``) and ``fold`` are optional. JSON lines
hold the same names, tags as a list. In place of a table, a folder of JAMS files, each named as its audio file,
gives tags and artists, if the package ``jams`` is installed.

Conventions
    Where no splits are given, groups are dealt out to train, valid and test (80, 10 and 10 % of the clips),
    the rarest labels first, so that every split has its share of every label [Sechidis2011]. The draw is the
    same for the same table.

References
----------
K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011.
"""

import csv
import io
import json
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from ...base.errors import InputError
from ...signal.audio import display_name
from .scanning import (
    SOURCE_SAMPLES,
    Dataset,
    Scan,
    audio_files,
    count_unlabelled,
    locate,
    read_text,
    stem,
    tag_table,
    text,
)  # fmt: skip

SPLITS = {
    "train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid",
    "dev": "valid", "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}

FEW = 5
"""Test clips with a label, below which a note warns."""

NAMES = {"file": "path", "filename": "path", "filepath": "path", "audio": "path", "label": "class", "artist": "group"}
"""Other names of columns."""

KNOWN = ("path", "tags", "class", "split", "group", "fold")


def dataset(root: Path, table: Path | None = None, n_samples: int | None = SOURCE_SAMPLES) -> Dataset:
    """Return a folder as a dataset.

    Parameters
    ----------
    root : Path
        Holds the audio files.
    table : Path, optional
        CSV, TSV or JSON lines, or a folder of JAMS files; without one, every folder in `root` is a class.
    n_samples : int or None
        Length of every clip at 12 kHz, cut from the middle of the file; None keeps each at its own.

    Raises
    ------
    InputError
        If the table or the folder cannot be used, with the row and what to do.
    """
    root = Path(os.path.expanduser(root)).absolute()
    locate(root, Path.is_dir, "folder")
    notes: list[str] = []
    files = audio_files(root, notes)
    if not files:
        raise InputError(f"no audio files under {root}; --root names the folder that holds them")
    if table is None:
        rows, name = _classes(files), "folders"
    else:
        table = Path(table)
        rows, name = _jams(table, files) if table.is_dir() else _rows(table), table.name
    _place(rows, files, root, name, notes)
    task, labels, tags = _labels(rows, name, notes)
    clips = pd.DataFrame(
        {
            "clip_id": text(row["listed"] for row in rows),
            "path": text(row["path"] for row in rows),
            "listed": text(row["listed"] for row in rows),
            "split": text(_splits(rows, labels, task, name, notes)),
            "fold": _folds(rows, name),
            "group": text(row.get("group") or stem(row["listed"]) for row in rows),
            "file_seconds": np.nan,
        }
    )
    count_unlabelled(files, clips["path"], notes, len(clips))
    _missing_labels(clips["split"], labels, list(tags["name"]), task, notes)
    scan = Scan(root, clips, labels, tags, notes)
    return Dataset(
        name="folder", title=root.name, task=task, scan=lambda _: scan, n_clips=len(clips), page="",
        commands=(), size="", licence="your own", citation="", faults="", n_samples=n_samples,
    )  # fmt: skip


def _classes(files: Sequence[str]) -> list[dict[str, Any]]:
    rows = [{"path": path, "class": path.split("/")[0], "line": path} for path in files if "/" in path]
    if len({row["class"] for row in rows}) < 2:
        raise InputError("--class-folders needs two folders with audio or more, each a class")
    return rows


def _rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a table; values are text, but tags of JSON lines, which are lists."""
    content = read_text(path)
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        rows = [
            _json_row(line, number, path.name) for number, line in enumerate(content.splitlines(), 1) if line.strip()
        ]
    else:
        head = content.partition("\n")[0]
        delimiter = max(",;\t", key=head.count)
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
        header = [column.strip() for column in next(reader, [])]
        if repeated := sorted({column for column in header if header.count(column) > 1}):
            raise InputError(f"{path.name}: two columns are called {repeated[0]!r}; keep one")
        rows = []
        try:
            for values in reader:
                if not any(value.strip() for value in values):
                    continue
                if len(values) != len(header):
                    raise InputError(
                        f"{path.name}, line {reader.line_num}: {len(values)} fields, {len(header)} in the "
                        "header; put values that hold the separator in quotes"
                    )
                rows.append({**dict(zip(header, map(str.strip, values), strict=True)), "line": reader.line_num})
        except csv.Error as error:
            raise InputError(f"{path.name}, line {reader.line_num}: {error}; save it as plain CSV") from None
    rows = [
        {NAMES.get(key.lower(), key.lower() if key.lower() in KNOWN else key): value for key, value in row.items()}
        for row in rows
    ]
    if not rows:
        raise InputError(f"{path.name}: no rows; it needs a header line and one line per file")
    if "path" not in rows[0]:
        found = ", ".join(key for key in list(rows[0])[:4] if key != "line")
        raise InputError(f'{path.name}: no column "path" (found {found}); it names the file below --root')
    for row in rows:
        if lacking := sorted({"path", "tags"} & rows[0].keys() - row.keys()):
            raise InputError(f"{path.name}, line {row['line']}: no {lacking[0]}; give every file its own")
    return rows


def _json_row(line: str, number: int, name: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}, line {number}: not JSON ({error}); one object per line is needed") from None
    if not isinstance(row, dict):
        raise InputError(f"{name}, line {number}: one object per line is needed, got {line[:40]!r}")
    plain = {
        key: value if isinstance(value, list) else "" if value is None else str(value) for key, value in row.items()
    }
    return {**plain, "line": number}


def _jams(folder: Path, files: Sequence[str]) -> list[dict[str, Any]]:
    """Read the tags and the artist of each JAMS file of a folder."""
    try:
        import jams
    except ImportError:
        raise InputError("JAMS files need one more package: pip install jams") from None
    audio: dict[str, list[str]] = {}
    for path in files:
        whole = unicodedata.normalize("NFC", path.rpartition(".")[0])
        for key in {whole, whole.rpartition("/")[2]}:
            audio.setdefault(key, []).append(path)
    rows = []
    for file in sorted(folder.rglob("*.jam[sz]")):
        name = unicodedata.normalize("NFC", file.relative_to(folder).with_suffix("").as_posix())
        try:
            content = jams.load(str(file), validate=False)
            tags = [str(seen.value) for part in content.search(namespace="^tag_") for seen in part.data]
            artist = str(content.file_metadata.artist or "")
        except Exception as error:  # whatever a wrong file makes the library raise
            raise InputError(f"{display_name(file.name)}: not a JAMS file ({error})") from None
        found = audio.get(name, []) or audio.get(name.rpartition("/")[2], [])
        listed = found[0] if len(found) == 1 else file.relative_to(folder).as_posix()
        rows.append({"path": listed, "tags": list(dict.fromkeys(tags)), "group": artist, "line": file.name})
    if not rows:
        raise InputError(f"no .jams files under {folder}; --labels names a table, or a folder of JAMS files")
    return rows


def _place(rows: list[dict[str, Any]], files: Sequence[str], root: Path, name: str, notes: list[str]) -> None:
    """Find the file of every row; what is listed twice with equal labels is kept once."""
    present = {unicodedata.normalize("NFC", path): path for path in files}
    by_name: dict[str, list[str]] = {}
    for path in files:
        by_name.setdefault(unicodedata.normalize("NFC", path.rpartition("/")[2]), []).append(path)
    first: dict[str, dict[str, Any]] = {}
    n_listed = len(rows)
    for row in list(rows):
        listed = str(row["path"]).replace("\\", "/")
        if not listed:
            raise InputError(f"{name}, line {row['line']}: the path is empty")
        whole = PurePosixPath(listed)
        if whole.is_absolute():
            if not whole.is_relative_to(root.as_posix()):
                raise InputError(f"{name}, line {row['line']}: {display_name(listed)} does not lie below {root}")
            listed = whole.relative_to(root.as_posix()).as_posix()
        parts: list[str] = []
        for part in PurePosixPath(listed).parts:
            if part == ".." and not parts:
                raise InputError(f"{name}, line {row['line']}: {display_name(listed)} leads out of {root}")
            parts = parts[:-1] if part == ".." else [*parts, part]
        listed = unicodedata.normalize("NFC", "/".join(parts))
        alone = by_name.get(listed, []) if "/" not in listed else []
        row["path"] = present.get(listed) or (alone[0] if len(alone) == 1 else "")
        row["listed"] = listed = row["path"] or listed
        if (other := first.setdefault(listed, row)) is not row:
            same = {k: v for k, v in row.items() if k != "line"} == {k: v for k, v in other.items() if k != "line"}
            if not same:
                raise InputError(
                    f"{name}: lines {other['line']} and {row['line']} label {display_name(listed)} "
                    "differently; keep one"
                )
            rows.remove(row)
    if n_twice := n_listed - len(rows):
        notes.append(f"{n_twice} rows name a file that an earlier row labels in the same way (left out)")


def _labels(rows: list[dict[str, Any]], name: str, notes: list[str]) -> tuple[str, np.ndarray, pd.DataFrame]:
    """Return the task, the labels and the table of tags."""
    if any(row.get("class") for row in rows):
        values = [_one(row, "class", name) for row in rows]
        names = sorted(set(values))
        if len(names) < 2:
            raise InputError(f"{name}: every row has the class {names[0]!r}; two are needed")
        return "multiclass", np.array([names.index(value) for value in values]), tag_table(names, "class")
    if "tags" in rows[0]:
        listed = [
            row["tags"] if isinstance(row["tags"], list) else row["tags"].replace("|", ";").split(";") for row in rows
        ]
        found = [[" ".join(str(tag).split()) for tag in tags if str(tag).strip()] for tags in listed]
        spelling: dict[str, str] = {}
        for tag in (tag for tags in found for tag in tags):
            spelling.setdefault(tag.casefold(), tag)
        if other := sorted({tag for tags in found for tag in tags} - set(spelling.values())):
            notes.append(f"tags that differ by upper and lower case are one tag: {', '.join(other[:5])}")
        names = sorted(spelling.values(), key=str.casefold)
        if not names:
            raise InputError(f"{name}: the column tags is empty in every row")
        place = {tag.casefold(): k for k, tag in enumerate(names)}
        labels = np.zeros((len(rows), len(names)), bool)
        for i, tags in enumerate(found):
            labels[i, [place[tag.casefold()] for tag in tags]] = True
        return "multilabel", labels, tag_table(names, "tag")
    names = [key for key in rows[0] if key not in (*KNOWN, "line", "listed")]
    if not names:
        raise InputError(f'{name}: no labels; add a column "tags", "class", or one column per tag with 0 and 1')
    numbers = np.array([[_number(row, key, name) for key in names] for row in rows])
    if np.isin(numbers, (0, 1)).all():
        return "multilabel", numbers.astype(bool), tag_table(names, "tag")
    return "regression", numbers, tag_table(names, "number")


def _one(row: dict[str, Any], column: str, name: str) -> str:
    value = " ".join(str(row.get(column, "")).split())
    if not value:
        raise InputError(f"{name}, line {row['line']}: the {column} is empty")
    return value


def _number(row: dict[str, Any], column: str, name: str) -> float:
    words = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
    value = str(row.get(column, "")).strip().lower()
    try:
        number = words[value] if value in words else float(value)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise InputError(
            f"{name}, line {row['line']}, column {column!r}: {row.get(column, '')!r} is no number; "
            "columns hold 0 and 1, or numbers to predict"
        )
    return number


def _folds(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    if not any(row.get("fold") for row in rows):
        return np.full(len(rows), -1)
    try:
        folds = np.array([int(row.get("fold") or "") for row in rows])
    except ValueError:
        raise InputError(f"{name}: every row needs a whole number in the column fold, or none") from None
    return np.unique(folds, return_inverse=True)[1]


def _splits(rows: list[dict[str, Any]], labels: np.ndarray, task: str, name: str, notes: list[str]) -> list[str]:
    """Return the splits that are given, or draw them."""
    given = [str(row.get("split", "")).strip().lower() for row in rows]
    if any(given):
        for row, word in zip(rows, given, strict=True):
            if word not in SPLITS:
                raise InputError(
                    f"{name}, line {row['line']}: split {row.get('split', '')!r}; write train, valid or test"
                )
        return [SPLITS[word] for word in given]
    groups = [row.get("group") or row["listed"] for row in rows]
    drawn = draw_splits(groups, labels, task)
    counts = ", ".join(f"{split} {drawn.count(split):,}" for split in SHARES)
    notes.append(f"no splits are given; drawn by group and label: {counts}")
    return drawn


def draw_splits(groups: Sequence[str], labels: np.ndarray, task: str) -> list[str]:
    """Deal groups out to splits, so that every split has its share of every label.

    Parameters
    ----------
    groups : sequence of str
        What must stay together, one per clip.
    labels : ndarray
        As `mtlib.corpora.writing.TASKS` describes.
    task : {"multilabel", "multiclass", "regression"}

    Returns
    -------
    list of str
        ``train``, ``valid`` or ``test`` for each clip.
    """
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    if task == "multilabel":
        wanted = labels.astype(float)
    elif task == "multiclass":
        wanted = np.eye(labels.max() + 1)[labels]
    else:  # quarters of each number
        ranks = labels.argsort(0).argsort(0) * 4 // len(labels)
        wanted = np.concatenate([ranks == k for k in range(4)], axis=1).astype(float)
    counts = np.zeros((len(names), wanted.shape[1] + 1))  # the last column counts clips
    np.add.at(counts, member, np.column_stack([wanted, np.ones(len(wanted))]))
    splits, shares = list(SHARES), np.array(list(SHARES.values()))
    need = shares[:, None] * counts.sum(0)
    total, chosen = counts[:, :-1].sum(0), np.full(len(names), -1)
    rarest = [np.where(row > 0, total, np.inf).argmin() if row.any() else -1 for row in counts[:, :-1]]
    shuffled = np.random.default_rng(0).permutation(len(names))
    order = sorted(shuffled, key=lambda g: (total[rarest[g]] if rarest[g] >= 0 else np.inf, -counts[g, -1]))
    for group in order:
        label = rarest[group]
        most = np.lexsort((need[:, -1], need[:, label]))[-1]
        chosen[group] = most
        need[most] -= counts[group]
    for k in range(len(splits)):  # few groups: nobody goes without
        if (
            not (chosen == k).any()
            and (rich := np.bincount(chosen, minlength=3).argmax()) != k
            and (chosen == rich).sum() > 1
        ):
            chosen[np.flatnonzero(chosen == rich)[-1]] = k
    return [splits[k] for k in chosen[member]]


def _missing_labels(split: pd.Series, labels: np.ndarray, names: list[str], task: str, notes: list[str]) -> None:
    """Note labels that a split does not have: there they cannot be learned or scored."""
    if task == "regression":
        return
    have = labels if task == "multilabel" else np.eye(len(names), dtype=bool)[labels]
    for word in ("train", "test"):
        if lacking := [
            name for name, there in zip(names, have[(split == word).to_numpy()].any(0), strict=True) if not there
        ]:
            more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            notes.append(f"no {word} clip has {', '.join(map(display_name, lacking[:5]))}{more}")
    counts = have[(split == "test").to_numpy()].sum(0)
    if n_few := int(((counts > 0) & (counts < FEW)).sum()):
        notes.append(f"{n_few} of {len(names)} labels have fewer than {FEW} test clips: their scores will say little")
