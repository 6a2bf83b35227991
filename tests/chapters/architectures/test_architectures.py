"""Chapter 4's runs: rates by one rule, paired seeds, a complete design, and what is recorded comes back."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import toy
from book.experiments.architectures import results, trainings
from mtlib.__main__ import program
from mtlib.base import paths, profiles
from mtlib.base.errors import InputError
from mtlib.training import sweeps

GIVEN = {"profile": "smoke", "corpus": "tones", "seed": 0, "device": "cpu", "scheduler": ""}
RATES = {"crnn": 3e-3, "k2c2": 1e-2}


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    corpus = toy.write(n_clips=40)
    return trainings.base(profiles.check(GIVEN), corpus)


def test_live_runs_are_paired_and_part_of_the_plan(spec):
    live = trainings.live(spec, RATES, 3)
    assert len(live) == 12 and {name for name, _ in live} == {f"{n} 0.1M" for n in trainings.ORDER}
    for seed in range(3):
        runs = [run for _, run in live if run.seed == seed]
        assert len({run.model.structure for run in runs}) == 4
        assert len({(run.training.epochs, run.training.batch, run.n_train) for run in runs}) == 1
    rates = {run.model.structure: run.training.peak_rate for _, run in live}
    assert rates == {"crnn": 3e-3, "k2c2": 1e-2, "k1c2": 1e-2, "k2c1": 1e-2}
    everything = [run for _, run in trainings.plan(spec, RATES)]
    assert set(everything).issuperset(run for _, run in live) and len(set(everything)) == len(everything)
    assert {run.model.budget for run in everything} == set(trainings.BUDGETS)


def test_a_rate_is_chosen_by_validation_alone():
    rows = pd.DataFrame(
        [("crnn", 1000, 3e-3, 0.70), ("crnn", 1000, 3e-2, 0.75), ("crnn", 1000, 1e-2, 0.75),
         ("crnn", 0, 1e-2, 0.99), ("k2c2", 1000, 1e-2, 0.8)],
        columns=["structure", "seed", "peak_rate", "valid_auc"],
    )  # fmt: skip
    assert trainings.chosen_rates(rows) == {"crnn": 1e-2}  # the smaller of two; k2c2 is not complete


def test_the_crossed_design_is_complete_and_begins_with_the_usual_run(spec):
    cells = trainings.crossed(spec, RATES, [0])
    assert len(cells) == len({run for _, run in cells}) == 16
    usual = dict(trainings.live(spec, RATES, 1))
    assert dict(cells)["crnn 0.1M"] == usual["crnn 0.1M"] and dict(cells)["k2c2 0.1M"] == usual["k2c2 0.1M"]
    run = dict(cells)["k2c2 0.1M, stopping thesis, input normalised, rate a third"]
    assert (run.training.patience, run.training.schedule, run.model.input_norm) == (1, "constant", True)
    assert run.training.peak_rate == pytest.approx(1e-2 / 3)


def test_what_is_recorded_comes_back(spec, tmp_path, monkeypatch):
    narrow = {"k2c2 0.1M": (2,) * 5, "k2c1 0.1M": (2,) * 7}
    named = [
        (name, run.change(model__layer_widths=narrow[name]))
        for name, run in trainings.live(spec, {}, 2)
        if name in narrow
    ]
    runs = sweeps.sweep([run for _, run in named], n_jobs=1, report=None)
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(paths, "DATA", tmp_path)
    done = [(name, run) for (name, _), run in zip(named, runs, strict=True)]
    results.record(done)
    results.record(done[:1])  # adds to the table, and takes nothing away
    rows, tags, errors, told = results.recorded()
    assert told["corpus"] == "tones" and set(rows["key"]) == {run.key for run in runs}
    row = rows.set_index("key").loc[runs[0].key]
    assert row["roc_auc"] == pytest.approx(runs[0].metrics["roc_auc"], abs=1e-5)
    assert (row["structure"], row["budget"], row["n_epochs"]) == ("k2c2", 0.1, 1)
    area = tags[(tags.configuration == "k2c2 0.1M") & (tags.seed == 0)].roc_auc.mean()
    assert area == pytest.approx(runs[0].metrics["roc_auc"], abs=1e-5)
    found = results.compare(rows, errors, "k2c2 0.1M", "k2c1 0.1M")
    wide = rows.pivot(index="seed", columns="structure", values="roc_auc")
    assert found.n == 2 and found.floor == errors["clip_error"].item()
    assert found.value == pytest.approx((wide.k2c2 - wide.k2c1).mean())
    assert results.compare(rows, errors, "k2c2 0.1M", "crnn 0.1M") is None
    monkeypatch.setattr(results.sweeps, "finished", lambda named, device: [])
    assert set(results.known(named)["key"]) == set(rows["key"])  # recorded, if not in the store
    assert results.known(trainings.crossed(spec, {}, [5])).empty
    recorded_by_others = tmp_path / "results" / "architectures.json"
    recorded_by_others.write_text(json.dumps(told | {"code": "another"}))
    results.record(done[:1])
    assert list(results.recorded()[0]["key"]) == [runs[0].key]


def test_live_rows_take_the_place_of_recorded_ones_of_the_same_corpus():
    known = pd.DataFrame({"configuration": ["a", "b"], "seed": [0, 0], "roc_auc": [0.8, 0.7], "key": ["x", "y"]})
    live = pd.DataFrame({"configuration": ["a"], "seed": [0], "roc_auc": [0.8 + 1e-7], "key": ["x"]})
    assert list(results.together(known, "one", live, "one")["tier"]) == ["live", "recorded"]
    rows = results.together(known, "another", live, "one")
    assert list(rows["configuration"]) == ["a"]


def test_scores_of_the_crossed_design_are_by_cell_and_seed(spec):
    cells = trainings.crossed(spec, RATES, range(2))
    rows = pd.DataFrame([{"configuration": n, "seed": r.seed, "roc_auc": i} for i, (n, r) in enumerate(cells)])
    found = results.scores_of(rows)
    assert found.shape == (2, 2, 2, 2, 2) and found[1, 0, 1, 0].tolist() == [10, 26]
    assert results.scores_of(rows[rows["seed"] == 0]) is None


def test_nothing_to_record_is_told():
    with pytest.raises(InputError, match="none of these runs is finished"):
        results.record([])


def test_a_second_draw_is_trained_as_the_first():
    (first, _, _, told), (second, _, errors, other) = (results.recorded(draw=draw) for draw in (0, 1))
    assert told["fingerprint"] != other["fingerprint"] and told["code"] == other["code"]
    same = ["configuration", "n_train", "epochs", "seed", "n_clips", "peak_rate", "parameters"]
    assert len(second.merge(first, on=same)) == len(second) == 12 and len(errors) == 6


def test_a_second_draw_needs_the_rates_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    result = CliRunner().invoke(program, ["architectures", "--draw", "1", "--profile", "smoke"])
    assert result.exit_code == 1 and "those of profile smoke are not recorded" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("profile", "draw"), [("quick", 0), ("cpu", 0), ("quick", 1)])
def test_committed_tables_fit_their_keys(profile, draw):
    rows, tags, errors, told = results.recorded(profile, draw)
    assert len(rows)
    assert rows["key"].is_unique and rows["key"].str.fullmatch("[0-9a-f]{32}").all()
    assert not rows.duplicated(["configuration", "seed"]).any() and set(told) >= {"code", "corpus"}
    assert rows["roc_auc"].between(0.5, 1).all() and tags["roc_auc"].between(0, 1).all()
    assert (errors["clip_error"] >= 0).all()
    mean = tags.groupby(["configuration", "seed"]).roc_auc.mean()
    for row in rows.itertuples():
        if (row.configuration, row.seed) in mean.index:
            np.testing.assert_allclose(mean[row.configuration, row.seed], row.roc_auc, atol=1e-4)
