"""Files that are whole or not there, keys of what they hold, and disks that are full."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
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
    """Open a file for writing that appears under its name only when it is whole and on the disk.

    An error of the system names `path`, not the temporary file beside it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename, error.filename2 = str(path), None
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


@contextlib.contextmanager
def told_if_full(folder: Path, n_bytes: int) -> Iterator[None]:
    """Turn a disk that fills up in spite of `check_space` into one line."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        free = shutil.disk_usage(folder).free
        raise InputError(
            f"the disk is full: {n_bytes:,} bytes were needed and {free:,} are free in {folder}; "
            "what was finished is kept: free some, then run the same command again"
        ) from None
