"""The grid on summed kernels against scikit-learn on concatenated features, and the exact regression."""

import clarabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from book.experiments.transfer import protocols, published_features, svm
from mtlib.base.errors import InputError


def problem(seed=0, n=120, n_classes=3, regression=False):
    """Two blocks, their concatenation, a target and five folds."""
    rng = np.random.default_rng(seed)
    blocks = [rng.normal(size=(n, 4)), 3 * rng.normal(size=(n, 6)) + 1]
    x = np.hstack(blocks)
    signal = x[:, 0] + 0.3 * x[:, 5] + 0.5 * rng.normal(size=n)
    y = (
        signal
        if regression
        else np.digitize(signal, np.quantile(signal, np.arange(1, n_classes) / n_classes))
    )
    fold = np.arange(n) % 5
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]
    return blocks, x, y, splits, fold


def library_scores(machine, grid, x, y, fold, prefix=""):
    """Return (configuration, split) scores of GridSearchCV, one configuration at a time."""
    rows = []
    for c in grid:
        values = {f"{prefix}kernel": [c.kernel], f"{prefix}C": [c.C]}
        if c.gamma is not None:
            values[f"{prefix}gamma"] = [c.gamma]
        found = GridSearchCV(machine, values, cv=PredefinedSplit(fold), refit=False).fit(x, y).cv_results_
        rows.append([found[f"split{k}_test_score"][0] for k in range(5)])
    return np.array(rows)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_classification_equals_grid_search_cv(n_classes):
    blocks, x, y, splits, fold = problem(n_classes=n_classes)
    grid = svm.grid(x.shape[1])
    scores, _ = svm.search(svm.GramMatrices(blocks), y, splits, grid)
    np.testing.assert_allclose(scores, library_scores(SVC(), grid, x, y, fold), atol=1e-12)


def test_standardising_equals_a_scaler_inside_the_folds():
    blocks, x, y, splits, fold = problem(1)
    grid = svm.grid(x.shape[1])
    scores, _ = svm.search(svm.GramMatrices(blocks, standardise=True), y, splits, grid)
    machine = make_pipeline(StandardScaler(), SVC())
    np.testing.assert_allclose(scores, library_scores(machine, grid, x, y, fold, "svc__"), atol=1e-12)


def test_regression_equals_grid_search_cv():
    blocks, x, y, splits, fold = problem(2, regression=True)
    grid = svm.grid(x.shape[1])
    scores, _ = svm.search(svm.GramMatrices(blocks), y, splits, grid)
    np.testing.assert_allclose(scores, library_scores(SVR(), grid, x, y, fold), atol=1e-3)


def test_confirmed_linear_regressions_are_those_of_libsvm():
    blocks, x, y, splits, fold = problem(3, regression=True)
    grid = [c for c in svm.grid(x.shape[1]) if c.kernel == "linear"]
    scores, _ = svm.search(svm.GramMatrices(blocks), y, splits, grid, confirm=1.0)
    np.testing.assert_allclose(scores, library_scores(SVR(), grid, x, y, fold), atol=1e-9)


@pytest.mark.usefixtures("published")
def test_arousal_by_one_layer_equals_grid_search_cv():
    """Radial machines are libsvm's; linear ones, solved exactly, stay within R² of 0.001 in their mean."""
    data = published_features.load("T4a")
    blocks, splits = data.parts("1"), published_features.author_splits(data)[:4]
    grid = [c for c in svm.grid(32) if c.gamma in (None, 2**-3, 2**-9)]
    scores, _ = svm.search(svm.GramMatrices(blocks), data.y, splits, grid, confirm=protocols.CONFIRM)
    theirs = np.empty_like(scores)
    for i, c in enumerate(grid):
        machine = SVR(kernel=c.kernel, C=c.C, gamma=c.gamma or "scale")
        search = GridSearchCV(machine, {"C": [c.C]}, cv=splits, refit=False).fit(blocks[0], data.y)
        theirs[i] = [search.cv_results_[f"split{k}_test_score"][0] for k in range(len(splits))]
    linear = np.array([c.kernel == "linear" for c in grid])
    np.testing.assert_allclose(scores[~linear], theirs[~linear], atol=1e-9)
    np.testing.assert_allclose(scores[linear].mean(1), theirs[linear].mean(1), atol=1e-3)
    assert svm.best(scores, splits)[1] == pytest.approx(svm.best(theirs, splits)[1], abs=1e-6)


