"""The API page shows every folder of the shared module."""

import re

from mtlib.base import paths


def test_the_page_has_every_folder_but_the_commands():
    folders = {path.parent for path in (paths.ROOT / "mtlib").rglob("__init__.py")}
    names = {".".join(folder.relative_to(paths.ROOT).parts) for folder in folders}
    page = (paths.ROOT / "book" / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\.\. room:: (\S+)$", page, re.M)) == names - {"mtlib", "mtlib.commands"}
