"""What the loaders share: finding the folder, reading its tables, telling what is wrong.

A loader's ``scan(root)`` reads lists and labels and looks which files are there; it never decodes. It
returns a `Scan`; `mtlib.corpora.datasets.preparation` decodes what it names.
"""

import codecs
import csv
import hashlib
import io
import math
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, StratifiedKFold

from ...base import paths
from ...base.errors import InputError
from ...signal import audio

SOURCE_SAMPLES = audio.N_SAMPLES[1366]
"""Samples of a clip of a tagging source: 29.12 s at 12 kHz."""


@dataclass
class Scan:
    """What a dataset's folder holds, before anything is decoded.

    Attributes
    ----------
    root : Path
        What the paths are relative to.
    clips : pd.DataFrame
        One row a clip: clip_id, path (empty: no file was found), split, fold (−1: none), group, and where
        needed start and end in seconds, file_seconds (length that the whole file should have),
        known_fault (why the official file cannot be used), same_audio (an id that equal audio shares).
    labels : np.ndarray
        A row a clip; see `mtlib.corpora.writing.TASKS`.
    tags : pd.DataFrame
        Columns name, category.
    notes : list of str
        What is odd but expected or harmless.
    info : dict
        Kept with the corpus.
    incomplete : bool
        Whether clips are missing that have no row.
    unlabelled : bool
        Whether there is audio that no label names: if there are fewer clips than the dataset has, its list
        was cut.
    """

    root: Path
    clips: pd.DataFrame
    labels: np.ndarray
    tags: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)
    incomplete: bool = False
    unlabelled: bool = False


@dataclass(frozen=True)
class Dataset:
    """A registry entry: what a dataset is, where it comes from, how its clips are read."""

    name: str
    title: str
    task: str
    scan: Callable[[Path], Scan]
    n_clips: int
    page: str
    """Where to get it, or where it was."""
    commands: tuple[str, ...]
    """What to type to get it."""
    size: str
    licence: str
    citation: str
    faults: str
    """Known faults, in a sentence."""
    checksums: Mapping[str, str] = field(default_factory=dict)
    """``sha256:…`` or ``md5:…`` of the files to download, by name."""
    n_samples: int | None = None
    """Length of every clip at 12 kHz; None keeps each at its own."""
    sample_rates: tuple[int, ...] = ()
    """What the official files have, in hertz; empty if they differ."""
    n_channels: int | None = None

    def directions(self, folder: Path) -> Iterator[str]:
        """Yield lines that say how to get it, and which of its files lie in a folder."""
        yield f"{self.title}: {self.page}"
        yield from (f"  {line}" for line in self.commands)
        for name, checksum in self.checksums.items():
            yield f"  {'present' if (folder / name).is_file() else 'missing':8} {name}  {checksum}"
        yield from (f"size: {self.size}", f"licence: {self.licence}", f"cite: {self.citation}", self.faults)
        yield f"then: python -m mtlib prepare {self.name} --root FOLDER"


def check_name(name: str) -> None:
    """Refuse a name that stands for music composed here."""
    if name.partition("-")[0] == "synthetic":
        raise InputError(f"{name} is the name of a corpus that is composed here; choose another --name")


def text(values: Iterable[Any]) -> pd.Series:
    """Return a column of text."""
    return pd.Series([str(value) for value in values], dtype=object)


def tag_table(names: Sequence[str], category: str | Sequence[str]) -> pd.DataFrame:
    """Return the table of tags, all of one category or each of its own."""
    return pd.DataFrame({"name": list(names), "category": category})


def locate(root: Path, present: Callable[[Path], bool], what: str, inside: Sequence[str] = ()) -> Path:
    """Return the folder that holds a dataset: `root` or one of its folders `inside`.

    Raises
    ------
    InputError
        If none does: says what was looked for, what was found, and where it seems to be.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"--root {root}: no such folder; name the folder the dataset was unpacked into")
    for folder in (root, *(root / name for name in inside)):
        if folder.is_dir() and present(folder):
            return folder
    children = _folders(root)
    deeper = [sub for path in children[:50] for sub in _folders(path)]
    for folder in (*children, *deeper[:500], root.parent, root.parent.parent):
        if present(folder):
            raise InputError(f"no {what} under {root}; found {folder}: did you mean --root {folder}?")
    entries = sorted(os.listdir(root)) if os.access(root, os.R_OK) else ["a folder that cannot be read"]
    packed = [name for name in entries if name.endswith((".zip", ".tar.gz", ".tar", ".tgz", ".001"))]
    if packed:
        raise InputError(f"no {what} under {root}; found {packed[0]}, still packed: unpack it there")
    found = ", ".join(entries[:5]) + (" …" if len(entries) > 5 else "") or "nothing"
    raise InputError(f"no {what} under {root}; found {found}: name the folder the dataset was unpacked into")


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder that are not hidden; none where it cannot be read."""
    try:
        return [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    except OSError:
        return []


def composed(name: str) -> str:
    """Return a name with its accents in one form (NFC): systems and archives differ in it."""
    return unicodedata.normalize("NFC", name)


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, in UTF-16 with a mark at its start, or else in Latin-1.

    Raises
    ------
    InputError
        If it is missing, empty, or no text but a web page or the like.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path.name} missing: looked for {path}; get it again") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its rights") from None
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        content = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        content = data.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    check_is_list(path.name, content[:1000])
    if "\0" in content:
        raise InputError(f"{path.name}: not text in UTF-8; get it again, or save it as UTF-8")
    return composed(content)


