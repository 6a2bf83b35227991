"""Build the book in a folder of its own, and look at every page."""

import os
import subprocess
import sys
from pathlib import Path

from mtlib import book, browser, paths

CHAPTER = "book/02_background"


def run(build: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mtlib", *arguments],
        cwd=paths.ROOT,
        env={**os.environ, "MTLIB_BUILD": str(build), "PUBLIC": "", **environment},
        capture_output=True,
        text=True,
    )


def build_book(folder: Path, **environment: str) -> Path:
    result = run(folder, "book", "--profile", "smoke", "--no-browser", **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def seen_without_problem(html: Path) -> browser.PageReport:
    """Open every page from the folder and from a server; return what is seen of `CHAPTER`."""
    reports = browser.check(html, book.pages())
    assert len(reports) == 2 * len(book.pages())
    bad = [(report.page, report.problems) for report in reports if report.problems]
    assert not bad, bad  # pytest does not look into this file
    chapter = next(report for report in reports if report.page == CHAPTER)
    assert chapter.n_charts >= 1 and chapter.n_formulas >= 1
    return chapter
