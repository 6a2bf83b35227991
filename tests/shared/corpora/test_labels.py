import numpy as np
import pytest
from scipy.stats import norm

from mtlib.base.errors import InputError
from mtlib.base.tags import CATEGORY, TAGS
from mtlib.corpora import synthetic
from mtlib.corpora.synthetic import recipes
from mtlib.corpora.synthetic.population import labels, latents, tagrules


@pytest.fixture(scope="module")
def population():
    return synthetic.population(10_000, seed=5)


def column(matrix, tag):
    return matrix[:, TAGS.index(tag)]


def test_a_clip_is_the_same_alone_and_among_others():
    many = latents.draw(3, np.arange(500))
    alone = latents.draw(3, [17])
    assert alone.astype(str).equals(many.iloc[[17]].astype(str))
    salience = tagrules.salience(many)
    assert np.array_equal(tagrules.salience(alone)[0], salience[17])
    observed = labels.observe(salience, np.arange(500))
    assert np.array_equal(labels.observe(salience[17:18], [17])[0], observed[17])


def test_other_seeds_draw_other_clips():
    assert not latents.draw(3, np.arange(50))["bpm"].equals(latents.draw(4, np.arange(50))["bpm"])


def test_a_genre_is_the_share_of_the_music_its_parts_make(population):
    share = latents.shares(population.latents)
    assert np.allclose(share.sum(axis=1), 1)
    hybrid = population.latents["partner"].notna().to_numpy()
    assert 0.25 < hybrid.mean() < 0.35
    assert share.max(axis=1)[hybrid].mean() < share.max(axis=1)[~hybrid].mean() - 0.1


def test_relations_hold(population):
    relations = recipes.standard().relations
    for kind, tag, other in relations.itertuples(index=False):
        a, b = column(population.true, tag), column(population.true, other)
        if kind == "hierarchy":
            assert a.any() and not (a & ~b).any(), (tag, other)
        elif kind == "synonym":
            assert np.array_equal(a, b), (tag, other)
        else:  # musical similarity: far more often together than by chance, and not always
            assert 1.25 * b.mean() < b[a].mean() < 0.95, (tag, other, b[a].mean())


def test_every_tag_occurs_and_none_always(population):
    assert population.true.mean(axis=0).min() > 0.02
    assert population.true.mean(axis=0).max() < 0.6


def test_the_process_recovers_its_own_parameters(population):
    """Estimated rates lie inside simultaneous 95 % bands (Bonferroni over the 100 rates)."""
    level = norm.ppf(1 - 0.025 / 100)
    for mask, expected in (
        (population.true, synthetic.default_tagability()),
        (~population.true, synthetic.default_false_positive()),
    ):
        n = mask.sum(axis=0)
        estimate = (population.observed & mask).sum(axis=0) / n
        half = level * np.sqrt(expected * (1 - expected) / n)
        assert (np.abs(estimate - expected) <= half + 1 / n).all()


def test_a_more_salient_tag_is_tagged_more_often(population):
    s, observed = column(population.salience, "sad"), column(population.observed, "sad")
    low, high = np.quantile(s[s > 0], [1 / 3, 2 / 3])
    assert observed[s > high].mean() > observed[(s > 0) & (s < low)].mean() + 0.2


def test_a_higher_tagability_only_adds_tags(population):
    clips = np.arange(len(population.salience))
    sets = [labels.observe(population.salience, clips, tau, seed=5) for tau in (0.2, 0.5, 1.0)]
    assert (sets[0] <= sets[1]).all() and (sets[1] <= sets[2]).all()
    assert sets[2][population.true].all()


def test_tagability_does_not_follow_categories():
    tau = synthetic.default_tagability()
    means = [tau[[CATEGORY[t] == c for t in TAGS]].mean() for c in ("genre", "mood")]
    assert abs(means[0] - means[1]) < 0.1
    assert all(tau[TAGS.index(a)] > tau[TAGS.index(b)] + 0.2 for a, b in labels.TWINS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tagability": 1.5}, "tagability must be one rate within"),
        ({"tagability": 0.0}, "tagability must be above 0"),
        ({"false_positive": np.full(50, -0.1)}, "false_positive must be one rate"),
        ({"slope": -1}, "slope must be at least 0"),
    ],
)
def test_bad_rates_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        labels.observe(np.zeros((2, 50)), [0, 1], **arguments)
