"""The synthetic corpus against its bars: the time it takes, and what a tagger learns from it.

python tests/benchmarks/synthetic_corpus.py store            # 2,000 clips drawn, composed, rendered, stored
python tests/benchmarks/synthetic_corpus.py learn [SEEDS]    # record Compact-convnet and ridge on MFCCs
"""

import dataclasses
import os
import sys
import tempfile
import time

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

from mtlib.base.profiles import PROFILES
from mtlib.base.tags import TAGS
from mtlib.corpora.corpus import Corpus
from mtlib.corpora.synthetic import opening
from mtlib.evidence import evaluation, recorded
from mtlib.networks import structures
from mtlib.training import features, loading, sweeps
from mtlib.training.specs import RunSpec, from_dict

EPOCHS, BATCH, RATE, DECAY, MIXED = 32, 8, 1e-2, 0.05, 0.3
"""Of the training in plain lines; `MIXED` is the parameter of mixup's beta distribution."""

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
        made = opening.open_source(profile, n_jobs=2)
        wall, after = time.perf_counter() - start, os.times()
        cores = sum(after[:4]) - sum(before[:4])
    print(f"{len(made):,} clips in {wall:.0f} s with 2 processes ({cores:.0f} core-seconds)")


def mixed(music: Corpus, seed: int) -> np.ndarray:
    """Train a Compact-convnet in plain lines; return its outputs for the test clips.

    Clips of a batch are turned in time and mixed in pairs, sound and tags alike (mixup), so that a thousand
    of them can be seen more often.
    """
    torch.manual_seed(seed)
    rng, spec = np.random.default_rng(seed), RunSpec()
    train, test = music.split("train"), music.split("test")
    clips = loading.Clips(music, dataclasses.asdict(spec.view), n_samples=music.n_samples)
    mels = torch.cat(list(clips.batches(np.array_split(np.arange(len(music)), 40)))).float()
    tags = torch.from_numpy(music.labels()).float()
    model = dataclasses.asdict(spec.model)
    network = structures.build(n_freq=mels.shape[2], n_frames=mels.shape[3], n_tags=len(TAGS), **model)
    network.output.bias.data.copy_(tags[train].mean(0).clamp(1e-3).logit())  # as often as it is given
    network = network.to(memory_format=torch.channels_last)
    adam = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    n_steps = len(train) // BATCH
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, EPOCHS * n_steps)
    for _ in range(EPOCHS):
        for batch in rng.permutation(train)[: n_steps * BATCH].reshape(-1, BATCH):
            x = torch.stack([mel.roll(int(rng.integers(mels.shape[3])), -1) for mel in mels[batch]])
            share, other = rng.beta(MIXED, MIXED), rng.permutation(BATCH)
            x, y = x.lerp(x[other], share), tags[batch].lerp(tags[batch[other]], share)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(x.contiguous(memory_format=torch.channels_last))
            adam.zero_grad()
            F.binary_cross_entropy_with_logits(logits.float(), y).backward()
            adam.step()
            rate.step()
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in mels[test].split(50)]).numpy()


def learn(n_seeds: int = 1) -> None:
    """Record AUC on true and given labels, a tag at a time, of what was learned from given labels."""
    music = opening.open_source("quick", n_jobs=2)
    train, valid, test = (music.split(name) for name in ("train", "valid", "test"))
    given, rows = music.labels(), []

    def judge(learner: str, seed: int, outputs: np.ndarray) -> None:
        for kind in ("true", "observed"):
            areas = evaluation.auc(music.labels(kind)[test], outputs)
            rows.extend((learner, seed, kind, tag, area) for tag, area in zip(TAGS, areas, strict=True))

    for seed in range(n_seeds):
        spec = {"corpus": music.name, "seed": seed, "precision": "float32"}
        run = sweeps.sweep([from_dict(spec)], n_jobs=1, report=None)[0]
        outputs = run.predictions["test_outputs"][np.argsort(run.predictions["test_clips"])]
        judge("Compact-convnet", seed, outputs)
        started = time.process_time()
        judge("Compact-convnet, mixed clips", seed, mixed(music, seed))
        spent = time.process_time() - started
        print(f"seed {seed}: trained; in plain lines {spent:.0f} core-seconds", flush=True)
    statistics = features.of_corpus(music, None)
    fitted = [make_pipeline(StandardScaler(), Ridge(a)).fit(statistics[train], given[train]) for a in ALPHAS]
    there = given[valid].any(axis=0)  # an area needs a clip with the tag
    scores = [
        evaluation.auc(given[valid][:, there], ridge.predict(statistics[valid])[:, there]).mean() for ridge in fitted
    ]
    judge("ridge on MFCC statistics", 0, fitted[int(np.argmax(scores))].predict(statistics[test]))
    table = pd.DataFrame(rows, columns=["learner", "seed", "labels", "tag", "auc"])
    recorded.write(
        "synthetic_learning", table, ["learner", "seed", "labels", "tag"], corpus=music.fingerprint,
        command=f"python tests/benchmarks/synthetic_corpus.py learn {n_seeds}",
    )  # fmt: skip
    few = [tag for tag, n in zip(TAGS, given[test].sum(0), strict=True) if n < LEAST]
    kept = table[~table["tag"].isin(few)]
    print(kept.groupby(["learner", "labels", "seed"])["auc"].mean().round(3).to_string())
    print(f"fewer than {LEAST} given test clips, left out: {', '.join(few) or 'none'}")


if __name__ == "__main__":
    command, *numbers = sys.argv[1:]
    {"store": store, "learn": learn}[command](*map(int, numbers))
