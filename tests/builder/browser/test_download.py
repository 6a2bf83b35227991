"""The released zip file, as a reader opens it: unzipped into a folder, without a network."""

import zipfile

import pytest
from building import build_book, run

from book.builder import browser, build


@pytest.mark.slow
def test_the_released_book_opens_from_its_folder(tmp_path, published, installed):
    made = build_book(tmp_path / "build", PUBLIC="1")
    result = run(made, "release")
    assert result.returncode == 0, result.stderr
    (archive,) = (made / "release").glob("*-html.zip")
    with zipfile.ZipFile(archive) as pages:
        pages.extractall(tmp_path / "Downloads, unzipped")
    (html,) = (tmp_path / "Downloads, unzipped").iterdir()
    reports = browser.check(html, build.pages(), served=False)
    assert {report.page: report.problems for report in reports if report.problems} == {}
