"""Chapters by papermill on a prepared corpus: its names, its numbers."""

import json
import os
import re
import subprocess
import sys

import pytest

from miniatures import COLUMNS, cbr, quoted
from mtlib.base import paths
from mtlib.corpora.datasets import find, preparation
from mtlib.evidence import claims


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
@pytest.mark.parametrize("page", ["04_architectures", "05_preprocessing"])
def test_a_chapter_runs_on_a_prepared_corpus(page, tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path / "home"))
    magnatagatune(tmp_path)
    preparation.prepare(find("magnatagatune"), tmp_path)
    out = tmp_path / "out.ipynb"
    line = [sys.executable, "-m", "papermill", f"book/{page}.ipynb", str(out), "-k", "python3"]
    done = subprocess.run(
        [*line, "-p", "profile", "smoke", "-p", "corpus", "magnatagatune"],
        cwd=paths.ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    executed = json.loads(out.read_text(encoding="utf-8"))
    outputs = [json.dumps(cell["outputs"]) for cell in executed["cells"] if cell["cell_type"] == "code"]
    text = "".join(output for output in outputs if '"corpus": "noise"' not in output)  # timed, not heard
    assert "magnatagatune" in text and "synthetic" not in text.replace("not synthetic", "")
    evidence = claims.collect([out])
    assert {row.corpus for _, row in evidence if row.source == "real corpus"} == {"magnatagatune"}
    areas = [float(value) for value in re.findall(r'auc[\\": ]{4,6}([0-9.]+)', text)]
    assert areas and all(0 <= value <= 1 for value in areas)
