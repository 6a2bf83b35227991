"""Parameters of a notebook, and the sizes behind a profile's name.

Every notebook has the same first cell (profile, corpus, seed, device, scheduler) and at most three
parameters of its own. `check` validates the names and the values, because papermill only warns about a
name it does not know, and returns what the notebook works with. Sizes live in ``data/profiles.toml``.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from . import paths
from .errors import InputError


@dataclass(frozen=True)
class Profile:
    """Sizes of a build."""

    name: str
    n_resamples: int
    """Resamples behind an interval, and random kernels or rankings behind a null distribution."""
    excerpt_seconds: float
    """Length of the excerpts that are played and drawn."""
    epochs: int
    """Passes over the training clips."""
    batch: int
    """Clips a step."""
    peak_rate: float
    """Highest learning rate of the one-cycle schedule."""
    n_seeds: int
    """Trainings of one configuration."""
    n_train: int
    n_valid: int
    n_test: int
    """Clips of the synthetic source corpus, by split."""
    clip_seconds: float
    """Length of its clips."""
    n_target: int
    """Clips of a synthetic target task."""


PROFILES = {
    name: Profile(name, **sizes)
    for name, sizes in tomllib.loads((paths.DATA / "profiles.toml").read_text(encoding="utf-8")).items()
}
"""Profiles by name; `quick` is the default of every notebook."""

STANDARD = ("profile", "corpus", "seed", "device", "scheduler")
"""Parameters every notebook has."""


@dataclass(frozen=True)
class Settings:
    """Validated parameters of one notebook."""

    profile: Profile
    corpus: str
    seed: int
    device: str
    scheduler: str
    own: dict[str, Any]
    """The notebook's own parameters."""


def check(namespace: Mapping[str, Any], own: tuple[str, ...] = ()) -> Settings:
    """Validate the parameters of a notebook.

    Parameters
    ----------
    namespace : mapping
        The notebook's ``globals()``, right after its parameters cell.
    own : tuple of str
        Names of the notebook's own parameters.

    Returns
    -------
    Settings

    Raises
    ------
    InputError
        If a parameter is unknown, missing, of the wrong type or out of range.
    """
    known = {*STANDARD, *own}
    shell = namespace.get("get_ipython")
    others = {"In", "Out", "exit", "quit", "open", "get_ipython"}
    others |= set(getattr(shell(), "user_ns_hidden", ())) if callable(shell) else set()  # of the reader's startup
    given = {
        name
        for name, value in namespace.items()
        if name in known or not (name.startswith("_") or name in others or isinstance(value, ModuleType))
    }
    check_names(given, known)
    if missing := known - given:
        raise InputError(f"parameter {sorted(missing)[0]} is not set; keep the chapter's parameters cell")
    values = {name: namespace[name] for name in known}
    for name, kind in (("profile", str), ("corpus", str), ("device", str), ("scheduler", str), ("seed", int)):
        if not isinstance(values[name], kind) or isinstance(values[name], bool):
            raise InputError(f"{name} must be of type {kind.__name__}, got {values[name]!r}")
    profile = named(values["profile"])
    if values["seed"] < 0:
        raise InputError(f"seed must be at least 0, got {values['seed']}")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", values["device"]):
        raise InputError(f"device must be auto, cpu, cuda or cuda:N, got {values['device']!r}")
    if values["scheduler"] and not re.fullmatch(r"(tcp|tls)://\S+:\d+", values["scheduler"]):
        raise InputError(f"scheduler must be empty or tcp://HOST:PORT, got {values['scheduler']!r}")
    check_corpus(values["corpus"])
    return Settings(
        profile=profile, own={name: values[name] for name in own}, **{name: values[name] for name in STANDARD[1:]}
    )


def named(name: str) -> Profile:
    """Return the profile of a name.

    Raises
    ------
    InputError
        If there is none; names them.
    """
    if name not in PROFILES:
        raise InputError(f"unknown profile {name!r}; choose one of {', '.join(PROFILES)}")
    return PROFILES[name]


def check_names(given: set[str], known: set[str], owner: str = "this chapter") -> None:
    """Refuse a parameter that its owner, a notebook or the whole book, does not have.

    Raises
    ------
    InputError
        Names the unknown parameter and the known ones.
    """
    if unknown := sorted(given - known):
        raise InputError(f"unknown parameter {unknown[0]!r}; {owner} has {', '.join(sorted(known))}")


def check_corpus(name: str) -> None:
    """Refuse a corpus that is neither the synthetic one nor prepared on this machine."""
    folder = paths.home() / "corpora"
    prepared = sorted(path.parent.name for path in folder.glob("*/corpus.json"))
    if name != "synthetic" and name not in prepared:
        offered = ["synthetic", *(other for other in prepared if "-" not in other)]  # "-": made by chapters
        raise InputError(
            f"unknown corpus {name!r}; a corpus is named, never a path: {', '.join(offered)}. "
            "Another is prepared first: python -m mtlib prepare NAME --root FOLDER"
        )
