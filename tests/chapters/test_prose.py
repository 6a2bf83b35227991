"""Numbers in prose are glued from a cell or quoted from data/thesis; the rest are conventions, named here.

A whole number passes where the thesis prints it anywhere; what this catches is a score, a share or a time.
"""

import json
import re

import pytest

from book.builder import build
from mtlib.base import paths

UNIT = r"(?:%|percentage points|points|AUC|ms|s|seconds|min|minutes|core-seconds|Hz|kHz|dB|bits)"
MEASURED = re.compile(rf"(?<![\w.,#/–-])[−-]?\d[\d,]*(?:\.\d+)?\s?(?:{UNIT}(?![\w²]))|(?<![\w.,-])[−-]?0?\.\d+")
NOT_PROSE = re.compile(
    r"```.*?```|<style.*?</style>|\$\$.*?\$\$|\$[^$]*\$|\{[^}`]*\}`[^`]*`|`[^`]*`|https?://\S+|^\(.*?\)=$",
    re.DOTALL | re.MULTILINE,
)
CONVENTIONS = {
    "95 %": "level of every interval",
    "12 kHz": "sampling rate of all audio",
    "44.1 kHz": "sampling rate of a compact disc",
    "0.0005": "half of the last printed digit of a score",
}


def prose(page: str) -> str:
    """The Markdown of a page, without code, formulas and glued values."""
    path = paths.ROOT / f"{page}.ipynb"
    if path.is_file():
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    else:
        text = (paths.ROOT / f"{page}.md").read_text(encoding="utf-8")
    return NOT_PROSE.sub(" ", text)


def quoted() -> set[str]:
    """Every number of the thesis' own tables and texts, as committed under data/thesis."""
    texts = [path.read_text(encoding="utf-8") for path in (paths.DATA / "thesis").glob("*.csv")]
    return {n.replace(",", "") for text in texts for n in re.findall(r"\d[\d,]*(?:\.\d+)?|\.\d+", text)}


def typed(text: str) -> list[str]:
    """Numbers beside units and scores that are neither quoted from data/thesis nor a convention."""
    found = []
    for match in MEASURED.findall(text):
        words = " ".join(match.split())
        number = re.sub(r"[^\d.]", "", words.split()[0])
        if words not in CONVENTIONS and number.lstrip("0") not in {n.lstrip("0") for n in QUOTED}:
            found.append(words)
    return found


QUOTED = quoted()


def test_a_typed_number_is_seen():
    assert typed("an AUC of 0.8731 and 83.17 %, 7331 s in all") == ["0.8731", "83.17 %", "7331 s"]
    assert typed("a 95 % interval; the thesis says 0.849; layer 5, chapter 6, Figure 3.4, 2018") == []
    assert NOT_PROSE.sub(" ", "a {glue:text}`x:.3f` and $0.8731$ and `0.8731`").split() == ["a", "and", "and"]


@pytest.mark.parametrize("page", [page for page in build.pages() if "real_corpora" not in page])
def test_no_measured_number_is_typed_by_hand(page):
    """Sizes of downloads on the page about real corpora have their own test."""
    assert typed(prose(page)) == []
