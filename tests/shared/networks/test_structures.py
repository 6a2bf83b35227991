"""The named networks: counts and shapes of the thesis, options, and refusals."""

import csv

import pytest
import torch

from book.experiments.architectures import complexity
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.networks import layers, models, structures


def reference():
    """Counts computed independently of this package (data/thesis)."""
    with open(paths.DATA / "thesis" / "table_4a_parameter_counts.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", reference(), ids=lambda row: f"{row['structure']}-{row['budget_million']}")
def test_counts_are_those_of_table_4a(row):
    budget = float(row["budget_million"])
    found = complexity.describe(row["structure"], budget)
    assert found["parameters"] == int(row["total_with_bn"])
    assert found["parameters_without_normalisation"] == int(row["total_no_bn"])
    assert found["parameters_with_input_normalisation"] == int(row["total_with_bn_and_input_bn"])
    assert found["parameters_convolution"] == int(row["conv_params"])
    assert found["parameters_dense"] + found["parameters_recurrent"] == int(row["fc_or_rnn_params"])
    assert found["parameters_output"] == int(row["output_params"])
    assert found["multiply_adds"] == int(row["fwd_multiply_adds"])
    assert round(100 * found["convolution_share"], 1) == float(row["conv_share_pct"])
    shapes = ["x".join(map(str, layer["shape"])) for layer in found["layers"] if layer["kind"] == "ConvStage"]
    assert shapes == row["shapes_after_pool"].split()
    if row["structure"] != "crnn":
        assert found["activations"] == int(row["activation_elements"])
    if row["total_8_element_kernels_with_bn"]:
        longer = complexity.describe("k1c2", budget, kernel_time=8)
        assert longer["parameters"] == int(row["total_8_element_kernels_with_bn"])


@pytest.mark.parametrize("structure", structures.WITH_WIDTHS)
def test_the_input_normalisation_is_counted_as_it_is_built(structure):
    without = complexity.describe(structure, 0.1)
    assert without["parameters_with_input_normalisation"] == models.n_parameters(
        structures.build(structure, 0.1, input_norm=True)
    )
    assert without["parameters"] == models.n_parameters(structures.build(structure, 0.1))


SIZES = [
    (name, *size) for (name, freq), table in structures.POOLS.items() for size in [(freq, n) for n in table]
]


@pytest.mark.parametrize(("structure", "n_freq", "n_frames"), SIZES)
def test_every_size_in_the_table_trains(structure, n_freq, n_frames):
    torch.manual_seed(0)
    small = {"compact": (4,) * 5, "k1c2": (4,) * 6, "k2c1": (4,) * 7, "k2c2": (4,) * 5, "crnn": (4,) * 6}
    network = structures.build(
        structure, n_freq=n_freq, n_frames=n_frames, n_tags=3, layer_widths=small.get(structure, (4,) * 6)
    )
    x = torch.randn(2, 1, n_freq, n_frames)
    last = network.feature_maps(x)[-1]
    left = {"k1c2": (n_freq, 1), "genre": (8, 5)}.get(structure, (1, 1))
    left = (1, {1366: 15, 1360: 15, 340: 14}[n_frames]) if structure == "crnn" else left
    assert last.shape[2:] == left
    network(x).sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("structure", "n_freq", "n_frames", "shapes"),
    [
        ("compact", 96, 1360, "48×340 16×85 8×17 4×4 1×1"),
        ("compact", 96, 1366, "48×341 16×85 8×17 4×4 1×1"),
        ("compact", 257, 1360, "128×340 32×85 8×17 4×4 1×1"),
        ("k1c2", 96, 1360, "96×340 96×68 96×8 96×1"),
        ("k2c1", 96, 1360, "1×340 1×85 1×21 1×5 1×1"),
        ("k2c2", 96, 1360, "48×340 24×85 12×21 4×4 1×1"),
        ("crnn", 96, 1360, "48×720 16×240 4×60 1×15"),
        ("k1c2", 96, 340, "96×85 96×17 96×4 96×1"),
        ("k2c1", 96, 340, "1×85 1×21 1×4 1×2 1×1"),
        ("k2c2", 96, 340, "48×85 24×21 12×5 4×1 1×1"),
        ("crnn", 96, 340, "48×85 16×28 4×14 1×14"),
    ],
)
def test_shapes_stage_by_stage(structure, n_freq, n_frames, shapes):
    budget = None if structure == "compact" else 0.1
    found = complexity.describe(structure, budget, n_freq=n_freq, n_frames=n_frames)["layers"]
    stages = [layer["shape"] for layer in found if layer["kind"] == "ConvStage"]
    assert " ".join(f"{freq}×{time}" for _, freq, time in stages) == shapes


