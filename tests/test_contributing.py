"""What the guide for contributors names is there, and it leaves out no constant that changes a key."""

import re

from mtlib.base import paths

GUIDE = (paths.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_constant_that_changes_a_key_is_named():
    files = [path for folder in ("mtlib", "book") for path in (paths.ROOT / folder).rglob("*.py")]
    found = {
        (name, path.relative_to(paths.ROOT).as_posix())
        for path in files
        for name in re.findall(r'^(\w*VERSION) = "', path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(re.findall(r"^\| `(\w+)` in `(\S+)` \|", GUIDE, re.MULTILINE)) == found


def test_every_file_it_names_is_there():
    named = re.findall(r"`((?:book|data|mtlib|tests)/[\w./]+\.\w+)`", GUIDE)
    assert len(named) > 10 and [path for path in named if not (paths.ROOT / path).is_file()] == []
