"""Notebooks are committed clean, and every notebook is part of the book."""

import ast
import json

import pytest

from book.builder import build
from mtlib.base import paths, profiles

NOTEBOOKS = sorted((paths.ROOT / "book").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_clean(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    identifiers = [cell["id"] for cell in notebook["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in code:
        assert not cell["outputs"] and cell["execution_count"] is None, cell["id"]
    tagged = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
    assert tagged == code[:1], "the first code cell, and only it, is the parameters cell"
    assert "profiles.check(" in "".join(code[1]["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_are_typed_and_commented(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    source = "".join(next(c for c in notebook["cells"] if c["cell_type"] == "code")["source"])
    statements = ast.parse(source).body
    assert all(isinstance(statement, ast.AnnAssign) for statement in statements)
    names = [statement.target.id for statement in statements]
    assert tuple(names[:5]) == profiles.STANDARD and len(names) <= 8
    assert all("#" in line for line in source.splitlines())


def test_every_notebook_is_in_the_book():
    assert {f"book/{path.stem}" for path in NOTEBOOKS} == set(build.notebooks())
