"""Batch normalisation cancels biases and factors; without it they count."""

import pytest
import torch

from book.experiments.preprocessing import scaling
from mtlib.base.errors import InputError
from mtlib.networks import structures


def case(**options):
    torch.manual_seed(0)
    network = structures.build("compact", n_frames=340, n_tags=4, layer_widths=(6,) * 5, **options)
    return network, torch.randn(3, 1, 96, 340), (torch.rand(3, 4) < 0.5).float()


@pytest.mark.parametrize("pool_first", [True, False])
def test_a_bias_before_normalisation_has_no_gradient(pool_first):
    found = scaling.gradients(*case(pool_first=pool_first))
    assert found["weight"] > 1e-6 and found["bias"] < 1e-12 * found["weight"]


def test_without_normalisation_it_has_one():
    found = scaling.gradients(*case(normalise=False))
    assert found["bias"] > 0.01 * found["weight"]


@pytest.mark.parametrize("factor", [0.5, 10.0, 100.0])
def test_a_factor_cancels_only_with_normalisation(factor):
    network, x, _ = case()
    assert scaling.change(network, x, factor) < 1e-2  # epsilon is a thousandth of the variance
    network, x, _ = case(normalise=False)
    assert scaling.change(network, x, factor) > 0.3


def test_the_network_is_left_alone():
    network, x, targets = case()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    scaling.gradients(network, x, targets)
    scaling.change(network, x, 10.0)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.stages[0].conv.bias.grad is None


def test_bad_input_is_told():
    network, x, _ = case()
    with pytest.raises(InputError, match="factor must be above 0, got -1"):
        scaling.change(network, x, -1)
