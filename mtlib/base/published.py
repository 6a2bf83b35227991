"""Published files, the thesis author's and those of later work: found, fetched, verified.

``data/published.toml`` lists each file with its address at a pinned commit, its size and SHA-256, its
licence, and whether a public build may contain it. A file is looked for under `mtlib.base.paths.published`
first and downloaded only if missing; whatever the source, only a file with the right hash is used. Four of
the author's files could not be reached when the list was made: they are known by git's SHA-1 of the file.
"""

import hashlib
import os
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

import filelock
import pooch
import requests

from . import paths
from .errors import InputError

_TIMEOUT_S = 15
AUTHOR = "keunwoochoi"
"""Owner of the thesis author's repositories; every other owner's are later work."""


@dataclass(frozen=True)
class Artifact:
    """One published file."""

    name: str
    """``repository/path``: its place below `mtlib.base.paths.published`."""
    owner: str
    url: str
    n_bytes: int | None
    """None where no copy could be reached when the list was made."""
    checksum: str
    """SHA-256; where no copy could be reached, git's SHA-1: of ``blob SIZE``, a zero byte and the content."""
    licence: str
    redistribute: bool
    what: str

    @property
    def path(self) -> Path:
        """Where the file lies, or would lie."""
        return paths.published() / self.name

    @property
    def reachable(self) -> bool:
        """Whether a copy was at hand when the list was made."""
        return self.n_bytes is not None


def _catalogue() -> dict[str, Artifact]:
    with open(paths.DATA / "published.toml", "rb") as file:
        repositories = tomllib.load(file)["repository"]
    artifacts = {}
    for repository in repositories:
        owner, name = repository["owner"], repository["name"]
        base = f"https://raw.githubusercontent.com/{owner}/{name}/{repository['commit']}"
        for entry in repository["files"]:
            artifacts[f"{name}/{entry['path']}"] = Artifact(
                name=f"{name}/{entry['path']}",
                owner=owner,
                url=f"{base}/{quote(entry['path'])}",
                n_bytes=entry.get("bytes"),
                checksum=entry.get("sha256") or entry["git_blob"],
                licence=entry.get("licence", repository["licence"]),
                redistribute=entry.get("redistribute", repository["redistribute"]),
                what=entry["what"],
            )
    return artifacts


ARTIFACTS: dict[str, Artifact] = _catalogue()
"""Every published file by name."""

STATES = ("present", "missing", "damaged", "unreadable")

_unreachable: set[str] = set()  # hosts that did not answer: one wait a process is enough


@cache
def _digest(path: Path, n_bytes: int, mtime_ns: int, of_git: bool) -> str:
    begun = hashlib.sha1(b"blob %d\0" % n_bytes) if of_git else hashlib.sha256()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: begun).hexdigest()


def state(artifact: Artifact, path: Path | None = None) -> str:
    """Return one of `STATES`; ``damaged`` is a wrong size or hash."""
    path = path or artifact.path
    try:
        stat = path.stat()
        if artifact.n_bytes not in (None, stat.st_size):
            return "damaged"
        digest = _digest(path, stat.st_size, stat.st_mtime_ns, len(artifact.checksum) == 40)
    except FileNotFoundError:
        return "missing"
    except PermissionError:
        return "unreadable"
    except OSError:
        return "damaged"
    return "present" if digest == artifact.checksum else "damaged"


def fetch(name: str) -> Path:
    """Return the verified path of a published file, downloading it if it is missing.

    Parameters
    ----------
    name : str
        ``repository/path``, a key of `ARTIFACTS`.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the name is unknown, a file of another size is there, or it cannot be downloaded. The line
        names the file, its address, and where a manual copy may be put.
    """
    if name not in ARTIFACTS:
        raise InputError(f"{name}: not among the published files; see data/published.toml")
    artifact = ARTIFACTS[name]
    found = state(artifact)
    if found == "present":
        return artifact.path
    if found == "unreadable":
        raise InputError(f"{name}: {artifact.path} cannot be read; check its owner and rights")
    if artifact.path.is_file() and artifact.n_bytes not in (None, artifact.path.stat().st_size):
        raise InputError(
            f"{name}: {artifact.path} is another file, not of {artifact.n_bytes:,} bytes; it is neither used "
            "nor replaced: move it away, then run `python -m mtlib fetch`"
        )
    by_hand = f"get {artifact.url} by hand and put it at {artifact.path}"
    host = artifact.url.split("/")[2]
    if host in _unreachable:
        raise InputError(f"{name}: {found}, and {host} cannot be reached; {by_hand}")
    try:
        artifact.path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(paths.published() / ".fetch.lock"):
            if state(artifact) != "present":  # another process may have been faster
                _download(artifact)
    except requests.HTTPError as error:
        status = error.response.status_code  # type: ignore[union-attr]  # the server answered
        raise InputError(f"{name}: {found}, and the server answers {status}; {by_hand}") from error
    except requests.RequestException as error:
        _unreachable.add(host)
        raise InputError(f"{name}: {found}, and {host} cannot be reached; {by_hand}") from error
    except OSError as error:
        raise InputError(
            f"{name}: {found}, and {artifact.path.parent} cannot be written ({error.strerror or error}); "
            f"set MTLIB_PUBLISHED to a folder that can, or {by_hand}"
        ) from error
    return artifact.path


def _download(artifact: Artifact) -> None:
    """Download a file and keep it if it is the right one; a partial file that was there is overwritten."""
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=_TIMEOUT_S)
    partial = artifact.path.with_name(f".{artifact.path.name}.part")
    try:
        downloader(artifact.url, partial, None)
        if state(artifact, partial) != "present":
            raise InputError(
                f"{artifact.name}: what {artifact.url} sends has another hash than "
                f"{artifact.checksum[:12]}…; it was not kept; put the right file at {artifact.path}"
            )
        os.replace(partial, artifact.path)
    finally:
        partial.unlink(missing_ok=True)


def gather(names: Iterable[str]) -> tuple[dict[str, Path], str]:
    """Fetch several files for a page that must also do without them.

    Returns
    -------
    found : dict of str to Path
        All of them, or nothing.
    reason : str
        Why nothing was returned, in one line; empty if all were found.
    """
    try:
        return {name: fetch(name) for name in names}, ""
    except InputError as error:
        return {}, str(error)


def fingerprint() -> str:
    """Return a short digest of which published files are present, for provenance and staleness."""
    present = [name for name, artifact in sorted(ARTIFACTS.items()) if state(artifact) == "present"]
    return hashlib.sha256("\n".join(present).encode()).hexdigest()[:12] if present else "none"


def is_public_build() -> bool:
    """Tell whether this build will be published (``PUBLIC=1``): then unlicensed audio stays out."""
    return os.environ.get("PUBLIC", "") not in ("", "0")
