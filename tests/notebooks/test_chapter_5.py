"""Chapter 5: every figure has its place, every important claim a row, every number in the text a cell."""

import csv
import json
import re

import pytest

from mtlib import claims, paths

CELLS = json.loads((paths.ROOT / "book/05_preprocessing.ipynb").read_text(encoding="utf-8"))["cells"]
MARKDOWN = "\n\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "markdown")
CODE = "\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "code")


def index() -> list[dict[str, str]]:
    with open(paths.DATA / "thesis" / "index.csv", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["chapter"] == "5"]


@pytest.mark.parametrize("row", index(), ids=lambda row: f"{row['kind']}-{row['number']}")
def test_every_figure_and_table_has_an_anchor(row):
    anchor = f"{row['kind'][:3]}-{row['number'].lower().replace('.', '-')}"
    assert MARKDOWN.count(f"({anchor})=") == 1
    assert MARKDOWN.split(f"({anchor})=")[1].strip().startswith(f"**{row['kind'].title()} {row['number']}")


def test_no_anchor_is_made_up():
    known = {f"{row['kind'][:3]}-{row['number'].lower().replace('.', '-')}" for row in index()}
    assert set(re.findall(r"^\(((?:fig|tab|eq)-[^)]*)\)=", MARKDOWN, re.MULTILINE)) == known


def test_every_important_claim_has_a_row():
    important = {
        name for name, row in claims.table().items() if row["chapter"] == "5" and int(row["importance"]) <= 2
    }
    assert important <= set(re.findall(r'"(C5\.\d+)"', CODE))


def test_prose_takes_its_results_from_cells():
    prose = re.sub(r"\$[^$]*\$|`[^`]*`|\{[^}]*\}", "", MARKDOWN)
    typed = set(re.findall(r"(?<![\w.-])0\.\d{2,}", prose))
    assert typed == {"0.005"}  # the margin
