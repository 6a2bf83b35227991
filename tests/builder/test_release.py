"""A release holds a whole public build and nothing else, always with the same bytes."""

import hashlib
import json
import os
import tomllib
import zipfile

import pytest
import yaml
from click.testing import CliRunner

from book.builder import build as builder
from book.builder import release
from mtlib.__main__ import program
from mtlib.base import paths
from mtlib.base.errors import InputError

HERE = "/home/somebody/companion"


@pytest.fixture
def build(tmp_path):
    for page in builder.notebooks():
        path = builder.executed_path(page, tmp_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(
                {"cells": [], "metadata": {"mtlib": {"public": True}, "papermill": {"input_path": HERE}}}
            )
        )
    (tmp_path / "html" / "book").mkdir(parents=True)
    (tmp_path / "html" / ".mark").write_text("ours")
    (tmp_path / "html" / "book" / "intro.html").write_text("hello")
    (tmp_path / "html" / "index.html").write_text("start")
    return tmp_path


def test_the_archives_hold_the_pages_and_the_notebooks(build):
    pages, notebooks, sums = release.write(build)
    for line in sums.read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((sums.parent / name).read_bytes()).hexdigest() == digest
    about = {"LICENSE", "CITATION.cff", "codemeta.json"}
    expected = (
        {"index.html", "book/intro.html"},
        {f"{page.split('/')[-1]}.ipynb" for page in builder.notebooks()},
    )
    for path, names in zip((pages, notebooks), expected, strict=True):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            assert not any(HERE.encode() in archive.read(name) for name in archive.namelist())
            top = path.stem.rsplit("-", 1)[0]
            assert set(archive.namelist()) == {f"{top}/{name}" for name in names | about}


def test_the_same_build_gives_the_same_bytes(build):
    before = [path.read_bytes() for path in release.write(build)]
    os.utime(build / "html" / "index.html")
    assert [path.read_bytes() for path in release.write(build)] == before


@pytest.mark.parametrize("fault", ["audio", "old", "no page", "no notebook"])
def test_what_is_not_a_whole_public_build_is_refused(build, fault, monkeypatch):
    one = builder.executed_path(builder.notebooks()[3], build)
    if fault == "audio":
        one.write_text(json.dumps({"cells": [], "metadata": {"mtlib": {"public": False}}}))
    elif fault == "old":
        os.utime(build / "html" / "index.html", (1, 1))
    else:
        (build / "html" / "index.html" if fault == "no page" else one).unlink()
    with pytest.raises(InputError, match="`make release`"):
        release.write(build)
    monkeypatch.setenv("MTLIB_BUILD", str(build))
    result = CliRunner().invoke(program, ["release"])
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert not (build / "release").exists()


def test_the_descriptions_agree():
    citation = yaml.safe_load((paths.ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    meta = json.loads((paths.ROOT / "codemeta.json").read_text(encoding="utf-8"))
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == meta["version"] == project["version"]
    assert meta["license"].rsplit("/", 1)[1] == citation["license"] == project["license"]
    assert (meta["name"], meta["description"]) == (citation["title"], citation["abstract"])
    assert (meta["datePublished"], meta["keywords"]) == (str(citation["date-released"]), citation["keywords"])
    assert [one["name"] for one in meta["author"]] == [one["name"] for one in citation["authors"]]
