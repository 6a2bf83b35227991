"""Chapter 6: every figure and table has its place, every claim that the files can decide its rows."""

import csv
import json
import re

import pytest

from mtlib import claims, paths, protocols, published

CELLS = json.loads((paths.ROOT / "book/06_transfer.ipynb").read_text(encoding="utf-8"))["cells"]
MARKDOWN = "\n\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "markdown")
CODE = "\n".join("".join(c["source"]) for c in CELLS if c["cell_type"] == "code")


def index() -> list[dict[str, str]]:
    with open(paths.DATA / "thesis" / "index.csv", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["chapter"] == "6"]


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
        name for name, row in claims.table().items() if row["chapter"] == "6" and int(row["importance"]) <= 2
    }
    assert important <= set(re.findall(r'"(C6\.\d+)"', CODE))


def test_every_decidable_claim_is_judged_in_both_protocols(monkeypatch):
    """The notebook's cells, with recorded scores alone."""
    monkeypatch.setattr(published, "gather", lambda names: ({}, "left out by this test"))
    page = {}
    for cell in CELLS:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), page)
    judged = page["evidence"]
    assert judged.missing() == []
    untested = {
        f"{name} {side}"
        for name in protocols.decidable()
        for side in protocols.SIDES
        if set(judged.verdicts(name, side)) == {"not tested"}
    }
    genres = {f"{name} {side}" for name in ("C6.14", "C6.15") for side in protocols.SIDES}  # live alone
    assert untested == genres | {"C6.05 honest"}  # its MFCC features are not published


def test_prose_takes_its_results_from_cells():
    prose = re.sub(r"\$[^$]*\$|`[^`]*`|\{[^}]*\}", "", MARKDOWN)
    typed = set(re.findall(r"(?<![\w.-])0\.\d{2,}", prose))
    assert typed == {"0.0005"}  # the tolerance
