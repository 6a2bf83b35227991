"""Where things live on disk.

Environment variables decide (README.md, "Folders"): ``MTLIB_HOME`` holds caches, corpora and runs;
``MTLIB_PUBLISHED`` holds published files and ``MTLIB_REAL`` recordings of real music and sound; both may
be read-only.
"""

import os
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parents[2]
"""The repository: notebooks, data and configuration. Without it, the folder that mtlib is installed in."""

_PACKAGED = ROOT / "mtlib" / "_data"

DATA = _PACKAGED if _PACKAGED.is_dir() else ROOT / "data"
"""Facts committed with the book: tags, the thesis' numbers, the list of published files. An installation
without the repository holds them in the package."""


def home() -> Path:
    """Return the folder of caches, corpora and runs (``MTLIB_HOME``, or the user's cache folder)."""
    return Path(os.environ.get("MTLIB_HOME") or platformdirs.user_cache_dir("mtlib"))


def published() -> Path:
    """Return the folder of published files (``MTLIB_PUBLISHED``, or ``MTLIB_HOME/published``)."""
    return Path(os.environ.get("MTLIB_PUBLISHED") or home() / "published")


def real() -> Path:
    """Return the folder of ``esc10`` and ``gtzan_99_excerpts`` (``MTLIB_REAL``, or ``MTLIB_HOME/real``)."""
    return Path(os.environ.get("MTLIB_REAL") or home() / "real")


def build() -> Path:
    """Return the folder a book is built in: ``_build``, or what the running build says."""
    return Path(os.environ.get("MTLIB_BUILD") or ROOT / "_build")
