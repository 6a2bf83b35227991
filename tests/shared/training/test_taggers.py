"""How recorded and live runs of one key agree, and which runs stand for a tagger."""

import pandas as pd
import pytest

from mtlib.base.errors import InputError
from mtlib.training import taggers


@pytest.fixture
def known():
    rows = [("a", seed, 0.80 + 0.01 * seed, f"a{seed}") for seed in range(3)]
    return pd.DataFrame(rows, columns=["configuration", "seed", "roc_auc", "key"]).assign(n_train=10)


def test_agreement_is_told_against_the_spread_of_seeds(known):
    assert taggers.agreement(known, known.assign(key="other")) == "No run of this page was recorded before."
    assert "3 were recorded before; they came out the same" in taggers.agreement(known, known)
    near = taggers.agreement(known, known.assign(roc_auc=known.roc_auc + 0.015))
    assert "differs by up to 0.0150" in near and "within two standard deviations of the seeds (0.0200)" in near
    far = taggers.agreement(known, known.assign(roc_auc=known.roc_auc - 0.03))
    assert "more than two standard deviations" in far and "mind the machine" in far


def test_an_unknown_kind_of_training_is_refused():
    with pytest.raises(InputError, match="no training gives 'random'"):
        taggers.source_spec(None, None, "random")
