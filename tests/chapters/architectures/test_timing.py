"""Times and costs of a network."""

import pytest

from book.experiments.architectures import complexity, timing
from mtlib.base.errors import InputError


def test_a_wider_network_takes_longer_and_costs_are_those_of_complexity():
    small, large = (min(timing.step_seconds("k2c1", size, batch=2, n_steps=2)) for size in (0.1, 3.0))
    assert 0 < small < large
    costs = timing.costs("k2c1", 0.1, n_frames=1366)
    assert costs["multiply_adds"] == complexity.describe("k2c1", 0.1)["multiply_adds"]
    with pytest.raises(InputError, match="n_steps must be at least 1"):
        timing.step_seconds("k2c1", 0.1, n_steps=0)
