"""From a dataset's folder to a corpus: every clip decoded, every bad one accounted for.

`check` decodes and reports; `prepare` decodes and stores; both read a clip in the same way and neither
stops at a bad one. What becomes of each clip is a row: its status, the message that says what to do, and
notes on what is odd but harmless. A `Report` sums them up, one line per kind, and keeps every odd clip in a
table.

Conventions
    A tagging source keeps the central 29.12 s of every clip; a shorter one is left out unless told otherwise
    (``short``). Target tasks keep every clip at its own length. ``known fault`` is what the
    dataset's official copy is known for; anything else that was left out makes a report `failed`.
    Left-out clips are grouped by status with at most five examples.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import soxr

from ...base import parallel, paths
from ...base.errors import InputError
from ...base.files import atomic
from ...signal import audio
from .. import corpus
from ..shards import Read, checksum, to_int16
from .scanning import Dataset, Scan


@dataclass(frozen=True)
class Report:
    """What a check or a preparation found.

    Attributes
    ----------
    rows : pd.DataFrame
        One row a clip: clip_id, path, split, status, message, notes and what the file told.
    lines : list of str
        The summary, a line a kind.
    failed : bool
        Whether anything but known faults was left out.
    """

    rows: pd.DataFrame
    lines: list[str]
    failed: bool

    def table(self) -> str:
        """Return a table of every clip that was left out or that has a note, as CSV."""
        odd = self.rows[(self.rows["status"] != "ok") | (self.rows["notes"] != "")]
        columns = ["clip_id", "path", "split", "status", "message", "notes", "source_rate", "n_channels"]
        return odd[columns].to_csv(index=False, lineterminator="\n")

    def save(self, path: Path) -> None:
        """Write the table to a file."""
        with atomic(Path(path)) as file:
            file.write(self.table().encode("utf-8", "backslashreplace"))


def summarise(dataset: Dataset, scan: Scan, rows: pd.DataFrame) -> Report:
    """Say in a line a kind what was found; at most five examples each."""
    kept = rows["status"].isin(("ok", "silent"))
    lines = [f"{dataset.title}: {kept.sum():,} of {len(rows):,} clips can be used"]
    for status, group in rows[~kept].groupby("status", sort=True):
        if status == "known fault":
            for fault, part in group.groupby("known_fault", sort=True):
                ids = ", ".join(part["clip_id"].iloc[:5])
                lines.append(f"known fault: {n_clips(len(part))} {fault} ({ids}), left out")
        else:
            lines.append(f"{status}: {n_clips(len(group))} left out: {'; '.join(group['message'].iloc[:5])}")
    lines += [f"note: {line}" for line in (*scan.notes, *_notes(dataset, rows[kept]), *_same(rows[kept], scan))]
    if "no_folds" in scan.info:
        lines.append(f"note: no folds: {scan.info['no_folds']}")
    return Report(rows, lines, bool((~kept & (rows["status"] != "known fault")).any()))


def _notes(dataset: Dataset, kept: pd.DataFrame) -> Iterator[str]:
    if n_silent := (kept["status"] == "silent").sum():
        yield f"{n_clips(n_silent)} silent (kept)"
    for rate, count in kept["source_rate"].value_counts().sort_index().items():
        if dataset.sample_rates and rate not in dataset.sample_rates:
            expected = " or ".join(map(str, dataset.sample_rates))
            yield f"{n_clips(count)} at {rate} Hz, {expected} expected – a re-encoded copy?"
    for n_channels, count in kept["n_channels"].value_counts().sort_index().items():
        if dataset.n_channels and n_channels != dataset.n_channels:
            yield f"{n_clips(count)} with {n_channels} channels, {dataset.n_channels} expected (mean taken)"
    for words, count in sorted(Counter(filter(None, kept["notes"])).items()):
        yield f"{words}: {n_clips(count)}"
    if n_clipped := (kept["n_clipped"] > 0).sum():
        yield f"{n_clips(n_clipped)} with samples beyond full scale, clipped"


def _same(kept: pd.DataFrame, scan: Scan) -> Iterator[str]:
    """Tell which clips are the same audio, by the dataset's own lists and by what was decoded."""
    labels = {i: np.atleast_1d(scan.labels[k]) for k, i in enumerate(scan.clips["clip_id"])}
    names = scan.tags["name"].tolist()

    def named(i: str) -> str:
        return f"{i} ({names[int(labels[i][0])]})" if scan.labels.ndim == 1 else i

    listed = kept[kept["same_audio"] != ""]
    repeated = listed[listed.duplicated("same_audio", keep=False)]
    for value, group in list(repeated.groupby("same_audio", sort=True))[:5]:
        ids = group["clip_id"].tolist()
        if all(np.array_equal(labels[i], labels[ids[0]]) for i in ids) or scan.labels.ndim > 1:
            yield f"{len(ids)} rows share audio {value} ({', '.join(ids)}; kept)"
        else:
            yield f"{' and '.join(named(i) for i in ids)} are the same file with different labels (kept)"
    same = kept[~kept["clip_id"].isin(repeated["clip_id"]) & kept.duplicated(["crc", "source_bytes"], keep=False)]
    same = same[same["status"] != "silent"]
    if len(same):
        pairs = [" = ".join(group["clip_id"]) for _, group in same.groupby(["crc", "source_bytes"], sort=False)]
        yield f"{n_clips(len(same))} equal to another, sample by sample (kept): {'; '.join(pairs[:5])}"


