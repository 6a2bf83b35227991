"""Deconvolution: adjoint of convolution, unpooling in place, every network, against a loop in SciPy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from torch.nn import functional as F

from book.experiments.understanding import deconvolution
from mtlib.base.errors import InputError
from mtlib.networks import layers, released, structures

NETWORKS = [
    ("compact", 5, {"n_frames": 340, "pool_first": False}),
    ("compact", 5, {"n_frames": 340, "pool_first": True}),
    ("k2c2", 5, {"n_frames": 340}),
    ("k1c2", 6, {"n_frames": 340}),
    ("k2c1", 7, {"n_frames": 340}),
    ("crnn", 6, {"n_frames": 340, "input_norm": True}),
    ("genre", 6, {"n_freq": 257, "n_frames": 173, "n_tags": 3}),
]
"""Structure, number of its layers, options; four maps a layer are enough for a loop in SciPy."""


def make(structure, n_layers, options):
    """A network with normalisations that do something, and a batch of inputs."""
    torch.manual_seed(0)
    network = structures.build(structure, layer_widths=(4,) * n_layers, **options).eval()
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            part.weight.data.normal_(1, 0.3)
            part.bias.data.normal_(0, 0.3)
    return network, torch.randn(2, 1, options.get("n_freq", 96), options["n_frames"])


@settings(max_examples=40)
@given(
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    maps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(5, 12), st.integers(5, 12)),
    collapse=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_deconvolution_is_the_adjoint_of_convolution(kernel, maps, size, collapse, seed):
    torch.manual_seed(seed)
    if collapse:
        kernel = (size[0], kernel[1])
    stage = layers.ConvStage(*maps, (1, 1), kernel=kernel, collapse_freq=collapse)
    torch.nn.init.zeros_(stage.conv.bias)
    x = torch.randn(1, maps[0], *size)
    with torch.no_grad():
        there = stage.convolve(x)
        y = torch.randn_like(there)
        back = deconvolution.transpose(stage, y, stage.conv.weight)
    assert back.shape == x.shape
    scale = float(there.norm() * y.norm())
    assert float((there * y).sum()) == pytest.approx(float((x * back).sum()), abs=1e-5 * max(scale, 1))


@settings(max_examples=40)
@given(
    pool=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    size=st.tuples(st.integers(4, 13), st.integers(4, 13)),
    seed=st.integers(0, 2**31),
)
def test_unpooling_puts_maxima_back_in_place(pool, size, seed):
    torch.manual_seed(seed)
    x = torch.randn(2, 3, *size)
    pooled, switches = F.max_pool2d(x, pool, return_indices=True)
    larger = deconvolution.unpool(pooled, switches, size)
    kept = larger != 0
    torch.testing.assert_close(larger[kept], x[kept])
    assert int(kept.sum()) == pooled.numel()
    again = F.max_pool2d(larger.where(kept, larger.new_tensor(-torch.inf)), pool)
    torch.testing.assert_close(again, pooled)


@pytest.mark.parametrize(("structure", "n_layers", "options"), NETWORKS)
def test_every_network_goes_forth_as_it_does_and_back_as_a_loop_does(structure, n_layers, options):
    network, x = make(structure, n_layers, options)
    traced = deconvolution.trace(network, x)
    with torch.no_grad():
        for step, maps in zip(traced.steps, network.feature_maps(x), strict=True):
            assert torch.equal(step.pooled, maps)
    for layer in range(1, len(traced.steps) + 1):
        images = deconvolution.deconvolve(traced, layer, [0, 2], clip=1)
        assert images.shape == (2, *x.shape[2:])
        for image, feature in zip(images, (0, 2), strict=True):
            expected = loop(traced, layer, feature, clip=1)
            assert np.abs(image.numpy() - expected).max() <= 1e-4 * np.abs(expected).max()


def loop(traced, layer, feature, clip):
    """One feature in NumPy and SciPy, kernel by kernel: an implementation of its own."""
    maps = None
    for i in range(layer - 1, -1, -1):
        step = traced.steps[i]
        kernels = step.kernels.detach().numpy().astype(np.float64)  # (map, before, freq, time)
        if maps is None:
            maps = np.zeros(step.pooled.shape[1:])
            maps[feature] = step.pooled[clip, feature].numpy()
        larger = np.zeros((len(maps), step.size[0] * step.size[1]))
        np.put_along_axis(larger, step.switches[clip].flatten(1).numpy(), maps.reshape(len(maps), -1), 1)
        larger = np.maximum(larger, 0).reshape(len(maps), *step.size)
        pad, skip = step.stage.conv.padding, step.stage.surplus
        before = traced.steps[i - 1].pooled.shape[2:] if i else None
        result = None
        for k in range(len(larger)):
            full = np.stack([signal.convolve2d(larger[k], kernel, "full") for kernel in kernels[k]])
            full = np.pad(full, ((0, 0), (skip[0], 0), (skip[1], 0)))  # what an even kernel left out
            full = full[:, pad[0] : full.shape[1] - pad[0], pad[1] : full.shape[2] - pad[1]]
            result = full if result is None else result + full
        assert before is None or result.shape[1:] == before
        maps = result
    image = maps[0] * traced.input_gain.numpy()
    return image[:, traced.n_padding : image.shape[1] - traced.n_padding]


def test_batches_change_nothing():
    network, x = make(*NETWORKS[0])
    traced = deconvolution.trace(network, x)
    whole = deconvolution.deconvolve(traced, 3)
    torch.testing.assert_close(whole, deconvolution.deconvolve(traced, 3, batch_size=3))


@torch.no_grad()
def test_without_biases_the_image_grows_with_the_input():
    """The genre network has no normalisation: twice the input gives the same switches and twice the image."""
    network, x = make(*NETWORKS[-1])
    for stage in network.stages:
        torch.nn.init.zeros_(stage.conv.bias)
    once, twice = (deconvolution.deconvolve(deconvolution.trace(network, x * k), 4, [1]) for k in (1, 2))
    torch.testing.assert_close(twice, 2 * once)


def test_the_network_that_normalises_with_its_batch(published):
    _, network = released.load("compact1")
    x = torch.randn(3, 1, 96, 1360)
    traced = deconvolution.trace(network, x)
    with torch.no_grad():
        assert torch.equal(traced.steps[-1].pooled, network.feature_maps(x)[-1])
        y = network.stages[0].convolve(x)
    expected = network.stages[0].norm.weight / (y.var((0, 2, 3), correction=0) + layers.EPSILON).sqrt()
    torch.testing.assert_close(traced.steps[0].gain, expected.detach())


def test_bad_input_is_told():
    network, x = make(*NETWORKS[0])
    with pytest.raises(InputError, match="training mode"):
        deconvolution.trace(network.train(), x)
    with pytest.raises(InputError, match="convolutional stages is needed, got Linear"):
        deconvolution.trace(torch.nn.Linear(1, 1), x)
    traced = deconvolution.trace(network.eval(), x)
    with pytest.raises(InputError, match="layer must lie between 1 and 5, got 6"):
        deconvolution.deconvolve(traced, 6)
    with pytest.raises(InputError, match="lie between 0 and 3, got \\[4\\]"):
        deconvolution.deconvolve(traced, 1, [4])
    with pytest.raises(InputError, match="clip must lie between 0 and 1, got 2"):
        deconvolution.deconvolve(traced, 1, clip=2)
