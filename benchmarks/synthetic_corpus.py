"""The synthetic corpus against its bars: the time it takes, and what a tagger learns from it.

python benchmarks/synthetic_corpus.py store            # 2,000 clips drawn, composed, rendered, stored
python benchmarks/synthetic_corpus.py learn [SEEDS]    # record Compact-convnet and ridge on MFCCs
"""

import dataclasses
import itertools
import os
import sys
import tempfile
import time

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mtlib import evaluation, features, recorded, sources, sweeps
from mtlib.profiles import PROFILES
from mtlib.specs import from_dict
from mtlib.tags import TAGS

EPOCHS = {"Compact-convnet": 4, "Compact-convnet, 16 epochs": 16}
"""Passes over the thousand clips: as in the chapters, and as many as help."""

ALPHAS = (100.0, 1_000.0, 10_000.0)
"""Strengths of the ridge; the validation split chooses."""

LEAST = 10
"""Given positives in the test split below which a tag is named, not averaged."""


def store() -> None:
    """Print how long 2,000 clips take with two processes, in wall time and in core-seconds."""
    profile = dataclasses.replace(PROFILES["quick"], n_train=1_200, n_valid=100, n_test=700)
    with tempfile.TemporaryDirectory() as home:
        os.environ["MTLIB_HOME"] = home
        start, before = time.perf_counter(), os.times()
        made = sources.open_source(profile, n_jobs=2)
        wall, after = time.perf_counter() - start, os.times()
        cores = sum(after[:4]) - sum(before[:4])
    print(f"{len(made):,} clips in {wall:.0f} s with 2 processes ({cores:.0f} core-seconds)")


def learn(n_seeds: int = 1) -> None:
    """Record AUC on true and given labels, a tag at a time, of what was learned from given labels."""
    music = sources.open_source("quick", n_jobs=2)
    train, valid, test = (music.split(name) for name in ("train", "valid", "test"))
    given, rows = music.labels(), []

    def judge(learner: str, seed: int, outputs: np.ndarray) -> None:
        for kind in ("true", "observed"):
            areas = evaluation.auc(music.labels(kind)[test], outputs)
            rows.extend((learner, seed, kind, tag, area) for tag, area in zip(TAGS, areas, strict=True))

    for seed, (learner, epochs) in itertools.product(range(n_seeds), EPOCHS.items()):
        spec = {"corpus": music.name, "seed": seed, "precision": "float32", "training": {"epochs": epochs}}
        run = sweeps.sweep([from_dict(spec)], n_jobs=1, report=None)[0]
        judge(learner, seed, run.predictions["test_outputs"][np.argsort(run.predictions["test_clips"])])
        print(f"seed {seed}, {epochs} epochs: trained", flush=True)
    statistics = features.of_corpus(music, None)
    fitted = [make_pipeline(StandardScaler(), Ridge(a)).fit(statistics[train], given[train]) for a in ALPHAS]
    there = given[valid].any(axis=0)  # an area needs a clip with the tag
    scores = [
        evaluation.auc(given[valid][:, there], ridge.predict(statistics[valid])[:, there]).mean()
        for ridge in fitted
    ]
    judge("ridge on MFCC statistics", 0, fitted[int(np.argmax(scores))].predict(statistics[test]))
    table = pd.DataFrame(rows, columns=["learner", "seed", "labels", "tag", "auc"])
    recorded.write(
        "synthetic_learning", table, ["learner", "seed", "labels", "tag"], corpus=music.fingerprint,
        command=f"python benchmarks/synthetic_corpus.py learn {n_seeds}",
    )  # fmt: skip
    few = [tag for tag, n in zip(TAGS, given[test].sum(0), strict=True) if n < LEAST]
    kept = table[~table["tag"].isin(few)]
    print(kept.groupby(["learner", "labels", "seed"])["auc"].mean().round(3).to_string())
    print(f"fewer than {LEAST} given test clips, left out: {', '.join(few) or 'none'}")


if __name__ == "__main__":
    command, *numbers = sys.argv[1:]
    {"store": store, "learn": learn}[command](*map(int, numbers))
