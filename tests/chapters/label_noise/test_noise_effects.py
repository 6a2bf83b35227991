"""Readings of made-up areas whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from book.experiments.label_noise import results
from mtlib.base.errors import InputError
from mtlib.evidence import correlation

TAGS = ("a", "b", "c", "d")


def sweep(loss=0.2, seeds=3):
    """Areas in which tags a and b lose `loss` from all labels to none; d is undefined once."""
    rows = []
    for seed in range(seeds):
        for rate in (1.0, 0.5, 0.1):
            for k, tag in enumerate(TAGS):
                area = 0.8 + 0.01 * seed + 0.02 * k - (loss * (1 - rate) if tag in "ab" else 0)
                undefined = tag == "d" and rate == 0.1 and seed == 0
                rows.append(
                    ("tagability", f"{rate:g}", seed, tag, np.nan if undefined else area, area - 0.1, 5, 4, 100)
                )
    columns = ["experiment", "setting", "seed", "tag", "true", "observed", "n_true", "n_observed", "n_clips"]
    return pd.DataFrame(rows, columns=columns)


def test_a_line_is_found_for_each_seed():
    means = results.swept_means(sweep(0.2), ["a", "b"])
    assert set(means.tagability) == {1.0, 0.5, 0.1}
    assert means.others.groupby(means.seed).nunique().max() == 1  # c alone: d is left out everywhere
    found = results.slope(means)
    assert found.value == pytest.approx(-0.2) and found.n == 3
    assert results.slope(means, "others").value == pytest.approx(0)
    with pytest.raises(InputError, match="two seeds"):
        results.slope(means[means.seed == 0])
    with pytest.raises(InputError, match="every tag"):
        results.swept_means(sweep(), TAGS)


def test_tags_without_an_area_are_dropped_alone():
    areas = sweep()
    areas.loc[areas.tag == "c", "observed"] = np.nan
    found = results.by_tag(areas)
    assert list(found.index) == ["a", "b", "d"]
    assert found.observed["a"] == pytest.approx(areas[areas.tag == "a"].observed.mean())


def test_systems_are_means_over_few_and_all_tags():
    found = results.systems(sweep(), ["a", "c"]).set_index(["setting", "seed"])
    row = found.loc[("0.5", 2)]
    assert row.few_true == pytest.approx(np.mean([0.82 - 0.1, 0.86]))
    assert row.all_observed == pytest.approx(np.mean([0.72, 0.74, 0.86, 0.88]) - 0.1)


def test_differences_of_correlations_cover_and_means_lie_between():
    generator, inside = np.random.default_rng(0), 0

    def drawn(rho):
        a = generator.normal(size=15)
        b = rho * a + np.sqrt(1 - rho**2) * generator.normal(size=15)
        return correlation.correlation(a, b, rng=generator, method="pearson", n_permutations=1)

    truth = np.arctanh(0.9) - np.arctanh(0.5)
    for _ in range(400):
        gap = results.fisher_difference(drawn(0.9), drawn(0.5))
        inside += gap.low <= truth <= gap.high
    assert 0.91 < inside / 400 < 0.985
    pair = [drawn(0.9), drawn(0.5)]
    value, low, high = results.mean_correlation(pair)
    assert min(one.value for one in pair) < value < max(one.value for one in pair) and low < value < high
    perfect = correlation.correlation(np.arange(9.0), np.arange(9.0), rng=generator, method="pearson")
    with pytest.raises(InputError, match="Fisher"):
        results.fisher_difference(perfect, pair[0])
