"""What a table of chapter 5's runs says: planted effects are judged as planted."""

import itertools

import numpy as np
import pandas as pd
import pytest

from book.experiments.preprocessing import results as run_tables
from book.experiments.preprocessing import verdicts
from book.experiments.preprocessing.trainings import BASELINE, GRID, STFTS, VIEWS
from mtlib.evidence import claims


def table(n_seeds=8, deviation=1e-4, **shifts):
    """Runs whose AUC grows with the logarithm of the size, moved by a configuration's shift."""
    rng, rows = np.random.default_rng(1), []
    names = [*VIEWS]
    plan = [(name, 250) for name in names]
    plan += [(name, n) for name in (BASELINE, *STFTS, "linear bypass ×1") for n in (62, 125, 500, 1000)]
    for (name, n_train), seed in itertools.product(plan, range(n_seeds)):
        shift = sum(value for part, value in shifts.items() if part in name.replace(" ", "_"))
        auc = 0.7 + 0.02 * np.log2(n_train / 250) + shift + deviation * rng.standard_normal()
        slower = 3.0 if "STFT" in name else 1.0
        bias = 0.034 if "×10" in name.split() else 0.01
        rows.append((name, n_train, 4, seed, auc, slower, bias * np.exp(0.01 * rng.standard_normal())))
    columns = ["configuration", "n_train", "epochs", "seed", "roc_auc", "seconds", "bias"]
    return run_tables.Results(pd.DataFrame(rows, columns=columns))


def verdict_of(results):
    return {claim: said["verdict"] for claim, said in verdicts.judged(results).items()}


def test_planted_effects_are_found():
    found = verdict_of(table(linear=-0.05, STFT=0.0))
    assert found == {
        "C5.01": "supported",
        "C5.02": "supported",
        "C5.03": "supported",
        "C5.04": "inconclusive",  # two equal STFTs: the coarser is not worse
        "C5.05": "contradicted",  # a doubling still adds .02
        "C5.06": "supported",
        "C5.07": "supported",
        "C5.08": "supported",
        "C5.09": "contradicted",  # equal without normalisation, too
        "C5.10": "supported",
        "C5.13": "supported",
        "C5.14": "supported",
        "C5.15": "supported",
        "C5.17": "supported",
    }


def test_where_they_are_not_the_claim_is_contradicted():
    found = verdict_of(table(**{"linear": 0.05, "per-frequency": 0.02, "log_STFT": 0.03, "no_normalisation_×10": -0.1}))
    assert found["C5.02"] == found["C5.06"] == found["C5.10"] == found["C5.15"] == "contradicted"
    assert found["C5.09"] == "supported"


def test_a_ratio_that_is_not_known_decides_nothing():
    results = table()
    noisy = np.exp(np.random.default_rng(1).normal(0, 0.7, len(results.rows)))
    found = verdicts.judged(run_tables.Results(results.rows.assign(bias=results.rows.bias * noisy)))
    assert found["C5.08"]["verdict"] == "inconclusive"  # though its interval covers 3.4
    assert found["C5.08"]["low"] < 3.4 < found["C5.08"]["high"]


def test_test_clips_widen_the_effects_of_the_design():
    rows = table(n_seeds=3).rows
    pairs = run_tables.pairs(VIEWS)
    errors = pd.DataFrame([(a, b, 250, 0.004) for a, b in pairs], columns=run_tables.PAIR_COLUMNS)
    bare, whole = run_tables.Results(rows), run_tables.Results(rows, errors)
    assert {effect.floor for effect in bare.effects().values()} == {0.0}
    floors = {name: round(effect.floor, 6) for name, effect in whole.effects().items()}
    assert floors["linear"] == 0.004 and floors["linear × a-weighting"] == 0.008
    worth = [one.multiplier(np.random.default_rng(0)) for one in (bare, whole)]
    assert worth[1].high - worth[1].low > worth[0].high - worth[0].low
    assert whole.clip_error("log bypass ×1", "linear bypass ×1") == 0.004
    assert np.isnan(whole.clip_error("log bypass ×1", "linear bypass ×1", 62))


def test_an_interaction_is_one():
    assert verdict_of(table(**{"linear_a-weighting": 0.02}))["C5.14"] == "contradicted"


def test_without_runs_nothing_is_tested():
    rows = table(n_seeds=1).rows
    only = run_tables.Results(rows[rows.configuration.isin(GRID)])
    assert set(verdict_of(only).values()) - {"not tested"} <= {"supported", "inconclusive", "contradicted"}
    assert verdict_of(only)["C5.01"] == verdict_of(only)["C5.13"] == "not tested"


def test_everything_judged_can_be_recorded():
    results = table()
    judged = verdicts.judged(results)
    judged["C5.11"] = verdicts.judged_multiplier(results.multiplier(np.random.default_rng(0)))
    judged["C5.12"] = verdicts.judged_multiplier(None)
    for claim, said in judged.items():
        assert claims.record(claim, **said, source="synthetic").claim == claim


def test_the_multiplier_is_what_was_planted():
    found = verdicts.judged_multiplier(table(linear=-0.02).multiplier(np.random.default_rng(0)))
    assert found["estimate"] == pytest.approx(2, abs=0.1) and found["verdict"] == "supported"


def test_changes_have_the_size_that_was_planted():
    found = verdicts.changes(table(linear=-0.05, PCEN=0.01))
    assert found["linear"].value == pytest.approx(-0.05, abs=1e-3)
    assert found["PCEN"].value == pytest.approx(0.01, abs=1e-3)
    assert verdicts.cost(table(), STFTS[0]) == 3
