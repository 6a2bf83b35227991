"""Chapter 7: every figure, table, listing and equation has its place, every claim its row."""

import csv
import json
import re

import pytest

from mtlib import claims, paths

CELLS = json.loads((paths.ROOT / "book/07_understanding.ipynb").read_text(encoding="utf-8"))["cells"]
MARKDOWN = "\n\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "markdown")
CODE = "\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "code")
SHORT = {"figure": "fig", "table": "tab", "listing": "lst", "equation": "eq"}


def index() -> list[dict[str, str]]:
    with open(paths.DATA / "thesis" / "index.csv", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["chapter"] == "7"]


def anchor(row: dict[str, str]) -> str:
    return f"{SHORT[row['kind']]}-{row['number'].lower().replace('.', '-')}"


@pytest.mark.parametrize("row", index(), ids=anchor)
def test_every_figure_table_listing_and_equation_has_an_anchor(row):
    assert MARKDOWN.count(f"({anchor(row)})=") == 1
    after = MARKDOWN.split(f"({anchor(row)})=")[1].strip()
    if row["kind"] == "equation":
        assert rf"\tag{{{row['number']}}}" in after[:400]
    else:
        assert after.startswith(f"**{row['kind'].title()} {row['number']}")
    if row["can be redone from"].startswith("not redone"):
        assert "not redone" in after[:600].lower()


def test_no_anchor_is_made_up():
    found = re.findall(r"^\(((?:fig|tab|lst|eq)-[^)]*)\)=", MARKDOWN, re.MULTILINE)
    assert set(found) == {anchor(row) for row in index()}


def test_every_claim_has_a_row():
    named = {name for name, row in claims.table().items() if row["chapter"] == "7"}
    assert named == set(re.findall(r'"(C7\.\d+)"', CODE))


def test_every_glued_name_is_set():
    """By a literal keyword, or by one of the keyed groups."""
    used = set(re.findall(r"\{glue:text\}`(\w+)`", MARKDOWN)) - {"minutes", "peak_memory"}
    groups = ("onset_", "suppress_", "steady_", "silent_", "like_")
    missing = {
        name
        for name in used
        if f"{name}=" not in CODE and f'"{name}":' not in CODE and not name.startswith(groups)
    }
    assert not missing


def test_prose_takes_its_results_from_cells():
    prose = re.sub(r"\$[^$]*\$|`[^`]*`|\{[^}]*\}", "", MARKDOWN)
    typed = set(re.findall(r"(?<![\w.-])0\.\d{2,}", prose))
    assert typed <= {"0.22"}  # two of nine: arithmetic
