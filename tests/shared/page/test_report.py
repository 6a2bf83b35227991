"""The page of an evaluation: what it shows for every task, and that names stay text."""

import re

import pytest

import toy
from mtlib.corpora.corpus import Corpus
from mtlib.page import report
from mtlib.training import sweeps

SHOWN = {
    "multilabel": ({"Macro AUC", "Micro AUC"}, ["By tag", "Calibration", "Numbers", "The surest errors"]),
    "multiclass": (
        {"Accuracy", "Macro AUC", "Micro AUC"},
        ["By tag", "Calibration", "Confusions", "Numbers", "The surest errors"],
    ),
    "regression": ({"R²"}, ["Numbers", "The surest errors"]),
}


@pytest.mark.parametrize("task", SHOWN)
def test_a_page_shows_what_its_task_has(task, tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    figures, titles = SHOWN[task]
    toy.write(n_clips=20, task=task)
    (run,) = sweeps.sweep([toy.spec(epochs=1)], n_jobs=1, report=None)
    run.record["title"] = "<b>A & B</b>"
    found = report.Evaluation(run, Corpus.open("tones"))
    text = report.page(found).partition("<main>")[2]
    assert "<h1>&lt;b&gt;A &amp; B&lt;/b&gt;: 4 test clips</h1>" in text
    shown = {match.strip(): float(value) for match, value in re.findall(r"<li>(.*?)<strong>(.*?)</strong>", text)}
    assert set(shown) == figures
    assert re.findall(r"<h2>(.*?)</h2>", text) == titles
    assert text.count("vegaEmbed(") == len({"By tag", "Calibration"} & set(titles))
    assert text.count("<audio") == min(report.N_PLAYED, found.worst()["clip"].nunique())
    summary = found.summary()
    for words, name in (("Accuracy", "accuracy"), ("Macro AUC", "macro_auc"), ("R²", "r2")):
        if words in figures:
            assert shown[words] == round(summary[name], 3)
