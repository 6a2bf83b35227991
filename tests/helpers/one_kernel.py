"""Execute pages in one kernel: each would start one of its own and import the same libraries."""

from collections.abc import Iterable
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from book.builder import build as book
from mtlib.base import paths

ALONE = {"LOKY_MAX_CPU_COUNT": "1", "PUBLIC": ""}
"""Trainings of a second each: starting processes for them would take longer."""


def execute(
    pages: Iterable[str], parameters: dict, build: Path, *, before: str = "", after: str = "", **environment: str
) -> None:
    """Keep the executed copies of pages as the book does; run some code in their kernel before each, and after."""
    environment = {
        "MTLIB_BUILD": str(build), "MTLIB_MEDIA": str(build / "extra" / "media"),
        "PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1", **ALONE, **environment,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        client = NotebookClient(nbformat.v4.new_notebook(), timeout=None, kernel_name="python3",
                                extra_arguments=list(book.QUIET_KERNEL),
                                resources={"metadata": {"path": str(paths.ROOT)}})  # fmt: skip
        with client.setup_kernel():
            for page in pages:
                _run_cell(client, f"%reset -f\n{before}")
                _execute(client, page, parameters, build)
                _run_cell(client, after)


def _run_cell(client: NotebookClient, code: str) -> None:
    client.reset_execution_trackers()
    client.nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    client.execute_cell(client.nb.cells[0], 0)


def _execute(client: NotebookClient, page: str, parameters: dict, build: Path) -> None:
    """Run a notebook in the client's kernel."""
    client.reset_execution_trackers()
    source = str(paths.ROOT / f"{page}.ipynb")
    known = papermill.inspect_notebook(source)
    given = {name: value for name, value in parameters.items() if name in known}
    client.nb = parameterize_notebook(load_notebook_node(source), given)
    for i, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, i)
    client.nb.metadata["mtlib"] = book.state(page, parameters, build)
    path = book.executed_path(page, build)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(client.nb, path)
