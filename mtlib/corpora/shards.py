"""Decoded audio on disk: shards of 16-bit samples, written whole or not at all.

A shard is one ``.npy`` file of int16 that is mapped, never loaded, and a ``.json`` file that tells what
became of each of its rows; the second is written last, so a shard with both is finished. Their names
carry a key of what they were made from: a changed source gives another name, and an interrupted
preparation finds what it had finished. `mtlib.corpora.corpus` joins shards to a corpus.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd

from ..base import files
from ..base.errors import InputError


class Read(NamedTuple):
    """What became of one row: its samples, or why there are none."""

    samples: np.ndarray | None
    """int16, at most the corpus' clip length; None leaves the clip out."""
    status: str = "ok"
    """One word or two, to count by: ``ok``, ``truncated``, ``missing`` …"""
    message: str = ""
    details: dict[str, Any] = {}  # noqa: RUF012 (a tuple's default, never changed)
    """Further columns of the manifest, such as the file's own sample rate."""


ReadShard = Callable[[pd.DataFrame], Iterable[Read | tuple]]


@dataclass(frozen=True)
class Shard:
    """The plan of one shard: its rows and where it goes."""

    number: int
    rows: pd.DataFrame = field(repr=False)
    key: str
    n_samples: int | None
    folder: Path

    @property
    def stem(self) -> str:
        """Name of the shard's two files, without extension."""
        return f"{self.number:05d}-{self.key}"

    @property
    def array(self) -> Path:
        """The samples: (n_kept, n_samples), or (total samples,) where clips are of uneven length."""
        return self.folder / f"{self.stem}.npy"

    @property
    def outcome(self) -> Path:
        """What became of each row."""
        return self.folder / f"{self.stem}.json"

    def finished(self) -> list[dict[str, Any]] | None:
        """Return what became of each row, or None if the shard is not there, or not as it was written."""
        try:
            rows = files.read_json(self.outcome)["rows"]
            kept = [row for row in rows if row["place"] >= 0]
            array = np.load(self.array, mmap_mode="r") if kept else np.empty(0)
            for row in kept:
                clip_at(array, row["place"], row["n_samples"], row["crc"])
            return rows
        except Exception:  # a damaged file can raise anything
            return None


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Round samples in [−1, 1] to int16; what lies outside is clipped."""
    rounded = np.empty(len(samples), np.int16)
    for start in range(0, len(samples), 1 << 14):  # in blocks that stay in the processor's cache
        block = samples[start : start + (1 << 14)] * np.float32(32768)
        np.clip(np.rint(block, out=block), -32768, 32767, out=block)
        rounded[start : start + (1 << 14)] = block
    return rounded


def checksum(samples: np.ndarray) -> int:
    """Return a CRC-32 of samples, to find equal clips and damaged ones."""
    return zlib.crc32(np.ascontiguousarray(samples).data)


def clip_at(array: np.ndarray, place: int, n_samples: int, crc: int | None = None) -> np.ndarray:
    """Return a clip of a shard (time,); ValueError if its checksum is given and differs."""
    clip = array[place, :n_samples] if array.ndim == 2 else array[place : place + n_samples]
    if crc is not None and (array.dtype != np.int16 or checksum(clip) != crc):
        raise ValueError(f"{getattr(array, 'filename', 'a shard')} is not as it was written")
    return clip


def write_shard(shard: Shard, read_shard: ReadShard) -> int:
    """Read the rows of a shard and write it; return the number of rows.

    Raises
    ------
    InputError
        If `read_shard` does not answer every row with a usable result.
    """
    rows, n_kept, offset, limit = [], 0, 0, shard.n_samples
    shard.folder.mkdir(parents=True, exist_ok=True)
    with files.atomic(shard.array) as file:
        _write_header(file, (0, limit) if limit else (0,))
        for answer in read_shard(shard.rows):
            read = Read(*answer)
            row = {"status": read.status, "message": read.message, "n_samples": 0, "place": -1, "crc": 0}
            if (samples := read.samples) is not None:
                if (
                    samples.dtype != np.int16
                    or samples.ndim != 1
                    or not 0 < len(samples) <= (limit or np.inf)
                ):
                    raise InputError(
                        f"a clip must be int16 of shape (time,) with 1 to {limit} samples, "
                        f"got {samples.dtype} {samples.shape}"
                    )
                place = n_kept if limit else offset
                row |= {"n_samples": len(samples), "place": place, "crc": checksum(samples)}
                file.write(np.ascontiguousarray(samples, "<i2").data)
                if limit:
                    file.write(bytes(2 * (limit - len(samples))))
                n_kept, offset = n_kept + 1, offset + len(samples)
            rows.append(row | {"details": read.details})
        file.seek(0)
        _write_header(file, (n_kept, limit) if limit else (offset,))
    if len(rows) != len(shard.rows) or not n_kept:
        shard.array.unlink()
    if len(rows) != len(shard.rows):
        raise InputError(f"{len(shard.rows)} rows were to be read, {len(rows)} results came")
    files.write_json(shard.outcome, {"rows": rows})
    return len(rows)


def _write_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the header of a ``.npy`` file; it leaves room, so it is as long for any number of rows."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<i2", "fortran_order": False, "shape": shape})
