"""Building the book: papermill runs the notebooks, jupyter-book renders them.

``<build>/executed/<page>.ipynb`` holds the executed copies, with what they were made from in their
metadata; a copy is *stale* when its source, its parameters, mtlib or the chapter's own code, the data or
the state of the published files changed. HTML is made in a staging folder and moved to ``<build>/html``
when it is complete, so that a build that fails leaves the last good book in place.
"""

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import papermill
import yaml
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from papermill.exceptions import PapermillExecutionError

from mtlib.base import files, parallel, paths, profiles, published
from mtlib.base.errors import InputError
from mtlib.base.files import told_if_full

DATA_KINDS = ("*.csv", "*.toml")
"""Data that an executed copy depends on."""

TAG = "CACHEDIR.TAG"
"""Marks a build folder as ours, and tells programs that make backups to leave it out."""

_REPLACED = ("executed/book", "extra/media", "staging/_build/html", "html", "html.new", "html.old")

READ_OTHERS = ("ledger", "08_conclusion", "compare", "status")
"""Pages made from the executed chapters, in order of execution."""

N_AT_ONCE = 2
"""Notebooks that run side by side on a CPU: while one prepares or draws, the other trains."""

QUIET_KERNEL = ("--IPKernelApp.log_level=40",)
"""Keeps a kernel from warning, at every notebook, that its messages to this process are not encrypted."""


class _Kernel(AsyncKernelManager):
    kernel_spec = property(lambda self: KernelSpec(**get_kernel_dict()))
    """This Python's, whatever other environment has a kernel named python3."""

    async def start_kernel(self, **options: Any) -> None:
        """Start a kernel that ends with this process."""
        await super().start_kernel(**parallel.popen_options(), **options)