def check_is_list(name: str, start: str) -> None:
    """Refuse a list that begins like an empty file or what a failed download leaves."""
    if not (start := start.strip().lower()):
        raise InputError(f"{name}: empty; get it again")
    if start.startswith(("<!doctype html", "<html", "version https://git-lfs")):
        raise InputError(f"{name}: a web page or a Git LFS pointer in its place; get the file itself")


def read_rows(path: Path, columns: Sequence[str], delimiter: str = ",", rest: str = "") -> list[dict[str, Any]]:
    """Read a table with a header line; blank lines are skipped, values stripped; ``line`` tells the line.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Must be there.
    delimiter : str
    rest : str
        A last column that takes all further fields of a line, as a list.

    Raises
    ------
    InputError
        If the file or a column is missing, the delimiter is another, or a line has too few or many fields.
    """
    lines = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter)
    try:
        return _rows(path, lines, columns, delimiter, rest)
    except csv.Error as error:
        raise InputError(f"{path.name}, line {lines.line_num}: {error}; a stray quote? Get it again") from None


def _rows(path: Path, lines: Any, columns: Sequence[str], delimiter: str, rest: str) -> list[dict[str, Any]]:
    header = [name.strip() for name in next(lines, [])]
    if len(header) == 1 and len(columns) > 1:
        kind = {"\t": "TAB", ",": "comma"}[delimiter]
        raise InputError(f"{path.name}: 1 column; is this really {kind}-separated?")
    for name in columns:
        if header.count(name) > 1:
            raise InputError(f'{path.name}: two columns "{name}"; get it again')
        if name not in header:
            found = ", ".join(header[:4])[:200] + (" …" if len(header) > 4 else "")
            raise InputError(f'{path.name}: no column "{name}" (found {found})')
    rows = []
    values: list[Any]
    for values in lines:
        if not any(value.strip() for value in values):
            continue
        if rest and len(values) >= len(header):
            n = header.index(rest)
            values = [*values[:n], [value.strip() for value in values[n:]]]
        if len(values) != len(header):
            raise InputError(
                f"{path.name}, line {lines.line_num}: {len(values)} fields, {len(header)} expected; "
                "a stray quote, or a file that was edited? Get it again"
            )
        row = {k: v if isinstance(v, list) else v.strip() for k, v in zip(header, values, strict=True)}
        rows.append(row | {"line": lines.line_num})
    return rows


def checked_number(row: Mapping[str, Any], column: str, name: str, low: float, high: float, kind: type = float) -> Any:
    """Return the number in a column of a row of `read_rows`.

    Raises
    ------
    InputError
        If there is none, or not one within `low` and `high`: with the file's name and the line.
    """
    try:
        value = kind(row[column])
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise InputError(
            f"{name}, line {row['line']}: {column} must be a number within {low:g} … {high:g}, "
            f"got {row[column]!r}; get it again"
        )
    return value


def audio_files(folder: Path, notes: list[str]) -> list[str]:
    """Return the audio files below a folder, relative to it, sorted; note ``._*`` files, which are left."""
    problems: list[str] = []
    found, others = paths.audio_below(folder, problems)
    if problems:
        raise InputError(problems[0])
    if n := others["._*"]:
        notes.append(f"{n} file{'s' if n > 1 else ''} of macOS file information (._*) skipped")
    return found


def by_name(files: Iterable[str]) -> dict[str, str]:
    """Return files by their name in lists: as `read_text` reads it, whatever encoding this system has."""
    return {composed(os.fsencode(path).decode("utf-8", "surrogateescape")): path for path in files}


def stem(path: str) -> str:
    """Return a file's name without folders and without its last extension."""
    return path.rpartition("/")[2].rpartition(".")[0]


def stratified_folds(labels: np.ndarray, classes: Sequence[str], info: dict[str, Any], n: int = 10) -> np.ndarray:
    """Return the author's folds: stratified, in the order of the table [Choi2018, §6.2]; −1 if impossible."""
    counts = np.bincount(labels, minlength=len(classes))
    for name, count in zip(classes, counts, strict=True):
        if count < n:
            info["no_folds"] = f"class {name} has {count} clips < {n} folds"
            return np.full(len(labels), -1)
    fold = np.empty(len(labels), int)
    for number, (_, test) in enumerate(StratifiedKFold(n).split(labels, labels)):
        fold[test] = number
    return fold


def group_folds(groups: Sequence[str], info: dict[str, Any], n: int = 10) -> np.ndarray:
    """Return folds that keep a group together; −1 if there are fewer groups than folds."""
    n_groups = len(set(groups))
    if n_groups < n:
        info["no_folds"] = f"{n_groups} groups < {n} folds"
        return np.full(len(groups), -1)
    fold = np.empty(len(groups), int)
    for number, (_, test) in enumerate(GroupKFold(n).split(groups, groups=groups)):
        fold[test] = number
    return fold


def count_unlabelled(files: Iterable[str], used: Iterable[str], notes: list[str], n_labels: int) -> bool:
    """Note audio files that no label names; tell whether there are any."""
    files = set(files)
    if extra := files - set(used):
        notes.append(
            f"{n_labels:,} labels, {len(files):,} audio files: {len(extra):,} audio files have no label "
            f"(ignored): {', '.join(sorted(map(audio.display_name, extra))[:5])}"
        )
    return bool(extra)


def elsewhere(scan: Scan, root: Path) -> Iterator[str]:
    """Say where below the root files lie that have the names of clips, none of which was found."""
    listed = {Path(name).stem: name.count("/") for name in scan.clips["listed"]}
    for path in paths.audio_below(root, [])[0]:
        n_folders = listed.get(Path(path).stem.removesuffix(".low"))
        if n_folders is not None and (folder := (root / path).parents[n_folders]) != scan.root:
            yield f"clips are looked for in {scan.root}; {path} was found: did you mean {folder}?"
            return


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
