"""Opening the book as a reader would: headless Chromium, from a folder or a server, without a network.

`check` opens every page and reports what a reader would stumble over: a request that leaves the
machine, a file that does not load, an error in the console, a chart without marks, a formula that is not
typeset, a player without a duration. The build ends with it where a browser is installed.
"""

import functools
import http.server
import json
import os
import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait
from urllib3.exceptions import HTTPError

from mtlib.base import parallel
from mtlib.base.errors import InputError

WAIT_S = 30
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",  # Chromium ends when its driver does
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_READY = """
const charts = [...document.querySelectorAll('[id^="altair-viz"]')];
const formulas = [...document.querySelectorAll('.math')];
const players = [...document.querySelectorAll('audio')];
return {
  chartsWithoutMarks: charts.filter(c => !c.querySelector('svg.marks path, svg.marks image')).length,
  formulasNotTypeset: formulas.filter(f => !f.querySelector('mjx-container')).length,
  formulasInError: document.querySelectorAll('mjx-merror, [data-mjx-error]').length,
  playersWithoutDuration: players.filter(p => p.preload !== 'none' && !(p.duration > 0)).length,
  onDemand: players.filter(p => p.preload === 'none').map(p => p.src),
  picturesNotLoaded: [...document.images].filter(i => i.complete && i.naturalWidth === 0).length,
  picturesWithoutText: [...document.images].filter(i => !i.hasAttribute('alt')).length,
  nCharts: charts.length, nFormulas: formulas.length, nPlayers: players.length,
  ready: document.readyState === 'complete'
};
"""


@dataclass(frozen=True)
class PageReport:
    """What was seen on one page."""

    page: str
    problems: tuple[str, ...]
    n_charts: int
    n_formulas: int
    n_players: int


def find() -> tuple[str, str] | None:
    """Return the paths of Chromium (or Chrome) and its driver, or None where one is not installed."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def open_browser(*, width: int = 1280, height: int = 900) -> Iterator[webdriver.Chrome]:
    """Start a headless browser that reaches no host but 127.0.0.1.

    Raises
    ------
    InputError
        If none is installed, it does not start, or it crashes.
    """
    found = find()
    if found is None:
        raise InputError("no Chromium with chromedriver is installed")
    options = Options()
    options.binary_location = found[0]
    for flag in (*_FLAGS, f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    others = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    os.environ["no_proxy"] = f"{others},localhost,127.0.0.1"  # the driver is not behind the proxy
    service = Service(found[1], popen_kw=parallel.popen_options())
    try:
        with webdriver.Chrome(options=options, service=service) as driver:
            driver.get("about:blank")
            for kind in ("browser", "performance"):
                driver.get_log(kind)
            yield driver
    except (WebDriverException, HTTPError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(f"{found[0]} failed: {reason}") from error


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the server's chatter off the terminal."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of 127.0.0.1 and give its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _network_problems(driver: webdriver.Chrome) -> list[str]:
    problems = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            parts = urlsplit(message["params"]["request"]["url"])
            if parts.scheme not in ("file", "data", "blob", "about") and parts.hostname != "127.0.0.1":
                problems.append(f"asks for {parts.geturl()}")
        elif message["method"] == "Network.loadingFailed" and not message["params"].get("canceled"):
            problems.append(f"a request failed: {message['params'].get('errorText')}")
        elif message["method"] == "Network.responseReceived":
            response = message["params"]["response"]
            if response["status"] >= 400:
                problems.append(f"{response['url']} answers {response['status']}")
    return problems


def _answers(address: str) -> bool:
    """Tell whether a file or a server answers to an address."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=WAIT_S):
            return True
    except OSError:
        return False


def check_page(driver: webdriver.Chrome, address: str, page: str) -> PageReport:
    """Open one page and report what is wrong with it."""
    driver.get(f"{address}/{page}.html")
    seen = driver.execute_script(_READY)

    def settled(_: webdriver.Chrome) -> bool:
        nonlocal seen
        seen = driver.execute_script(_READY)
        waiting = ("chartsWithoutMarks", "formulasNotTypeset", "playersWithoutDuration")
        return seen["ready"] and not any(seen[name] for name in waiting)

    with suppress(TimeoutException):  # what is still waiting is told below
        WebDriverWait(driver, WAIT_S, poll_frequency=0.2).until(settled)
    time.sleep(0.3)  # late requests and errors
    texts = {
        "chartsWithoutMarks": "charts without marks",
        "formulasNotTypeset": "formulas not typeset",
        "formulasInError": "formulas in error",
        "playersWithoutDuration": "players without a duration",
        "picturesNotLoaded": "pictures not loaded",
        "picturesWithoutText": "pictures without alternative text",
    }
    problems = [f"{seen[name]} {text}" for name, text in texts.items() if seen[name]]
    problems += _network_problems(driver)
    if absent := [address for address in set(seen["onDemand"]) if not _answers(address)]:
        problems.append(f"{len(absent)} players without a file, such as {absent[0]}")
    problems += [e["message"] for e in driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
    return PageReport(page, tuple(problems), seen["nCharts"], seen["nFormulas"], seen["nPlayers"])


def check(html: Path, pages: list[str], *, served: bool = True) -> list[PageReport]:
    """Open every page from the folder and from a server.

    Parameters
    ----------
    html : Path
        The rendered book.
    pages : list of str
        Pages without suffix.
    served : bool
        Whether from a server too.

    Returns
    -------
    list of PageReport
        First all pages from ``file://``, then all from ``http://127.0.0.1``.
    """
    with serve(html) as address, open_browser() as driver:
        bases = [html.resolve().as_uri(), *([address] if served else [])]
        return [check_page(driver, base, page) for base in bases for page in pages]
