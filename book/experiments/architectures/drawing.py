"""A network drawn from its own modules: shapes, kernels and widths as they are, not as remembered.

As in [Choi2018, Figure 4.1]. Heights follow frequency; widths follow the logarithm of time, so that 1366
frames and one frame fit on a page.
"""

import math
from itertools import pairwise

import torch

from mtlib.networks import structures
from mtlib.page.charts import CATEGORICAL
from mtlib.page.drawings import Drawing

from . import complexity

BLUE, ORANGE, GREEN, *_ = CATEGORICAL


def _size(n_freq: int, n_frames: int) -> tuple[float, float]:
    """Return height and width in pixels of a map."""
    return max(3.0, 0.8 * n_freq), max(4.0, 6.5 * math.log2(n_frames + 1))


def draw(structure: str, budget: float, *, n_frames: int = 1366, **options) -> Drawing:
    """Draw a structure: its maps with the kernels that read them, then what follows the maps.

    Parameters
    ----------
    structure, budget, n_frames, **options
        As for `structures.build`.
    """
    with torch.device("meta"):
        network = structures.build(structure, budget, n_frames=n_frames, **options)
    layers = complexity.layers(network, 96, n_frames)
    stages = [layer.shape for layer in layers if layer.kind == "ConvStage"]
    rest = [layer for layer in layers if layer.kind not in ("ConvStage", "TimeNorm")]
    n_padded = n_frames + 2 * getattr(network, "n_padding", 0)
    maps = [(1, 96, n_padded), *stages]
    words = "; ".join(f"{n} maps of {freq} by {time}" for n, freq, time in maps)
    tops = {"KerasGRU": "GRU", "LSTM": "LSTM", "DenseStage": "dense", "Linear": "output"}
    after = [f"{tops[layer.kind]}|{layer.shape[-1]}" for layer in rest]
    picture = Drawing(
        460, 205, f"{structure} with {budget:g} million parameters",
        f"Maps: {words}. Then {', '.join(text.replace('|', ' ') for text in after)}.",
    )  # fmt: skip
    step = 450 / len(maps)
    centres = [step * (i + 0.5) + 5 for i in range(len(maps))]
    for x, (n_maps, freq, time) in zip(centres, maps, strict=True):
        height, width = _size(freq, time)
        picture.box(x - width / 2, 62 - height / 2, width, height, colour=BLUE)
        picture.text(x, 120, f"{freq}×{time}", size=13)
        picture.text(x, 17, f"{n_maps}" + (" maps" if x == centres[-1] else ""), size=13)
    for part, (x, after_x), (_, freq, time) in zip(network.stages, pairwise(centres), maps, strict=False):
        kernel, (height, width) = part.conv.kernel_size, _size(freq, time)
        tall = max(3.0, min(0.8 * kernel[0], height))
        picture.box(x - 3, 62 - tall / 2, 6, tall, fill=0.6)
        picture.line(x + width / 2 + 1, 62, after_x - _size(*maps[centres.index(after_x)][1:])[1] / 2 - 2, 62)
        picture.text((x + after_x) / 2, 138, "×".join(map(str, kernel)), size=12, italic=True)
    step = 450 / max(len(after), 4)
    for i, text in enumerate(after):
        x = 5 + step * (i + 0.5) + (450 - step * len(after)) / 2
        picture.box(x - 40, 154, 80, 44, text, colour=ORANGE if "GRU" in text or "LSTM" in text else GREEN)
        if i:
            picture.line(x - step + 40, 176, x - 40, 176)
    return picture
