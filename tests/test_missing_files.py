"""The book as it is built without the author's files and without a network."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from mtlib import book, browser, paths

CHAPTER, PARAMETERS = "book/02_background", {"profile": "smoke"}


@pytest.fixture(scope="session")
def bare(tmp_path_factory) -> Path:
    """The book from an empty cache, with every host unreachable; to save time, one kernel runs all pages."""
    folder, nowhere = tmp_path_factory.mktemp("bare"), "http://127.0.0.1:9"
    environment = {
        "MTLIB_PUBLISHED": str(folder / "published"), "HTTPS_PROXY": nowhere, "https_proxy": nowhere,
        "MTLIB_BUILD": str(folder), "MTLIB_MEDIA": str(folder / "extra" / "media"),
        "PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1", "PUBLIC": "",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        client = NotebookClient(nbformat.v4.new_notebook(), timeout=None, kernel_name="python3",
                                resources={"metadata": {"path": str(paths.ROOT)}})  # fmt: skip
        with client.setup_kernel():
            for page in book.notebooks():
                execute(client, page, folder)
        book.render(folder)
    return folder


def execute(client: NotebookClient, page: str, build: Path) -> None:
    """Run a notebook in the client's kernel, where no name is left of the one before."""
    client.reset_execution_trackers()
    client.nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%reset -f")])
    client.execute_cell(client.nb.cells[0], 0)
    client.nb = parameterize_notebook(load_notebook_node(str(paths.ROOT / f"{page}.ipynb")), PARAMETERS)
    for i, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, i)
    client.nb.metadata["mtlib"] = book.state(page, PARAMETERS, build)
    path = book.executed_path(page, build)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(client.nb, path)


def test_a_reader_meets_no_problem(installed, bare):
    pages = [page for page in book.notebooks() if not book.reads_others(page)]
    reports = browser.check(bare / "html", pages, served=False)
    assert [report.page for report in reports] == pages
    assert {report.page: report.problems for report in reports if report.problems} == {}


def test_every_page_says_what_is_missing_and_how_to_get_it(bare):
    made = {page: (bare / "html" / f"{page}.html").read_text(encoding="utf-8") for page in book.notebooks()}
    asking = {page for page in made if "published.gather(" in (paths.ROOT / f"{page}.ipynb").read_text()}
    assert CHAPTER in asking
    assert {page for page in asking if "cannot be reached" not in made[page]} == set()
    assert "mt-missing" in made[CHAPTER] and "python -m mtlib fetch" in made[CHAPTER]
