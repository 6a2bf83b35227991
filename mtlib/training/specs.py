"""What a run is: plain values, and a key that changes with everything that decides the result.

A `RunSpec` names the corpus, the labels, the clips, the front end, the network and the training. Its key
is a hash of these values and of `VERSION`, which stands for the code behind the result.
"""

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral
from typing import Any

from ..base.errors import InputError
from .training import Training

VERSION = "2bd2ea0febd65d3c32966a5c1574720338af3f2d86c9692a1600e653a755f979"
"""Of the code that a run's result depends on. Change it by hand, to any other text, when front ends,
networks or training give other results: every run then gets a new key. The golden runs in the tests
notice such a change."""


@dataclass(frozen=True)
class View:
    """Front end; see `views.build`."""

    kind: str = "mel"
    magnitude: str = "log"
    weighting: str = "bypass"
    standardise: bool = True
    scale: float = 1.0
    top_db: float = 80.0
    reference: float = 0.0
    n_mels: int = 96
    n_fft: int = 512
    hop_length: int = 256


@dataclass(frozen=True)
class Model:
    """Network; see `structures.build`."""

    structure: str = "compact"
    budget: float | None = None
    layer_widths: tuple[int, ...] | None = None
    pool_first: bool = True
    normalise: bool = True
    input_norm: bool = False
    kernel_time: int = 4
    rnn: str = "gru"

    def __post_init__(self) -> None:  # 1 and 1.0, a list and a tuple: one key
        if self.budget is not None:
            if not isinstance(self.budget, (int, float)):
                raise InputError(f"model.budget must be a number, got {self.budget!r:.80}")
            object.__setattr__(self, "budget", float(self.budget))
        if (widths := self.layer_widths) is not None:
            given = widths if isinstance(widths, (list, tuple)) else (None,)
            if not all(isinstance(width, Integral) and 1 <= width <= 4096 for width in given):
                raise InputError(f"layer_widths must be a list of numbers within 1 … 4096, got {widths!r:.80}")
            object.__setattr__(self, "layer_widths", tuple(int(width) for width in widths))


@dataclass(frozen=True)
class RunSpec:
    """One training of one network.

    Parameters
    ----------
    corpus : str
        Name of a prepared corpus.
    fingerprint : str
        Of the corpus with these labels; empty: as it is now, filled in by `sweeps.resolve`.
    labels : str
        Label set to learn from.
    clip_seconds : float
        Use the first seconds of each clip; 0: all of it.
    n_train : int
        Size of a random subset of the training split; 0: all of it.
    subset_seed : int
        Draws the subset: a larger one contains a smaller one.
    view, model, training : View, Model, Training
    device : {"", "cuda"}
        Empty: a CPU. GPUs round differently, so they have runs of their own; `sweeps.resolve` fills it in.
    precision : {"auto", "bf16", "float32"}
        "auto" is 16 bit where the machine has it; `sweeps.resolve` fills it in.
    threads : int
        CPU threads; more threads than 1 round differently.
    seed : int
        Of weights, order and dropout.
    """

    corpus: str = "synthetic"
    fingerprint: str = ""
    labels: str = "observed"
    clip_seconds: float = 0.0
    n_train: int = 0
    subset_seed: int = 0
    view: View = field(default_factory=View)
    model: Model = field(default_factory=Model)
    training: Training = field(default_factory=Training)
    device: str = ""
    precision: str = "auto"
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("clip_seconds", 0), ("n_train", 0), ("subset_seed", 0), ("threads", 1), ("seed", 0)):
            if not getattr(self, name) >= least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.device not in ("", "cuda"):
            raise InputError(f"device must be '' or 'cuda', got {self.device!r}")
        if self.precision not in ("auto", "bf16", "float32"):
            raise InputError(f"precision must be 'auto', 'bf16' or 'float32', got {self.precision!r}")

    @property
    def key(self) -> str:
        """The name of the run in the store: 32 hexadecimal digits."""
        if not self.fingerprint or self.precision == "auto":
            raise InputError("the run does not name its corpus' fingerprint and its precision; use sweeps.resolve")
        values = asdict(self)
        if not self.device:
            del values["device"]
        for name in ("mixup", "turned"):  # newer than many runs
            if not values["training"][name]:
                del values["training"][name]
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{VERSION}\n{text}".encode()).hexdigest()[:32]

    @property
    def title(self) -> str:
        """A short name for people."""
        budget = f" {self.model.budget:g}M" if self.model.budget else ""
        return f"{self.model.structure}{budget}, {self.corpus}, seed {self.seed}"

    def change(self, /, **changes: Any) -> "RunSpec":
        """Return a copy with other values; ``model__structure="crnn"`` reaches inside.

        Raises
        ------
        InputError
            If a name is unknown.
        """
        values = asdict(self)
        for path, value in changes.items():
            *parents, last = path.split("__")
            place: Any = values
            for parent in parents:
                place = place.get(parent) if isinstance(place, dict) else None
            if not isinstance(place, dict) or last not in place:
                raise InputError(f"unknown value {path!r} of a run; known: {', '.join(_paths())}")
            place[last] = value
        return from_dict(values)


