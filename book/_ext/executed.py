"""Sphinx reads the executed copy of a notebook where the source names the notebook.

Sources stay as they are, plain ``jupyter-book build .`` works, and the download button offers the
notebook without outputs. A copy that is missing, older than its source, or ended in an error stops the
build: a page never shows what its source does not say.
"""

import hashlib
import json
import os
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

DATA = "application/vnd.mtlib."


def _executed(app: Sphinx, docname: str) -> Path:
    folder = os.environ.get("MTLIB_BUILD") or os.path.join(app.srcdir, "_build")
    return Path(folder) / "executed" / f"{docname}.ipynb"


def read_executed(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the executed copy in the place of a notebook's source."""
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        return
    executed = _executed(app, docname)
    if not executed.is_file():
        raise ExtensionError(f"{docname}: not executed yet; run `make book`")
    try:
        notebook = json.loads(executed.read_bytes())
        made_from = notebook["metadata"]["mtlib"]["source"]
    except Exception as error:  # a damaged file can raise anything
        raise ExtensionError(f"{docname}: the executed copy is damaged; run `make book`") from error
    if made_from != hashlib.sha256(path.read_bytes()).hexdigest():
        raise ExtensionError(f"{docname}: changed since it was executed; run `make book`")
    for cell in notebook["cells"]:
        if any(output["output_type"] == "error" for output in cell.get("outputs", [])):
            raise ExtensionError(f"{docname}: the executed copy ends in an error; run `make book`")
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for kind in [kind for kind in data if kind.startswith(DATA)]:
                del data[kind]  # for the ledger and the tests, not for the page
        tags = cell["metadata"].setdefault("tags", [])
        if "injected-parameters" in tags:
            tags.append("remove-cell")
        elif "parameters" in tags:
            tags.append("hide-input")
    app.env.note_dependency(str(executed))
    source[0] = json.dumps(notebook)


def outdated(app: Sphinx, env, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Read every page again when a notebook changed: a value glued across pages would go stale."""
    notebooks = {name for name in env.found_docs if env.doc2path(name).endswith(".ipynb")}
    return sorted(env.found_docs) if notebooks & (added | changed | removed) else []


def setup(app: Sphinx) -> dict:
    """Register the extension."""
    app.connect("source-read", read_executed, priority=100)
    app.connect("env-get-outdated", outdated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
