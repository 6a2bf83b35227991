"""The cells of a chapter's notebook, as the tests of chapters read them."""

import json

from book.builder import build
from mtlib.base import paths
from mtlib.evidence import claims


class Chapter:
    """A chapter by its number, or a page by its name: its cells, all its prose, all its code."""

    def __init__(self, number: int | str) -> None:
        page = paths.ROOT / f"{build.find_notebook(str(number))}.ipynb"
        self.cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
        self.text = {cell["id"]: "".join(cell["source"]) for cell in self.cells}
        self.markdown, self.code = (
            "\n\n".join(self.text[cell["id"]] for cell in self.cells if cell["cell_type"] == kind)
            for kind in ("markdown", "code")
        )

    def run(self, namespace: dict[str, object], *ids: str) -> None:
        """Execute code cells by their ids, outside of a notebook, with the names of `namespace`."""
        for name in ids:
            exec(compile(self.text[name], name, "exec"), namespace)

    def opened(self) -> dict[str, object]:
        """Return the names of the chapter after its imports, at the profile smoke."""
        namespace: dict[str, object] = {"__name__": "chapter"}
        self.run(namespace, "parameters")
        namespace["profile"] = "smoke"
        self.run(namespace, "check", "imports")
        return namespace


def kept_evidence(monkeypatch) -> list[claims.Evidence]:
    """Return the list into which evidence goes that cells record from now on."""
    rows, record = [], claims.record
    monkeypatch.setattr(claims, "record", lambda *args, **fields: rows.append(record(*args, **fields)))
    return rows