def n_clips(count: int) -> str:
    """Return a number of clips in words."""
    return f"{count:,} clip{'' if count == 1 else 's'}"


SHORT = ("drop", "pad", "repeat")
"""What becomes of a clip shorter than a tagging source needs: left out, zeros at its end, or repeated."""

_SOURCE = ("clip_id", "path", "start", "end", "file_seconds", "known_fault", "source_bytes", "source_mtime_ns")


@dataclass(frozen=True)
class ReadAudio:
    """Decodes rows of a scan; picklable, so that other processes and machines can.

    Attributes
    ----------
    root : str
        What the rows' paths are relative to.
    n_samples : int or None
        Length to fit clips to, from their centre; None keeps them as they are.
    short : {"drop", "pad", "repeat"}
    """

    root: str
    n_samples: int | None
    short: str = "drop"

    def __call__(self, rows: pd.DataFrame) -> Iterator[Read]:
        """Yield what became of each row."""
        for row in rows.to_dict("records"):
            yield self._read(row)

    def _read(self, row: dict[str, Any]) -> Read:
        fault, details = row["known_fault"], {"source_rate": 0, "n_channels": 0, "notes": ""}
        try:
            if not row["path"]:
                listed = audio.display_name(row["listed"])
                raise InputError(f"{listed}: label without audio; unpack the archive again", "missing")
            samples = self._samples(row, details)
        except InputError as error:
            message = str(error).removeprefix(audio.display_name(os.path.join(self.root, "")))
            if fault:
                return Read(None, "known fault", f"{row['clip_id']}: {fault}", details)
            return Read(None, error.status, message, details)
        peak = max(samples.max(), -samples.min())
        status = "silent" if peak <= audio.SILENCE else "ok"
        details["n_clipped"] = int(np.sum(np.abs(samples) > 1)) if peak > 1 else 0
        return Read(to_int16(samples), status, "", details)

    def _samples(self, row: dict[str, Any], details: dict[str, Any]) -> np.ndarray:
        path, start, end = os.path.join(self.root, row["path"]), row["start"], row["end"]
        whole = None if np.isnan(row["file_seconds"]) else row["file_seconds"]
        seconds = None if np.isnan(end) else end - start
        recording = audio.decode(
            path,
            offset=0.0 if np.isnan(start) else start,
            seconds=None if seconds is None else seconds + 0.1,  # the resampler's edge falls outside
            expected_seconds=whole,
            sample_rate=audio.SAMPLE_RATE,
        )
        details |= {
            "source_rate": recording.source_rate,
            "n_channels": recording.n_channels,
            "notes": "; ".join(recording.notes),
        }
        if seconds is not None and recording.seconds < seconds - 0.5:
            ends = f"ends at {start + recording.seconds:.1f} s, its passage at {end:.1f} s"
            raise InputError(f"{audio.display_name(path)}: truncated, {ends}; unpack it again", "truncated")
        samples = recording.samples
        samples = samples if seconds is None else samples[: max(1, round(seconds * audio.SAMPLE_RATE))]
        n_samples = self.n_samples
        if n_samples is None or len(samples) == n_samples:
            return samples
        missing = n_samples - len(samples)
        if missing > 0 and self.short == "drop":
            if missing > 0.1 * audio.SAMPLE_RATE:
                raise InputError(
                    f"{audio.display_name(path)}: {len(samples) / audio.SAMPLE_RATE:.1f} of "
                    f"{n_samples / audio.SAMPLE_RATE:.2f} s needed; --short pad or repeat would keep it",
                    "short",
                )
            return samples  # a rounded end: stored at its true length
        if missing > 0 and self.short == "pad":
            return samples
        return audio.fit_length(samples, n_samples, crop="centre", short="repeat")


