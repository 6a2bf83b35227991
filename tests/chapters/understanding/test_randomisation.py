"""Forgetting from the top: what stays, what changes, and that activations stay in range."""

import pytest
import torch

from book.experiments.understanding import deconvolution
from mtlib.base.errors import InputError
from mtlib.networks import structures


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return structures.build("compact", n_frames=340, pool_first=False).eval()


@torch.no_grad()
@pytest.mark.parametrize("n_stages", [0, 2, 5])
def test_only_the_top_is_forgotten(network, n_stages):
    x = torch.randn(3, 1, 96, 340)
    other = deconvolution.randomised(network, x, n_stages=n_stages, seed=3)
    kept = 5 - n_stages
    before, after = network.feature_maps(x), other.feature_maps(x)
    for i in range(5):
        assert torch.equal(before[i], after[i]) == (i < kept)
        assert torch.equal(network.stages[i].conv.weight, other.stages[i].conv.weight) == (i < kept)
    given = x
    for i, stage in enumerate(other.stages):
        normalised = stage.norm(stage.convolve(given))
        if i >= kept:
            assert float(normalised.mean().abs()) < 1e-3 and float(normalised.var()) == pytest.approx(1, abs=0.02)
        given = stage(given)


def test_seeds_repeat_and_differ(network):
    x = torch.randn(1, 1, 96, 340)
    draws = [deconvolution.randomised(network, x, n_stages=1, seed=s).stages[4].conv.weight for s in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


@torch.no_grad()
def test_networks_without_normalisation_and_with_padding_work():
    genre = structures.build("genre", n_freq=257, n_frames=173, n_tags=3).eval()
    assert deconvolution.randomised(genre, torch.rand(1, 1, 257, 173), n_stages=5).feature_maps(
        torch.rand(1, 1, 257, 173)
    )
    crnn = structures.build("crnn", 0.1, n_frames=340, input_norm=True).eval()
    other = deconvolution.randomised(crnn, torch.randn(2, 1, 96, 340), n_stages=4)
    assert torch.equal(other.input_norm.norm.weight, crnn.input_norm.norm.weight)


def test_bad_input_is_told(network):
    with pytest.raises(InputError, match="n_stages must lie between 0 and 5, got 6"):
        deconvolution.randomised(network, torch.randn(1, 1, 96, 340), n_stages=6)
