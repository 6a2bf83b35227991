"""The house: which room may import from which, how many files a room holds, how long the shared module is."""

import ast
from collections import Counter, defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

from mtlib.base import paths

ROOMS = ("base", "signal", "evidence", "corpora", "networks", "training", "page", "commands", "__main__")
ANNEXES = ("corpora/datasets", "corpora/synthetic")
OPEN_ANNEXES = ("commands/",)
"""What else in mtlib opens an annex."""


def module(path: Path) -> str:
    parts = path.relative_to(paths.ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module(path): path for top in ("mtlib", "book") for path in (paths.ROOT / top).rglob("*.py")
    if "_ext" not in path.parts
}  # fmt: skip


def imports(name: str):
    """Yield the modules of the project that a module imports, and whether it does so when it is imported."""
    path = FILES[name]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
            base = ".".join([*here[: len(here) - node.level + 1], *filter(None, [node.module])])
            base = base if node.level else node.module
            found = [f"{base}.{a.name}" if f"{base}.{a.name}" in FILES else base for a in node.names]
        else:
            continue
        for other in found:
            if other.split(".")[0] in ("mtlib", "book"):
                assert other in FILES, f"{name} imports {other}, which is not there"
                yield other, id(node) in top


ARROWS = {(name, other) for name in FILES for other, _ in imports(name) if other != name}


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_mtlib_imports_downwards_and_never_the_book():
    for name, other in sorted(ARROWS):
        if name.split(".")[0] == "mtlib" and room(name):
            assert other.startswith("mtlib"), f"{name} imports {other}"
            if room(other):
                assert ROOMS.index(room(other)) <= ROOMS.index(room(name)), f"{name} imports {other}"


def test_a_chapter_imports_mtlib_and_itself():
    """What came later asks the questions of every chapter, and alone imports from others."""
    for name, other in sorted(ARROWS):
        if name.startswith("book.experiments.") and other.startswith("book."):
            own = name.split(".")[2:3] == other.split(".")[2:3]
            asks = name.startswith("book.experiments.later.") and other.startswith("book.experiments.")
            assert own or asks, f"{name} imports {other}"


def test_the_builder_knows_no_network_and_no_experiment():
    allowed = {"base", "evidence", "page", "commands", ""}
    for name, other in sorted(ARROWS):
        if name.startswith("book.builder"):
            ours = other.startswith("book.builder")
            assert ours or room(other) in allowed or other == "mtlib.networks.devices", f"{name}: {other}"


def test_annexes_are_opened_by_few():
    for name, other in sorted(ARROWS):
        inside, outside = (m.replace(".", "/").removeprefix("mtlib/") for m in (other, name))
        if inside.startswith(ANNEXES) and name.startswith("mtlib"):
            assert outside.startswith(ANNEXES) or f"{outside}.py".startswith(OPEN_ANNEXES), f"{name}: {other}"


def test_no_circle():
    graph = defaultdict(set)
    for name in FILES:
        for other, when_imported in imports(name):
            if when_imported and other != name:
                graph[name].add(other)
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_a_room_holds_nine_modules_and_mtlib_9100_lines():
    rooms = Counter(path.parent for path in FILES.values() if path.name != "__init__.py")
    crowded = {str(folder.relative_to(paths.ROOT)): n for folder, n in rooms.items() if n > 9}
    assert set(crowded) <= {"mtlib/corpora/datasets"}
    core = [path for path in (paths.ROOT / "mtlib").rglob("*.py") if not {"datasets", "synthetic"} & {*path.parts}]
    assert sum(path.read_text(encoding="utf-8").count("\n") for path in core) <= 9100


def test_the_map_of_rooms_is_the_house():
    told = [line.split("``")[1] for line in (paths.ROOT / "mtlib" / "__init__.py").read_text().splitlines()
            if line.startswith("``") and line.count("``") == 2 and "  " in line]  # fmt: skip
    rooms = [path.parent.name for path in (paths.ROOT / "mtlib").glob("*/__init__.py")]
    assert [name for name in told if name in ROOMS] == [name for name in ROOMS if name in rooms]
