"""``.. room:: mtlib.signal`` documents a folder and its modules: a table by autosummary, then autodoc."""

import importlib
import pkgutil

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Room(SphinxDirective):
    """A package and its modules, without those of the packages inside it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write what a page would list by hand, and let Sphinx read it."""
        package = importlib.import_module(self.arguments[0])
        found = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        names = [module.name for module in found if not module.ispkg]
        lines = [f".. automodule:: {package.__name__}", "", ".. autosummary::", "   :nosignatures:", ""]
        lines += [f"   {name.rpartition('.')[2]}" for name in names]
        for name in names:
            lines += ["", f".. rubric:: {name}", "", f".. automodule:: {name}"]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict:
    """Register the directive."""
    app.add_directive("room", Room)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
