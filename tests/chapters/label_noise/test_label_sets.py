"""Label sets: counts by hand, and what the three real ones hold."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from book.experiments.label_noise import label_sets
from book.experiments.label_noise.label_sets import LabelSet
from mtlib.base.errors import InputError
from mtlib.evidence import statistics


@pytest.fixture
def small():
    """Forty clips: rock, its sub-genre hard rock, and a rare word for rock."""
    rock = np.arange(40) < 30
    hard, rare = np.arange(40) % 4 == 0, np.arange(40) < 3
    labels = np.stack([rare, hard & rock, rock, ~rock], 1)
    category = {"rocks": "genre", "hard rock": "genre", "rock": "genre", "calm": "mood"}
    return LabelSet("small", "Small", category, {"valid": labels[:20], "test": labels[20:]})


def test_counts_and_summary_by_hand(small):
    table = label_sets.counts(small)
    assert table.tag.tolist() == ["rock", "calm", "hard rock", "rocks"]
    assert table["count"].tolist() == [30, 10, 8, 3] and table.share[0] == 0.75
    found = label_sets.summary(small)
    assert (found["n_clips"], found["n_labels"], found["n_distinct"]) == (40, 51, 5)
    assert found["labels_per_clip"] == 51 / 40 and found["spread"] == 10 and found["top_ten"] == 1
    x, y = np.log([1, 2, 3, 4]), np.log([30, 10, 8, 3])
    assert found["slope"] == pytest.approx(np.polyfit(x, y, 1)[0])


def test_shift_is_the_chi_square_of_each_tag(small):
    table = label_sets.split_shift(small).set_index("tag")
    sides = [part[:, 3] for part in small.by_split.values()]
    alone = chi2_contingency([[s.sum(), (~s).sum()] for s in sides]).pvalue
    assert (table["first"]["calm"], table["second"]["calm"]) == (0, 0.5) and table.ratio["calm"] == 0
    assert alone <= table.p["calm"] <= 4 * alone + 1e-12
    with pytest.raises(InputError, match="first must be one of valid, test, got 'train'"):
        label_sets.split_shift(small, "train")
    assert statistics.adjust([alone])[0] == alone


def test_relations_by_rule(small):
    table = label_sets.related(small).set_index(["tag", "beside"])
    assert table.relation["hard rock", "rock"] == "hierarchy" and table.share["hard rock", "rock"] == 1
    assert table.relation["calm", "rock"] == "similarity" and table.share["calm", "rock"] == 0
    (row,) = label_sets.synonyms(small).itertuples()
    assert (row.tag, row.beside, row.share, row.preference) == ("rocks", "rock", 1, 10)


def test_no_label_set_of_that_name():
    with pytest.raises(InputError, match="name must be one of msd_lastfm"):
        label_sets.load("gtzan_genre")


def test_the_three_real_sets(published, later, tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    made = {name: label_sets.load(name) for name in label_sets.SETS}
    found = {name: label_sets.summary(labels) for name, labels in made.items()}
    assert {name: row["n_clips"] for name, row in found.items()} == {
        "msd_lastfm": 41_174, "magnatagatune": 21_111, "mtg_jamendo": 54_380,
    }  # fmt: skip
    sizes = {name: {key: len(part) for key, part in labels.by_split.items()} for name, labels in made.items()}
    assert sizes["magnatagatune"] == {"train": 15_250, "valid": 1_529, "test": 4_332}
    assert sizes["mtg_jamendo"] == {"train": 32_136, "valid": 10_888, "test": 11_356}
    first = {name: label_sets.counts(labels).iloc[0] for name, labels in made.items()}
    assert {row.tag: row["count"] for row in first.values()} == {"rock": 6_721, "guitar": 4_852, "electronic": 16_480}
    # A genre of genres stands high in each; the game's players also give near-certain pairs.
    strongest = {name: label_sets.related(labels).iloc[0] for name, labels in made.items()}
    pairs = {name: (row.tag, row.beside, round(row.share, 3)) for name, row in strongest.items()}
    assert pairs["magnatagatune"] == ("metal", "rock", 0.972)
    assert pairs["msd_lastfm"] == ("indie rock", "indie", 0.625)
    words = label_sets.synonyms(made["magnatagatune"])
    assert set(zip(words.tag, words.beside, strict=True)) == {
        ("classic", "classical"), ("beats", "beat"), ("vocals", "vocal"), ("no vocal", "no vocals"),
    }  # fmt: skip
    assert label_sets.synonyms(made["mtg_jamendo"]).empty
