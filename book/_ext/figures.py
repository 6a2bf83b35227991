"""A chart becomes a figure: the chart, its caption below it, the code last.

The caption is the next paragraph of the page that begins with **Figure**; a chart without one gets its
alternative text. Without JavaScript a chart cannot be drawn: its text and a small table stand there instead.
"""

import html
import json
import re
from collections.abc import Iterator
from itertools import count

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

SPEC = "})({"
"""What stands before a chart's specification in the page that Altair writes."""

MAX_ROWS = 60
"""Longer data is not written out as a table."""


def spec_of(output: nodes.Node) -> dict | None:
    """Return the specification of the chart in a cell's output, if there is one."""
    if not isinstance(output, nodes.raw) or "vegaEmbed" not in (text := output.astext()):
        return None
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
    first = node.children[0] if isinstance(node, nodes.paragraph) and node.children else None
    return isinstance(first, nodes.strong) and first.astext().startswith("Figure ")


def _is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


class Figures(SphinxPostTransform):
    """Wrap charts once outputs are chosen (4) and code is folded (199)."""

    default_priority = 205
    formats = ("html",)

    def run(self, **options: object) -> None:
        """Give each chart the caption that follows it before the next chart."""
        self.numbers, open_chart = count(1), None
        for node in list(self._stream()):
            if is_caption(node):
                if open_chart is not None:
                    self._caption(open_chart, node)
                    open_chart = None
                continue
            charts = [self._wrap(raw) for raw in list(node.findall(nodes.raw)) if spec_of(raw) is not None]
            open_chart = charts[-1] if charts else open_chart
            if charts:
                _code_last(node)

    def _stream(self) -> Iterator[nodes.Node]:
        """Yield cells and captions in the order of the page; a title closes what stood before it."""
        for node in self.document.findall():
            if _is_cell(node) or is_caption(node):
                yield node

    def _wrap(self, raw: nodes.raw) -> nodes.figure:
        spec = spec_of(raw)
        figure = nodes.figure(classes=["mt-figure"], ids=[f"chart-{next(self.numbers)}"])
        raw.replace_self(figure)
        figure += [raw, nodes.raw("", without_script(spec), format="html")]
        if text := spec.get("description"):
            figure += nodes.caption("", text, classes=["mt-described"])
        return figure

    def _caption(self, figure: nodes.figure, paragraph: nodes.paragraph) -> None:
        for old in list(figure.findall(nodes.caption)):
            figure.remove(old)
        paragraph.parent.remove(paragraph)
        figure += nodes.caption("", "", *paragraph.children)
        cell = figure
        while not _is_cell(cell):
            cell = cell.parent
        label = re.match(r"Figure [\d.]*\d", paragraph.astext())
        for fold in cell.findall(HideCodeCellNode) if label else ():
            fold["prompt_show"], fold["prompt_hide"] = f"Code of {label[0]}", f"Hide the code of {label[0]}"


def _code_last(cell: nodes.Element) -> None:
    if isinstance(cell.children[0], HideCodeCellNode):
        cell += cell.children.pop(0)


def setup(app: Sphinx) -> dict:
    """Register the transform."""
    app.add_post_transform(Figures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
