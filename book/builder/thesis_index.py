"""Where this book holds the thesis' figures, tables, equations and listings.

``data/thesis/index.csv`` lists them. A chapter marks its own version of one with a target such as
``(fig-2-1)=``, ``(tab-2-a)=``, ``(eq-2-1)=`` or ``(lst-7-1)=``; this module finds the targets in the sources,
so the index page, the ledger and the tests agree on what can be reached.
"""

import csv
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mtlib.base.paths import DATA, ROOT

SHORT = {"figure": "fig", "table": "tab", "equation": "eq", "listing": "lst"}
_TARGET = re.compile(r"^\(((?:fig|tab|eq|lst)-\d+-\w+)\)=\s*$", re.MULTILINE)
_MENTION = re.compile(r"\b(figure|table|equation|listing)s?\s+(\d+(?:\.\d+|-[A-Z]))", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One numbered item of the thesis."""

    kind: str
    number: str
    chapter: str
    shows: str
    redone_from: str

    @property
    def name(self) -> str:
        """Such as ``Figure 2.1``."""
        return f"{self.kind.title()} {self.number}"

    @property
    def anchor(self) -> str:
        """Target that marks it on a page, such as ``fig-2-1``."""
        return f"{SHORT[self.kind]}-{self.number.lower().replace('.', '-')}"


@cache
def entries() -> tuple[Entry, ...]:
    """Return the items in the thesis' order."""
    with open(DATA / "thesis" / "index.csv", encoding="utf-8", newline="") as file:
        return tuple(Entry(*row) for row in list(csv.reader(file))[1:])


def targets(sources: Iterable[Path]) -> dict[str, str]:
    """Return the page (file stem) of every target in notebooks and Markdown files."""
    found = {}
    for path in sources:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        for target in _TARGET.findall(text):
            found.setdefault(target, path.stem)
    return found


@cache
def pages() -> dict[str, str]:
    """Return the page of every target in the book's sources."""
    folder = ROOT / "book"
    return targets(sorted([*folder.glob("*.ipynb"), *folder.glob("*.md")]))


@cache
def chapter_page(chapter: str) -> str | None:
    """Return the page (file stem) of a chapter, or None where the book does not hold it."""
    return next((path.stem for path in (ROOT / "book").glob(f"0{chapter}_*.ipynb")), None)


def mentioned(text: str) -> list[Entry]:
    """Return the items that a text names, such as "Table 3-A" and "equation 3.2", in order."""
    known = {(entry.kind, entry.number): entry for entry in entries()}
    keys = [(kind.lower(), number) for kind, number in _MENTION.findall(text)]
    return [known[key] for key in dict.fromkeys(keys) if key in known]


def link(entry: Entry) -> str:
    """Return the item's name as HTML, linked where the book holds it."""
    name = html.escape(entry.name)
    page = pages().get(entry.anchor)
    return f"<a href='{page}.html#{entry.anchor}'>{name}</a>" if page else name


def place(entry: Entry) -> str:
    """Return where the item is, or why it is nowhere, as HTML."""
    if entry.anchor in pages():
        return link(entry)
    if entry.redone_from.startswith("not redone"):
        return f"not here: {html.escape(entry.redone_from.partition(':')[2].strip())}"
    return f"not in this version: belongs to chapter {html.escape(entry.chapter)}"
