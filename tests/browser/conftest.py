"""The book at profile smoke, and a browser; each is made once a process."""

import os
from pathlib import Path

import pytest
from building import build_book

from mtlib import browser


@pytest.fixture(scope="session")
def smoke(tmp_path_factory, published) -> Path:
    return build_book(tmp_path_factory.mktemp("smoke"))


@pytest.fixture(scope="session")
def installed():
    """Skip where there is no browser; where CI is set, that is a failure of the test itself."""
    if browser.find() is None and not os.environ.get("CI"):
        pytest.skip("no Chromium with chromedriver is installed")


@pytest.fixture(scope="session")
def chromium(installed):
    with browser.open_browser() as driver:
        yield driver
