"""Build the book in a folder of its own, and look at every page."""

import os
import subprocess
import sys
from pathlib import Path

from mtlib import book, browser, paths

CHAPTER = "book/02_background"

ALONE = {"LOKY_MAX_CPU_COUNT": "1"}
"""Trainings of a second each: starting processes for them would take longer."""


def run(build: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mtlib", *arguments],
        cwd=paths.ROOT,
        env={**os.environ, **ALONE, "MTLIB_BUILD": str(build), "PUBLIC": "", **environment},
        capture_output=True,
        text=True,
    )


def build_book(folder: Path, **environment: str) -> Path:
    result = run(folder, "book", "--profile", "smoke", "--no-browser", **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def seen_without_problem(html: Path, *, served: bool = True) -> browser.PageReport:
    """Open every page from the folder and from a server; return what is seen of `CHAPTER`."""
    reports = browser.check(html, book.pages(), served=served)
    assert len(reports) == (1 + served) * len(book.pages())
    bad = [(report.page, report.problems) for report in reports if report.problems]
    assert not bad, bad  # pytest does not look into this file
    chapter = next(report for report in reports if report.page == CHAPTER)
    assert chapter.n_charts >= 1 and chapter.n_formulas >= 1
    return chapter
