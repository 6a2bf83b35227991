"""Shuffled time: the same segments in another order, and who notices."""

import numpy as np
import pytest
import torch

from book.experiments.architectures import time_order
from mtlib.base.errors import InputError
from mtlib.networks import models


def test_segments_are_kept_whole_and_the_rest_stays():
    x = torch.arange(2 * 3 * 11.0).reshape(2, 1, 3, 11)
    found = time_order.shuffle_segments(x, 3, np.random.default_rng(1))
    assert torch.equal(found[..., 9:], x[..., 9:])
    for clip, given in zip(found, x, strict=True):
        segments = {tuple(part.flatten().tolist()) for part in given[..., :9].split(3, 2)}
        assert {tuple(part.flatten().tolist()) for part in clip[..., :9].split(3, 2)} == segments
    assert not torch.equal(found[..., :9], x[..., :9])
    assert torch.equal(time_order.shuffle_segments(x, 1, np.random.default_rng(1)), x)
    again = time_order.shuffle_segments(x, 3, np.random.default_rng(1))
    assert torch.equal(again, found)


def test_a_sum_over_time_does_not_notice_and_a_recurrent_layer_does():
    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.mean((1, 2, 3))

    x = torch.randn(3, 1, 4, 12, generator=torch.Generator().manual_seed(0))
    shuffled = time_order.Shuffled(Mean(), 4)(x)
    torch.testing.assert_close(shuffled, Mean()(x))
    torch.manual_seed(0)
    network = models.CRNN((4, 4, 4, 4), (3, 3), n_tags=2).eval()
    in_order, orders = time_order.shuffle_steps(network, torch.randn(2, 1, 96, 1366), 5)
    assert in_order.shape == (2, 2) and orders.shape == (5, 2, 2)
    assert np.abs(orders - in_order).max() > 1e-4
    with torch.no_grad():
        network.gru1.recurrent.zero_()
        network.gru1.kernel.zero_()
    in_order, orders = time_order.shuffle_steps(network, torch.randn(2, 1, 96, 1366), 5)
    np.testing.assert_allclose(orders, np.broadcast_to(in_order, orders.shape), atol=1e-6)


def test_more_segments_than_frames_are_refused():
    with pytest.raises(InputError, match="frames must be at least 5, got 4"):
        time_order.shuffle_segments(torch.zeros(1, 1, 2, 4), 5, np.random.default_rng(0))
