"""The thesis' networks by name: widths of Table 4-A, pooling for each length of input.

`build` makes one: ``build("k2c2", 0.1, n_frames=340)``. The widths come from ``data/thesis``; the pooling
is a table, because a pooling fits one length: 1366 frames (29.12 s at 12 kHz), 1360 (29 s) and 340 (7.25
s, the short clips of the quick profiles); the Compact-convnet takes other hops and bands too. Another
size is refused with the sizes that work.
"""

import csv
from collections.abc import Sequence
from functools import cache

from torch import nn

from ..base.errors import InputError
from ..base.paths import DATA
from . import models
from .layers import Pool, initialise

STRUCTURES = ("compact", "k1c2", "k2c1", "k2c2", "crnn", "genre")
"""Names of the networks; the four in the middle have the five widths of Table 4-A."""

WITH_WIDTHS = ("k1c2", "k2c1", "k2c2", "crnn")

_OWN_WIDTHS = {"compact": (32,) * 5, "genre": (64,) * 5 + (256,)}
"""The thesis does not say how wide the genre network's dense layer is; 256 is our choice."""

_LONG = (1366, 1360)

_COMPACT_FREQ = {
    96: (2, 3, 2, 2, 4),  # the author's code
    257: (2, 4, 4, 2, 4),  # Table 2-B
    129: (2, 4, 2, 2, 4),
    128: (2, 4, 2, 2, 4),
    64: (2, 2, 2, 2, 4),
    48: (2, 3, 2, 2, 2),
    32: (2, 2, 2, 2, 2),
}
_COMPACT_TIME = {
    **dict.fromkeys(_LONG, (4, 4, 5, 4, 4)),
    340: (4, 4, 5, 2, 2),
    **dict.fromkeys((680, 683), (4, 4, 5, 4, 2)),  # hop 128 on 7.25 s, hop 512 on 29 s
    170: (4, 4, 5, 2, 1),  # hop 512 on 7.25 s
    **dict.fromkeys((2719, 2731), (4, 4, 5, 8, 4)),  # hop 128 on 29 s
}
"""Pooling of the Compact-convnet's five stages, by bands and by frames."""

POOLS: dict[tuple[str, int], dict[int, tuple[Pool, ...]]] = {
    **{
        ("compact", n_freq): {n_frames: tuple(zip(freq, time, strict=True)) for n_frames, time in _COMPACT_TIME.items()}
        for n_freq, freq in _COMPACT_FREQ.items()
    },
    ("k1c2", 96): {**dict.fromkeys(_LONG, ((1, 4), (1, 5), (1, 8), (1, 8))), 340: ((1, 4), (1, 5), (1, 4), (1, 4))},
    ("k2c1", 96): {
        **dict.fromkeys(_LONG, ((1, 4), (1, 4), (1, 4), (1, 4), (1, 5))),
        340: ((1, 4), (1, 4), (1, 5), (1, 2), (1, 2)),
    },
    ("k2c2", 96): {**dict.fromkeys(_LONG, models.CNN5_POOLS), 340: ((2, 4), (2, 4), (2, 4), (3, 5), (4, 1))},
    ("crnn", 96): {**dict.fromkeys(_LONG, models.CRNN_POOLS), 340: ((2, 4), (3, 3), (4, 2), (4, 1))},
    ("genre", 257): {173: ((2, 2),) * 5},
}
"""Pooling (freq, time) of each stage: by (structure, n_freq), then by n_frames."""

_PADDED_FRAMES = {1366: 1440, 1360: 1440, 340: 340}  # CRNN: what the input is padded to (E34)


