"""Real sound as target tasks: folds, features and the recorded scores."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

from book.experiments.later import transfer
from book.experiments.transfer.published_features import LAYER_SETS
from mtlib.__main__ import program
from mtlib.base.errors import InputError
from mtlib.training import features


@pytest.fixture
def sounds(tmp_path):
    """Two classes, five folds, four sounds of a class in each: hiss and hum."""
    rng, t = np.random.default_rng(0), np.arange(12_000) / 12_000
    for kind in ("hiss", "hum"):
        (tmp_path / kind).mkdir()
        for fold in range(1, 6):
            for k in range(4):
                hum = np.sin(2 * np.pi * (80 + 10 * k) * t)
                samples = rng.normal(size=12_000) if kind == "hiss" else hum
                soundfile.write(tmp_path / kind / f"{fold}-{k}-A.wav", 0.1 * samples, 12_000)
    return tmp_path


def test_folds_are_those_of_the_names(sounds):
    task = transfer.esc10(sounds)
    assert len(task.folds) == 5 and np.bincount(task.y).tolist() == [20, 20]
    for k, ((train, test), inner) in enumerate(task.folds, 1):
        assert {task.clips[i].name[0] for i in test} == {str(k)} and len(train) + len(test) == 40
        assert all(set(a) | set(b) == set(train) for a, b in inner)


def test_a_file_without_a_fold_is_named(sounds):
    (sounds / "hum" / "1-0-A.wav").rename(sounds / "hum" / "x-0-A.wav")
    with pytest.raises(InputError, match=r"x-0-A\.wav: names in ESC-10 begin with their fold, 1 to 5"):
        transfer.esc10(sounds)
    with pytest.raises(InputError, match="no sounds in"):
        transfer.esc10(sounds / "hum")


def test_noise_and_tones_are_told_apart(sounds):
    part = next(transfer.scores(transfer.esc10(sounds)))
    assert part.score.tolist() == [1.0] * 5 and part.n_clips.tolist() == [8] * 5
    assert set(part.features) == {"mfcc 12 kHz"} and set(part.set) == {"mfcc"}


def test_a_short_clip_is_repeated(sounds):
    extractor = features.extractor("random")
    path = sounds / "hum" / "1-0-A.wav"
    found = transfer.of_clips([path], extractor)
    assert np.array_equal(found[0], features.of_windows(path, extractor)[0][0])
    assert not np.allclose(found, transfer.of_clips([path], extractor, "max"))


def test_a_comparison_pairs_folds():
    rows = [
        ("a", name, "1", seed, fold, score)
        for name, seed, scores in (("x", 0, (0.9, 0.7)), ("y", 0, (0.5, 0.5)), ("y", 1, (0.7, 0.5)))
        for fold, score in enumerate(scores, 1)
    ]
    table = pd.DataFrame(rows, columns=["task", "features", "set", "seed", "fold", "score"])
    found = transfer.compare(table, "a", ("x", "1"), ("y", "1"))
    assert found.value == pytest.approx(0.25) and found.n == 2
    with pytest.raises(InputError, match="nothing is recorded for z 1 on a"):
        transfer.by_fold(table, "a", "z", "1")


def test_the_share_of_combinations_is_counted_fold_by_fold():
    rows = [
        ("a", name, chosen, 0, fold, score)
        for chosen in LAYER_SETS
        for name, scores in (("x", (0.6, 0.6, 0.4 + 0.2 * ("5" in chosen))), ("y", (0.5, 0.5, 0.5)))
        for fold, score in enumerate(scores, 1)
    ]
    table = pd.DataFrame(rows, columns=["task", "features", "set", "seed", "fold", "score"])
    found = transfer.share_above(table, "a", "x", "y")
    with_last = np.mean(["5" in chosen for chosen in LAYER_SETS])
    assert found.value == pytest.approx((2 + with_last) / 3) and found.n == 3 and found.kind == "folds"


def test_the_recorded_table_is_whole():
    table = transfer.read()
    assert not table.duplicated(["task", "features", "set", "seed", "fold"]).any()
    assert table.score.between(0, 1).all()
    for task, n_folds, n_clips in (("ESC-10", 5, 400), ("GTZAN", 9, 99)):
        part = table[table.task == task]
        assert set(part[part.features == "trained"].set) == {*LAYER_SETS, "12345max"}
        random = part[part.features == "random"]
        assert set(random.seed) == set(range(transfer.N_SEEDS))
        assert len(random) == transfer.N_SEEDS * len(LAYER_SETS) * n_folds
        sizes = part.groupby(["features", "set", "seed"]).n_clips.sum()
        assert set(sizes) == {n_clips}


def test_a_recorded_score_comes_back(real):
    task = transfer.gtzan()
    part = next(transfer.scores(task))
    kept = transfer.by_fold(transfer.read(), "GTZAN", "mfcc 12 kHz", "mfcc")
    assert part.score.to_numpy() == pytest.approx(kept, abs=1e-5)


def test_the_command_says_what_is_missing(tmp_path):
    result = CliRunner().invoke(program, ["later", "transfer", "--gtzan", str(tmp_path)])
    assert result.exit_code and "no audio in" in result.output and "Traceback" not in result.output
