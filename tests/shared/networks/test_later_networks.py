"""Later networks against a second implementation, and the order of their tags against real music.

It takes seconds of a CPU: eight networks run twice on real clips.
"""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from mtlib.base.errors import InputError
from mtlib.base.tags import TAGS
from mtlib.networks import later as networks
from mtlib.networks import tagging
from mtlib.signal import audio

FIVE = ("fcn-msd", "crnn-msd", "musicnn-mtat")
"""One network of each structure is compared on all five clips, its siblings on one."""

LISTED = """
downtempo ambient rock synthesizer atmospheric indie electricpiano newage strings drums
drummachine techno guitar alternative easylistening instrumentalpop chillout metal happy lounge
reggae popfolk orchestral acousticguitar poprock piano trance dance electricguitar soundtrack
house hiphop classical energetic electronic world experimental violin folk emotional voice
keyboard pop bass computer film triphop jazz funk relaxing
""".split()  # noqa: SIM905
"""MTG-Jamendo's tags in the order of the list in the authors' code."""


@pytest.fixture(scope="module")
def clips(later):
    """Five real clips at 16 kHz, (5, 464000) float32."""
    files = sorted((later / "data/audio").glob("*.ogg"))
    loaded = [audio.load(file, sample_rate=16_000, seconds=29.0) for file in files]
    return np.stack([audio.fit_length(samples, 464_000, short="repeat") for samples in loaded])


def state_of(folder, name):
    structure, dataset = name.split("-")
    path = f"sota-music-tagging-models/sota_music_taggers/models/{dataset}/{structure}/best_model.pth"
    state = torch.load(folder / path, map_location="cpu", weights_only=True)
    return {key: value.numpy() for key, value in state.items()}


