"""Chapter 4: every figure and table has its place, every important claim its rows."""

import csv
import json
import re

import pytest

from mtlib import claims, paths

CELLS = json.loads((paths.ROOT / "book/04_architectures.ipynb").read_text(encoding="utf-8"))["cells"]
MARKDOWN = "\n\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "markdown")
CODE = "\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "code")


def index() -> list[dict[str, str]]:
    with open(paths.DATA / "thesis" / "index.csv", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["chapter"] == "4"]


ANCHORS = {f"{row['kind'][:3]}-{row['number'].lower().replace('.', '-')}": row for row in index()}


@pytest.mark.parametrize("anchor", ANCHORS)
def test_every_figure_and_table_has_an_anchor(anchor):
    row = ANCHORS[anchor]
    assert MARKDOWN.count(f"({anchor})=") == 1
    assert MARKDOWN.split(f"({anchor})=")[1].strip().startswith(f"**{row['kind'].title()} {row['number']}")


def test_no_anchor_is_made_up():
    assert set(re.findall(r"^\(((?:fig|tab|eq)-[^)]*)\)=", MARKDOWN, re.MULTILINE)) == set(ANCHORS)


def test_every_important_claim_has_a_row():
    important = {
        name for name, row in claims.table().items() if row["chapter"] == "4" and int(row["importance"]) <= 2
    }
    assert important | {"C2.03", "C2.04"} <= set(re.findall(r'"(C[24]\.\d+)"', CODE))


def test_prose_takes_its_results_from_cells():
    prose = re.sub(r"\$[^$]*\$|`[^`]*`|\{[^}]*\}", "", MARKDOWN)
    assert set(re.findall(r"(?<![\w.-])0\.\d{2,}", prose)) <= {"0.25"}  # a budget
