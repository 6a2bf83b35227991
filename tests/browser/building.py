"""Build the book in a folder of its own, and look at its pages."""

import os
import subprocess
import sys
from pathlib import Path

from mtlib import paths

CHAPTER = "book/02_background"

ALONE = {"LOKY_MAX_CPU_COUNT": "1"}
"""Trainings of a second each: starting processes for them would take longer."""


def run(build: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mtlib", *arguments],
        cwd=paths.ROOT,
        env={**os.environ, **ALONE, "MTLIB_BUILD": str(build), "PUBLIC": ""},
        capture_output=True,
        text=True,
    )


def build_book(folder: Path) -> Path:
    result = run(folder, "book", "--profile", "smoke", "--no-browser")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder
