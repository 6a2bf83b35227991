"""Keys: what decides a result changes them, what does not keeps them."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from mtlib import source, specs
from mtlib.errors import InputError
from mtlib.specs import Model, RunSpec

RESOLVED = {"corpus": "c", "fingerprint": "f", "precision": "float32"}


def test_a_key_is_pinned_for_values_and_code(monkeypatch):
    monkeypatch.setattr(specs, "code_digest", lambda: "code")
    assert RunSpec(**RESOLVED).key == "92b7ed7afacc3638fd1d881a9f38dba1"


def test_every_value_changes_the_key_and_equal_values_do_not():
    base = RunSpec(**RESOLVED)
    others = [
        base.change(**{name: value})
        for name, value in {
            "corpus": "d", "fingerprint": "g", "labels": "true", "clip_seconds": 7.25, "n_train": 10,
            "subset_seed": 1, "view__kind": "stft", "model__structure": "k2c2", "training__epochs": 5,
            "precision": "bf16", "threads": 2, "seed": 1,
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
    assert [(s.model.structure, s.seed) for s in found] == [
        (m, i) for m in ("k2c2", "crnn") for i in range(3)
    ]


@pytest.fixture
def code(tmp_path):
    folder = Path(specs.__file__).parent
    for name in specs.CODE:
        shutil.copy(folder / f"{name}.py", tmp_path)
    return tmp_path


def test_a_comment_keeps_every_key_and_a_layer_changes_it(code):
    def changed(module, old, new):
        path = code / f"{module}.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        source.code_digest.cache_clear()
        found = specs.code_digest(code)
        path.write_text(text, encoding="utf-8")
        return found

    before = specs.code_digest(code)
    assert before == specs.code_digest()
    line = "        x = self.convolve(x)"
    assert changed("layers", line, f"        # a comment\n{line}") == before
    assert changed("layers", '"""Dense layer, batch', '"""A dense layer, batch') == before
    assert changed("layers", "class LSTM", "def unrelated():\n    return 1\n\n\nclass LSTM") == before
    assert changed("layers", line, f"{line} * 1.0") != before
    assert changed("layers", "EPSILON = 1e-3", "EPSILON = 1e-5") != before
    assert changed("frontend", "10.0 * power", "20.0 * power") != before
    assert changed("training", "loss.backward()", "(2 * loss).backward()") != before
    source.code_digest.cache_clear()


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
