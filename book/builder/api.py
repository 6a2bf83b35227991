"""The API page: signatures and docstrings of the shared module, read from its source.

Nothing is imported and nothing is executed: `modules` parses the files, so the page is as offline as the
rest and cannot disagree with the code. Names that begin with an underscore are left out.
"""

import ast
import html
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mtlib.base.paths import ROOT


@dataclass(frozen=True)
class Item:
    """A public function, class or method."""

    name: str
    signature: str
    docstring: str
    members: tuple["Item", ...] = ()


@dataclass(frozen=True)
class Module:
    """A module with its public names."""

    name: str
    docstring: str
    items: tuple[Item, ...]


def _signature(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"


def _items(body: list[ast.stmt]) -> Iterator[Item]:
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        text = ast.get_docstring(node) or ""
        if isinstance(node, ast.FunctionDef):
            yield Item(node.name, _signature(node), text)
        else:
            bases = ", ".join(ast.unparse(base) for base in node.bases)
            yield Item(node.name, f"class {node.name}({bases})", text, tuple(_items(node.body)))


def read(path: Path, name: str) -> Module:
    """Read one module from its file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return Module(name, ast.get_docstring(tree) or "", tuple(_items(tree.body)))


def modules(root: Path = ROOT / "mtlib") -> list[Module]:
    """Read every module of the package, in order of name."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        name = ".".join(part for part in parts if part != "__init__")
        if parts[-1] != "__main__":
            found.append(read(path, name))
    return found


def _text(docstring: str) -> str:
    return f"<pre class='mt-doc'>{html.escape(inspect.cleandoc(docstring))}</pre>" if docstring else ""


def _item_html(item: Item, owner: str) -> str:
    members = "".join(
        _item_html(member, f"{owner}.{item.name}") for member in item.members if member.docstring
    )
    return (
        f"<details class='mt-api' id='{owner}.{item.name}'>"
        f"<summary><code>{html.escape(item.signature)}</code></summary>"
        f"{_text(item.docstring)}{members}</details>"
    )


def module_html(module: Module) -> str:
    """Return a module's docstring and public names as HTML, each name with its own anchor."""
    items = "".join(_item_html(item, module.name) for item in module.items)
    return f"<div class='mt-module'>{_text(module.docstring)}{items}</div>"
