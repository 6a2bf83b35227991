"""Chapter 5: every figure has its place, every important claim a row, every number in the text a cell."""

import csv
import json
import os
import re
import subprocess
import sys

import pytest

from miniatures import COLUMNS, cbr, quoted
from mtlib import claims, paths, preparation
from mtlib.datasets import find

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


def magnatagatune(root):
    """Write an archive with 8 clips a split: guitar sounds high, piano low, and every other clip is rock."""
    clips = []
    for number in range(24):
        folder = "acf"[number % 3]  # of training, validation and test clips
        path = f"{folder}/artist{number}-album-01-song-0-29.mp3"
        high = number // 3 % 2
        cbr(root / "mp3" / path, 400 + 1500 * high + 10 * number, 29.124)
        tags = {("piano", "guitar")[high], *(["rock"] if number % 4 < 2 else [])}
        clips.append((str(number), path, tags))
    rows = [[c, *("1" if name in tags else "0" for name in COLUMNS), p] for c, p, tags in clips]
    quoted(root / "annotations_final.csv", [["clip_id", *COLUMNS, "mp3_path"], *rows])
    quoted(
        root / "clip_info_final.csv",
        [["clip_id", "artist", "mp3_path"], *([c, f"artist {c}", p] for c, p, _ in clips)],
    )


@pytest.mark.slow
def test_the_chapter_runs_on_a_prepared_corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    magnatagatune(tmp_path)
    preparation.prepare(find("magnatagatune"), tmp_path)
    out = tmp_path / "out.ipynb"
    line = [sys.executable, "-m", "papermill", "book/05_preprocessing.ipynb", str(out), "-k", "python3"]
    done = subprocess.run(
        [*line, "-p", "profile", "smoke", "-p", "corpus", "magnatagatune"],
        cwd=paths.ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    executed = json.loads(out.read_text(encoding="utf-8"))
    text = json.dumps([cell["outputs"] for cell in executed["cells"] if cell["cell_type"] == "code"])
    assert "magnatagatune" in text and "synthetic" not in text.replace("not synthetic", "")
    evidence = claims.collect([out])
    assert {row.corpus for _, row in evidence if row.source == "real corpus"} == {"magnatagatune"}
    areas = [float(value) for value in re.findall(r"roc_auc[^0-9N]{1,6}([0-9.]+)", text)]
    assert areas and all(0 <= value <= 1 for value in areas)
