"""A crossed design in effects: what each factor does on average, and whether factors interact.

A crossed design trains every combination, such as magnitude, weighting and scaler: twelve bars in the
thesis, a handful of questions here. Seeds are blocks: training i of every cell shares its seed, data
order and test clips, so what a seed does to all cells cancels. All cells share one error, which the
analysis estimates from what is left when cells and seeds are taken out; with three seeds that is 22
degrees of freedom where a comparison of two cells alone has two. With one seed the interactions have to
serve as the error: main effects then have intervals, under the assumption that factors do not interact,
and interactions have none [Choi2018, §5.2.3, §5.3].

Conventions
    Scores are (level of the first factor, level of the second, …, seed). The first level of each factor is
    the one that the others are compared with.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from scipy import stats

from mtlib.base.errors import InputError
from mtlib.evidence.statistics import Estimate

Cell = tuple[str, ...]
"""A level of each factor."""


@dataclass(frozen=True)
class Term:
    """An F test: does the score depend on a factor, or on how factors meet?"""

    name: str
    f: float
    df: int
    df_error: int
    p_value: float


class Factorial:
    """The analysis of a complete crossed design with seeds as blocks.

    Parameters
    ----------
    scores : ndarray (level, …, seed)
        With one seed at least two factors.
    factors : mapping of str to sequence of str
        Names of the factors and of their levels, in the order of the axes.

    Raises
    ------
    InputError
        If shapes do not fit, a score is missing, or nothing is left to estimate an error from.
    """

    def __init__(self, scores: np.ndarray, factors: Mapping[str, Sequence[str]]):
        scores = np.asarray(scores, np.float64)
        shape = tuple(len(levels) for levels in factors.values())
        if scores.shape[:-1] != shape or scores.ndim != len(shape) + 1:
            raise InputError(f"scores must be {(*shape, 'seed')}, got {scores.shape}")
        if not np.isfinite(scores).all() or scores.shape[-1] < (2 if len(shape) < 2 else 1):
            raise InputError("every cell needs a finite score of each seed, and one factor two seeds")
        self.factors = {name: tuple(levels) for name, levels in factors.items()}
        self.cells, self.n_seeds = scores.mean(-1), scores.shape[-1]
        self.additive = self.n_seeds == 1
        if self.additive:  # cells minus main effects
            axes = range(len(shape))
            mains = [self.cells.mean(tuple(a for a in axes if a != axis), keepdims=True) for axis in axes]
            left = self.cells - sum(mains) + (len(shape) - 1) * self.cells.mean()
            self.df = self.cells.size - 1 - sum(n - 1 for n in shape)
        else:
            seeds = scores.mean(tuple(range(len(shape))))
            left = scores - self.cells[..., None] - seeds + scores.mean()
            self.df = (self.cells.size - 1) * (self.n_seeds - 1)
        self.deviation = float((left**2).sum() / self.df) ** 0.5

    def contrast(self, weights: np.ndarray) -> Estimate:
        """Estimate a weighted sum of the cells' means; weights (level, …) that add up to 0."""
        weights = np.asarray(weights, np.float64)
        if weights.shape != self.cells.shape or abs(weights.sum()) > 1e-9:
            raise InputError(f"weights must be {self.cells.shape} and add up to 0")
        single = self.deviation * float((weights**2).sum()) ** 0.5  # of one seed
        value = float((weights * self.cells).sum())
        error = single / self.n_seeds**0.5
        return Estimate(value, error, self.df, self.n_seeds, single, kind="contrast")

    def difference(self, first: Mapping[str, str], second: Mapping[str, str]) -> Estimate:
        """Estimate the first group of cells minus the second: ``difference({"magnitude": "log"}, …)``.

        A factor that is not named is averaged over.
        """
        return self.contrast(self._average(first) - self._average(second))

    def _average(self, chosen: Mapping[str, str]) -> np.ndarray:
        if unknown := set(chosen) - set(self.factors):
            raise InputError(f"unknown factor {sorted(unknown)[0]!r}; known: {', '.join(self.factors)}")
        parts = []
        for name, levels in self.factors.items():
            if name in chosen and chosen[name] not in levels:
                raise InputError(f"{name} must be one of {', '.join(levels)}, got {chosen[name]!r}")
            on = [level == chosen[name] if name in chosen else True for level in levels]
            parts.append(np.array(on, np.float64) / sum(on))
        return reduce(np.multiply.outer, parts)

    def effects(
        self, max_factors: int = 2, *, clip_error: Callable[[Cell, Cell], float] | None = None
    ) -> dict[str, Estimate]:
        """Return main effects and interactions, each as differences from the first level.

        "linear" is the effect of that level of its factor; "linear × a-weighting" is by how much the effect
        of one level changes with the other. With one seed there are main effects only.

        Parameters
        ----------
        max_factors : int
        clip_error : callable, optional
            Standard error that the choice of test clips adds to the difference of two cells, which differ in
            one factor; NaN where it is not known. An effect is made of such differences, and its own error
            (the floor of its estimate) is at most theirs together; 0 where nothing is known.
        """
        found = {}
        for n in range(1, (1 if self.additive else max_factors) + 1):
            for names in itertools.combinations(self.factors, n):
                for levels in itertools.product(*(self.factors[name][1:] for name in names)):
                    chosen = dict(zip(names, levels, strict=True))
                    parts = [self._signed(name, chosen.get(name)) for name in self.factors]
                    effect = self.contrast(reduce(np.multiply.outer, parts))
                    floor = self._floor(chosen, clip_error) if clip_error else 0.0
                    found[" × ".join(levels)] = replace(effect, floor=floor)
        return found

    def _floor(self, chosen: Mapping[str, str], clip_error: Callable[[Cell, Cell], float]) -> float:
        """Bound the clips' part in an effect: by the differences along that factor that bounds it best."""
        bounds = []
        for name in chosen:
            sides = [
                [None] if factor == name else [chosen[factor], levels[0]] if factor in chosen else levels
                for factor, levels in self.factors.items()
            ]
            pairs = [
                [tuple(level or end for level in cell) for end in (chosen[name], self.factors[name][0])]
                for cell in itertools.product(*sides)
            ]
            n_averaged = np.prod([len(levels) for f, levels in self.factors.items() if f not in chosen])
            bounds.append(sum(clip_error(*pair) for pair in pairs) / n_averaged)
        known = [bound for bound in bounds if np.isfinite(bound)]
        return float(min(known, default=0.0))

    def _signed(self, name: str, level: str | None) -> np.ndarray:
        levels = self.factors[name]
        if level is None:
            return np.full(len(levels), 1 / len(levels))
        return np.array([other == level for other in levels], np.float64) - (np.arange(len(levels)) == 0)

    def terms(self) -> list[Term]:
        """Return an F test of every factor and every interaction; with one seed, of the factors."""
        found = []
        axes = range(len(self.factors))
        for n in range(1, (1 if self.additive else len(self.factors)) + 1):
            for inside in itertools.combinations(axes, n):
                part = self.cells
                for axis in axes:  # deviations along the term's factors, means along the others
                    mean = part.mean(axis, keepdims=True)
                    part = part - mean if axis in inside else mean
                df = int(np.prod([self.cells.shape[axis] - 1 for axis in inside]))
                n_scores = self.n_seeds * self.cells.size / part.size
                variance = float((part**2).sum() * n_scores / df)
                f = variance / self.deviation**2 if self.deviation else np.inf
                name = " × ".join(list(self.factors)[axis] for axis in inside)
                found.append(Term(name, f, df, self.df, float(stats.f.sf(f, df, self.df))))
        return found
