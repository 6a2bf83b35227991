"""Where things live on disk.

Two environment variables decide (design: README.md, "Folders"): ``MTLIB_HOME`` holds caches, corpora
and runs; ``MTLIB_PUBLISHED`` holds the thesis author's published files and may be read-only.
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
    """Return the folder of the author's files (``MTLIB_PUBLISHED``, or ``MTLIB_HOME/published``)."""
    return Path(os.environ.get("MTLIB_PUBLISHED") or home() / "published")


def build() -> Path:
    """Return the folder a book is built in: ``_build``, or what the running build says."""
    return Path(os.environ.get("MTLIB_BUILD") or ROOT / "_build")
