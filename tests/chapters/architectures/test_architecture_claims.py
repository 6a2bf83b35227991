"""Chapter 4's claims: planted differences between structures are judged as planted."""

import itertools

import numpy as np
import pandas as pd
import pytest

from book.experiments.architectures import results, trainings
from book.experiments.architectures.verdicts import Comparisons, Draws

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
    return {claim: found["verdict"] for claim, found in comparisons.judged().items()}


def test_the_order_of_the_thesis_is_seen_where_it_is():
    found = verdicts(made_up(0.05))
    assert found.pop("C2.03") == "inconclusive"
    assert all(one == "supported" for one in found.values())


def test_the_opposite_order_contradicts():
    found = verdicts(made_up(-0.05))
    claims = ("C2.04", "C4.01", "C4.02", "C4.03", "C4.04", "C4.05", "C4.20")
    assert [found[claim] for claim in claims] == ["contradicted"] * 7


def test_equal_structures_decide_nothing_but_similarity():
    found = verdicts(made_up(0.0))
    assert found["C2.04"] == found["C4.19"] == found["C4.20"] == "supported"
    assert "supported" not in (found["C4.01"], found["C4.02"])


def test_sizes_that_were_not_trained_are_named():
    few = made_up(0.05, budgets=(0.1, 0.25)).judged()
    for claim in ("C4.01", "C4.02"):
        assert few[claim]["verdict"] == "inconclusive" and "3M" in few[claim]["reason"]
    assert few["C4.20"]["verdict"] == "not tested"
    assert made_up(0.05, n_seeds=1).judged()["C2.03"]["verdict"] == "not tested"


def test_what_another_draw_changes_is_seen_and_what_it_does_not_is_not():
    first, second = made_up(0.05), made_up(-0.02, budgets=(0.1,))
    found = Draws(first, second).differences()
    assert len(found) == 6
    before, after, change = found["crnn − k2c2"]
    assert (before.value, after.value) == pytest.approx((0.05, -0.02), abs=2e-3)
    assert change.value == pytest.approx(after.value - before.value) and change.high < 0
    same = Draws(first, made_up(0.05, budgets=(0.1,))).differences()
    assert all(abs(one.value) < 2e-3 for _, _, one in same.values())


def test_the_test_clips_of_both_draws_count_in_a_change():
    sides = [
        Comparisons(made_up(lead).rows, pd.DataFrame([("crnn 0.1M", "k2c2 0.1M", e)], columns=NOTHING.columns))
        for lead, e in ((0.05, 0.003), (0.02, 0.004))
    ]
    assert Draws(*sides).change("crnn 0.1M", "k2c2 0.1M").floor == pytest.approx(0.005)


def test_verdicts_that_hang_on_the_draw_are_told():
    first = made_up(0.05)
    assert (Draws(first, made_up(0.05, budgets=(0.1,))).verdicts()["second"] == verdicts(first)["C4.02"]).sum() == 6
    turned = Draws(first, made_up(-0.05, budgets=(0.1,))).verdicts()
    assert turned["first"]["C4.02"] == "supported" and turned["second"]["C4.02"] == "contradicted"
    assert set(turned.index).isdisjoint({"C4.03", "C4.19"})  # they need networks that a second draw does not have


def test_tags_are_no_votes_but_seeds_are():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(3, 40))
    first, second = noise + rng.normal(0, 1, (3, 1)), noise  # one luck for all tags of a training
    share = results.tag_share(first, second)
    assert share.n == 3 and share.kind == "tags" and {0.0, 1.0} >= set((first > second).mean(1))
    labels = rng.random((200, 6)) < 0.3
    scores = labels + rng.normal(size=(2, 3, *labels.shape))
    assert 0 < results.tag_share_error(labels, *scores, rng, 20) < 0.5


def test_the_clips_part_of_a_crossed_design_is_that_of_its_pairs():
    errors = pd.DataFrame(
        [("crnn 0.1M", "k2c2 0.1M", 0.004), ("crnn 0.1M, rate a third", "k2c2 0.1M, rate a third", 0.006)],
        columns=["first", "second", "clip_error"],
    )
    cells = [("crnn", "one-cycle", "plain", "chosen"), ("k2c2", "one-cycle", "plain", "chosen")]
    assert results.clip_error_of(errors, *cells) == results.clip_error_of(errors, *cells[::-1]) == 0.004
    assert np.isnan(results.clip_error_of(errors, cells[0], ("crnn", "thesis", "plain", "chosen")))


def test_means_leave_the_runs_out_that_chose_a_rate():
    comparisons = made_up(0.05)
    means = comparisons.means().set_index(["structure", "budget"])
    assert len(means) == 20 and comparisons.size == 500
    assert means.auc["crnn", 0.1] == pytest.approx(0.8, abs=2e-3) and means.n["crnn", 0.1] == 3
    assert (means.low < means.auc).all() and (means.auc < means.high).all()
    assert made_up(0.05, n_seeds=1).means()[["low", "high"]].isna().all(axis=None)
