"""Effects equal closed forms, SciPy's tests in the cases that SciPy has, and cover in simulations."""

import numpy as np
import pytest
from scipy import stats

from book.experiments.preprocessing.factorial import Factorial
from mtlib.base.errors import InputError

FACTORS = {"magnitude": ("log", "linear"), "weighting": ("bypass", "a", "flat"), "scaler": ("x1", "x10")}


def scores(n_seeds=3, noise=0.0, seed=0, interaction=0.0):
    rng = np.random.default_rng(seed)
    cells = np.zeros((2, 3, 2))
    cells[1] -= 0.05
    cells[:, 1] += 0.01
    cells[1, 1] += interaction
    blocks = rng.normal(0, 0.01, n_seeds)  # a seed shifts all cells
    return 0.8 + cells[..., None] + blocks + noise * rng.standard_normal((2, 3, 2, n_seeds))


def test_true_effects_come_back_without_noise():
    design = Factorial(scores(interaction=0.02), FACTORS)
    found = {name: estimate.value for name, estimate in design.effects().items()}
    assert found["linear"] == pytest.approx(-0.05 + 0.02 / 3)
    assert found["a"] == pytest.approx(0.02) and found["flat"] == pytest.approx(0)
    assert found["linear × a"] == pytest.approx(0.02) and found["linear × x10"] == pytest.approx(0)
    assert design.deviation < 1e-12
    pair = design.difference({"magnitude": "linear", "weighting": "a"}, {"magnitude": "log", "weighting": "a"})
    assert pair.value == pytest.approx(-0.03)


def test_the_clips_part_of_an_effect_is_bounded_by_its_pairs():
    """Against a simulation in which every cell has an error of its own, from the test clips."""
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.5, 2, (2, 3, 2))
    at = {level: i for levels in FACTORS.values() for i, level in enumerate(levels)}

    def clip_error(first, second):
        return float(np.hypot(*(errors[tuple(at[level] for level in cell)] for cell in (first, second))))

    found = Factorial(scores(), FACTORS).effects(clip_error=clip_error)
    drawn = errors[..., None] * rng.normal(size=(2, 3, 2, 4000))
    for name, effect in found.items():
        alone = Factorial(scores(), FACTORS)
        alone.cells = drawn[..., 0]
        spread = np.std([setattr(alone, "cells", drawn[..., k]) or alone.effects()[name].value for k in range(500)])
        assert effect.floor >= 0.95 * spread and effect.floor > 0
    some = Factorial(scores(), FACTORS).effects(
        clip_error=lambda a, b: 0.01 if a[0] != b[0] else np.nan  # known between magnitudes alone
    )
    assert some["linear"].floor == pytest.approx(0.01) and some["linear × a"].floor == pytest.approx(0.02)
    assert some["a"].floor == 0


def test_two_cells_are_a_paired_t_test():
    values = np.random.default_rng(0).normal(0.8, 0.01, (2, 8))
    design = Factorial(values, {"magnitude": ("log", "linear")})
    theirs = stats.ttest_rel(values[1], values[0])
    ours = design.effects()["linear"]
    assert ours.p_value() == pytest.approx(theirs.pvalue)
    assert ours.interval() == pytest.approx(tuple(theirs.confidence_interval()))
    (term,) = design.terms()
    assert term.f == pytest.approx(theirs.statistic**2) and term.p_value == pytest.approx(theirs.pvalue)


def test_sums_of_squares_add_up_and_f_is_least_squares():
    values = scores(4, noise=0.01)
    design = Factorial(values, FACTORS)
    total = ((values - values.mean()) ** 2).sum()
    blocks = 12 * ((values.mean((0, 1, 2)) - values.mean()) ** 2).sum()
    explained = sum(term.f * term.df * design.deviation**2 for term in design.terms())
    assert blocks + explained + design.deviation**2 * design.df == pytest.approx(total)
    # The interaction of magnitude and weighting: dropping its columns from a regression.
    index = np.indices(values.shape).reshape(4, -1)
    code = {0: np.eye(2)[:, 1:] - 0.5, 1: np.eye(3)[:, 1:] - 1 / 3, 2: np.eye(2)[:, 1:] - 0.5}
    main = [code[axis][index[axis]] for axis in range(3)]
    both = {
        axes: np.einsum("ni,nj->nij", main[axes[0]], main[axes[1]]).reshape(values.size, -1)
        for axes in ((0, 1), (0, 2), (1, 2))
    }
    three = np.einsum("ni,nj->nij", both[0, 1], main[2]).reshape(values.size, -1)
    full = [np.eye(4)[index[3]], *main, *both.values(), three]

    def left(parts):
        design = np.hstack(parts)
        fitted = design @ np.linalg.lstsq(design, values.ravel(), rcond=None)[0]
        return ((values.ravel() - fitted) ** 2).sum()

    reduced = [part for part in full if part is not both[0, 1]]
    f = (left(reduced) - left(full)) / 2 / (left(full) / design.df)
    term = next(term for term in design.terms() if term.name == "magnitude × weighting")
    assert term.f == pytest.approx(f)


def test_intervals_and_tests_keep_their_level():
    designs = [Factorial(scores(3, 0.004, seed), FACTORS) for seed in range(400)]
    effects = [design.effects()["linear"] for design in designs]
    assert np.mean([e.low <= -0.05 <= e.high for e in effects]) == pytest.approx(0.95, abs=0.035)
    p = [term.p_value for design in designs for term in design.terms() if "×" in term.name]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.025)


def test_one_seed_gives_main_effects_with_honest_intervals():
    designs = [Factorial(scores(1, 0.004, seed), FACTORS) for seed in range(400)]
    assert designs[0].df == 7 and set(designs[0].effects()) == {"linear", "a", "flat", "x10"}
    effects = [design.effects()["linear"] for design in designs]
    assert np.mean([e.low <= -0.05 <= e.high for e in effects]) == pytest.approx(0.95, abs=0.035)
    p = [design.terms()[2].p_value for design in designs]  # the scaler does nothing
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.035)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Factorial(np.zeros((2, 2, 3)), FACTORS), "scores must be"),
        (lambda: Factorial(np.zeros((2, 1)), {"magnitude": ("log", "linear")}), "one factor two seeds"),
        (lambda: Factorial(np.full((2, 3, 2, 2), np.nan), FACTORS), "finite score"),
        (lambda: Factorial(scores(), FACTORS).difference({"scale": "x1"}, {}), "unknown factor 'scale'"),
        (lambda: Factorial(scores(), FACTORS).difference({"scaler": "x2"}, {}), "scaler must be one of x1"),
        (lambda: Factorial(scores(), FACTORS).contrast(np.ones((2, 3, 2))), "add up to 0"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(InputError, match=words):
        call()
