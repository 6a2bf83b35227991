"""A network drawn from its own modules: shapes, kernels and widths as they are, not as remembered.

As in [Choi2018, Figure 4.1]. Heights follow frequency; widths follow the logarithm of time, so that 1366
frames and one frame fit on a page. A `Drawing` is a list of shapes with a title and a description for screen
readers, inline SVG in the page's text colour; coordinates are pixels of a picture about 460 wide, so that
its 14-pixel text stays legible on a phone.
"""

import html
import math
from itertools import count, pairwise

import torch

from mtlib.base.errors import InputError
from mtlib.networks import structures
from mtlib.page.charts import CATEGORICAL

from . import complexity

BLUE, ORANGE, GREEN, *_ = CATEGORICAL


_serial = count()


class Drawing:
    """Shapes on a canvas; a notebook shows the drawing when it is the last value of a cell.

    Parameters
    ----------
    width, height : int
        Size of the canvas.
    title, description : str
        Read out by screen readers.
    """

    def __init__(self, width: int, height: int, title: str, description: str):
        if not title.strip() or not description.strip():
            raise InputError("a drawing needs a title and a description")
        self.width, self.height, self.title, self.description = width, height, title, description
        self._name = f"mt-drawing-{next(_serial)}"
        self._shapes: list[str] = []

    def node(self, x: float, y: float, text: str = "", *, colour: str = "currentColor", radius: float = 15) -> None:
        """Add a circle with a short text."""
        self._shapes.append(
            f"<circle cx='{x:g}' cy='{y:g}' r='{radius:g}' fill='{colour}' fill-opacity='.18' "
            f"stroke='{colour}' stroke-width='1.5'/>"
        )
        if text:
            self.text(x, y + 5, text)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        text: str = "",
        *,
        colour: str = "currentColor",
        rounded: bool = False,
        fill: float = 0.18,
    ) -> None:
        """Add a rectangle with its text in the middle; ``|`` in the text breaks the line."""
        radius = min(14, height / 2) if rounded else 0
        self._shapes.append(
            f"<rect x='{x:g}' y='{y:g}' width='{width:g}' height='{height:g}' rx='{radius:g}' "
            f"fill='{colour}' fill-opacity='{fill:g}' stroke='{colour}' stroke-width='1.5'/>"
        )
        lines = text.split("|") if text else []
        for i, line in enumerate(lines):
            self.text(x + width / 2, y + height / 2 + 5 + 17 * (i - (len(lines) - 1) / 2), line)

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        *,
        colour: str = "currentColor",
        dashed: bool = False,
        arrow: bool = True,
        opacity: float = 1,
    ) -> None:
        """Add a straight line, by default with an arrow head at its end."""
        self._path(f"M{x1:g} {y1:g}L{x2:g} {y2:g}", colour, dashed, arrow, opacity)

    def curve(self, points: str, *, colour: str = "currentColor", dashed: bool = False, arrow: bool = True) -> None:
        """Add a line along SVG path data."""
        self._path(points, colour, dashed, arrow, 1)

    def _path(self, points: str, colour: str, dashed: bool, arrow: bool, opacity: float) -> None:
        head = f" marker-end='url(#{self._name})'" if arrow else ""
        dashes = " stroke-dasharray='4 4'" if dashed else ""
        faint = f" opacity='{opacity:g}'" if opacity != 1 else ""
        self._shapes.append(
            f"<path d='{points}' fill='none' stroke='{colour}' stroke-width='1.5'{dashes}{head}{faint}/>"
        )

    def text(
        self, x: float, y: float, text: str, *, size: int = 14, anchor: str = "middle", italic: bool = False
    ) -> None:
        """Add a line of text at a baseline."""
        style = " font-style='italic'" if italic else ""
        self._shapes.append(
            f"<text x='{x:g}' y='{y:g}' font-size='{size}' text-anchor='{anchor}'{style}>{html.escape(text)}</text>"
        )

    def _repr_html_(self) -> str:
        """Return the drawing as a figure element."""
        title, description = html.escape(self.title), html.escape(self.description, quote=True)
        return (
            "<figure class='mt-drawing' style='margin:0.5rem 0'>"
            f"<svg viewBox='0 0 {self.width} {self.height}' role='img' aria-label='{description}' "
            "fill='currentColor' font-family='system-ui, sans-serif' "
            f"style='display:block;width:100%;max-width:{1.3 * self.width:g}px;height:auto;margin:0 auto'>"
            f"<title>{title}</title><desc>{description}</desc>"
            f"<defs><marker id='{self._name}' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' "
            "markerHeight='7' orient='auto'><path d='M0 0L8 4L0 8z'/></marker></defs>"
            f"{''.join(self._shapes)}</svg><figcaption>{title}</figcaption></figure>"
        )


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