_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def pages() -> list[str]:
    """Return the pages of the book, without suffix, in reading order."""
    toc = yaml.safe_load((paths.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


def notebooks() -> list[str]:
    """Return the pages that are notebooks; those that read the others come last."""
    found = [page for page in pages() if (paths.ROOT / f"{page}.ipynb").is_file()]
    return sorted(found, key=lambda page: READ_OTHERS.index(Path(page).name) if reads_others(page) else -1)


def reads_others(page: str) -> bool:
    """Tell whether a page is made from the executed copies of the others."""
    return Path(page).name in READ_OTHERS


def find_notebook(name: str) -> str:
    """Return the page of a notebook given by its number, its name or its file.

    Raises
    ------
    InputError
        If no notebook, or more than one, is meant.
    """
    stem = Path(name).stem
    found = [page for page in notebooks() if Path(page).name == stem or Path(page).name.startswith(f"{stem}_")]
    found = found or [
        page for page in notebooks() if name.isdigit() and Path(page).name.startswith(f"{int(name):02d}_")
    ]
    if len(found) != 1:
        names = ", ".join(Path(page).name for page in notebooks())
        raise InputError(f"no notebook {name!r}; choose one of {names}")
    return found[0]


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _code(page: str) -> list[Path]:
    """Return the files behind a page: mtlib, and what else of the book the notebook imports from."""
    source = (paths.ROOT / f"{page}.ipynb").read_text(encoding="utf-8")
    named = set(re.findall(r"from book\.(experiments\.\w+|builder)", source))
    folders = [paths.ROOT / "mtlib", *(paths.ROOT / "book" / name.replace(".", "/") for name in named)]
    return [file for folder in folders for kind in ("*.py", "*.toml") for file in folder.rglob(kind)]


def state(page: str, parameters: dict[str, Any], build: Path) -> dict[str, Any]:
    """Return what an executed copy depends on; it is stale when this changed."""
    result = {
        "source": hashlib.sha256((paths.ROOT / f"{page}.ipynb").read_bytes()).hexdigest(),
        "parameters": parameters,
        "code": _digest(_code(page)),
        "data": _digest([file for kind in DATA_KINDS for file in paths.DATA.rglob(kind)]),
        "published": published.fingerprint(),
        "public": published.is_public_build(),
    }
    if reads_others(page):
        before = notebooks()[: notebooks().index(page)]
        others = [executed_path(other, build) for other in before]
        others += paths.DATA.glob("results/published_build.json")
        result["chapters"] = _digest([path for path in others if path.is_file()])
    return result


def mark(build: Path) -> Path:
    """Mark a build folder as ours, so that what is in it may be replaced and deleted.

    Raises
    ------
    InputError
        If it is neither new nor empty nor a build, or a link leads out of it: nothing in it is touched.
    """
    for name in _REPLACED:
        files.check_no_link(build / name, build)
    if _is_marked(build):
        return build
    if build.exists() and not _is_earlier(build):
        found = list(build.iterdir()) if build.is_dir() else [build]
        if others := [path.name for path in found if not _is_marked(path)]:
            raise InputError(
                f"{build} holds {others[0]}, which is not of a book built here; nothing is touched: "
                "set MTLIB_BUILD to a new folder"
            )
    build.mkdir(parents=True, exist_ok=True)
    (build / TAG).write_text(
        "Signature: 8a477f597d28d172789f06886806bc55\n# Built by mtlib; all of this folder may be deleted.\n"
    )
    return build


def _is_marked(folder: Path) -> bool:
    return (folder / TAG).is_file() and b"mtlib" in (folder / TAG).read_bytes()


def _is_earlier(build: Path) -> bool:
    """Tell whether an earlier version of mtlib, which left no mark, built a book in a folder."""
    executed = any(b'"mtlib": {' in path.read_bytes() for path in build.glob("executed/**/*.ipynb"))
    return executed and ((build / "html/ledger.json").is_file() or not (build / "html").exists())


def executed_path(page: str, build: Path) -> Path:
    """Return where the executed copy of a page lies."""
    return build / "executed" / f"{page}.ipynb"


def is_stale(page: str, parameters: dict[str, Any], build: Path) -> bool:
    """Tell whether a page must be executed (again)."""
    try:
        made_from = files.read_json(executed_path(page, build))["metadata"]["mtlib"]
    except Exception:  # there is none, or a damaged one, which can raise anything
        return True
    return made_from != state(page, parameters, build)


def execute(page: str, parameters: dict[str, Any], build: Path, say: Callable[[str], None] = print) -> None:
    """Run one notebook and keep its executed copy.

    Parameters
    ----------
    page : str
        One of `notebooks`.
    parameters : dict
        Values that replace those of the parameters cell; names are checked first.
    build : Path
        Build folder.
    say : callable
        Where progress lines go.

    Raises
    ------
    InputError
        If a parameter is unknown, or a cell fails: with the notebook, the cell and its error.
    """
    source = paths.ROOT / f"{page}.ipynb"
    known = papermill.inspect_notebook(str(source))
    given = {name: value for name, value in parameters.items() if name in known}
    made_from = state(page, parameters, build)
    target = executed_path(page, mark(build))
    target.parent.mkdir(parents=True, exist_ok=True)
    running = target.with_name(f".running-{target.name}")
    quiet = not sys.stderr.isatty()
    environment = {"MTLIB_BUILD": str(build), "MTLIB_MEDIA": str(build / "extra" / "media")}
    environment["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")  # sweeps use the other cores
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    say(f"running {page}.ipynb")
    try:
        with files.told_if_full(target):
            papermill.execute_notebook(
                str(source),
                str(running),
                parameters=given,
                kernel_name="python3",
                progress_bar=not quiet,
                extra_arguments=list(QUIET_KERNEL),
                kernel_manager_class=_Kernel,
                cwd=str(paths.ROOT),
            )
            notebook = json.loads(running.read_text(encoding="utf-8"))
            notebook["metadata"]["mtlib"] = made_from
            files.write_json(target, notebook)
    except PapermillExecutionError as error:
        if not error.evalue.startswith("[Errno "):  # a file or folder that the system refuses
            for line in error.traceback:
                print(_ANSI.sub("", line), file=sys.stderr)
        value = (error.evalue.splitlines() or [""])[0]
        number = error.cell_index + 1 - bool(given)  # papermill put a cell of its own in
        raise InputError(f"{page}.ipynb, cell {number}: {error.ename}: {value}") from error
    except KeyboardInterrupt:  # asyncio would print the traceback of the cell that was interrupted
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise
    except RuntimeError as error:  # DeadKernelError, or what Jupyter raises where it dies at once
        raise InputError(f"{page}.ipynb: its kernel died ({error}); is there enough memory?") from error
    finally:
        running.unlink(missing_ok=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def check_parameters(parameters: dict[str, Any], page: str | None = None) -> None:
    """Refuse a parameter that the page, or without one every notebook of the book, does not have."""
    read = notebooks() if page is None else [page]
    known = {name for one in read for name in papermill.inspect_notebook(f"{paths.ROOT / one}.ipynb")}
    profiles.check_names(set(parameters), known, "the book" if page is None else Path(page).name)
    profiles.named(parameters.get("profile", "quick"))
    profiles.check_corpus(parameters.get("corpus", "synthetic"))


def drop_unused_media(build: Path) -> None:
    """Delete audio files of `mtlib.page.pages` that no executed notebook names any more."""
    text = b"".join(path.read_bytes() for path in (build / "executed").rglob("*.ipynb"))
    for path in (build / "extra" / "media").glob(16 * "[0-9a-f]" + ".mp3"):
        if path.name.encode() not in text:
            path.unlink()


def render(build: Path, say: Callable[[str], None] = print) -> Path:
    """Render the executed notebooks to HTML, warnings as errors.

    Returns
    -------
    Path
        The book's first page.

    Raises
    ------
    InputError
        If jupyter-book fails; its output is shown, and the last good book stays.
    """
    staging = mark(build) / "staging"
    shutil.rmtree(staging / "_build" / "html" / "media", ignore_errors=True)
    say("rendering the pages")
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    options = ["--path-output", str(staging), "--all", "-W", "-n", "--keep-going"]
    result = subprocess.run(
        [*jupyter_book, "build", str(paths.ROOT), *options],
        env={**os.environ, "MTLIB_BUILD": str(build), "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        **parallel.popen_options(),
    )
    made = staging / "_build" / "html"
    if result.returncode != 0 or not (made / "index.html").is_file():
        with told_if_full(made):
            if os.strerror(errno.ENOSPC) in result.stdout:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        print(_ANSI.sub("", result.stdout), file=sys.stderr)
        raise InputError("jupyter-book did not render the book (see above); the last good book stays in place")
    fresh, last = build / "html.new", build / "html.old"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(last, ignore_errors=True)
    try:
        with told_if_full(fresh):
            shutil.copytree(made, fresh)
    except InputError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    if (build / "html").exists():
        os.replace(build / "html", last)
    os.replace(fresh, build / "html")
    shutil.rmtree(last, ignore_errors=True)
    shutil.copyfile(build / "extra" / "ledger.json", build / "ledger.json")
    return build / "html" / "index.html"


def make(parameters: dict[str, Any], build: Path, say: Callable[[str], None] = print) -> Path:
    """Execute what is stale, render the book, and return its first page."""
    from mtlib.networks.devices import (
        resolve_device,  # here alone: pages that need no PyTorch import this module
    )

    check_parameters(parameters)
    mark(build)
    on_gpu = resolve_device(parameters.get("device", "auto")).type == "cuda"
    chapters = [page for page in notebooks() if not reads_others(page)]
    _execute_stale(chapters, parameters, build, say, 1 if on_gpu else N_AT_ONCE)
    for page in notebooks()[len(chapters) :]:
        _execute_stale([page], parameters, build, say, 1)
    drop_unused_media(build)
    return render(build, say)


def _execute_stale(
    some: list[str], parameters: dict[str, Any], build: Path, say: Callable[[str], None], n_jobs: int
) -> None:
    stale = [page for page in some if is_stale(page, parameters, build)]
    for page in some:
        if page not in stale:
            say(f"{page}.ipynb is up to date")
    run = partial(execute, parameters=parameters, build=build, say=say)
    try:
        list(parallel.run(run, stale, n_jobs=min(n_jobs, max(len(stale), 1))))
    finally:  # the first failure stops the others where they are
        for left in (build / "executed").rglob(".running-*"):
            left.unlink()
