"""Features: the same alone and in company, the values of an independent computation, files in and out."""

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import soundfile
import torch
from click.testing import CliRunner

import toy
from mtlib.__main__ import program
from mtlib.base.errors import InputError
from mtlib.networks import structures
from mtlib.signal import frontend
from mtlib.training import features


def music(n_clips, n_samples, seed=0):
    """Clips of decaying tones, unlike each other."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(n_samples) / 12_000
    hertz = rng.uniform(100, 4000, (n_clips, 6, 1))
    envelope = np.exp(-((seconds * rng.uniform(1, 5, (n_clips, 6, 1))) % 1) * 6)
    return (0.1 * np.sin(2 * np.pi * hertz * seconds) * envelope).sum(1).astype(np.float32)


@pytest.fixture(scope="module")
def small():
    """A network for 7.25 s, so that a hundred clips take seconds."""
    torch.manual_seed(0)
    network = structures.build("compact", n_frames=340, layer_widths=(4,) * 5).eval()
    return features.Extractor("small", frontend.compact_frontend(), network, 87_000)


def test_a_hundred_clips_alone_and_in_batches(small):
    clips = music(100, small.n_samples)
    alone = np.concatenate([features.convnet_features(clip[None], small) for clip in clips])
    together = np.concatenate([features.convnet_features(clips[i : i + 25], small) for i in range(0, 100, 25)])
    assert alone.shape == (100, 20) and alone.std(0).max() > 0.01
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_released_networks_alone_and_in_batches(published):
    for name, spoiled in (("compact", False), ("compact1", True)):  # the second one's fault
        extractor = features.extractor(name)
        clips = music(3, extractor.n_samples)
        together = features.convnet_features(clips, extractor)
        alone = np.concatenate([features.convnet_features(clip[None], extractor) for clip in clips])
        assert together.shape == (3, 160) and list(extractor.layers[[0, 31, 32, -1]]) == [1, 1, 2, 5]
        assert (np.abs(together - alone).max() > 0.1) == spoiled, name
        assert spoiled or np.abs(together - alone).max() < 1e-4


def test_layers_are_averages_after_or_before_pooling(small):
    x = torch.randn(2, 1, 96, 340)
    with torch.no_grad():
        maps = small.network.feature_maps(x)
        after = features.stage_summaries(small.network, x)
        before = features.stage_summaries(small.network, x, summary="mean before pooling")
        maxima = features.stage_summaries(small.network, x, summary="max")
        first = small.network.stages[0]
        inside = torch.nn.functional.elu(first.norm(first.conv(x)))
    np.testing.assert_allclose(after[:, 4:8], maps[1].mean((2, 3)), atol=1e-6)
    np.testing.assert_allclose(after[:, 16:], maps[4].amax((2, 3)), atol=1e-6)
    np.testing.assert_allclose(before[:, :4], inside.mean((2, 3)), atol=1e-6)
    np.testing.assert_array_equal(maxima[:, 4:8], maps[1].amax((2, 3)))
    assert (before[:, :16] < after[:, :16]).all()  # a maximum is above the mean of what it is taken from
    np.testing.assert_array_equal(before[:, 16:], after[:, 16:])


def test_mfcc_statistics_equal_an_independent_computation():
    clip = music(1, 50_000)[0]
    padded = np.pad(clip, 1024)
    starts = range(0, len(padded) - 2047, 512)
    window = scipy.signal.get_window("hann", 2048)
    power = np.abs(np.fft.rfft(np.stack([padded[i : i + 2048] * window for i in starts]))) ** 2
    filters = frontend.mel_filterbank(128, n_fft=2048, sample_rate=12_000).double().numpy()
    decibels = 10 * np.log10(np.maximum(power @ filters, 1e-10))
    mfcc = scipy.fft.dct(np.maximum(decibels, decibels.max() - 80), norm="ortho")[:, :20].T
    rows = [mfcc] + [scipy.signal.savgol_filter(mfcc, 9, polyorder=n, deriv=n) for n in (1, 2)]
    expected = np.concatenate([np.concatenate(rows).mean(1), np.concatenate(rows).std(1)])
    found = features.mfcc_statistics(clip)
    assert found.shape == (120,) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3, rtol=1e-4)


def test_random_weights_follow_their_seed():
    one, same, other = (features.extractor("random", seed) for seed in (1, 1, 2))
    weights = [next(item.network.parameters()) for item in (one, same, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert one.network.stages[2].conv.weight.detach().std() == pytest.approx(np.sqrt(2 / (9 * 32)), rel=0.05)


def test_features_of_a_corpus_are_kept(tones_home, small, monkeypatch):
    corpus = toy.corpus.Corpus.open("tones")
    first = features.of_corpus(corpus, small, range(2))
    np.testing.assert_allclose(first, features.convnet_features(corpus.batch(range(2)), small), atol=1e-5)
    monkeypatch.setattr(features, "convnet_features", None)  # a second time nothing is computed
    np.testing.assert_array_equal(features.of_corpus(corpus, small, range(2)), first)
    statistics = features.of_corpus(corpus, None, [3])
    np.testing.assert_array_equal(statistics[0], features.mfcc_statistics(corpus.clip(3)))
    wrong = features.Extractor("other", small.frontend, small.network, 87_000, 11_025)
    with pytest.raises(InputError, match="other takes 11025 Hz, corpus tones has 12000"):
        features.of_corpus(corpus, wrong)


def test_bad_input_is_told(small):
    with pytest.raises(InputError, match=r"samples must be \(batch, 87000\) for small, got \(2, 100\)"):
        features.convnet_features(np.zeros((2, 100), np.float32), small)
    with pytest.raises(InputError, match="summary must be one of mean, mean before pooling, max, got 'sum'"):
        features.convnet_features(music(1, 87_000), small, summary="sum")
    with pytest.raises(InputError, match=r"at least one value, got shape \(0,\)"):
        features.mfcc_statistics(np.zeros(0, np.float32))
    with pytest.raises(InputError, match="no features from 'nothing'; choose compact"):
        features.find("nothing")
    assert np.isfinite(features.mfcc_statistics(music(1, 700)[0])).all()  # shorter than nine frames


def test_the_command_describes_a_folder(tmp_path):
    for name, clip in zip(("a.wav", "b.wav"), music(2, 30_000), strict=True):
        soundfile.write(tmp_path / name, clip, 12_000)
    output = tmp_path / "features.npz"
    arguments = ["features", str(tmp_path), "-o", str(output), "--network", "mfcc"]
    assert CliRunner().invoke(program, arguments).exit_code == 0
    with np.load(output) as file:
        assert [name[-5:] for name in file["files"]] == ["a.wav", "b.wav"]
        kept = file["features"]
    expected = features.of_windows(tmp_path / "a.wav", None)[0][0]
    np.testing.assert_array_equal(kept[0], expected)
    soundfile.write(tmp_path / "c.wav", np.zeros(100_000), 1)
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 1 and "c.wav" in result.output and "1 files are left out" in result.output
    result = CliRunner().invoke(program, ["features", str(tmp_path), "-o", str(tmp_path / "no" / "f.npz")])
    assert result.exit_code == 1 and "name an .npz file in a folder that exists" in result.output
    result = CliRunner().invoke(program, [*arguments[:4], "--network", "compact1"])
    assert result.exit_code == 1 and "normalises with the batch" in result.output


def test_a_long_file_is_described_from_its_beginning_or_window_by_window(tmp_path):
    clip, n = music(1, 1_000_000)[0], features.window(None)[0]  # two windows and most of a third
    soundfile.write(tmp_path / "long.wav", clip, 12_000, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", clip[:30_000], 12_000, subtype="FLOAT")
    line = ["features", str(tmp_path), "-o", str(tmp_path / "f.npz"), "--network", "mfcc"]
    output = CliRunner().invoke(program, line).output
    assert "2 files, 2 rows of 120 values" in output and "longer files: 1; their first 29 s are described" in output
    output = CliRunner().invoke(program, [*line, "--windows", "all"]).output
    assert "2 files, 4 rows of 120 values" in output and "longer" not in output
    with np.load(tmp_path / "f.npz") as file:
        assert [name.rpartition("/")[2] for name in file["files"]] == ["long.wav"] * 3 + ["short.wav"]
        assert file["starts"] == pytest.approx([0, n / 12_000, 2 * n / 12_000, 0])
        for row, start in zip(file["features"], (0, n, 2 * n), strict=False):
            np.testing.assert_allclose(row, features.mfcc_statistics(clip[start : start + n]), rtol=1e-4, atol=1e-4)


def test_the_command_uses_a_network(tmp_path, published):
    soundfile.write(tmp_path / "a.wav", music(1, 50_000)[0], 12_000)
    output = tmp_path / "features.npz"
    assert CliRunner().invoke(program, ["features", str(tmp_path), "-o", str(output)]).exit_code == 0
    with np.load(output) as file:
        assert file["features"].shape == (1, 160) and str(file["extractor"]) == "compact"
        assert list(np.bincount(file["layers"])) == [0, 32, 32, 32, 32, 32]
