"""Where things live on disk, and the audio files below a folder.

Environment variables decide (README.md, "Folders"): ``MTLIB_HOME`` holds caches, corpora and runs;
``MTLIB_PUBLISHED`` holds published files and ``MTLIB_REAL`` recordings of real music and sound; both may
be read-only.
"""

import os
from collections import Counter
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parents[2]
"""The repository: notebooks, data and configuration. Without it, the folder that mtlib is installed in."""

_PACKAGED = ROOT / "mtlib" / "_data"

DATA = _PACKAGED if _PACKAGED.is_dir() else ROOT / "data"
"""Facts committed with the book: tags, the thesis' numbers, the list of published files. An installation
without the repository holds them in the package."""


def _folder(variable: str, usual: Path) -> Path:
    """Return the folder that a variable names, for processes that are started in another folder too."""
    if value := os.environ.get(variable):
        os.environ[variable] = os.path.abspath(os.path.expanduser(value))
    return Path(os.environ.get(variable) or usual)


def home() -> Path:
    """Return the folder of caches, corpora and runs (``MTLIB_HOME``, or the user's cache folder)."""
    return _folder("MTLIB_HOME", Path(platformdirs.user_cache_dir("mtlib")))


def published() -> Path:
    """Return the folder of published files (``MTLIB_PUBLISHED``, or ``MTLIB_HOME/published``)."""
    return _folder("MTLIB_PUBLISHED", home() / "published")


def real() -> Path:
    """Return the folder of ``esc10`` and ``gtzan_99_excerpts`` (``MTLIB_REAL``, or ``MTLIB_HOME/real``)."""
    return _folder("MTLIB_REAL", home() / "real")


def build() -> Path:
    """Return the folder a book is built in: ``_build``, or what the running build says."""
    return _folder("MTLIB_BUILD", ROOT / "_build")


published(), real(), build()  # a relative folder is meant from where the program starts


EXTENSIONS = (
    ".aac", ".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav",
    ".wma",
)  # fmt: skip
"""Of audio files; a kind that cannot be decoded is found too, and reported when it is."""


def audio_below(folder: Path, problems: list[str]) -> tuple[list[str], Counter[str]]:
    """Return the audio files below a folder, relative to it and sorted, and the number of others by extension.

    Links to folders are followed, but not in circles; a folder that cannot be read adds a line to `problems`.
    """
    found, others, todo = [], Counter[str](), [(os.fspath(folder), frozenset[tuple[int, int]]())]
    while todo:
        here, above = todo.pop()
        try:
            status, entries = os.stat(here), list(os.scandir(here))
        except OSError as error:
            problems.append(f"folder {here!r} cannot be read ({error.strerror}); check its owner and rights")
            continue
        key = status.st_dev, status.st_ino
        for entry in entries if key not in above else ():  # not by a link back to a folder that it is in
            name, extension = entry.name, os.path.splitext(entry.name)[1].lower()
            if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():
                todo.append((entry.path, above | {key}))
            elif extension in EXTENSIONS and not name.startswith("._"):
                found.append(os.path.relpath(entry.path, folder).replace(os.sep, "/"))
            elif extension in EXTENSIONS or not name.startswith("."):
                others["._*" if name.startswith("._") else extension or "without extension"] += 1
    return sorted(found), others
