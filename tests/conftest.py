"""Fixtures shared by the tests: published files, real recordings, archives in miniature, tones."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from book.builder import browser
from mtlib.base import paths
from mtlib.base import published as published_files

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")  # a busy machine is no fault of the code

LONGEST = ("test_book", "test_sweeps", "test_transfer")
"""Files that come first, so that two processes end together."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def _absent(of_author: bool) -> list[str]:
    return [
        name
        for name, item in published_files.ARTIFACTS.items()
        if item.reachable
        and (item.owner == published_files.AUTHOR) == of_author
        and published_files.state(item) != "present"
    ]


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder with the author's files; without them the test is skipped, unless MTLIB_PUBLISHED is set."""
    absent = _absent(of_author=True)
    if absent and not os.environ.get("MTLIB_PUBLISHED"):
        pytest.skip(f"no {absent[0]} in {paths.published()}: run `python -m mtlib fetch`")
    assert not absent, f"MTLIB_PUBLISHED lacks {absent[0]}"
    return paths.published()


@pytest.fixture(scope="session")
def later() -> Path:
    """The folder with the files of later work; without them the test is skipped."""
    if absent := _absent(of_author=False):
        pytest.skip(f"no {absent[0]} in {paths.published()}: run `python -m mtlib fetch later`")
    return paths.published()


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real recordings; without it the test is skipped, unless MTLIB_REAL is set."""
    if not (paths.real() / "gtzan_99_excerpts").is_dir():
        assert not os.environ.get("MTLIB_REAL"), f"MTLIB_REAL lacks gtzan_99_excerpts: {paths.real()}"
        pytest.skip("no real recordings: MTLIB_REAL is not set")
    return paths.real()


@pytest.fixture(scope="session")
def installed():
    """Skip where there is no browser; where CI is set, that is a failure of the test itself."""
    if browser.find() is None and not os.environ.get("CI"):
        pytest.skip("no Chromium with chromedriver is installed")


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """The miniature of a dataset's archive, by name, made once; tests that change it take a copy."""
    import miniatures

    made = {}

    def make(name):
        if name not in made:
            made[name] = miniatures.MAKERS[name](tmp_path_factory.mktemp(name))
        return made[name]

    return make


@pytest.fixture(scope="session")
def tones(tmp_path_factory):
    """A home with the corpus of tones; tests that write take a copy."""
    import toy

    home = tmp_path_factory.mktemp("tones")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(home))
        toy.write()
    return home
