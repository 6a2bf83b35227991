"""The book as it is built without the author's files and without a network."""

from pathlib import Path

import pytest
from building import CHAPTER, build_book, seen_without_problem


@pytest.fixture(scope="session")
def bare(tmp_path_factory) -> Path:
    """The book from an empty cache, with every host unreachable."""
    folder = tmp_path_factory.mktemp("bare")
    nowhere = "http://127.0.0.1:9"
    absent = {"MTLIB_PUBLISHED": str(folder / "published"), "HTTPS_PROXY": nowhere, "https_proxy": nowhere}
    return build_book(folder, **absent)


def test_a_reader_meets_no_problem(installed, bare):
    seen_without_problem(bare / "html", served=False)


def test_the_bare_book_says_what_is_missing_and_how_to_get_it(bare):
    page = (bare / "html" / f"{CHAPTER}.html").read_text(encoding="utf-8")
    assert "mt-missing" in page and "python -m mtlib fetch" in page and "cannot be reached" in page
