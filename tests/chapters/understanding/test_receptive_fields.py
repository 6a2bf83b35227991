"""Receptive fields: Table 7-A both ways, the recursion against a probe, the effective field inside it."""

import csv

import numpy as np
import pytest
import torch

from book.experiments.architectures import complexity
from book.experiments.understanding import receptive_fields
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.networks import structures


def printed():
    with open(paths.DATA / "thesis" / "table_7a_effective_kernel_sizes.csv", encoding="utf-8") as file:
        return [(int(r["effective_width_ms"]), int(r["effective_height_hz"])) for r in csv.DictReader(file)]


def test_table_7a_both_ways():
    exact = receptive_fields.exact([(3, 3)] * 5, [(2, 2)] * 5)
    assert exact == [(n, n) for n in (3, 8, 18, 38, 78)]
    ms = [round(receptive_fields.milliseconds(t, sample_rate=11_025)) for _, t in exact]
    hz = [round(receptive_fields.hertz(f, sample_rate=11_025)) for f, _ in exact]
    assert ms == [93, 209, 441, 906, 1834] and hz == [65, 172, 388, 818, 1680]
    rule = [receptive_fields.thesis_rule(k) for k in range(1, 6)]
    for (width, height), n in zip(printed(), rule, strict=True):
        assert width == pytest.approx(1000 * n * 256 / 11_025, abs=1)
        if height != 1270:  # erratum E59
            assert height == pytest.approx(receptive_fields.hertz(n, sample_rate=11_025), abs=1)
    assert round(receptive_fields.hertz(rule[-1], sample_rate=11_025)) == 1055


@pytest.mark.parametrize(("name", "n_frames"), [("compact", 1360), ("k2c2", 1366), ("k1c2", 1366)])
def test_the_recursion_is_that_of_the_complexity_table(name, n_frames):
    network = structures.build(name, None if name == "compact" else 0.1, n_frames=n_frames)
    kernels = [stage.conv.kernel_size for stage in network.stages]
    expected = [
        row.receptive_field for row in complexity.layers(network, 96, n_frames) if row.receptive_field
    ]
    assert receptive_fields.exact(kernels, network.pools) == expected


def test_the_effective_field_lies_inside_the_exact_one():
    torch.manual_seed(0)
    network = structures.build("compact", n_frames=340).eval()
    limits = receptive_fields.exact([(3, 3)] * 5, network.pools)
    x = torch.randn(2, 1, 96, 340)
    for layer in (1, 2, 3):
        energy = receptive_fields.effective(network, x, layer)
        assert energy.shape == (96, 340) and energy.sum() == pytest.approx(1)
        freq, time = np.nonzero(energy)
        reach = (np.ptp(freq) + 1, np.ptp(time) + 1)
        assert all(a <= b for a, b in zip(reach, limits[layer - 1], strict=True))
        size = receptive_fields.effective_size(energy)
        assert all(0 < a <= b for a, b in zip(size, reach, strict=True))


def test_the_effective_size_of_a_known_field():
    energy = np.zeros((10, 20))
    energy[4:7, 5:15] = 1
    assert receptive_fields.effective_size(energy, 0.95) == (3, 10)
    assert receptive_fields.effective_size(energy, 0.5) == (2, 5)


def test_bad_input_is_told():
    with pytest.raises(InputError, match="one kernel and one pooling a stage, got 2 and 1"):
        receptive_fields.exact([(3, 3)] * 2, [(2, 2)])
    with pytest.raises(InputError, match="layer must be at least 1, got 0"):
        receptive_fields.thesis_rule(0)
    with pytest.raises(InputError, match="share must lie between 0 and 1, got 1"):
        receptive_fields.effective_size(np.ones((2, 2)), 1)