def test_libsvm_keeps_its_kernel_in_single_precision_and_stays_above_the_exact_optimum():
    """Why R² of a linear regression with a large C does not meet libsvm's, however patient libsvm is."""
    rng = np.random.default_rng(0)
    x = 30 + rng.normal(size=(80, 5))  # far from the origin, as averages after an activation are
    y = x @ rng.normal(size=5) + rng.normal(size=80)
    weights, intercept, _ = svm.solve_svr(x, y, 32.0)
    patient = SVR(kernel="linear", C=32.0, tol=1e-7, max_iter=10**6).fit(x, y)

    def objective(w, b):
        return w @ w / 2 + 32 * np.maximum(np.abs(y - x @ w - b) - 0.1, 0).sum()

    exact, theirs = objective(weights, intercept), objective(patient.coef_[0], patient.intercept_[0])
    assert exact < theirs * (1 - 1e-6)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 2.0, 32.0]), st.integers(1, 12), st.floats(0.01, 0.5))
def test_the_interior_point_finds_the_optimum_that_clarabel_finds(seed, C, n_features, epsilon):
    rng = np.random.default_rng(seed)
    n = 50
    x = rng.normal(size=(n, n_features))
    y = x @ rng.normal(size=n_features) + rng.normal(size=n)
    weights, intercept, largest = svm.solve_svr(x, y, C, epsilon=epsilon)
    loss = np.maximum(np.abs(y - x @ weights - intercept) - epsilon, 0).sum()

    # clarabel: weights, intercept and one excess of the tube per clip; A z <= b
    size = sparse.diags_array(np.r_[np.ones(n_features), np.zeros(1 + n)], format="csc")
    fit, excess = np.c_[x, np.ones(n)], np.eye(n)
    A = np.block([[fit, -excess], [-fit, -excess], [np.zeros_like(fit), -excess]])
    b = np.r_[y + epsilon, epsilon - y, np.zeros(n)]
    cost = np.r_[np.zeros(n_features + 1), np.full(n, C)]
    options = clarabel.DefaultSettings()
    options.verbose = False
    cones = [clarabel.NonnegativeConeT(3 * n)]
    found = clarabel.DefaultSolver(size, cost, sparse.csc_array(A), b, cones, options).solve()

    assert weights @ weights / 2 + C * loss == pytest.approx(found.obj_val, rel=1e-5, abs=1e-5)
    assert 0 <= largest <= C


def test_folds_of_unequal_size_weigh_by_their_clips():
    splits = [(np.arange(4), np.arange(3)), (np.arange(4), np.arange(1))]
    assert svm.best(np.array([[1.0, 0.0], [0.0, 1.0]]), splits) == (0, 0.75)


def test_of_equal_configurations_the_first_wins_and_stopped_ones_are_left_out():
    splits = [(np.arange(4), np.arange(3))]
    assert svm.best(np.array([[np.nan], [0.5], [0.5]]), splits) == (1, 0.5)
    with pytest.raises(InputError, match="no configuration was trained to the end"):
        svm.best(np.array([[np.nan]]), splits)


def test_a_stopped_machine_is_a_row_of_nan():
    blocks, _, y, splits, _ = problem()
    grid = [svm.Configuration("linear", 32.0), svm.Configuration("rbf", 0.1, 1e-4)]
    assert np.isnan(svm.predict(svm.GramMatrices(blocks), y, splits[0], grid, max_iter=1)[0]).all()


def test_the_grid_is_the_thesis_grid_without_repetitions():
    assert len(svm.grid(96)) == 4 * (1 + 7)
    assert len(svm.grid(32)) == 4 * (1 + 6)  # 1 / 32 stands in the list already
    assert len(set(svm.grid(128))) == len(svm.grid(128)) == 4 * (1 + 6)


def test_bad_numbers_are_refused():
    with pytest.raises(InputError, match="n_features must be at least 1, got 0"):
        svm.grid(0)
    with pytest.raises(InputError, match="C must be positive, got 0"):
        svm.solve_svr(np.ones((3, 1)), np.arange(3.0), 0)
    with pytest.raises(InputError, match="at least two values"):
        svm.predict(
            svm.GramMatrices([np.ones((4, 1))]), np.zeros(4, int), (np.arange(3), np.array([3])), svm.grid(1)
        )


def test_targets_that_are_not_numbers_are_refused():
    blocks, _, y, splits, _ = problem(regression=True)
    y[3] = np.nan
    with pytest.raises(InputError, match="the targets hold NaN or infinity"):
        svm.search(svm.GramMatrices(blocks), y, splits, svm.grid(10)[:1])
