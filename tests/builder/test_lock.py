"""Everything that is installed for the book and its tests has the version that lock.txt gives."""

from importlib.metadata import distribution, version

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
