"""All features of all layers of the Keras 2 Compact-convnet: how long, and against a loop in NumPy and SciPy.

Run: ``PYTHONPATH=. python benchmarks/auralisation.py`` (a few minutes). The loop goes feature by feature and
kernel by kernel (`scipy.signal.convolve2d`), as the author's code does; both sides start from the same
activations and switches and end with the sound, original phase. Times are core-seconds of this process, which
other work on the machine hardly moves. The bars: 100x for a layer, 60 s on two cores for seven excerpts.
"""

import argparse
import time
from collections.abc import Callable

import librosa
import numpy as np
import torch
from scipy import signal

from mtlib import auralisation, deconvolution, excerpts, released


def seconds(function: Callable, *arguments) -> tuple[float, object]:
    """Call a function; return its core-seconds and its result."""
    started = time.process_time()
    result = function(*arguments)
    return time.process_time() - started, result


def convolve(maps: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Filter maps (before, freq, time) with kernels (after, before, 3, 3), one by one."""
    result = np.zeros((len(kernels), *maps.shape[1:]), np.float32)
    for after, row in enumerate(kernels):
        for before, kernel in enumerate(row):
            result[after] += signal.convolve2d(maps[before], kernel, mode="same")
    return result


def forward_loop(traced: deconvolution.Trace, image: np.ndarray) -> None:
    """Compute the maps kernel by kernel as well: what the loop pays once a layer before it goes back."""
    maps = image
    for step in traced.steps:
        kernels = step.kernels.detach().numpy()[:, :, ::-1, ::-1]
        maps = convolve(maps, kernels)
        (freq, over), pool = step.size, step.stage.pool.kernel_size
        freq, over = freq // pool[0], over // pool[1]
        maps = maps[:, : freq * pool[0], : over * pool[1]]
        maps = maps.reshape(len(maps), freq, pool[0], over, pool[1]).max((2, 4))


def feature_loop(traced: deconvolution.Trace, layer: int, feature: int) -> np.ndarray:
    """Deconvolve one feature, map by map and kernel by kernel."""
    maps = None
    for step in traced.steps[layer - 1 :: -1]:
        kernels, switches = step.kernels.detach().numpy(), step.switches[0].flatten(1).numpy()
        if maps is None:
            maps, kernels = step.pooled[0, [feature]].numpy(), kernels[[feature]]
            switches = switches[[feature]]
        larger = np.zeros((len(maps), step.size[0] * step.size[1]), np.float32)
        np.put_along_axis(larger, switches, np.maximum(maps.reshape(len(maps), -1), 0), 1)
        maps = convolve(larger.reshape(len(maps), *step.size), kernels.transpose(1, 0, 2, 3))
    return maps[0]


def sound_loop(image: np.ndarray, weights: np.ndarray, spectrum: np.ndarray, n_samples: int) -> np.ndarray:
    """Make one image audible with librosa; `numpy.sign` of a complex value is its phase, 0 where it is 0."""
    return librosa.istft(weights @ image * np.sign(spectrum), hop_length=256, length=n_samples)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=int, default=3, help="features a layer that the loop computes")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    n_samples = released.RELEASES["compact"].n_samples
    frontend, network = released.load("compact")
    analysis = auralisation.Analysis(frontend)

    def layer_sounds(traced: deconvolution.Trace, spectrum: torch.Tensor, layer: int) -> torch.Tensor:
        images = deconvolution.deconvolve(traced, layer)
        return auralisation.sound(images, spectrum, analysis, n_samples)

    def excerpt(name: str) -> tuple[deconvolution.Trace, torch.Tensor]:
        samples = torch.from_numpy(excerpts.load(name, n_samples))
        with torch.no_grad():
            return deconvolution.trace(network, frontend(samples)), analysis.transform(samples)

    traced, spectrum = excerpt("bach")
    layer_sounds(traced, spectrum, 1)  # warm
    weights, complex_spectrum = analysis.filters.numpy(), spectrum.numpy()
    forward = seconds(forward_loop, traced, np.zeros((1, 96, 1360), np.float32))[0]
    for layer in range(1, 6):
        traced, spectrum = excerpt("bach")  # nothing is kept from the layer before
        images_time, images = seconds(deconvolution.deconvolve, traced, layer)
        traced, spectrum = excerpt("bach")
        ours_time, sounds = seconds(layer_sounds, traced, spectrum, layer)
        back = hear = gap = 0.0
        looked = np.linspace(0, len(images) - 1, chosen.features).round().astype(int)
        for feature in looked:
            spent, image = seconds(feature_loop, traced, layer, int(feature))
            back += spent / len(looked)
            spent, sound = seconds(sound_loop, image, weights, complex_spectrum, n_samples)
            hear += spent / len(looked)
            scale = max(np.abs(image).max(), 1e-9), max(np.abs(sound).max(), 1e-9)
            gap = max(gap, np.abs(images[feature].numpy() - image).max() / scale[0],
                      np.abs(sounds[feature].numpy() - sound).max() / scale[1])  # fmt: skip
        n, loop = len(images), len(images) * (back + hear)
        print(f"layer {layer}, {n} features: images {n * back / images_time:.0f}x, ",
              f"with sound {loop / ours_time:.0f}x, ",
              f"with a forward pass a layer {(forward + loop) / ours_time:.0f}x, ",
              f"a feature {(n * forward + loop) / ours_time:.0f}x ",
              f"({1e3 * ours_time / n:.1f} ms against {1e3 * loop / n:.0f} ms a feature); ",
              f"largest difference {gap:.1e}", sep="", flush=True)  # fmt: skip
    spent = time.process_time()
    for name in excerpts.AUTHORS:
        traced, spectrum = excerpt(name)
        for layer in range(1, 6):
            layer_sounds(traced, spectrum, layer)
    print(f"all 160 features of seven excerpts, with sound: {time.process_time() - spent:.1f} core-seconds")


if __name__ == "__main__":
    main()
