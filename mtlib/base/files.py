"""Files that are whole or not there, keys of what they hold, and disks that are full."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from .errors import InputError


def digest(value: Any, n_digits: int = 12) -> str:
    """Return a short SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:n_digits]


def plain(value: Any) -> Any:
    """Turn what numpy and pandas hold into what JSON knows."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a recipe holds plain values, got {value!r}")


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name only when it is whole and on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with told_if_full(path), open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_space(folder: Path, n_bytes: int) -> None:
    """Refuse to begin what does not fit on the disk.

    Raises
    ------
    InputError
        With the bytes needed and free.
    """
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise InputError(
            f"{n_bytes:,} bytes are needed and {free:,} are free in {folder}; "
            "free some, or set MTLIB_HOME to a folder on a larger disk"
        )


def reserve(file: IO[bytes], n_bytes: int) -> None:
    """Take the room that a file will need, where the system can, so that no other file takes it meanwhile."""
    try:
        os.posix_fallocate(file.fileno(), 0, n_bytes)
    except (AttributeError, OSError) as error:
        if any(words in str(error) for words in _FULL):
            raise


def check_writable(path: Path) -> None:
    """Refuse, before the work begins, a file that its result could not be written to."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(1 << 16))
        reason = "it is a folder" if path.is_dir() else ""
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(f"{path} cannot be written ({reason}); name another file")


_FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))
"""What an error says when there is no room; some libraries pass on the words alone."""


@contextlib.contextmanager
def told_if_full(path: Path) -> Iterator[None]:
    """Turn a disk that is full, whoever finds that out, into one line about a file or folder."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = next((words for words in _FULL if words in str(error)), "")
        if not reason:
            raise
        folder = next(folder for folder in path.absolute().parents if folder.is_dir())
        raise InputError(
            f"no room for {path.name} ({reason}): {shutil.disk_usage(folder).free:,} bytes are free in "
            f"{folder}; what was finished is kept: free some, then run the same command again"
        ) from None
