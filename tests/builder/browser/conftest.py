"""The book at profile smoke, and a browser; each is made once a process."""

from pathlib import Path

import pytest
from building import build_book
from firefox import open_firefox

from book.builder import browser


@pytest.fixture(scope="session")
def smoke(tmp_path_factory, published) -> Path:
    return build_book(tmp_path_factory.mktemp("smoke"))


@pytest.fixture(scope="session")
def chromium(installed):
    with browser.open_browser() as driver:
        yield driver


@pytest.fixture(scope="session")
def firefox(tmp_path_factory):
    with open_firefox(tmp_path_factory.mktemp("firefox")) as driver:
        yield driver
