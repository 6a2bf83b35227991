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
    ".aac", ".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".m4a", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".w64",
    ".wav", ".wma",
)  # fmt: skip
"""Of audio files; a kind that cannot be decoded is found too, and reported when it is."""


def audio_below(folder: Path, problems: list[str]) -> tuple[list[str], Counter[str]]:
    """Return the audio files below a folder, relative to it and sorted, and the number of others by extension.

    Links to folders are followed, but not in circles; a folder that cannot be read adds a line to `problems`.
    """
    found, others, unread = [], Counter[str](), list[OSError]()
    above = {os.fspath(folder): frozenset[str]()}
    for here, folders, names in os.walk(folder, onerror=unread.append, followlinks=True):
        known = above.pop(here) | {os.path.realpath(here)}
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(here, name)) not in known]
        above |= {os.path.join(here, name): known for name in folders}
        for name in names:
            extension = os.path.splitext(name)[1].lower()
            if extension in EXTENSIONS and not name.startswith("._"):
                found.append(os.path.relpath(os.path.join(here, name), folder).replace(os.sep, "/"))
            elif extension in EXTENSIONS or not name.startswith("."):
                others["._*" if name.startswith("._") else extension or "without extension"] += 1
    problems += (f"folder {e.filename!r} cannot be read ({e.strerror}); check its owner and rights" for e in unread)
    return sorted(found), others
