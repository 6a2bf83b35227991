"""Chapter 2: each formula has its check, each claim that needs no training its row."""

import re

import pytest

from chapter import Chapter
from mtlib.evidence import claims

CHAPTER = Chapter(2)


@pytest.mark.parametrize("anchor", [f"eq-2-{i}" for i in range(1, 8)])
def test_every_formula_is_checked_against_a_library_where_it_is_computed(anchor):
    """The build runs these cells: a difference beyond the stated tolerance fails it."""
    order = list(CHAPTER.text)
    at = next(i for i, name in enumerate(order) if f"({anchor})=" in CHAPTER.text[name])
    following = [CHAPTER.text[name] for name in order[at + 1 : at + 8]]
    assert any(re.search(r"assert_allclose\((?s:.)*?[ar]tol=", source) for source in following)


def test_claims_that_need_no_training_are_recorded():
    recorded = set(re.findall(r'claims\.record\(\s*"([^"]+)"', CHAPTER.code))
    expected = {name for name, row in claims.table().items() if row["chapter"] == "2"} - {"C2.03", "C2.04"}
    assert recorded == expected
