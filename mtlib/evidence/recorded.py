"""Recorded results: tidy tables under ``data/results``, computed once, committed with where they come from.

What a page cannot afford live is computed by a command and kept here; pages mark it "recorded". Beside
each table lies a ``.json`` file: commit, versions, device, time, and the command that computes it again.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..base import files, paths, provenance
from ..base.errors import InputError


def write(name: str, table: pd.DataFrame, index: Sequence[str], *, command: str, **told: Any) -> Path:
    """Merge rows into a recorded table; rows of the same index are replaced.

    Parameters
    ----------
    name : str
        Without suffix.
    table : DataFrame
    index : sequence of str
        Columns that tell rows apart; they come first and sort the table.
    command : str
        Computes the table again.
    **told
        Whatever else belongs into the provenance, as plain values.

    Returns
    -------
    Path
        The table.
    """
    replace({name: merged(name, table, index)}, name, command=command, **told)
    return _path(name)


def merged(name: str, table: pd.DataFrame, index: Sequence[str]) -> pd.DataFrame:
    """Return a recorded table with new rows in the place of those of the same index, sorted by it."""
    path, index = _path(name), list(index)
    if path.exists():
        old = _table(path, dtype={column: str for column in index if _is_text(table[column])})
        kept = ~pd.MultiIndex.from_frame(old[index]).isin(pd.MultiIndex.from_frame(table[index]))
        table = pd.concat([old[kept], table])
    columns = [*index, *(column for column in table if column not in index)]
    return table[columns].sort_values(index, kind="stable", ignore_index=True)


def replace(tables: Mapping[str, pd.DataFrame], origin_name: str, **told: Any) -> None:
    """Write tables in the place of what was recorded under their names.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By name, without suffix.
    origin_name : str
        Name under which `origin` finds where they come from.
    **told
        As for `write`; plain values.
    """
    for name, table in tables.items():
        _path(name).parent.mkdir(parents=True, exist_ok=True)
        with files.atomic(_path(name)) as file:
            table.to_csv(file, index=False, float_format="%.7g")
    with files.atomic(_path(origin_name).with_suffix(".json")) as file:
        file.write(json.dumps(provenance.stamp(**told), indent=1).encode() + b"\n")


def of_profile(name: str, profile: str) -> str:
    """Return the name of a table at a profile's sizes: `quick` has the plain name."""
    return name if profile == "quick" else f"{name}_{profile}"


def read(name: str, text: Sequence[str] = ()) -> pd.DataFrame:
    """Return a recorded table; ``text`` names columns whose values look like numbers and are not.

    Raises
    ------
    InputError
        If nothing of that name is recorded.
    """
    path = _path(name)
    if not path.is_file():
        raise InputError(f"nothing is recorded under {name!r} in {path.parent}")
    return _table(path, dtype=dict.fromkeys(text, str))


def origin(name: str) -> dict[str, Any]:
    """Return where a recorded table comes from."""
    path = _path(name).with_suffix(".json")
    with files.told_if_damaged(path, "check it out again"):
        return dict(json.loads(path.read_bytes()))


def _table(path: Path, **options: Any) -> pd.DataFrame:
    with files.told_if_damaged(path, "check it out again"):
        return pd.read_csv(path, **options)


def _path(name: str) -> Path:
    return paths.DATA / "results" / f"{name}.csv"


def _is_text(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)
