"""A corpus small enough to train on in a test: four tones in noise, present or not."""

import numpy as np
import pandas as pd

from mtlib.corpora import corpus
from mtlib.training import training
from mtlib.training.specs import Model, RunSpec

N_SAMPLES = 87_000
TONES = (300, 700, 1500, 3500)


def write(name="tones", n_clips=80, task="multilabel", seed=0, n_jobs=1):
    """Write a corpus of tones, 60 % training clips, and open it."""
    rng = np.random.default_rng(seed)
    labels = rng.random((n_clips, 4)) < 0.4
    splits = np.repeat(["train", "valid", "test"], [n_clips * 6 // 10, n_clips * 2 // 10, n_clips * 2 // 10])
    rows = pd.DataFrame({"clip_id": [f"{i:03d}" for i in range(n_clips)], "split": splits, "fold": -1,
                         "group": "", "seed": rng.integers(2**31, size=n_clips)})  # fmt: skip
    rows["tones"] = ["".join("01"[value] for value in row) for row in labels.astype(int)]
    given = {"multilabel": labels, "multiclass": labels[:, 0].astype(int), "regression": labels * 1.0}[task]
    n_tags = 2 if task == "multiclass" else 4
    tags = pd.DataFrame({"name": [f"tone {i}" for i in range(n_tags)], "category": "tone"})
    return corpus.write(
        name, rows, read, audio_recipe={"tones": list(TONES)}, sample_rate=12_000, n_samples=N_SAMPLES,
        task=task, tags=tags, label_sets={"observed": (given, {})}, n_jobs=n_jobs,
    )  # fmt: skip


def read(rows):
    """Make the sound of one shard."""
    seconds = np.arange(N_SAMPLES) / 12_000
    for row in rows.itertuples():
        noise = np.random.default_rng(row.seed).normal(0, 0.1, N_SAMPLES)
        tones = [np.sin(2 * np.pi * hertz * seconds) for hertz, on in zip(TONES, row.tones, strict=True) if on == "1"]
        yield ((noise + 0.1 * sum(tones)) * 20_000).clip(-32768, 32767).astype(np.int16), "ok", ""


def spec(name="tones", epochs=2, **changes):
    """Return a run that takes a second."""
    base = RunSpec(corpus=name, training=training.Training(epochs=epochs), model=Model(layer_widths=(4,) * 5))
    return base.change(**changes)
