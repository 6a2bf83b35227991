"""The browser itself: reached past a proxy, and one line where it fails."""

import shutil

import pytest

from book.builder import browser
from mtlib.base.errors import InputError

PAGE = "<html lang='en'><body><p>Read me</p><audio preload='none' src='page.html'></audio></body></html>"


def test_a_proxy_is_not_asked_for_this_machine(installed, tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "favicon.ico").touch()
    reports = browser.check(tmp_path, ["page"])
    assert [report.problems for report in reports] == [(), ()] and reports[1].n_players == 1


def test_a_driver_that_does_not_start_is_one_line(monkeypatch):
    monkeypatch.setattr(browser, "find", lambda: ("chromium", shutil.which("false")))
    with pytest.raises(InputError, match=r"^chromium failed: .+") as caught, browser.open_browser():
        pass
    assert "\n" not in str(caught.value)
