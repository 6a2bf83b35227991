"""Keys: what decides a result changes them, what does not keeps them."""

import json
from dataclasses import asdict

import pytest
import torch

from mtlib.base.errors import InputError
from mtlib.corpora.corpus import Corpus
from mtlib.training import experiment, specs
from mtlib.training.specs import Model, RunSpec

KEY = "1c52b1d24cab3e676d45a2c747a5c3a2"
"""Of `RESOLVED` with the code of the recorded runs."""

RESOLVED = {"corpus": "c", "fingerprint": "f", "precision": "float32"}


def test_a_key_is_pinned_for_values_and_version(monkeypatch):
    assert RunSpec(**RESOLVED).key == KEY
    monkeypatch.setattr(specs, "VERSION", "code")
    assert RunSpec(**RESOLVED).key == "92b7ed7afacc3638fd1d881a9f38dba1"


def test_every_value_changes_the_key_and_equal_values_do_not():
    base = RunSpec(**RESOLVED)
    others = [
        base.change(**{name: value})
        for name, value in {
            "corpus": "d", "fingerprint": "g", "labels": "true", "clip_seconds": 7.25, "n_train": 10,
            "subset_seed": 1, "view__kind": "stft", "model__structure": "k2c2", "training__epochs": 5,
            "training__mixup": 0.3, "training__turned": True,
            "precision": "bf16", "threads": 2, "seed": 1, "device": "cuda",
        }.items()
    ]  # fmt: skip
    assert len({spec.key for spec in (base, *others)}) == 1 + len(others)
    same = specs.from_dict(json.loads(json.dumps(asdict(base))))
    assert same == base and same.key == base.key
    whole = [specs.from_dict({**RESOLVED, "model": {"structure": "k2c2", "budget": b}}) for b in (1, 1.0)]
    assert whole[0].key == whole[1].key
    assert Model(layer_widths=[4, 4]) == Model(layer_widths=(4, 4))


def test_a_grid_is_every_combination():
    found = specs.grid(RunSpec(**RESOLVED), model__structure=["k2c2", "crnn"], seed=range(3))
    assert [(s.model.structure, s.seed) for s in found] == [(m, i) for m in ("k2c2", "crnn") for i in range(3)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sede": 1}, "unknown value 'sede' of run; known: corpus, fingerprint"),
        ({"model": {"depth": 3}}, "unknown value 'depth' of model"),
        ({"model": "crnn"}, "model must be an object"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"seed": "1"}, "run.seed must be of type int, got '1'"),
        ({"seed": True}, "run.seed must be like 0, got True"),
        ({"precision": "int8"}, "precision must be 'auto', 'bf16' or 'float32'"),
        ({"training": {"schedule": "cosine"}}, "schedule must be 'one-cycle' or 'constant'"),
        ({"training": {"epochs": 0}}, "epochs must be at least 1, got 0"),
    ],
)
def test_bad_values_are_told(values, words):
    with pytest.raises(InputError, match=words):
        specs.from_dict(values)


def test_bad_changes_are_told():
    with pytest.raises(InputError, match="unknown value 'model__depth' of a run; known: corpus"):
        RunSpec().change(model__depth=3)
    with pytest.raises(InputError, match=r"use sweeps\.resolve"):
        _ = RunSpec().key


GOLDEN = {
    ("compact", "log"): (0.6495, 0.5818),
    ("k1c2", "log"): (0.5204, 0.2263),
    ("k2c1", "log"): (0.5140, 0.2520),
    ("k2c2", "log"): (0.4301, 0.1470),
    ("k2c2", "linear"): (0.4728, 0.1891),
    ("crnn", "log"): (0.5163, 0.2717),
}
"""Loss after each of two epochs; other processors differ by up to 0.8 %."""


@pytest.mark.parametrize(("structure", "magnitude"), GOLDEN)
def test_golden_runs_have_not_changed(structure, magnitude, tones_home):
    """If this fails on purpose, stored runs are of other code: change `specs.VERSION`, then the numbers."""
    size = {"budget": 0.1} if structure != "compact" else {"layer_widths": (4,) * 5}
    spec = RunSpec(
        corpus="tones", precision="float32", seed=3, view=specs.View(magnitude=magnitude),
        model=Model(structure=structure, **size), training=specs.Training(epochs=2),
    )  # fmt: skip
    _, fitted, _ = experiment.run_experiment(spec, Corpus.open("tones"), torch.device("cpu"))
    assert [row["loss"] for row in fitted.history] == pytest.approx(GOLDEN[structure, magnitude], rel=0.02)
