"""Build the book, or some pages alone, in a folder of its own, and look at its pages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

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


def build_pages(folder: Path, pages: Sequence[str], parameters: dict, **environment: str) -> Path:
    """Execute and render some notebooks as a book of their own, and return its folder of HTML.

    A notebook that lies in ``folder/tree/book`` stands in for the book's.
    """
    tree, build = folder / "tree", book.mark(folder / "build")
    (tree / "book").mkdir(parents=True, exist_ok=True)
    shutil.copy(paths.ROOT / "_config.yml", tree)
    toc = {"format": "jb-book", "root": pages[0], "chapters": [{"file": page} for page in pages[1:]]}
    (tree / "_toc.yml").write_text(yaml.safe_dump(toc))
    for path in (*(paths.ROOT / "book").iterdir(), paths.ROOT / "mtlib"):
        link = tree / path.relative_to(paths.ROOT)
        if not link.exists():
            link.symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "ROOT", tree)
        one_kernel.execute(pages, parameters, build, **environment)
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    result = subprocess.run(
        [*jupyter_book, "build", str(tree), "--path-output", str(build), "--all"],
        env={**os.environ, "MTLIB_BUILD": str(build)}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return build / "_build" / "html"
