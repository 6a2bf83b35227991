"""Firefox without a driver: it speaks WebDriver BiDi itself, one JSON message at a time.

`Firefox` has the few methods of Selenium's drivers that the tests of the tagger need.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import websocket

from mtlib.base import parallel

WAIT_S = 120


def find() -> str | None:
    """Return the path of Firefox, or None where it is not installed."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """One tab."""

    def __init__(self, address: str) -> None:
        self.socket = websocket.create_connection(f"{address}/session", timeout=WAIT_S, suppress_origin=True)
        self.n_sent = 0
        self.log: list[dict[str, str]] = []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])
        self.tab = self.call("browsingContext.create", type="tab")["context"]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result; what the page logs meanwhile is kept."""
        self.n_sent += 1
        self.socket.send(json.dumps({"id": self.n_sent, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer["type"] == "event":
                level = "SEVERE" if answer["params"]["level"] == "error" else answer["params"]["level"].upper()
                self.log.append({"level": level, "message": answer["params"]["text"]})
            elif answer["id"] == self.n_sent:
                assert answer["type"] == "success", answer
                return answer["result"]

    def get(self, address: str) -> None:
        self.call("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def execute_script(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function, whose ``arguments`` are plain values, and return what it returns."""
        program = f"JSON.stringify((function () {{{script}}})(...{json.dumps(arguments)})) ?? 'null'"
        target = {"context": self.tab}
        result = self.call("script.evaluate", expression=program, target=target, awaitPromise=False)
        assert result["type"] == "success", result
        return json.loads(result["result"]["value"])

    def choose_file(self, selector: str, path: Path) -> None:
        """Put a file into a field, as a reader does."""
        found = self.call("browsingContext.locateNodes", context=self.tab, locator={"type": "css", "value": selector})
        element = {"sharedId": found["nodes"][0]["sharedId"]}
        self.call("input.setFiles", context=self.tab, element=element, files=[str(path)])

    def get_log(self, _: str) -> list[dict[str, str]]:
        """Return what the page logged since the last call."""
        found, self.log = self.log, []
        return found


@contextmanager
def open_firefox(profile: Path) -> Iterator[Firefox]:
    """Start headless Firefox with a new profile in an empty folder."""
    command = [find(), "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet, **parallel.popen_options()) as process:
        try:
            yield Firefox(_address(profile / "WebDriverBiDiServer.json"))
        finally:
            process.kill()


def _address(file: Path) -> str:
    """Wait until Firefox has written where it listens."""
    for _ in range(10 * WAIT_S):
        with suppress(OSError, ValueError):
            where = json.loads(file.read_text())
            return f"ws://{where['ws_host']}:{where['ws_port']}"
        time.sleep(0.1)
    raise TimeoutError(f"Firefox did not write {file}")
