"""Fetching a dataset: downloads that resume, are verified, and are unpacked without a copy.

Only MagnaTagATune is fetched, in three slices of one ZIP file; the other datasets print where to get them.
"""

import io
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests

from ...base.errors import InputError
from ...base.files import told_if_full
from ..datasets import Dataset
from .scanning import sha256

MIRROR = "https://mirg.city.ac.uk/datasets/magnatagatune"
"""Where MagnaTagATune is hosted."""

_TIMEOUT_S = 30
Progress = Callable[[str, int, int], None]


def download(url: str, path: Path, checksum: str, progress: Progress | None = None) -> None:
    """Download a file, going on where an earlier attempt stopped, and verify it.

    Parameters
    ----------
    url : str
    path : Path
    checksum : str
        SHA-256 in hexadecimal.
    progress : callable, optional
        Called with (name, bytes done, bytes in all).

    Raises
    ------
    InputError
        If another file is there, the server does not answer, or what it sent has another SHA-256: it is
        then not kept.
    """
    part = path.with_name(path.name + ".part")
    if path.is_file() and sha256(path) == checksum:
        part.unlink(missing_ok=True)
        return
    if path.exists():
        raise InputError(
            f"{path} is not the file that is fetched, and is kept; move it away, then run this again"
        )
    part.parent.mkdir(parents=True, exist_ok=True)
    by_hand = f"run the same command again, or get {url} by hand and put it at {path}"
    for _ in range(2):  # a second time from the start, should the server not resume
        done = part.stat().st_size if part.is_file() else 0
        headers = {"Range": f"bytes={done}-"} if done else {}
        try:
            with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
                if answer.status_code == 416:  # nothing is left to send
                    break
                answer.raise_for_status()
                done = done if answer.status_code == 206 else 0
                n_bytes = done + int(answer.headers.get("Content-Length", 0))
                with open(part, "ab" if done else "wb") as file:
                    for block in answer.iter_content(1 << 14):
                        file.write(block)
                        done += len(block)
                        if progress:
                            progress(path.name, done, n_bytes)
            if done >= n_bytes:
                break
        except requests.HTTPError as error:
            status = error.response.status_code  # type: ignore[union-attr]  # the server answered
            raise InputError(f"{path.name}: the server answers {status}; {by_hand}") from None
        except requests.RequestException:
            raise InputError(
                f"{path.name}: {url.split('/')[2]} cannot be reached or stopped sending; "
                f"what came is kept: {by_hand}"
            ) from None
        except OSError as error:
            raise InputError(f"{part} cannot be written ({error.strerror}); what came is kept") from None
    if sha256(part) != checksum:
        part.unlink()
        raise InputError(
            f"{path.name}: what {url} sends has another SHA-256 than {checksum[:12]}…; it was not kept"
        )
    os.replace(part, path)


class Slices(io.RawIOBase):
    """Files read as one, one behind the other."""

    def __init__(self, files: Sequence[Path]):
        self._files = [open(path, "rb") for path in files]  # noqa: SIM115 (closed in close)
        self._ends, end = [], 0
        for path in files:
            end += path.stat().st_size
            self._ends.append(end)
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of the slice that the position is in."""
        start = 0
        for file, end in zip(self._files, self._ends, strict=True):
            if self._at < end:
                file.seek(self._at - start)
                n = file.readinto(memoryview(buffer)[: end - self._at])
                self._at += n
                return n
            start = end
        return 0

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()
        super().close()


def unpack(parts: Sequence[Path], folder: Path, progress: Progress | None = None) -> int:
    """Unpack a ZIP file that was cut in slices; files that are there in full are left as they are.

    Returns
    -------
    int
        Files in the archive.

    Raises
    ------
    InputError
        If a slice is missing, the archive is damaged, or another file is in the place of one of its own.
    """
    for part in parts:
        if not part.is_file():
            raise InputError(f"{part.name} missing in {part.parent}; all {len(parts)} parts are needed")
    try:
        with Slices(parts) as joined, zipfile.ZipFile(io.BufferedReader(joined, 1 << 20)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            for number, entry in enumerate(entries, 1):
                target = folder / entry.filename
                if not (target.is_file() and target.stat().st_size == entry.file_size):
                    if not target.resolve().is_relative_to(folder.resolve()):
                        raise InputError(
                            f"{entry.filename}: leads out of the folder; the archive is not used"
                        )
                    if target.exists():
                        raise InputError(
                            f"{target} is not the file in the archive, and is kept; move it away, or the "
                            f"folder {folder}, then run this again"
                        )
                    partial = target.with_name(target.name + ".part")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    try:
                        with told_if_full(target):
                            partial.write_bytes(archive.read(entry))
                        os.replace(partial, target)
                    finally:
                        partial.unlink(missing_ok=True)
                if progress:
                    progress("unpacking", number, len(entries))
    except zipfile.BadZipFile as error:
        raise InputError(f"{parts[0].name} … {parts[-1].name}: damaged ({error}); fetch them again") from None
    return len(entries)


def fetch_magnatagatune(
    dataset: Dataset, folder: Path, *, mirror: str = MIRROR, progress: Progress | None = None
) -> None:
    """Download, verify and unpack MagnaTagATune; what is there already is kept.

    Parameters
    ----------
    dataset : Dataset
        Names the files and their hashes.
    folder : Path
        Gets the tables, and the clips in ``mp3/``.
    mirror : str
    progress : callable, optional
    """
    for name, checksum in dataset.checksums.items():
        download(f"{mirror}/{name}", folder / name, checksum.removeprefix("sha256:"), progress)
    parts = sorted(folder / name for name in dataset.checksums if name.startswith("mp3.zip."))
    unpack(parts, folder / "mp3", progress)
