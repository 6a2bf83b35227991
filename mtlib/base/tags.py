"""The fifty tags of the thesis, in the order of every label matrix and output layer.

The order is that of the author's label files (list rank in the Million Song Dataset's Last.fm tags).
Categories are genre (28), mood (12), instrument (5) and era (5) [Choi2018, §3.1.3]; the thesis does
not print which tag belongs where, so ``data/tags.csv`` marks the uncertain ones.
"""

import csv

from .paths import DATA

CATEGORIES = ("genre", "mood", "instrument", "era")


def _rows() -> list[dict[str, str]]:
    with open(DATA / "tags.csv", encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["index"]))


TAGS: tuple[str, ...] = tuple(row["tag"] for row in _rows())
"""The fifty tag names; position = column of a label matrix."""

CATEGORY: dict[str, str] = {row["tag"]: row["category"] for row in _rows()}
"""Category of each tag."""
