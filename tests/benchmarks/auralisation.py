"""All features of all layers of the Keras 2 Compact-convnet: how long, and against a loop in NumPy and SciPy.

Run: ``PYTHONPATH=. python tests/benchmarks/auralisation.py`` (a few minutes). The loop goes feature by
feature and kernel by kernel (`scipy.signal.convolve2d`), as the author's code does; both sides start from
the same activations and switches and end with the sound, original phase. Times of single layers are
core-seconds of this process, which other work on the machine hardly moves. At the end the whole job,
seven excerpts by two processes, is set against what the loop needs for it, one feature after another.
Three loops are told apart: one that is given the way forth, one that computes it once a layer (as the
author's code), and the plainest, which goes from sound to sound for every feature. The bars: 100x, and 60
s on two cores for seven excerpts.
"""

import argparse
import time
from collections.abc import Callable

import librosa
import numpy as np
import torch
from joblib import Parallel, delayed
from scipy import signal

from book.experiments.understanding import auralisation, deconvolution, listening
from mtlib.networks import released


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


def forward_loop(traced: deconvolution.Trace, layer: int) -> None:
    """Compute the maps up to a layer, kernel by kernel as well; values make no difference to the time."""
    maps = np.zeros((1, 96, 1360), np.float32)
    for step in traced.steps[:layer]:
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


def layer_sounds(
    traced: deconvolution.Trace, spectrum: torch.Tensor, layer: int, analysis: auralisation.Analysis
) -> torch.Tensor:
    """Make all features of a layer audible."""
    images = deconvolution.deconvolve(traced, layer)
    return auralisation.sound(images, spectrum, analysis, released.RELEASES["compact"].n_samples)


def excerpt(name: str) -> tuple[deconvolution.Trace, torch.Tensor, auralisation.Analysis]:
    """Run the network on an excerpt; return its way forth, the spectrum and the analysis."""
    torch.set_num_threads(1)
    frontend, network = released.load("compact")
    analysis = auralisation.Analysis(frontend)
    samples = torch.from_numpy(listening.load(name, released.RELEASES["compact"].n_samples))
    with torch.no_grad():
        return deconvolution.trace(network, frontend(samples)), analysis.transform(samples), analysis


def all_sounds(name: str) -> float:
    """Make all 160 features of an excerpt audible; return the core-seconds it took."""
    started = time.process_time()
    traced, spectrum, analysis = excerpt(name)
    for layer in range(1, 6):
        layer_sounds(traced, spectrum, layer, analysis)
    return time.process_time() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=int, default=3, help="features a layer that the loop computes")
    chosen = parser.parse_args()
    n_samples = released.RELEASES["compact"].n_samples
    traced, spectrum, analysis = excerpt("bach")
    layer_sounds(traced, spectrum, 1, analysis)  # warm
    weights, complex_spectrum = analysis.filters.numpy(), spectrum.numpy()
    loops = np.zeros(3)
    for layer in range(1, 6):
        traced, spectrum, _ = excerpt("bach")  # nothing is kept from the layer before
        images_time, images = seconds(deconvolution.deconvolve, traced, layer)
        traced, spectrum, _ = excerpt("bach")
        ours_time, sounds = seconds(layer_sounds, traced, spectrum, layer, analysis)
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
        forward = seconds(forward_loop, traced, layer)[0]
        n, loop = len(images), len(images) * (back + hear)
        print(f"layer {layer}, {n} features: images {n * back / images_time:.0f}x, ",
              f"with sound {loop / ours_time:.0f}x, ",
              f"with a forward pass a layer {(forward + loop) / ours_time:.0f}x, ",
              f"a feature {(n * forward + loop) / ours_time:.0f}x ",
              f"({1e3 * ours_time / n:.1f} ms against {1e3 * loop / n:.0f} ms a feature); ",
              f"largest difference {gap:.1e}", sep="", flush=True)  # fmt: skip
        loops += loop, forward + loop, n * forward + loop
    pool = Parallel(n_jobs=2, batch_size=1)
    pool(delayed(excerpt)("bach") for _ in range(2))  # starts the processes
    started = time.perf_counter()
    spent = pool(delayed(all_sounds)(name) for name in listening.AUTHORS)
    wall = time.perf_counter() - started
    print(f"seven excerpts, with sound: {wall:.1f} s with two processes, {sum(spent):.1f} core-seconds")
    given, once, plain = len(listening.AUTHORS) * loops / wall
    print(f"the loop: given the way forth {given:.0f}x, once a layer {once:.0f}x, a feature {plain:.0f}x")


if __name__ == "__main__":
    main()
