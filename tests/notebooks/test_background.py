"""Chapter 2: every figure, table and equation has its place, each formula its check, each claim its row."""

import csv
import json
import re

import pytest

from mtlib import claims, paths

CELLS = json.loads((paths.ROOT / "book/02_background.ipynb").read_text(encoding="utf-8"))["cells"]
TEXT = {cell["id"]: "".join(cell["source"]) for cell in CELLS}
MARKDOWN = "\n\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "markdown")
CODE = [TEXT[cell["id"]] for cell in CELLS if cell["cell_type"] == "code"]


def index() -> list[dict[str, str]]:
    with open(paths.DATA / "thesis" / "index.csv", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["chapter"] == "2"]


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
    if row["can be redone from"].startswith("not redone"):
        assert "not redone" in after[:600].lower()


def test_no_anchor_is_made_up():
    known = {
        f"{row['kind'][:3].replace('equ', 'eq')}-{row['number'].lower().replace('.', '-')}" for row in index()
    }
    found = set(re.findall(r"^\(((?:fig|tab|eq)-[^)]*)\)=", MARKDOWN, re.MULTILINE))
    assert found == known


@pytest.mark.parametrize("anchor", [f"eq-2-{i}" for i in range(1, 8)])
def test_every_formula_is_checked_against_a_library_where_it_is_computed(anchor):
    """The build runs these cells: a difference beyond the stated tolerance fails it."""
    order = [cell["id"] for cell in CELLS]
    at = next(i for i, name in enumerate(order) if f"({anchor})=" in TEXT[name])
    following = [TEXT[name] for name in order[at + 1 : at + 8]]
    assert any(re.search(r"assert_allclose\((?s:.)*?[ar]tol=", source) for source in following)


def test_claims_that_need_no_training_are_recorded():
    recorded = set(re.findall(r'claims\.record\(\s*"([^"]+)"', "\n".join(CODE)))
    expected = {name for name, row in claims.table().items() if row["chapter"] == "2"} - {"C2.03", "C2.04"}
    assert recorded == expected


def test_prose_takes_its_results_from_cells():
    """No probability, area or share is typed into the text: such numbers are glued."""
    prose = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\{[^}]*\}|```.*?```", "", MARKDOWN, flags=re.DOTALL)
    typed = set(re.findall(r"(?<![\w.-])0\.\d{2,}", prose))
    assert typed == set()
