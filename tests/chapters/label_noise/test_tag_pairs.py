"""Pairs of tags: which way they point, what relates them, how label rows add up."""

import numpy as np
import pytest

from book.experiments.label_noise import tag_pairs
from mtlib.base.errors import InputError
from mtlib.base.tags import CATEGORY


def test_pairs_are_ordered_and_directed():
    labels = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 1]])
    table = tag_pairs.pairs(labels, ["sub", "super", "other"]).set_index(["tag", "beside"])
    assert table.share["sub", "super"] == 1 and table.share["super", "sub"] == 0.25
    assert table.low["super", "sub"] < 0.25 < table.high["super", "sub"]
    assert table.share.is_monotonic_decreasing


@pytest.mark.parametrize(
    ("tag", "beside", "sizes", "expected"),
    [
        ("female vocalist", "female vocalists", (346, 2878), "synonym"),
        ("chill", "chillout", (1000, 1100), "synonym"),
        ("indie rock", "rock", (1471, 6721), "hierarchy"),
        ("House", "electronic", (628, 3692), "hierarchy"),
        ("60s", "oldies", (941, 1333), "similarity"),
        ("catchy", "pop", (195, 4417), "similarity"),
        ("rnb", "soul", (1500, 1993), "similarity"),
    ],
)
def test_the_thesis_examples_fall_where_it_puts_them(tag, beside, sizes, expected):
    assert tag_pairs.relation(tag, beside, *sizes, CATEGORY) == expected


def test_accumulation_is_the_mean_of_random_choices():
    generator = np.random.default_rng(0)
    labels = generator.random((300, 6)) < 0.2
    ours = tag_pairs.accumulation(labels, [1, 50, 299, 300])
    drawn = [tag_pairs.n_distinct(labels[generator.permutation(300)[:50]]) for _ in range(2000)]
    assert ours[0] == pytest.approx(1) and ours[3] == tag_pairs.n_distinct(labels)
    assert ours[1] == pytest.approx(np.mean(drawn), abs=0.15)
    with pytest.raises(InputError, match="sizes"):
        tag_pairs.accumulation(labels, [301])
