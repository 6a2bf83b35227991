"""A hash of the code behind a stored result: a comment keeps it, a changed definition changes it.

Stored runs and scores are keyed by what they were given and by the definitions that made them, followed
from name to name, without comments and docstrings. Code that no result reaches changes no key.
"""

import ast
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path


@cache
def code_digest(modules: Sequence[str], roots: Sequence[str], folder: Path = Path(__file__).parent) -> str:
    """Return a hash of the definitions that `roots` reach.

    Parameters
    ----------
    modules : sequence of str
        Names of the modules whose definitions count.
    roots : sequence of str
        Definitions to start from.
    folder : Path
        Where the modules lie.
    """
    definitions: dict[str, list[str]] = {}
    names: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.parse((folder / f"{module}.py").read_text(encoding="utf-8")).body:
            for name in _defined(node):
                definitions.setdefault(name, []).append(ast.unparse(_bare(node)))
                names.setdefault(name, set()).update(_used(node))
    reached, waiting = set(), list(roots)
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in reached:
            reached.add(name)
            waiting += names[name]
    text = "\n".join(source for name in sorted(reached) for source in definitions[name])
    return hashlib.sha256(text.encode()).hexdigest()


def _defined(node: ast.stmt) -> list[str]:
    """Return the names that a statement of a module defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _used(node: ast.AST) -> set[str]:
    """Return the names and attributes that a statement mentions: more than it can call, never less."""
    mentioned = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return mentioned | {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def _bare(node: ast.stmt) -> ast.stmt:
    """Return a definition without docstrings; comments are gone already."""
    for part in ast.walk(node):
        body = getattr(part, "body", None)
        if isinstance(body, list):
            part.body = [line for line in body if not (
                isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
            )] or [ast.Pass()]  # fmt: skip
    return node
