"""From a dataset's folder to a corpus: every clip decoded, every bad one accounted for.

`check` decodes and reports; `prepare` decodes and stores; both read a clip in the same way and neither
stops at a bad one. What becomes of each clip is a row: its status, the message that says what to do, and
notes on what is odd but harmless. A `mtlib.corpora.datasets.reports.Report` sums them up.

Conventions
    A tagging source keeps the central 29.12 s of every clip; a shorter one is left out unless told otherwise
    (``short``). Target tasks keep every clip at its own length. ``known fault`` is what the
    dataset's official copy is known for; anything else that was left out makes a report `failed`.
    Left-out clips are grouped by status with at most five examples.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import soxr

from ...base import parallel, paths
from ...base.errors import InputError, one_of
from ...signal import audio
from .. import corpus
from ..shards import Read, checksum, to_int16
from .reports import NoClips, Report, n_clips, summarise
from .scanning import Dataset, Scan, check_name, elsewhere

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
        fault, details = row["known_fault"], {"source_rate": 0, "n_channels": 0, "notes": "", "n_clipped": 0}
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
    root = Path(os.path.expanduser(root)).absolute()
    scan = dataset.scan(root)
    if scan.clips.empty:
        raise InputError(f"no clips of {dataset.title} under {root}; see `python -m mtlib fetch {dataset.name}`")
    if (twice := scan.clips["clip_id"][scan.clips["clip_id"].duplicated()]).size:
        raise InputError(f"{dataset.title}: clip {twice.iloc[0]!r} is listed twice; get its lists again")
    if len(scan.clips) < dataset.n_clips:
        scan.notes.append(f"{len(scan.clips):,} of {dataset.n_clips:,} clips found")
        scan.incomplete |= scan.unlabelled
    defaults = {"start": np.nan, "end": np.nan, "file_seconds": np.nan, "known_fault": "", "same_audio": ""}
    for name, value in defaults.items():
        if name not in scan.clips:
            scan.clips[name] = value
    if "listed" not in scan.clips:
        scan.clips["listed"] = scan.clips["path"]
    if not scan.clips["path"].any():
        scan.notes += elsewhere(scan, root)
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
    _check_short(short, dataset, scan)
    return _check_scan(dataset, scan, short, progress, n_jobs=n_jobs, scheduler=scheduler)


def _check_scan(
    dataset: Dataset, scan: Scan, short: str, progress: Callable[[int, int], None] | None, **options: Any
) -> Report:
    read = ReadAudio(str(scan.root), dataset.n_samples, short)
    parts = [scan.clips.iloc[i : i + 32] for i in range(0, len(scan.clips), 32)]
    rows: list[dict[str, Any]] = []
    for found in parallel.run(_Check(read), parts, **options):
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
        Take about this many clips, evenly from those whose file is there.
    n_jobs, scheduler, progress
        As in `check`.

    Raises
    ------
    InputError
        If an argument does not fit, or clips of a corpus of that name would be deleted: those of another
        dataset, or those beyond `limit`.
    NoClips
        If no clip can be used; a corpus of that name stays as it is.
    """
    name = name or dataset.name
    scan = look(dataset, root)
    _check_short(short, dataset, scan)
    if dedupe:
        _drop_duplicates(scan)
    if limit is not None:
        if limit < 1:
            raise InputError(f"limit must be at least 1, got {limit}")
        there = np.flatnonzero(scan.clips["source_bytes"] > 0)
        there = there if len(there) else np.arange(len(scan.clips))
        chosen = there[np.unique(np.linspace(0, len(there) - 1, min(limit, len(there))).astype(int))]
        scan.clips, scan.labels = scan.clips.iloc[chosen].reset_index(drop=True), scan.labels[chosen]
        scan.incomplete = False
    _check_nothing_is_lost(name, dataset, len(scan.clips) if limit is not None else None)
    recipe = {
        "decoder": f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}",
        "resampler": f"soxr {soxr.__version__} HQ", "crop": "centre", "short": short, "channels": "mean",
    }  # fmt: skip
    try:
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
    except InputError as error:
        if error.status != "no clips":
            raise
        nothing = NoClips(str(error))
        nothing.report = _check_scan(dataset, scan, short, None, n_jobs=n_jobs, scheduler=scheduler)
        raise nothing from None
    rows = pd.concat([made.clips.assign(message=""), made.left_out], ignore_index=True)
    return made, summarise(dataset, scan, rows)


def _check_nothing_is_lost(name: str, dataset: Dataset, n_limited: int | None) -> None:
    """Refuse to replace a corpus by one of another dataset, or by a few of its own clips."""
    check_name(name)
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


def _check_short(short: str, dataset: Dataset, scan: Scan) -> None:
    one_of(SHORT, short=short)
    if short != "drop" and dataset.n_samples is None:
        scan.notes.append(f"--short {short} changes nothing here: every clip keeps its own length")


def estimate(dataset: Dataset, scan: Scan) -> str:
    """Say how much a preparation will write, before it begins."""
    present = scan.clips["source_bytes"] > 0
    seconds = scan.clips["expected_seconds"].fillna(30.0)
    n_samples = dataset.n_samples or seconds * audio.SAMPLE_RATE
    n_bytes = float((present * 2 * n_samples).sum())
    return f"{n_clips(int(present.sum()))} → {n_bytes / 1e9:,.1f} GB in {paths.home() / 'corpora'}"
