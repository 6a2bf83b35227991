"""The cells of a chapter's notebook, as the tests of chapters read them."""

import json

from book.builder import build
from mtlib.base import paths


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
