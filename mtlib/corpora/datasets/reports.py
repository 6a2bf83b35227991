"""What a check or a preparation found, in words: a line per kind, and a table of every odd clip."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ...base.errors import InputError
from ...base.files import atomic
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
        Whether anything but known faults was left out or has no row.
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


class NoClips(InputError):
    """None of the clips can be used: no corpus was made; ``report`` says why."""

    report: Report


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
            told: dict[str, list[str]] = {}  # by advice, which is given once
            for what, _, advice in (message.rpartition("; ") for message in group["message"].iloc[:5]):
                told.setdefault(advice, []).append(what)
            words = "; ".join("; ".join(filter(None, (*whats, advice))) for advice, whats in told.items())
            lines.append(f"{status}: {n_clips(len(group))} left out: {words}")
    lines += [f"note: {line}" for line in (*scan.notes, *_notes(dataset, rows[kept]), *_same(rows[kept], scan))]
    if "no_folds" in scan.info:
        lines.append(f"note: no folds: {scan.info['no_folds']}")
    lost = (~kept & (rows["status"] != "known fault")).any()
    return Report(rows, lines, bool(lost) or scan.incomplete)


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
