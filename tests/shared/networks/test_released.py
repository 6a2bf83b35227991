"""The author's networks on the author's files: golden values he published, and the two readings."""

import csv
from collections import defaultdict

import numpy as np
import pytest
import torch

from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.base.tags import TAGS
from mtlib.networks import keras, models, released

CLIPS = ("bensound-cute", "bensound-actionable", "bensound-dubstep", "bensound-thejazzpiano")
TAGGER = "music-auto_tagging-keras"


@pytest.fixture(scope="module")
def arrays(published) -> torch.Tensor:
    """The author's log-mel arrays of the four clips, (4, 1, 96, 1366)."""
    files = [published / TAGGER / "data" / f"{clip}.npy" for clip in CLIPS]
    return torch.from_numpy(np.concatenate([np.load(f, allow_pickle=False) for f in files])).float()


@pytest.fixture(scope="module")
def scores() -> dict[str, dict[str, float]]:
    """The ten scores a clip that the author published."""
    expected = defaultdict(dict)
    with open(paths.DATA / "thesis" / "author_expected_tags.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            expected[row["clip"]][row["tag"]] = float(row["score"])
    return expected


@torch.inference_mode()
def test_the_crnn_gives_the_published_scores(arrays, scores):
    _, network = released.load("crnn")
    for clip, probs in zip(CLIPS, torch.sigmoid(network(arrays)), strict=True):
        top = [TAGS[i] for i in probs.argsort(descending=True)[:10]]
        assert set(top[:5]) == set(list(scores[clip])[:5])
        for tag, score in scores[clip].items():
            assert probs[TAGS.index(tag)].item() == pytest.approx(score, abs=1e-3), (clip, tag)


def stage_ratios(network, x) -> list[float]:
    """Median over maps of measured over stored variance of every convolution's output."""
    if isinstance(network, models.CRNN):
        x = torch.nn.functional.pad(x, (network.n_padding, network.n_padding))
    x = network.input_norm(x)
    ratios = []
    for stage in network.stages:
        ratios.append((stage.conv(x).var((0, 2, 3)) / stage.norm.running_var).median().item())
        x = stage(x)
    return ratios


@torch.inference_mode()
@pytest.mark.parametrize("name", ["crnn", "cnn"])
def test_the_stored_spread_is_a_standard_deviation_of_standardised_input(name, arrays):
    weights = keras.read(paths.published() / released.RELEASES[name].artifact)
    build = {"crnn": released.crnn, "cnn": released.cnn}[name]
    standardised = (arrays - arrays.mean((1, 2, 3), keepdim=True)) / arrays.std((1, 2, 3), keepdim=True)
    as_trained = stage_ratios(build(weights, stored="deviation"), standardised)
    assert all(0.7 < ratio < 1.6 for ratio in as_trained), as_trained
    as_published = stage_ratios(build(weights, stored="variance"), arrays)
    assert max(as_published) > 1e4, as_published


@torch.inference_mode()
def test_both_tagger_networks_as_trained_agree_on_what_is_heard(arrays):
    standardised = (arrays - arrays.mean((1, 2, 3), keepdim=True)) / arrays.std((1, 2, 3), keepdim=True)
    for name in ("crnn_trained", "cnn"):
        _, network = released.load(name)
        tops = [TAGS[i] for i in torch.sigmoid(network(standardised)).argmax(1)]
        assert tops == ["jazz", "rock", "electronic", "jazz"], name


@torch.inference_mode()
def test_the_tags_of_the_keras_1_compact_convnet_depend_on_the_batch(arrays):
    _, network = released.load("compact1")
    inputs = arrays[..., :1360]
    alone = torch.sigmoid(torch.cat([network(x[None]) for x in inputs]))
    together = torch.sigmoid(network(inputs))
    assert (alone - together).abs().amax(1).min() > 0.02
    _, stored = released.load("compact")
    torch.testing.assert_close(torch.cat([stored(x[None]) for x in inputs]), stored(inputs), atol=1e-3, rtol=0)


def test_unknown_names_and_readings_are_told(published):
    with pytest.raises(InputError, match="unknown released network 'lstm'; choose one of compact"):
        released.load("lstm")
    with pytest.raises(InputError, match="stored must be 'variance' or 'deviation'"):
        released.crnn(keras.read(published / released.RELEASES["crnn"].artifact), stored="std")
