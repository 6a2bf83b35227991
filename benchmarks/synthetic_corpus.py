"""The synthetic corpus against its bars: time, soundness of many clips, what a tagger learns from it.

python benchmarks/synthetic_corpus.py store            # 2,000 clips drawn, composed, rendered, stored
python benchmarks/synthetic_corpus.py many [N_CLIPS]   # 10,000 clips: finite, not clipped, not silent
python benchmarks/synthetic_corpus.py learn [SEEDS]    # Compact-convnet and ridge on MFCC statistics
"""

import dataclasses
import os
import sys
import tempfile
import time

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mtlib import evaluation, features, parallel, sources, sweeps
from mtlib.profiles import PROFILES
from mtlib.specs import from_dict
from mtlib.synthetic import composer, labels, latents, render
from mtlib.tags import TAGS

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


def _sound(first: int) -> tuple[int, int, int, float]:
    clips = np.arange(first, first + 50)
    samples = render.render(composer.compose(latents.draw(1, clips), 1, 7.25))
    peaks = np.abs(samples).max(axis=1)
    bad = int((~np.isfinite(samples)).any(axis=1).sum())
    return bad, int((peaks >= 1).sum()), int((samples.std(axis=1) < 1e-3).sum()), float(peaks.max())


def many(n_clips: int = 10_000) -> None:
    """Render clips that no corpus holds and print how many are not as they should be."""
    start = time.perf_counter()
    found = list(parallel.run(_sound, range(0, n_clips, 50), n_jobs=2))
    bad, clipped, silent, _ = np.sum(found, axis=0)
    peak = max(row[-1] for row in found)
    print(
        f"{50 * len(found):,} clips in {time.perf_counter() - start:.0f} s: {bad:.0f} not finite, "
        f"{clipped:.0f} clipped, {silent:.0f} silent; loudest sample {peak:.3f}"
    )


def learn(n_seeds: int = 1) -> None:
    """Print AUC on true labels of what was learned from given ones, a tag at a time."""
    music = sources.open_source("quick", n_jobs=2)
    train, test = music.split("train"), music.split("test")
    true, given = music.labels("true")[test], music.labels()[test]
    areas = {}
    for seed in range(n_seeds):
        run = sweeps.sweep([from_dict({"corpus": music.name, "seed": seed})], n_jobs=1, report=None)[0]
        order = np.argsort(run.predictions["test_clips"])
        areas[f"compact {seed}"] = evaluation.auc(true, run.predictions["test_outputs"][order])
        print(f"seed {seed}: {run.record.get('seconds', 0):.0f} s", flush=True)
    statistics = features.of_corpus(music, None, np.concatenate([train, test]))
    for alpha in (100.0, 1_000.0, 10_000.0):
        ridge = make_pipeline(StandardScaler(), Ridge(alpha)).fit(
            statistics[: len(train)], music.labels()[train]
        )
        areas[f"ridge {alpha:g}"] = evaluation.auc(true, ridge.predict(statistics[len(train) :]))
    few = given.sum(0) < LEAST
    table = pd.DataFrame(areas, index=pd.Index(TAGS, name="tag")).assign(
        tau=labels.default_tagability(), true=true.sum(0), given=given.sum(0)
    )
    print(table.sort_values("compact 0").round(3).to_string())
    print("macro:", table[~few][list(areas)].mean().round(3).to_dict())
    print(f"fewer than {LEAST} given test clips, left out: {', '.join(table.index[few]) or 'none'}")


if __name__ == "__main__":
    command, *numbers = sys.argv[1:]
    {"store": store, "many": many, "learn": learn}[command](*map(int, numbers))