def look(dataset: Dataset, root: Path) -> Scan:
    """Scan a dataset's folder and add what the file system knows.

    Raises
    ------
    InputError
        If the folder is not the dataset's, or its lists cannot be used.
    """
    scan = dataset.scan(Path(root).absolute())
    if scan.clips.empty:
        raise InputError(f"no clips of {dataset.title} under {root}; see `python -m mtlib fetch {dataset.name}`")
    defaults = {"start": np.nan, "end": np.nan, "file_seconds": np.nan, "known_fault": "", "same_audio": ""}
    for name, value in defaults.items():
        if name not in scan.clips:
            scan.clips[name] = value
    if "listed" not in scan.clips:
        scan.clips["listed"] = scan.clips["path"]
    status = [_stat(scan.root / path) if path else (-1, -1) for path in scan.clips["path"]]
    scan.clips["source_bytes"], scan.clips["source_mtime_ns"] = (
        np.array(s, np.int64) for s in zip(*status, strict=True)
    )
    length = scan.clips["end"] - scan.clips["start"]
    scan.clips["expected_seconds"] = length.fillna(scan.clips["file_seconds"])
    return scan


def check(
    dataset: Dataset,
    root: Path,
    *,
    short: str = "drop",
    n_jobs: int = 1,
    scheduler: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Decode every clip of a dataset and tell what is wrong; nothing is stored.

    Parameters
    ----------
    dataset : Dataset
    root : Path
        Where it was unpacked.
    short : {"drop", "pad", "repeat"}
    n_jobs, scheduler
        As in `mtlib.base.parallel.run`.
    progress : callable, optional
        Called with (clips done, clips in all).
    """
    scan = look(dataset, root)
    read = ReadAudio(str(scan.root), dataset.n_samples, _checked_short(short))
    parts = [scan.clips.iloc[i : i + 32] for i in range(0, len(scan.clips), 32)]
    rows: list[dict[str, Any]] = []
    for found in parallel.run(_Check(read), parts, n_jobs=n_jobs, scheduler=scheduler):
        rows += found
        if progress:
            progress(len(rows), len(scan.clips))
    outcomes = pd.DataFrame(rows).set_index("row").sort_index()
    return summarise(dataset, scan, pd.concat([scan.clips, outcomes], axis=1))


class _Check:
    def __init__(self, read: ReadAudio):
        self.read = read

    def __call__(self, rows: pd.DataFrame) -> list[dict[str, Any]]:
        found = []
        for row, read in zip(rows.index, self.read(rows), strict=True):
            crc = 0 if read.samples is None else checksum(read.samples)
            found.append({"row": row, "status": read.status, "message": read.message, "crc": crc} | read.details)
        return found


def prepare(
    dataset: Dataset,
    root: Path,
    *,
    name: str = "",
    short: str = "drop",
    dedupe: bool = False,
    allow_missing: bool = False,
    limit: int | None = None,
    n_jobs: int = 1,
    scheduler: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[corpus.Corpus, Report]:
    """Decode a dataset once and register it as a corpus.

    Parameters
    ----------
    dataset : Dataset
    root : Path
        Where it was unpacked.
    name : str
        Name of the corpus; the dataset's by default.
    short : {"drop", "pad", "repeat"}
    dedupe : bool
        Leave out what the dataset's own lists show to be the same audio: all of it where the labels
        contradict each other, all but the first where they agree.
    allow_missing : bool
        Let splits be used whatever they lost.
    limit : int, optional
        Take about this many clips, evenly from the table.
    n_jobs, scheduler, progress
        As in `check`.

    Raises
    ------
    InputError
        If an argument does not fit, or clips of a corpus of that name would be deleted: those of another
        dataset, or those beyond `limit`.
    """
    name = name or dataset.name
    scan = look(dataset, root)
    if dedupe:
        _drop_duplicates(scan)
    if limit is not None:
        if limit < 1:
            raise InputError(f"limit must be at least 1, got {limit}")
        chosen = np.unique(np.linspace(0, len(scan.clips) - 1, min(limit, len(scan.clips))).astype(int))
        scan.clips, scan.labels = scan.clips.iloc[chosen].reset_index(drop=True), scan.labels[chosen]
    _check_nothing_is_lost(name, dataset, len(scan.clips) if limit is not None else None)
    recipe = {
        "decoder": f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}",
        "resampler": f"soxr {soxr.__version__} HQ", "crop": "centre", "channels": "mean",
        "short": _checked_short(short),
    }  # fmt: skip
    made = corpus.write(
        name,
        scan.clips,
        ReadAudio(str(scan.root), dataset.n_samples, short),
        audio_recipe=recipe,
        sample_rate=audio.SAMPLE_RATE,
        n_samples=dataset.n_samples,
        task=dataset.task,
        tags=scan.tags,
        label_sets={"observed": (scan.labels, {})},
        source_columns=_SOURCE,
        info={"dataset": dataset.name, "title": dataset.title, "licence": dataset.licence,
              "citation": dataset.citation, **scan.info},
        loss_limit=1.0 if allow_missing else 0.01,
        n_jobs=n_jobs, scheduler=scheduler, progress=progress,
    )  # fmt: skip
    rows = pd.concat([made.clips.assign(message=""), made.left_out], ignore_index=True)
    return made, summarise(dataset, scan, rows)


def _check_nothing_is_lost(name: str, dataset: Dataset, n_limited: int | None) -> None:
    """Refuse to replace a corpus by one of another dataset, or by a few of its own clips."""
    try:
        there = corpus.Corpus.open(name)
    except InputError:  # none, or a damaged one, which is prepared again
        return
    n_there, other = len(there.clips) + len(there.left_out), there.info.get("dataset", "synthetic")
    if other != dataset.name:
        raise InputError(f"corpus {name} holds clips of {other}; choose another name with --name")
    if n_limited is not None and n_limited < n_there:
        raise InputError(
            f"corpus {name} has {n_clips(n_there)}, of which {n_limited:,} would be kept; "
            "give the trial a name of its own with --name"
        )


def _drop_duplicates(scan: Scan) -> None:
    drop = np.zeros(len(scan.clips), bool)
    for value, group in scan.clips.groupby("same_audio"):
        if value and len(group) > 1:
            agree = (scan.labels[group.index] == scan.labels[group.index[0]]).all()
            drop[group.index[1:] if agree else group.index] = True
    scan.notes.append(f"{drop.sum():,} rows of the same audio left out (--dedupe)")
    scan.clips, scan.labels = scan.clips[~drop].reset_index(drop=True), scan.labels[~drop]


def _stat(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _checked_short(short: str) -> str:
    if short not in SHORT:
        raise InputError(f"short must be one of {', '.join(SHORT)}, got {short!r}")
    return short


def estimate(dataset: Dataset, scan: Scan) -> str:
    """Say how much a preparation will write, before it begins."""
    present = scan.clips["source_bytes"] > 0
    seconds = scan.clips["expected_seconds"].fillna(30.0)
    n_samples = dataset.n_samples or seconds * audio.SAMPLE_RATE
    n_bytes = float((present * 2 * n_samples).sum())
    return f"{n_clips(int(present.sum()))} → {n_bytes / 1e9:,.1f} GB in {paths.home() / 'corpora'}"
