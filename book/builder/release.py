"""A book to download: the public build and its executed notebooks as zip files, with their SHA-256.

The same build gives the same bytes: files lie in order of name, all with one date. Folders of the building
machine are left out.
"""

import hashlib
import json
import zipfile
from pathlib import Path

import yaml

from mtlib.base import files, paths
from mtlib.base.errors import InputError

from . import build as builder

NAME = "music-tagging-book"


def write(build: Path) -> list[Path]:
    """Write ``release/`` below a build: the pages, the notebooks, ``SHA256SUMS``.

    Raises
    ------
    InputError
        If the build is not complete, is older than its notebooks, or holds what may not be redistributed.
    """
    html = build / "html"
    executed = [builder.executed_path(page, build) for page in builder.notebooks()]
    missing = [path for path in (html / "index.html", *executed) if not path.is_file()]
    if missing:
        raise InputError(f"no {missing[0]}: call `make release`, which builds the book first")
    notebooks = {}
    for path in executed:
        with files.told_if_damaged(path, "call `make release`"):
            notebook = files.read_json(path)
        if not notebook["metadata"].get("mtlib", {}).get("public"):
            raise InputError(f"{path} may hold audio that is not ours to give: call `make release`")
        notebook["metadata"].pop("papermill", None)
        notebooks[path.name] = json.dumps(notebook, indent=1).encode()
    if (html / "index.html").stat().st_mtime < max(path.stat().st_mtime for path in executed):
        raise InputError(f"{html} is older than the notebooks executed for it: call `make release`")
    citation = yaml.safe_load((paths.ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    stem, folder = f"{NAME}-{citation['version']}", build / "release"
    about = {name: (paths.ROOT / name).read_bytes() for name in ("LICENSE", "CITATION.cff", "codemeta.json")}
    shown = [path for path in html.rglob("[!.]*") if path.is_file()]
    pages = {path.relative_to(html).as_posix(): path.read_bytes() for path in shown}
    files.check_no_link(folder, build)
    folder.mkdir(exist_ok=True)
    archives = []
    for kind, content in (("html", pages), ("notebooks", notebooks)):
        archives.append(folder / f"{stem}-{kind}.zip")
        with files.atomic(archives[-1]) as file, zipfile.ZipFile(file, "w") as archive:
            for name, data in sorted((content | about).items()):
                entry = zipfile.ZipInfo(f"{stem}/{name}")  # with the date of 1980
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, data)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in archives]
    with files.atomic(folder / "SHA256SUMS") as file:
        file.write("".join(lines).encode())
    return [*archives, folder / "SHA256SUMS"]