def normalised(x, state, name):
    """Batch normalisation over axis 1, by its formula."""
    shape = [1, -1] + [1] * (x.ndim - 2)
    mean, var, gain, offset = (
        state[f"{name}.{part}"].reshape(shape) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * gain + offset


def image(samples, state):
    """Decibels of a mel-spectrogram, frame by frame with NumPy, normalised: (1, 1, 96, frame)."""
    padded = np.pad(samples.astype(np.float64), 256, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 512)[::256]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    power = np.abs(np.fft.rfft(frames * window)) ** 2  # (frame, 257)
    mel = (power @ state["spec.mel_scale.fb"]).T  # (96, frame)
    return normalised(10 * np.log10(np.maximum(mel, 1e-10))[None, None], state, "spec_bn")


def layer(x, state, name, **options):
    """Convolution (PyTorch's), normalisation, ReLU."""
    convolve = F.conv2d if x.ndim == 4 else F.conv1d
    weight, bias = (torch.from_numpy(state[f"{name}.conv.{part}"]) for part in ("weight", "bias"))
    made = convolve(torch.from_numpy(np.ascontiguousarray(x, np.float32)), weight, bias, **options).numpy()
    return np.maximum(normalised(made, state, f"{name}.bn"), 0)


def pooled(x, freq, time):
    """Max-pooling whose remainder is dropped."""
    _, n, height, width = x.shape
    x = x[:, :, : height // freq * freq, : width // time * time]
    return x.reshape(1, n, height // freq, freq, width // time, time).max((3, 5))


def gru(steps, state, number):
    """PyTorch's GRU by its equations: (step, n_in) to (step, n_hidden)."""
    w_in, w_state, b_in, b_state = (
        state[f"layer5.{part}_l{number}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h, states = np.zeros(w_state.shape[1]), []
    for step in steps:
        i, s = (w_in @ step + b_in).reshape(3, -1), (w_state @ h + b_state).reshape(3, -1)
        reset, update = (1 / (1 + np.exp(-(i[k] + s[k]))) for k in (0, 1))
        h = (1 - update) * np.tanh(i[2] + reset * s[2]) + update * h
        states.append(h)
    return np.array(states)


def second_implementation(samples, state, structure):
    """Probabilities (50,) straight from the stored values."""
    x = image(samples, state)
    if structure == "musicnn":
        high = [layer(x, state, f"layers.{k}", padding=(0, 3)).max(2) for k in (0, 1)]
        wide = [
            layer(x.mean(2), state, f"layers.{k}", padding=n // 2) for k, n in ((2, 129), (3, 65), (4, 33))
        ]
        first = np.concatenate(high + wide, 1)
        a = layer(first, state, "layer1", padding=3)
        b = layer(a, state, "layer2", padding=3) + a
        c = layer(b, state, "layer3", padding=3) + b
        every = np.concatenate([first, a, b, c], 1)
        x = np.concatenate([every.max(2), every.mean(2)], 1) @ state["dense1.weight"].T + state["dense1.bias"]
        last, dense = np.maximum(normalised(x, state, "bn"), 0)[0], "dense2"
    else:
        pools = {"fcn": ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4)), "crnn": ((2, 2), (3, 3), (4, 4), (4, 4))}
        for k, pool in enumerate(pools[structure], start=1):
            x = pooled(layer(x, state, f"layer{k}", padding=1), *pool)
        last, dense = x[0, :, 0, 0], "dense"
        if structure == "crnn":
            last = gru(gru(x[0, :, 0].T, state, 0), state, 1)[-1]
    return 1 / (1 + np.exp(-(state[f"{dense}.weight"] @ last + state[f"{dense}.bias"])))


@pytest.mark.parametrize("name", networks.NAMES)
@torch.inference_mode()
def test_outputs_equal_those_of_a_second_implementation(name, later, clips):
    structure = name.split("-")[0]
    frontend, network = networks.load(name)
    chosen = clips[: 5 if name in FIVE else 1, : networks.N_SAMPLES[structure]]
    ours = torch.sigmoid(network(frontend(torch.from_numpy(chosen)))).numpy()
    state = state_of(later, name)
    theirs = np.stack([second_implementation(samples, state, structure) for samples in chosen])
    np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)
    assert np.ptp(ours, axis=1).min() > 0.05  # not one value for all tags


GENRES = {
    "fcn-msd": {"blues": "blues", "hiphop": "Hip-Hop", "jazz": "jazz", "metal": "metal"},
    "musicnn-mtat": {"classical": "classical", "metal": "metal", "rock": "rock"},
    "musicnn-jamendo": {g: g for g in ("classical", "hiphop", "jazz", "metal", "reggae")},
}


def tag_separation(name, folder):
    """Area of every output for every genre that has a tag, on three excerpts of each: (genre, 50)."""
    tagger, every = (
        tagging.load_model(name),
        ("blues", "classical", "hiphop", "jazz", "metal", "reggae", "rock"),
    )
    probs, genres = [], []
    for genre in every:
        for file in sorted((folder / "gtzan_99_excerpts" / genre).glob("*.wav"))[:3]:
            samples = audio.load(file, sample_rate=tagger.sample_rate, seconds=12.0)
            probs.append(tagging.tag_samples(samples, tagger).mean(0))
            genres.append(genre)
    probs = np.stack(probs)
    return tagger.tags, np.array([
        [roc_auc_score(np.array(genres) == genre, column) for column in probs.T] for genre in GENRES[name]
    ])  # fmt: skip


@pytest.mark.parametrize("name", GENRES)
def test_the_order_of_the_tags_is_that_which_hears_genres(name, later, real):
    tags, areas = tag_separation(name, real)
    rows = np.arange(len(areas))

    def mean_area(order):
        return areas[rows, [order.index(tag) for tag in GENRES[name].values()]].mean()

    given, rng = mean_area(list(tags)), np.random.default_rng(0)
    others = [mean_area(list(rng.permutation(tags))) for _ in range(2000)]
    assert given > 0.9 and given > max(others)
    if name == "musicnn-jamendo":
        assert sorted(LISTED) == sorted(tags) and mean_area(LISTED) < 0.75


def test_the_tags_of_each_dataset():
    assert networks.TAGS["msd"] == TAGS
    for dataset in ("mtat", "jamendo"):
        assert len(set(networks.TAGS[dataset])) == 50


def test_an_unknown_name_is_told():
    with pytest.raises(InputError, match=r"unknown network 'musicnn-msd'; choose one of .*fcn-msd"):
        networks.load("musicnn-msd")