@cache
def widths() -> dict[str, dict[float, tuple[int, ...]]]:
    """Return the widths of Table 4-A: structure, budget in million parameters, width of each layer."""
    table: dict[str, dict[float, list[int]]] = {name: {} for name in WITH_WIDTHS}
    with open(DATA / "thesis" / "table_4a_layer_widths.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            budget = float(row["budget_million_params"])
            table[row["structure"]].setdefault(budget, []).append(int(row["width"]))
    return {name: {budget: tuple(row) for budget, row in rows.items()} for name, rows in table.items()}


def pools(structure: str, n_freq: int, n_frames: int) -> tuple[Pool, ...]:
    """Return the pooling of a structure for a size of input.

    Raises
    ------
    InputError
        If there is none; it names the sizes that work.
    """
    _check_structure(structure)
    if found := POOLS.get((structure, n_freq), {}).get(n_frames):
        return found
    works = ", ".join(
        f"{freq}×{frames}" for (name, freq), table in POOLS.items() if name == structure for frames in table
    )
    raise InputError(f"{structure} has no pooling for an input of {n_freq}×{n_frames}; it takes {works}")


def build(
    structure: str,
    budget: float | None = None,
    *,
    n_freq: int = 96,
    n_frames: int = 1366,
    n_tags: int = 50,
    layer_widths: Sequence[int] | None = None,
    pool_first: bool = True,
    normalise: bool = True,
    input_norm: bool = False,
    kernel_time: int = 4,
    rnn: str = "gru",
) -> nn.Module:
    """Build a network of the thesis, freshly initialised.

    Parameters
    ----------
    structure : str
        One of `STRUCTURES`.
    budget : float, optional
        0.1, 0.25, 0.5, 1.0 or 3.0 million parameters; for the structures with widths.
    n_freq, n_frames, n_tags : int
        Size of the input, and outputs.
    layer_widths : sequence of int, optional
        Other widths than the thesis', layer by layer.
    pool_first : bool
        Pool before normalising (Table 2-B; faster), or last (the author's code).
    normalise : bool
        Batch normalisation in every stage; without it, of "compact" and "k2c2" only (C5.09).
    input_norm : bool
        Normalise the input over time: with it, three of the four structures meet every budget (E28).
    kernel_time : int
        Kernel length of k1c2: 4 as written, or 8, which fits the stated counts better (E29).
    rnn : {"gru", "lstm"}
        Of the CRNN.

    Raises
    ------
    InputError
        If a name, a size or a combination is unknown.
    """
    stage_pools = pools(structure, n_freq, n_frames)
    if kernel_time != 4 and structure != "k1c2":
        raise InputError(f"kernel_time is an option of k1c2, not of {structure}")
    if rnn != "gru" and structure != "crnn":
        raise InputError(f"rnn is an option of crnn, not of {structure}")
    if not normalise and structure not in ("compact", "k2c2"):
        raise InputError(f"normalise is an option of compact and k2c2, not of {structure}")
    maps = _layer_widths(structure, budget, layer_widths)
    n_stages = len(stage_pools)
    network: nn.Module
    if structure in ("compact", "k2c2"):
        network = models.Convnet(
            maps, stage_pools, n_tags=n_tags, pool_first=pool_first, normalise=normalise,
            n_frames_normalised=n_frames if input_norm else None,
        )  # fmt: skip
    elif structure == "crnn":
        network = models.CRNN(
            maps[:n_stages], (maps[-2], maps[-1]), n_frames=n_frames, pools=stage_pools, n_tags=n_tags,
            n_padding=(_PADDED_FRAMES[n_frames] - n_frames) // 2, input_norm=input_norm, rnn=rnn,
            pool_first=pool_first,
        )  # fmt: skip
    else:
        kernels = {
            "k1c2": [(1, kernel_time)] * n_stages,
            "k2c1": [(n_freq, 4)] + [(1, 4)] * (n_stages - 1),
            "genre": [(3, 3)] * n_stages,
        }[structure]
        plain = {"normalise": False, "activation": "relu"} if structure == "genre" else {}
        network = models.DenseConvnet(
            maps[:n_stages], maps[n_stages:], stage_pools, kernels, n_freq=n_freq, n_frames=n_frames,
            n_tags=n_tags, input_norm=input_norm, pool_first=pool_first, **plain,
        )  # fmt: skip
    return initialise(network)


def _check_structure(structure: str) -> None:
    if structure not in STRUCTURES:
        raise InputError(f"unknown structure {structure!r}; choose one of {', '.join(STRUCTURES)}")


def _layer_widths(structure: str, budget: float | None, given: Sequence[int] | None) -> tuple[int, ...]:
    table = widths().get(structure)
    if table is None:
        if budget is not None:
            raise InputError(f"{structure} has no budgets, got {budget}; leave the budget out")
        usual = _OWN_WIDTHS[structure]
    elif given is None and budget not in table:
        raise InputError(f"budget of {structure} must be one of {', '.join(map(str, table))}, got {budget}")
    else:
        usual = table[budget] if budget in table else next(iter(table.values()))
    if given is None:
        return usual
    if len(given) != len(usual):
        raise InputError(f"{structure} has {len(usual)} layers, got {len(given)} widths")
    return tuple(given)
