"""A chart becomes a figure: the chart, its caption below it, the code last.

The caption is the next paragraph of the page that begins with **Figure**; a chart without one gets its
alternative text. Without JavaScript a chart cannot be drawn: its text and a small table stand there instead.
"""

import html
import json
import re
from collections.abc import Iterable
from itertools import count, takewhile

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

SPEC = "})({"
"""What stands before a chart's specification in the page that Altair writes."""

MAX_ROWS = 60
"""Longer data is not written out as a table."""


def spec_of(chart: nodes.raw) -> dict:
    """Return the specification of a chart."""
    text = chart.astext()
    return json.JSONDecoder().raw_decode(text, text.index(SPEC) + len(SPEC) - 1)[0]


def without_script(spec: dict) -> str:
    """Return what a browser shows that runs no scripts: the chart's text and its smaller tables."""
    parts = [f"<p>{html.escape(spec.get('description', ''))}</p>"]
    for rows in spec.get("datasets", {}).values():
        columns = list(rows[0]) if rows and isinstance(rows[0], dict) else []
        columns = [name for name in columns if not str(rows[0][name]).startswith("data:")]
        if columns and len(rows) <= MAX_ROWS:
            head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
            body = "".join(
                "<tr>" + "".join(f"<td>{html.escape(_said(row.get(name)))}</td>" for name in columns) + "</tr>"
                for row in rows
            )
            parts.append(f"<div class='mt-scroll'><table><tr>{head}</tr>{body}</table></div>")
    return f"<noscript>{''.join(parts)}</noscript>"


def _said(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "–" if value is None else str(value)


def is_caption(node: nodes.Node) -> bool:
    """Tell whether a node is the caption of a figure."""
    parts = node.children if isinstance(node, nodes.paragraph) else []
    first = next((part for part in parts if part.astext()), None)
    return isinstance(first, nodes.strong) and first.astext().startswith("Figure ")


def drawn(cell: nodes.Node | None) -> list[nodes.raw]:
    """Return the outputs of a cell that are charts or drawings."""
    if not isinstance(cell, nodes.container) or cell.get("nb_element") != "cell_code":
        return []
    return [raw for raw in cell.findall(nodes.raw) if "vegaEmbed" in raw.astext() or "mt-drawing" in raw.astext()]


def captioned(captions: Iterable[nodes.paragraph]) -> dict[nodes.container, nodes.paragraph]:
    """Give each caption, in order, to the nearest cell with a chart and without a caption; no text lies between."""
    given: dict[nodes.container, nodes.paragraph] = {}
    for caption in captions:
        siblings, place = caption.parent.children, caption.parent.index(caption)
        near = []
        for side in (reversed(siblings[:place]), iter(siblings[place + 1 :])):
            parts = (node for node in side if not isinstance(node, nodes.target))
            cells = takewhile(lambda node: isinstance(node, nodes.container), parts)
            near += next(([(n, cell)] for n, cell in enumerate(cells) if drawn(cell)), [])
        free = [(n, cell) for n, cell in near if cell not in given]
        if free:
            given[min(free, key=lambda pair: pair[0])[1]] = caption
    return given


class Figures(SphinxPostTransform):
    """Wrap charts once outputs are chosen (4) and code is folded (199)."""

    default_priority = 205
    formats = ("html",)

    def run(self, **options: object) -> None:
        """Give each chart its caption, and put the code last."""
        captions = captioned(list(self.document.findall(is_caption)))
        numbers = count(1)
        for cell in [node for node in self.document.findall(nodes.container) if drawn(node)]:
            charts = drawn(cell)
            for chart in charts:
                if "vegaEmbed" in chart.astext():
                    _wrap(chart, f"chart-{next(numbers)}")
            if cell in captions:
                _caption(cell, charts, captions[cell], f"figure-{next(numbers)}")
            if isinstance(cell.children[0], HideCodeCellNode):
                cell += cell.children.pop(0)


def _wrap(chart: nodes.raw, name: str) -> None:
    spec = spec_of(chart)
    figure = nodes.figure(ids=[name])
    chart.replace_self(figure)
    figure["classes"] = ["mt-figure"]  # and not the output's, which scrolls
    figure += [chart, nodes.raw("", without_script(spec), format="html")]
    if text := spec.get("description"):
        figure += nodes.caption("", text, classes=["mt-described"])


def _caption(cell: nodes.container, charts: list[nodes.raw], paragraph: nodes.paragraph, name: str) -> None:
    """Move a caption under the last chart of a cell, or under all of its drawings."""
    figure = charts[-1].parent
    if not isinstance(figure, nodes.figure):
        figure = nodes.figure(classes=["mt-figure"], ids=[name])
        charts[0].parent.insert(0, figure)
        for chart in charts:
            chart.parent.remove(chart)
            figure += chart
    for old in list(figure.findall(nodes.caption)):
        figure.remove(old)
    paragraph.parent.remove(paragraph)
    figure["ids"] = paragraph["ids"] or figure["ids"]
    figure += nodes.caption("", "", *paragraph.children)
    label = re.match(r"Figure \d+\.\d+", paragraph.astext())
    for fold in cell.findall(HideCodeCellNode) if label else ():
        fold["prompt_show"], fold["prompt_hide"] = f"Code of {label[0]}", f"Hide the code of {label[0]}"


def setup(app: Sphinx) -> dict:
    """Register the transform."""
    app.add_post_transform(Figures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
