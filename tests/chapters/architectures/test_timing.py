"""Times and costs of a network."""

import numpy as np
import pandas as pd
import pytest
import torch

from book.experiments.architectures import complexity, timing, trainings, verdicts
from mtlib.base.errors import InputError
from mtlib.evidence import recorded
from mtlib.networks import structures


def test_steps_are_timed_one_by_one_and_costs_are_those_of_complexity():
    seconds = timing.step_seconds("k2c1", 0.1, batch=2, n_steps=3)
    assert seconds.shape == (3,) and (seconds > 0).all()
    costs = timing.costs("k2c1", 0.1, n_frames=1366)
    assert costs["multiply_adds"] == complexity.describe("k2c1", 0.1)["multiply_adds"]
    with pytest.raises(InputError, match="n_steps must be at least 1"):
        timing.step_seconds("k2c1", 0.1, n_steps=0)


def test_the_crnn_is_timed_without_its_recurrent_layers():
    frames = list(timing.measure([0.1], n_steps=2))
    names = [frame.structure.iloc[0] for frame in frames]
    assert names == ["k1c2", "k2c1", "k2c2", "crnn", "crnn, no recurrence"]
    assert all(len(frame) == 2 and (frame.ms > 0).all() for frame in frames)
    bare = timing.Averaged(structures.build("crnn", 0.1, n_frames=340))
    assert bare(torch.zeros(2, 1, 96, 340)).shape == (2, 50)
    assert not any("gru" in name for name, _ in bare.named_parameters())


def test_recorded_times_judge_the_same_in_every_build():
    told = recorded.origin(timing.NAME)
    assert {"device", "command", "n_frames"} <= set(told)
    times = timing.Times()
    assert set(times.budgets) == set(trainings.BUDGETS) and len(times.ms) == 25
    faster = {"crnn over k2c2": (("crnn", 0.1), ("k2c2", 0.1))}
    assert verdicts.judge_times(times, faster) == verdicts.judge_times(timing.Times(), faster)
    made = pd.DataFrame(
        [(name, 0.1, step, ms * factor) for name, ms in (("k2c1", 1.0), ("k2c2", 2.0))
         for step, factor in enumerate((1.0, 1.1, 0.9))], columns=["structure", "budget", "step", "ms"],
    )  # fmt: skip
    found = verdicts.judge_times(timing.Times(made), {"a": (("k2c2", 0.1), ("k2c1", 0.1))})
    assert found["verdict"] == "supported" and found["estimate"] == pytest.approx(np.log(2), abs=0.01)
