"""Where a page mentions a note on the original ("note E46", "E46"), the mention links to the note."""

import re

from docutils import nodes
from sphinx.application import Sphinx

NOTE = re.compile(r"\b(?:note )?(E\d\d)\b")
NOT_IN = (nodes.literal, nodes.literal_block, nodes.reference, nodes.raw, nodes.title)


def link_notes(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn mentions in running text into links; all pages lie in one folder."""
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, NOT_IN) or not NOTE.search(text):
            continue
        parts, end = [], 0
        for found in NOTE.finditer(text):
            parts.append(nodes.Text(text[end : found.start()]))
            parts.append(nodes.reference("", found[0], refuri=f"errata.html#{found[1]}", internal=True))
            end = found.end()
        text.parent.replace(text, [*parts, nodes.Text(text[end:])])


def mend_roles(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Take the role of a list from the references: what it holds are entries of a bibliography."""
    body = context.get("body", "")
    context["body"] = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def setup(app: Sphinx) -> dict:
    """Register the extension."""
    app.connect("doctree-resolved", link_notes)
    app.connect("html-page-context", mend_roles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
