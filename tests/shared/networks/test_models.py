"""The structures: shapes, parameter counts, and recurrent units against PyTorch's."""

import pytest
import torch

from mtlib.base.errors import InputError
from mtlib.networks import layers, models


def test_parameter_counts_are_those_of_the_thesis_and_the_release():
    assert models.n_parameters(models.Convnet()) == 39_282  # 37,312 convolutions, 320 norms, 1,650 output
    assert models.n_parameters(models.CRNN()) == 396_786
    tagger = models.Convnet((32, 128, 128, 192, 256), models.CNN5_POOLS, n_frames_normalised=1366)
    assert models.n_parameters(tagger) == 865_950


def test_shapes_of_the_compact_convnet():
    shapes = [(48, 340), (16, 85), (8, 17), (4, 4), (1, 1)]
    assert models.stage_shapes(96, 1360, models.COMPACT_POOLS["mel"]) == shapes
    maps = models.Convnet().eval().feature_maps(torch.zeros(1, 1, 96, 1360))
    assert [tuple(m.shape[1:]) for m in maps] == [(32, *shape) for shape in shapes]


def test_the_printed_pooling_fits_the_stft_only():
    printed = models.COMPACT_POOLS["stft"]
    assert models.stage_shapes(257, 1360, printed)[-1] == (1, 1)
    assert models.stage_shapes(96, 1360, printed)[-1] == (0, 1)
    with pytest.raises(InputError, match="leaves an empty map"):
        models.Convnet(pools=printed)(torch.zeros(1, 1, 96, 1360))


def test_the_keras_gru_is_pytorchs_where_the_two_agree():
    """With the gates open (z = 0, r = 1) both compute h = tanh(W x + U h)."""
    torch.manual_seed(0)
    ours = layers.KerasGRU(4, 3)
    with torch.no_grad():
        ours.kernel[:, :6] = 0
        ours.recurrent[:, :6] = 0
        ours.bias[:] = torch.tensor([-9.0] * 3 + [9.0] * 3 + [0.1] * 3)
    theirs = torch.nn.RNN(4, 3, batch_first=True)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.kernel[:, 6:].T)
        theirs.weight_hh_l0.copy_(ours.recurrent[:, 6:].T)
        theirs.bias_ih_l0.copy_(ours.bias[6:])
        theirs.bias_hh_l0.zero_()
    x = torch.randn(2, 7, 4)
    torch.testing.assert_close(ours(x), theirs(x)[0], atol=1e-6, rtol=0)


def test_the_keras_gru_resets_before_the_recurrent_product():
    ours = layers.KerasGRU(1, 1)
    with torch.no_grad():
        ours.kernel[:] = torch.tensor([[0.5, -1.0, 2.0]])
        ours.recurrent[:] = torch.tensor([[1.0, 0.5, -1.5]])
        ours.bias[:] = torch.tensor([0.1, 0.2, 0.3])
    h, states = 0.0, []
    for x in (1.0, -2.0, 0.5):
        z = min(max(0.2 * (0.5 * x + 0.1 + 1.0 * h) + 0.5, 0), 1)
        r = min(max(0.2 * (-1.0 * x + 0.2 + 0.5 * h) + 0.5, 0), 1)
        candidate = torch.tanh(torch.tensor(2.0 * x + 0.3 - 1.5 * (r * h))).item()
        h = z * h + (1 - z) * candidate
        states.append(h)
    got = ours(torch.tensor([[[1.0], [-2.0], [0.5]]]))[0, :, 0]
    torch.testing.assert_close(got, torch.tensor(states), atol=1e-6, rtol=0)


def test_pooling_first_gives_the_same_function_where_every_gain_is_positive():
    torch.manual_seed(0)
    last, first = (layers.ConvStage(1, 4, (2, 2)).eval(), layers.ConvStage(1, 4, (2, 2), pool_first=True).eval())
    first.load_state_dict(last.state_dict())
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(last(x), first(x))
    for stage in (last, first):
        stage.norm.weight.data[0] = -1.0
    assert not torch.allclose(last(x), first(x))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.ConvStage(1, 0, (2, 2)), "n_out must be at least 1, got 0"),
        (lambda: models.Convnet((8, 8)), "one value a stage, got 2 and 5"),
        (lambda: models.Convnet()(torch.zeros(1, 96, 1360)), "must be"),
        (lambda: models.CRNN()(torch.zeros(1, 1, 96, 1360)), "takes 1366 frames, got 1360"),
    ],
)
def test_bad_input_is_told(make, words):
    with pytest.raises(InputError, match=words):
        make()
