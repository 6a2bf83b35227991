"""Files that mtlib keeps: whole or not there, ours or left alone, and told when they are damaged.

What is deleted or replaced carries a mark of ours, and no link is followed to it. What is kept carries a
checksum: a JSON object its digest, an array a seal behind it, other files an entry in the JSON object of
their folder. Files of an earlier version may lack it; they are used as they are.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from . import paths
from .errors import InputError

FORMS = paths.DATA / "forms"
"""JSON Schemas of what is kept."""


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
        with told_if_full(path), open(temporary, "wb") as file:
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


def reserve(file: IO[bytes], n_bytes: int) -> None:
    """Take the room that a file will need, where the system can, so that no other file takes it meanwhile."""
    try:
        os.posix_fallocate(file.fileno(), 0, n_bytes)
    except (AttributeError, OSError) as error:
        if any(words in str(error) for words in _FULL):
            raise


def check_target(path: Path, mark: bytes = b"") -> None:
    """Refuse, before the work begins, a file that its result could not be written to, or should not replace.

    With a mark of ours, a file that is neither empty nor has it in its first 100 bytes is kept.
    """
    reason, start = "", b""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(1 << 16))
        if path.is_file():
            with open(path, "rb") as there:
                start = there.read(100)
        elif path.exists():
            reason = "it is a folder" if path.is_dir() else "it is a device"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(f"{path} cannot be written ({reason}); name another file")
    if start and mark not in start:
        raise InputError(f"{path} was not written by this command and is kept; name another file")


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


def check_no_link(path: Path, folder: Path) -> None:
    """Refuse a path below a folder that leads through a link: nothing is deleted or replaced behind it."""
    if path.resolve() != folder.resolve() / path.relative_to(folder):
        raise InputError(f"{path} leads through a link; nothing behind it is changed: move the link away")


@contextlib.contextmanager
def told_if_damaged(what: object, advice: str) -> Iterator[None]:
    """Turn whatever is raised while a kept file is read into one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise anything
        why = " ".join(str(error).split())
        raise InputError(f"{what} is damaged or cannot be read ({why}); {advice}") from None


def crc32(path: Path) -> int:
    """Return the CRC-32 of a file that is not empty."""
    return zlib.crc32(np.memmap(path, mode="r").data)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object that is whole or not there, with its digest; a notebook's is in its metadata."""
    content = json.loads(json.dumps(content, default=plain))
    content.get("metadata", content)["digest"] = digest(content)
    with atomic(path) as file:
        file.write(json.dumps(content, indent=1).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return what `write_json` wrote; a damaged file raises ValueError, or whatever its form leads to."""
    content = json.loads(path.read_bytes())
    place = content.get("metadata", content)
    name, last = place.popitem()
    if last != digest(content):
        place[name] = last
        if "digest" in place:
            raise ValueError(f"{path.name} is not as it was written")
    return content


def check_form(content: Any, name: str) -> Any:
    """Return a value of JSON that has the form of ``data/forms/NAME.json``; ValueError if it has another."""
    from jsonschema.exceptions import best_match  # takes a while

    if error := best_match(_form(name).iter_errors(content)):
        raise ValueError(f"{error.json_path.lstrip('$.') or name}: {error.message:.80}")
    return content


@cache
def _form(name: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((FORMS / f"{name}.json").read_bytes()))


def seal(file: IO[bytes]) -> None:
    """Append a checksum to a ``.npy`` file, where `read_array` looks for it and others do not."""
    file.flush()
    file.write(b"crc32 %08x" % crc32(Path(file.name)))


def read_array(path: Path, mmap_mode: Literal["r"] | None = None) -> np.ndarray | None:
    """Return a kept array, or None if it has to be made (again): it is not there, or damaged."""
    try:
        content = np.memmap(path, mode="r")
        end = content[-14:].tobytes()
        if end.startswith(b"crc32 ") and end != b"crc32 %08x" % zlib.crc32(content[:-14].data):
            return None
        return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except Exception:  # a damaged file can raise anything
        return None
