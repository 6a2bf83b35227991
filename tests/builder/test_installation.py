"""What is installed has the versions of lock.txt; a wheel works without the repository."""

import subprocess
import sys
import zipfile
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mtlib.base import paths

OF_PYTHON = "setuptools"
"""An environment may bring it along, in a version of its own."""


def requirements(name: str) -> dict[str, Requirement]:
    lines = (paths.ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    return {canonicalize_name(one.name): one for one in found if one.marker is None or one.marker.evaluate()}


DIRECT = requirements("requirements.txt") | requirements("requirements-dev.txt")
LOCKED = requirements("lock.txt")


def needed() -> set[str]:
    """Return the names of all distributions that the direct requirements lead to."""
    seen, waiting = set(), list(DIRECT.values())
    while waiting:
        one = waiting.pop()
        if (name := (canonicalize_name(one.name), *sorted(one.extras))) in seen:
            continue
        seen.add(name)
        for found in map(Requirement, distribution(one.name).requires or ()):
            extras = [{"extra": extra} for extra in ("", *one.extras)]
            if found.marker is None or any(map(found.marker.evaluate, extras)):
                waiting.append(found)
    return {name for name, *_ in seen}


def test_the_lock_holds_every_direct_requirement():
    assert {name: str(LOCKED[name].specifier) for name in DIRECT} == {
        name: str(one.specifier) for name, one in DIRECT.items()
    }


def test_what_is_installed_equals_the_lock():
    installed = {name: version(name).split("+")[0] for name in needed() - {OF_PYTHON}}
    locked = {name: str(LOCKED[name].specifier).removeprefix("==") for name in installed if name in LOCKED}
    assert installed == locked


def test_the_lock_names_no_address():
    assert "://" not in (paths.ROOT / "lock.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """Run the command line of a wheel, in a folder where the repository cannot be imported."""
    pytest.importorskip("hatch_requirements_txt", reason="`make test` installs it and hatchling")
    folder = tmp_path_factory.mktemp("outside")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=paths.ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "installed")
    program = (
        "import os, sys; "
        "sys.path = ['installed', *(p for p in sys.path[1:] if not os.path.isdir(p + '/book'))]; "
        "from mtlib.__main__ import program; program(prog_name='mtlib')"
    )

    def call(*arguments):
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True)

    return folder / "installed", call


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_wheel_holds_the_shared_module_and_its_facts(outside):
    installed, call = outside
    facts = {name: content for name, content in files(paths.DATA).items() if not name.startswith("results")}
    assert files(installed / "mtlib" / "_data") == facts
    assert (installed / "mtlib" / "py.typed").is_file() and not (installed / "book").exists()
    assert call("models").stdout.count("\n") == 29
    assert "no such folder" in call("check", "gtzan_genre", "--root", "nowhere").stderr


def test_a_wheel_says_that_the_book_needs_its_repository(outside):
    result = outside[1]("understanding", "--record")
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "clone the book's repository" in result.stderr