def test_receptive_fields_of_the_genre_network():
    found = complexity.describe("genre", n_freq=257, n_frames=173, n_tags=3)
    seen = [layer["receptive_field"] for layer in found["layers"] if layer["receptive_field"]]
    assert seen == [(n, n) for n in (3, 8, 18, 38, 78)]  # E58
    assert found["parameters"] == 148_355 + 2_564 * 256
    shapes = [layer["shape"] for layer in found["layers"]][:5]
    assert shapes == [(64, 128, 86), (64, 64, 43), (64, 32, 21), (64, 16, 10), (64, 8, 5)]


def test_a_receptive_field_is_what_a_value_reacts_to():
    torch.manual_seed(0)
    network = structures.build("genre", n_freq=257, n_frames=173, n_tags=3, layer_widths=(2, 2, 2, 2, 2, 2))
    stages = network.stages[:3]
    x = torch.randn(1, 1, 257, 173, requires_grad=True)
    inside = stages[2].convolve(stages[1](stages[0](x)))
    inside[0, :, 30, 20].sum().backward()
    touched = x.grad[0, 0].abs() > 0
    rows, columns = touched.any(1).nonzero(), touched.any(0).nonzero()
    assert rows.max() - rows.min() < 18 and columns.max() - columns.min() < 18
    wide = structures.build("k1c2", layer_widths=(2,) * 6, kernel_time=8)
    x = torch.randn(1, 1, 96, 1366, requires_grad=True)
    wide.stages[0].convolve(x)[0, :, 40, 100].sum().backward()
    frames = x.grad[0, 0, 40].nonzero().flatten()
    assert (frames.min().item(), frames.max().item()) == (97, 104)  # one further to the right


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_even_kernels_are_pytorchs_same_padding():
    torch.manual_seed(0)
    stage = layers.ConvStage(2, 3, (1, 1), kernel=(1, 4))
    x = torch.randn(1, 2, 5, 20)
    same = torch.nn.functional.conv2d(x, stage.conv.weight, stage.conv.bias, padding="same")
    torch.testing.assert_close(stage.convolve(x), same)


def test_counting_changes_nothing_and_works_for_the_released_networks():
    network = models.CRNN()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = complexity.layers(network, 96, 1366)
    assert sum(layer.parameters for layer in found) == 396_786
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training


def test_initial_weights_are_he_and_glorot():
    torch.manual_seed(0)
    network = structures.build("k2c1", 0.5)
    conv, dense = network.stages[1].conv, network.hidden[0].dense
    assert conv.weight.std().item() == pytest.approx((2 / (106 * 4)) ** 0.5, rel=0.02)
    limit = (6 / (212 + 212)) ** 0.5
    assert dense.weight.abs().max().item() == pytest.approx(limit, rel=0.01)
    assert not conv.bias.any() and not dense.bias.any()


def test_an_lstm_has_one_bias_a_gate():
    gru, lstm = (complexity.describe("crnn", 0.1, rnn=rnn)["parameters_recurrent"] for rnn in ("gru", "lstm"))
    assert lstm == gru / 3 * 4 == 4 * (60 * 30 + 30 * 30 + 30) + 4 * (30 * 30 * 2 + 30)
    torch.manual_seed(0)
    ours = layers.LSTM(4, 3)
    cell = torch.nn.LSTM(4, 3, batch_first=True)
    cell.load_state_dict(ours.cell.state_dict())
    x = torch.randn(2, 7, 4)
    torch.testing.assert_close(ours(x), cell(x)[0])
    assert ours.cell.bias_ih_l0[3:6].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: structures.build("vgg"), "unknown structure 'vgg'; choose one of compact, k1c2"),
        (
            lambda: structures.build("k2c2"),
            "budget of k2c2 must be one of 0.1, 0.25, 0.5, 1.0, 3.0, got None",
        ),
        (lambda: structures.build("k2c2", 0.2), "got 0.2"),
        (lambda: structures.build("compact", 0.1), "compact has no budgets"),
        (lambda: structures.build("k2c2", 0.1, n_frames=400), "it takes 96×1366, 96×1360, 96×340"),
        (lambda: structures.build("k2c2", 0.1, kernel_time=8), "kernel_time is an option of k1c2"),
        (lambda: structures.build("k2c2", 0.1, rnn="lstm"), "rnn is an option of crnn"),
        (lambda: structures.build("crnn", 0.1, rnn="elman"), "rnn must be one of gru, lstm"),
        (lambda: structures.build("compact", layer_widths=(4, 4)), "compact has 5 layers, got 2 widths"),
        (lambda: structures.build("k1c2", 0.1)(torch.zeros(1, 1, 96, 340)), "input must be"),
        (
            lambda: structures.build("k2c2", 0.1, input_norm=True)(torch.zeros(1, 1, 96, 1400)),
            "takes 1366 frames",
        ),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(InputError, match=words):
        call()
