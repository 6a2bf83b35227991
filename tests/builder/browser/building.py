"""Build the book in a folder of its own, and look at its pages."""

import os
import subprocess
import sys
from pathlib import Path

import one_kernel
from book.builder import build as book
from mtlib.base import paths

CHAPTER = "book/02_background"

LEFT = ("book/synthetic_corpus", "book/thesis_index")
"""Pages that the command itself executes, beside those that read others; the rest runs in one kernel."""


def run(build: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mtlib", *arguments],
        cwd=paths.ROOT,
        env={**os.environ, **one_kernel.ALONE, "MTLIB_BUILD": str(build), **environment},
        capture_output=True,
        text=True,
    )


def build_book(folder: Path, **environment: str) -> Path:
    chapters = [page for page in book.notebooks() if not (page in LEFT or book.reads_others(page))]
    one_kernel.execute(chapters, {"profile": "smoke"}, folder, **environment)
    result = run(folder, "book", "--profile", "smoke", "--no-browser", **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{CHAPTER}.ipynb is up to date" in result.stdout and f"running {LEFT[0]}.ipynb" in result.stdout
    return folder