_PARTS: dict[str, type] = {"view": View, "model": Model, "training": Training}


def _paths() -> list[str]:
    inside = [f"{part}__{item.name}" for part, kind in _PARTS.items() for item in fields(kind)]
    return [item.name for item in fields(RunSpec) if item.name not in _PARTS] + inside


def from_dict(values: Mapping[str, Any]) -> RunSpec:
    """Make a spec from plain values, such as JSON; what is not given keeps its default.

    Raises
    ------
    InputError
        If a name is unknown or a value is out of range.
    """
    return _make(RunSpec, values, "run")


def _make(kind: type, values: Any, name: str) -> Any:
    if isinstance(values, kind):
        return values
    known = [item.name for item in fields(kind)]
    if unknown := sorted(set(_named(values, name)) - set(known)):
        raise InputError(f"unknown value {unknown[0]!r:.80} of {name}; known: {', '.join(known)}")
    return kind(**{key: _value(kind, key, value, name) for key, value in values.items()})


def _value(kind: type, key: str, value: Any, name: str) -> Any:
    if kind is RunSpec and key in _PARTS:
        return _make(_PARTS[key], value, key)
    usual, limit = getattr(kind(), key), 1 << (14 if key in ("n_mels", "n_fft", "hop_length", "kernel_time") else 31)
    if isinstance(usual, bool) != isinstance(value, bool) or isinstance(value, Mapping):
        raise InputError(f"{name}.{key} must be like {usual!r}, got {value!r:.80}")
    if isinstance(value, (int, float)) and not abs(value) <= limit:
        raise InputError(f"{name}.{key} must be a number of at most {limit}, got {value!r:.80}")
    if isinstance(usual, float) and isinstance(value, int):
        return float(value)  # 1 and 1.0 are one key
    if isinstance(usual, (int, float, str)) and type(value) is not type(usual):
        raise InputError(f"{name}.{key} must be of type {type(usual).__name__}, got {value!r:.80}")
    return value


def schema() -> dict[str, Any]:
    """Return every value of a run with its type and default, as a sweep's file names them."""

    def described(kind: type) -> dict[str, Any]:
        return {
            item.name: described(_PARTS[item.name])
            if item.name in _PARTS
            else {"type": type(item.default).__name__, "default": item.default}
            for item in fields(kind)
        }

    return described(RunSpec)


def _named(values: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise InputError(f"{name} must be an object with named values, got {values!r:.80}")
    return values


def from_json(content: Any) -> list[RunSpec]:
    """Make specs from what a sweep's file holds: a run, a list of runs, or a base and a grid."""
    if isinstance(content, Mapping) and "grid" in content:
        if unknown := sorted(set(content) - {"base", "grid"}):
            raise InputError(f"unknown {unknown[0]!r:.80} beside base and grid")
        return grid(from_dict(content.get("base", {})), **_named(content["grid"], "grid"))
    if content == []:
        raise InputError("no run in it")
    return [from_dict(values) for values in (content if isinstance(content, list) else [content])]


def grid(base: RunSpec, /, **axes: Iterable[Any]) -> list[RunSpec]:
    """Return a spec for every combination: ``grid(base, model__budget=[0.1, 0.5], seed=range(3))``."""
    for name, values in axes.items():
        if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
            raise InputError(f"grid.{name} must be a list, got {values!r:.80}")
    listed = {name: list(values) for name, values in axes.items()}
    if not 1 <= math.prod(len(values) for values in listed.values()) <= 100_000:
        sizes = ", ".join(f"{len(values):,} of {name}" for name, values in listed.items())
        raise InputError(f"grid must have 1 to 100,000 combinations, got {sizes}")
    combinations = itertools.product(*listed.values())
    return [base.change(**dict(zip(listed, values, strict=True))) for values in combinations]
