"""Chapter 4's claims: planted differences between structures are judged as planted."""

import itertools

import numpy as np
import pandas as pd
import pytest

from book.experiments.architectures import trainings
from book.experiments.architectures.verdicts import Comparisons

NOTHING = pd.DataFrame(columns=["first", "second", "clip_error"])


def made_up(lead, *, budgets=trainings.BUDGETS, n_seeds=3, noise=0.0005):
    """Runs in which each structure is `lead` ahead of the next one of the thesis' order; LSTM is GRU."""
    rng = np.random.default_rng(0)
    rows = [
        {"configuration": f"{name} {budget:g}M", "structure": name, "budget": budget, "seed": seed,
         "roc_auc": 0.8 + 0.01 * np.log2(10 * budget) - lead * place + rng.normal(0, noise),
         "n_train": 500, "parameters": int(1e6 * budget)}
        for budget, seed, (place, name) in itertools.product(
            budgets, range(n_seeds), enumerate(trainings.ORDER))
    ]  # fmt: skip
    smallest = [row for row in rows if row["configuration"] == "crnn 0.1M"]
    lstm = [{**row, "configuration": "crnn 0.1M, lstm", "roc_auc": row["roc_auc"] + 1e-4} for row in smallest]
    tried = [{**row, "seed": trainings.RATE_SEED, "roc_auc": 0.5} for row in smallest]
    return Comparisons(pd.DataFrame(rows + lstm + tried), NOTHING)


def verdicts(comparisons):
    return {claim: [found["verdict"] for found in several] for claim, several in comparisons.judged().items()}


def test_the_order_of_the_thesis_is_seen_where_it_is():
    found = verdicts(made_up(0.05))
    assert found.pop("C2.03") == ["inconclusive"] and found.pop("C4.01") == ["supported"] * 5
    assert all(one == ["supported"] for one in found.values())


def test_the_opposite_order_contradicts():
    found = verdicts(made_up(-0.05))
    assert found["C4.01"] == ["contradicted"] * 5
    assert [found[claim] for claim in ("C2.04", "C4.02", "C4.03", "C4.04", "C4.05")] == [["contradicted"]] * 5


def test_equal_structures_decide_nothing_but_similarity():
    found = verdicts(made_up(0.0))
    assert found["C2.04"] == ["supported"] and found["C4.19"] == ["supported"]
    assert "supported" not in found["C4.01"] + found["C4.02"]


def test_sizes_that_were_not_trained_are_named():
    few = made_up(0.05, budgets=(0.1, 0.25)).judged()
    assert few["C4.01"][-1]["verdict"] == "not tested" and "0.5M, 1M, 3M" in few["C4.01"][-1]["reason"]
    assert few["C4.02"][0]["verdict"] == "inconclusive" and "3M" in few["C4.02"][0]["reason"]
    assert made_up(0.05, n_seeds=1).judged()["C2.03"][0]["verdict"] == "not tested"


def test_means_leave_the_runs_out_that_chose_a_rate():
    comparisons = made_up(0.05)
    means = comparisons.means().set_index(["structure", "budget"])
    assert len(means) == 20 and comparisons.size == 500
    assert means.auc["crnn", 0.1] == pytest.approx(0.8, abs=2e-3) and means.n["crnn", 0.1] == 3
    assert (means.low < means.auc).all() and (means.auc < means.high).all()
    assert made_up(0.05, n_seeds=1).means()[["low", "high"]].isna().all(axis=None)
