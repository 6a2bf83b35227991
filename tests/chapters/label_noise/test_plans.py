"""Planned widths against the widths that simulated re-annotations have."""

import numpy as np
import pytest

from book.experiments.label_noise import estimates, reannotation
from mtlib.base.errors import InputError


def test_the_plan_keeps_its_promise():
    truth = np.random.default_rng(0).random(200_000) < 0.2
    observed = np.where(truth, np.random.default_rng(1).random(len(truth)) < 0.19, False)
    wrong = np.random.default_rng(2).random(len(truth)) < 0.0025
    observed = observed | (~truth & wrong)  # precision about .95
    counts = reannotation.repeat(observed, truth, reannotation.Design(40, 360), 300, np.random.default_rng(3))
    values = reannotation.true_values(observed, truth)
    table = reannotation.performance(counts, values, np.random.default_rng(4), methods=["posterior"])
    planned = estimates.half_widths(
        400, share_positive=0.1, prevalence=0.2, tagability=values["recall"], precision=values["precision"]
    )
    for row in table.itertuples():
        assert planned[row.quantity] == pytest.approx(row.width / 2, rel=0.15), row.quantity


def test_more_clips_are_surer_and_unlabelled_ones_tell_more():
    table = estimates.table((0.1,), (0.05, 0.5))
    widths = table.set_index(["tagability", "share_positive", "quantity", "n_judged"]).half_width
    for key, part in widths.groupby(level=[0, 1, 2]):
        assert part.is_monotonic_decreasing, key
    assert widths[0.05, 0.1, "recall", 400] < widths[0.05, 0.5, "recall", 400]


def test_bad_expectations_are_refused():
    with pytest.raises(InputError, match="prevalence"):
        estimates.half_widths(100, share_positive=0.5, prevalence=0, tagability=0.5)
