"""A command that is told to end, or killed, leaves no process of its own behind."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest

from mtlib.base import paths

CELL = """
import os, sys, time
from mtlib.base import parallel

def work(number):
    open(f"begun-{os.getpid()}", "w").close()
    time.sleep(600)

list(parallel.run(work, range(2), n_jobs=2))
"""
"""What a page does: two workers of its own, each of which writes a file."""

PROGRAM = """
import sys, time
import click
from book.builder import browser, build
from mtlib import __main__ as command_line
from mtlib.base import parallel, paths

def task(kind):
    paths.ROOT = Path.cwd()
    if kind == "page":
        build.execute("page", {}, Path("build"), str)
    with browser.open_browser():
        Path("begun-browser").touch()
        time.sleep(600)

@click.command()
@click.argument("kinds", nargs=-1)
def hold(kinds):
    list(parallel.run(task, kinds, n_jobs=len(kinds)))

command_line.COMMANDS["hold"] = "__main__:hold"
command_line.main()
"""
"""A command that executes a page, opens a browser, or does both in workers of its own, as `book` does."""


def alive(mark: str) -> list[psutil.Process]:
    """Return the processes whose environment holds a mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MTLIB_HOME") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # it ended, or is another user's
            continue
    return found


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize(
    ("name", "kinds"),
    [("SIGINT", "page"), ("SIGHUP", "browser"), ("SIGTERM", "page browser"), ("SIGKILL", "page browser")],
)
def test_no_process_outlives_its_command(name, kinds, tmp_path, request):
    if "browser" in kinds:
        request.getfixturevalue("installed")
    if name == "SIGKILL" and sys.platform != "linux":
        pytest.skip("only Linux ends a process with its parent")
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    nbformat.write(page, tmp_path / "page.ipynb")
    environment = {**os.environ, "PYTHONPATH": str(paths.ROOT), "MTLIB_HOME": str(tmp_path)}
    with open(tmp_path / "told.txt", "w") as told:  # a pipe would stay open in orphans
        command = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "hold", *kinds.split()],
            cwd=tmp_path, env=environment, stdout=told, stderr=told,
        )  # fmt: skip
    n_expected = 2 * ("page" in kinds) + ("browser" in kinds)
    try:
        while len(list(tmp_path.glob("begun-*"))) < n_expected:
            assert command.poll() is None, (tmp_path / "told.txt").read_text()
            time.sleep(0.05)
        assert len(alive(str(tmp_path))) > n_expected
        command.send_signal(getattr(signal, name))
        status = command.wait(120)
        deadline = time.monotonic() + 120
        while (left := alive(str(tmp_path))) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [process.cmdline() for process in left] == []
    finally:
        for process in alive(str(tmp_path)):
            process.kill()
    if name == "SIGKILL":
        assert status == -signal.SIGKILL
    else:
        assert status == 128 + getattr(signal, name)
        told = (tmp_path / "told.txt").read_text().splitlines()
        assert told[-1] == "Error: interrupted; what was finished is kept"
        assert not any(line.startswith("Traceback") for line in told)
