"""Live scores over recorded ones, by task and protocol."""

from dataclasses import replace

import numpy as np
import pytest

from book.experiments.transfer import protocols, published_features, scoreboard
from mtlib.base.errors import InputError


def result(score, name="135"):
    """A result as a build would compute it for one recorded cell."""
    clips = np.arange(2)
    return protocols.Result(
        "T2", name, "nested", 0, score, (score,), (2,), "varies", 0, 1.0, clips=clips, predictions=clips
    )


def test_a_live_score_takes_the_place_of_the_recorded_one():
    recorded = scoreboard.Scoreboard()
    score = recorded.of("T2", "nested")["135"]
    board = scoreboard.Scoreboard([result(score + 5e-7)])
    assert board.of("T2", "nested")["135"] == pytest.approx(score + 5e-7, abs=1e-12)
    assert board.gap == pytest.approx(5e-7) and recorded.gap == 0
    assert (board.cells.tier == "live").sum() == 1 and set(recorded.cells.tier) == {"recorded"}
    assert board.of("T2", "nested").drop("135").equals(recorded.of("T2", "nested").drop("135"))


def test_another_rounding_is_measured_and_stops_nothing():
    score = scoreboard.Scoreboard().of("T2", "nested")["135"]
    assert scoreboard.Scoreboard([result(score + 1e-3)]).gap == pytest.approx(1e-3)


def test_other_seeds_do_not_stand_for_the_first():
    board = scoreboard.Scoreboard([replace(result(0.5), set="new", seed=1)])
    assert not board.has("T2", "nested", "new") and board.has("T2", "nested", "135", "mfcc")


def test_scores_are_the_means_of_their_folds():
    board = scoreboard.Scoreboard()
    for task, protocol in (("T2", "thesis"), ("T4a", "nested")):
        folds = board.folds(task, protocol, "1", "12345")
        assert folds.shape == (10, 2)
        expected = board.of(task, protocol)[["1", "12345"]].to_numpy()
        np.testing.assert_allclose(folds.mean().to_numpy(), expected, atol=2e-3)  # folds of unequal size
    gain = board.gain("T2", "12345", "1")
    table = board.folds("T2", "nested", "12345", "1")
    assert gain.value == pytest.approx((table["12345"] - table["1"]).mean())


@pytest.mark.parametrize(("task", "protocol"), [("T9", "nested"), ("T2", "fair")])
def test_unknown_names_are_refused(task, protocol):
    with pytest.raises(InputError, match=f"no scores of task '{task}' under protocol '{protocol}'"):
        scoreboard.Scoreboard().of(task, protocol)


def test_a_task_with_one_split_compares_its_clips(monkeypatch):
    board = scoreboard.Scoreboard()
    gain = board.gain("T5", "12345", "mfcc")
    assert gain.kind == "test clips" and gain.n == 673 and 0.005 < gain.floor < 0.02
    assert gain.value == pytest.approx(board.of("T5", "nested")["12345"] - board.of("T5", "nested")["mfcc"])
    assert board.gains("12345", "mfcc")["T2"].kind == "folds"
    blocks = board.gains("12345", "mfcc", "blocks")
    assert {"T4a", "T4v", "T5"} <= set(blocks) <= set(published_features.WITH_BLOCKS)
    clips = np.array([3, 1, 2])
    monkeypatch.setattr(scoreboard, "load", lambda task: type("Data", (), {"y": np.array([0, 1, 0, 1])}))
    found = replace(
        result(board.of("T5", "nested")["mfcc"], "mfcc"), task="T5", clips=clips, predictions=np.array([0, 1, 0])
    )
    board = scoreboard.Scoreboard([found])
    assert board.right("T5", "mfcc", "nested").to_dict() == {1: 1.0, 2: 1.0, 3: 0.0}


def test_recorded_rankings_are_bounds_of_the_recorded_scores():
    board = scoreboard.Scoreboard()
    above = board.above("T2", "thesis")
    assert set(above.index) == {*scoreboard.RUN, "mfcc"} and board.above("T6", "thesis") is None
    scores = board.of("T2", "thesis")
    pairs = [(a, b) for a in above.index for b in above.columns if above.loc[a, b]]
    assert pairs and all(scores[a] > scores[b] and not above.loc[b, a] for a, b in pairs)
