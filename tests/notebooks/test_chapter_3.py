"""Chapter 3: every figure, table and equation has its place, every claim of weight its row."""

import csv
import json
import re

import pytest

from mtlib import claims, paths

CELLS = json.loads((paths.ROOT / "book/03_label_noise.ipynb").read_text(encoding="utf-8"))["cells"]
MARKDOWN = "\n\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "markdown")
CODE = "\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "code")


def index() -> list[dict[str, str]]:
    with open(paths.DATA / "thesis" / "index.csv", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["chapter"] == "3"]


@pytest.mark.parametrize("row", index(), ids=lambda row: f"{row['kind']}-{row['number']}")
def test_every_figure_table_and_equation_has_an_anchor(row):
    short = {"figure": "fig", "table": "tab", "equation": "eq"}[row["kind"]]
    anchor = f"{short}-{row['number'].lower().replace('.', '-')}"
    assert MARKDOWN.count(f"({anchor})=") == 1
    after = MARKDOWN.split(f"({anchor})=")[1].strip()
    if row["kind"] == "equation":
        assert rf"\tag{{{row['number']}}}" in after[:400]
    else:
        assert after.startswith(f"**{row['kind'].title()} {row['number']}")


def test_every_claim_of_weight_has_a_row():
    important = {
        name for name, row in claims.table().items() if row["chapter"] == "3" and int(row["importance"]) <= 2
    }
    assert important <= set(re.findall(r'"(C3\.\d+)"', CODE))


def test_prose_takes_its_results_from_cells():
    prose = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\{[^}]*\}", "", MARKDOWN, flags=re.DOTALL)
    assert set(re.findall(r"(?<![\w.-])0\.\d{2,}", prose)) == set()
