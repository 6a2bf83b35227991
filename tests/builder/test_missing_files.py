"""The book as it is built without the author's files and without a network."""

from pathlib import Path

import pytest

import one_kernel
from book.builder import browser, build
from mtlib.base import paths

CHAPTER = "book/02_background"


@pytest.fixture(scope="session")
def bare(tmp_path_factory) -> Path:
    """The book from an empty cache, with every host unreachable."""
    folder, nowhere = tmp_path_factory.mktemp("bare"), "http://127.0.0.1:9"
    there = {"MTLIB_PUBLISHED": str(folder / "published"), "HTTPS_PROXY": nowhere, "https_proxy": nowhere}
    one_kernel.execute(build.notebooks(), {"profile": "smoke"}, folder, **there)
    build.render(folder)
    return folder


@pytest.fixture(scope="session")
def asking() -> list[str]:
    """Pages that want a published file."""
    return [page for page in build.notebooks()
            if "published.gather(" in (paths.ROOT / f"{page}.ipynb").read_text(encoding="utf-8")]  # fmt: skip


def test_a_reader_meets_no_problem(installed, bare, asking):
    reports = browser.check(bare / "html", asking, served=False)
    assert [report.page for report in reports] == asking
    assert {report.page: report.problems for report in reports if report.problems} == {}


def test_every_page_says_what_is_missing_and_how_to_get_it(bare, asking):
    made = {page: (bare / "html" / f"{page}.html").read_text(encoding="utf-8") for page in asking}
    assert {page for page, text in made.items() if "cannot be reached" not in text} == set()
    assert "mt-missing" in made[CHAPTER] and "python -m mtlib fetch" in made[CHAPTER]
