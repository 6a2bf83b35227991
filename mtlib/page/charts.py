"""The look of the charts: one Altair theme, fixed colours, and the few shapes the book repeats.

Colours are those of Okabe and Ito, safe for colour-blind readers, with a fixed meaning on every page
(`COLOURS`). Text and rules take the page's own text colour (``currentColor``), so a chart follows the
reader from light to dark. Every chart has a description: it becomes the alternative text.
"""

import base64
import io
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import altair as alt
import numpy as np
import vl_convert
from PIL import Image

from ..base.errors import InputError

COLOURS = {
    "published": "#0072B2",
    "synthetic": "#E69F00",
    "real corpus": "#009E73",
    "thesis": "currentColor",  # black on a light page, white on a dark one; drawn as an open mark
}
"""Colour of each source of evidence."""

CATEGORICAL = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Okabe–Ito colours for anything else, in order of use."""

_VIRIDIS = ("440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725")


@alt.theme.register("mtlib", enable=True)
def theme() -> alt.theme.ThemeConfig:
    """Return the Altair theme: transparent, text in the page's colour, full text width."""
    config = tomllib.loads(Path(__file__).with_name("theme.toml").read_text(encoding="utf-8"))
    config["view"]["stroke"] = None
    return cast(alt.theme.ThemeConfig, {"config": config | {"range": {"category": list(CATEGORICAL)}}})


_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"} | dict.fromkeys((0x2028, 0x2029), " ")
"""Signs that can end a script; line separators become spaces, because Vega's expressions end at them."""


class _InScript(json.JSONEncoder):
    """Write JSON that stays data inside ``<script>``, whatever a tag or a file is called."""

    def encode(self, o: Any) -> str:
        return super().encode(o).translate(_ESCAPES)


alt.renderers.enable(
    "html", json_kwds={"cls": _InScript, "ensure_ascii": False}, embed_options={"renderer": "svg", "actions": False}
)
_as_html: Any = alt.renderers.get()


def _render(spec: dict[str, Any], **options: Any) -> dict[str, str]:
    """Render a chart as HTML; the message of an error, which may quote a name, is shown as text."""
    page = _as_html(spec, **options)["text/html"]
    return {"text/html": page.replace("outputDiv.innerHTML", "outputDiv.textContent")}


def as_data(spec: dict[str, Any]) -> str:
    """Return a chart's specification as JSON that stays data inside ``<script>``."""
    return json.dumps(spec, cls=_InScript, ensure_ascii=False)


def vega() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script, for a page that stands alone."""
    bundle = vl_convert.javascript_bundle(  # type: ignore[call-arg]  # its stub asks for a snippet
        vl_version=".".join(alt.VEGALITE_VERSION.split(".")[:2])
    )
    return f"(function () {{{bundle}}})();".replace("</script", "<\\/script")


alt.renderers.register("mtlib", _render)
alt.renderers.enable("mtlib")


def finish(chart: alt.TopLevelMixin, alt_text: str, *, height: int = 320) -> alt.TopLevelMixin:
    """Make a chart fill the text width and give it its alternative text.

    Parameters
    ----------
    chart : altair chart
        Single or layered.
    alt_text : str
        What the chart shows, with its numbers; made from the data.
    height : int
        Height in pixels.
    """
    if not alt_text.strip():
        raise InputError("alt_text must say what the chart shows, got an empty text")
    return chart.properties(width="container", height=height, description=alt_text)


def picture(values: np.ndarray, low: float | None = None, high: float | None = None, *, n_colours: int = 256) -> str:
    """Return a matrix as a PNG picture in a data address, first row at the bottom.

    Parameters
    ----------
    values : ndarray (freq, time)
        Anything finite; drawn with the viridis colours.
    low, high : float, optional
        Values of the first and the last colour; the extremes by default.
    n_colours : int
        At most 256; 16 make a file half as large.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise InputError(f"values must be a finite matrix, got shape {values.shape}")
    low = values.min() if low is None else low
    high = values.max() if high is None else high
    level = np.clip((values[::-1] - low) / max(high - low, 1e-12), 0, 1)
    image = Image.fromarray(np.round((n_colours - 1) * level).astype(np.uint8), mode="P")
    anchors = np.array([list(bytes.fromhex(colour)) for colour in _VIRIDIS])
    steps = np.linspace(0, len(anchors) - 1, n_colours)
    palette = np.stack([np.interp(steps, np.arange(len(anchors)), anchors[:, i]) for i in range(3)], 1)
    image.putpalette(np.round(palette).astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def spectrogram(
    values: np.ndarray,
    *,
    seconds: float,
    freq_ticks: Sequence[tuple[float, str]],
    freq_title: str,
    alt_text: str,
    title: str = "",
    height: int = 220,
    low: float | None = None,
    high: float | None = None,
) -> alt.TopLevelMixin:
    """Draw a time-frequency picture on real axes.

    Parameters
    ----------
    values : ndarray (freq, time)
    seconds : float
        Duration shown.
    freq_ticks : sequence of (float, str)
        Row (counted from the bottom, may be fractional) and its label.
    freq_title : str
        Axis title with unit.
    alt_text : str
        Alternative text.
    """
    n_rows = len(values)
    frame = alt.Data(values=[{"image": picture(values, low, high), "x": 0, "x2": seconds, "y": 0, "y2": n_rows}])
    rows = [row for row, _ in freq_ticks]
    labels = {str(row): json.dumps(label) for row, label in freq_ticks}
    expression = " : ".join(f"datum.value == {row} ? {label}" for row, label in labels.items()) + " : ''"
    image = (
        alt.Chart(frame)
        .mark_image(aspect=False)
        .encode(
            x=alt.X("x:Q", title="Time [s]", scale=alt.Scale(domain=[0, seconds], nice=False)),
            x2="x2:Q",
            y=alt.Y(
                "y:Q",
                title=freq_title,
                scale=alt.Scale(domain=[0, n_rows], nice=False),
                axis=alt.Axis(values=rows, labelExpr=expression, grid=False),
            ),
            y2="y2:Q",
            url="image:N",
        )
    )
    return finish(image.properties(title=title), alt_text, height=height)
