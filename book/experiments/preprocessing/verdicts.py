"""Chapter 5's claims about trainings: what a table of runs says of each.

`judged` asks a `results.Results` every question of the chapter that trainings can answer, so that the
same rules judge the page's own runs and larger recorded builds. What it returns goes to `claims.record`.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from mtlib.evidence import rules, statistics
from mtlib.evidence.statistics import Estimate

from . import learning_curves
from .learning_curves import Multiplier
from .results import Results, pairs
from .trainings import BASELINE, BEYOND, GRID, STFTS

Judged = dict[str, Any]

UNTRAINED: Judged = {
    "rule": "repeated trainings",
    "verdict": "not tested",
    "reason": "needs runs that are neither live nor recorded: `python -m mtlib preprocessing` makes them, "
    "for a corpus of your own this chapter with profile cpu or gpu",
}

PLAIN = [f"no normalisation {factor}" for factor in ("×0.1", "×1", "×10")]
"""Configurations without batch normalisation."""


def mel_gaps(results: Results) -> dict[str, Estimate | None]:
    """Return log-STFT minus log-mel, by the number of training clips that both have."""
    common = [n for n in results.sizes(STFTS[0]) if n in results.sizes(BASELINE)]
    return {f"{n:,} clips": results.gap(STFTS[0], BASELINE, n) for n in common}


def coarse_gaps(results: Results) -> dict[str, Estimate | None]:
    """Return what an STFT of 256 points adds to one of 512, by the number of training clips."""
    common = [n for n in results.sizes(STFTS[1]) if n in results.sizes(STFTS[0])]
    return {f"{n:,} clips": results.gap(STFTS[1], STFTS[0], n) for n in common}


def scale_gaps(results: Results) -> dict[str, Estimate | None]:
    """Return what scaling the input changes, with and without batch normalisation."""
    found = {f"normalised: {n} − ×1": results.gap(n, BASELINE) for n in ("×0.1", "×100")}
    found["normalised: ×10 − ×1"] = results.gap("log bypass ×10", BASELINE)
    return found | {f"not: {n.split()[-1]} − ×1": results.gap(n, PLAIN[1]) for n in (PLAIN[0], PLAIN[2])}


def changes(results: Results) -> dict[str, Estimate]:
    """Return the effects of the design, and what every other front end changes against the baseline."""
    others = {name: results.gap(name, BASELINE) for name in (*BEYOND, STFTS[0], "rate 0.001")}
    return results.effects() | {name: gap for name, gap in others.items() if gap is not None}


def bias_ratio(results: Results) -> Estimate | None:
    """Estimate the logarithm of the ratio of mean first-layer biases, input ×10 to ×1, over paired seeds."""
    large, small = results.scores([f"log bypass {factor}" for factor in ("×10", "×1")], column="bias")
    return statistics.mean(np.log(large / small)) if len(large) > 1 else None


def cost(results: Results, name: str) -> float | None:
    """Return the training time of a configuration over the baseline's; None without runs of both."""
    seconds = results.rows[results.rows.n_train == results.size].groupby("configuration").seconds.median()
    return seconds[name] / seconds[BASELINE] if {name, BASELINE} <= set(seconds.index) else None


def judged(results: Results) -> dict[str, Judged]:
    """Judge every claim that differences between trainings can decide.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict of str to dict
        By claim: the arguments of `claims.record` but for the corpus, source, tier, profile and provenance.

    References
    ----------
    [Choi2018, §5.3]
    """
    within, scaled, logged = (
        {
            f"{a} − {b}": results.gap(a, b)
            for a, b in pairs(GRID)
            if [x == y for x, y in zip(a.split(), b.split(), strict=True)] == [i != changed for i in range(3)]
        }
        for changed in (1, 2, 0)
    )
    scales = {f"{n} − ×1": results.gap(n, BASELINE) for n in ("×0.1", "×100")}
    finer = {f"{name} − baseline": results.gap(name, BASELINE) for name in ("128 bands", "hop 128")}
    linear_stft = {"linear − log STFT": results.gap("linear STFT", STFTS[0])}
    return {
        "C5.01": judged_repeats(results),
        "C5.02": _known(mel_gaps(results), claimed="equal"),
        "C5.03": _known(dict(list(mel_gaps(results).items())[:2]), claimed="equal"),
        "C5.04": _known(coarse_gaps(results), claimed="below"),
        "C5.05": judged_growth(results),
        "C5.06": _known(within, claimed="equal"),
        "C5.07": _known(scaled | {name: gap for name, gap in scales.items() if gap}, claimed="equal"),
        "C5.08": _biases(results),
        "C5.09": _normalisation(results),
        "C5.10": _known(logged, claimed="below"),
        "C5.13": _known(linear_stft, claimed="below"),
        "C5.14": _interactions(results),
        "C5.15": _stft(results),
        "C5.17": _known(finer, claimed="equal"),
    }


def judged_multiplier(worth: Multiplier | None) -> Judged:
    """Judge C5.11: doing without the logarithm costs about as much as half the data."""
    if worth is None:
        return UNTRAINED
    low, high = 2**0.5, 2**1.5
    inside = low < worth.low and worth.high < high
    outside = worth.high < low or worth.low > high
    beyond = f"; {worth.beyond:.0%} of the draws lie beyond the sizes trained" if worth.beyond else ""
    return {
        "rule": "95 % interval of the data multiplier lies nearer to 2 than to 1 or 4: supported; farther: "
        "contradicted",
        "rule_id": "multiplier",
        "verdict": "supported" if inside else "contradicted" if outside else "inconclusive",
        **{name: getattr(worth, name) for name in ("low", "high", "n")},
        "estimate": worth.value,
        "reason": f"weightings and scalers count as repetitions{beyond}",
    }


def _known(estimates: dict[str, Estimate | None], claimed: str) -> Judged:
    return rules.judge_known(estimates, claimed=claimed, missing=UNTRAINED["reason"])


def judged_repeats(results: Results) -> Judged:
    """Judge C5.01: trainings that differ in their seed alone differ by less than the margin."""
    repeats = results.scores([BASELINE])[0]
    if len(repeats) < 2:
        return UNTRAINED
    spread = learning_curves.spread(repeats)
    share, low, high = spread.within(statistics.MARGIN)
    return {
        "rule": "share of pairs of trainings that differ by less than 0.005, at least 95 %: by the "
        "chi-square interval of the standard deviation",
        **rules.judge_interval(low, high, 0.95, claimed="above", rule_id="spread"),
        **{"estimate": share, "low": low, "high": high, "n": len(repeats)},
        "reason": f"standard deviation {spread.value:.4f}; the thesis' deviations imply about 0.0015 on its "
        "far larger test set",
    }


def judged_growth(results: Results) -> Judged:
    """Judge C5.05: the score grows with the logarithm of the size, and flattens at the end."""
    line, bend = results.curve(BASELINE, degree=1), results.curve(BASELINE)
    largest = int(results.rows.n_train.max())
    whole, half = (results.scores([BASELINE], n)[0] for n in (largest, largest // 2))
    if line is None or bend is None or min(len(whole), len(half)) < 2:
        return UNTRAINED
    # Clips: no comparison of sizes is recorded; that of two views of all clips stands for it.
    floor = float(np.nan_to_num(results.clip_error(STFTS[0], BASELINE, largest)))
    last = replace(statistics.difference(whole, half), floor=floor)
    slope = replace(line.term(1), floor=floor / np.log2(largest / results.rows.n_train.min()))
    left = replace(last, value=statistics.MARGIN - last.value)
    found = rules.judge_every([slope, left], ["slope", "flat end"], claimed="above")
    return found | {
        "rule": "slope per doubling above 0, and the last doubling adds less than 0.005 (95 % intervals)",
        "rule_id": "slope and step",
        **{name: getattr(slope, name) for name in ("low", "high", "n")},
        "estimate": slope.value,
        "reason": f"last doubling {last.value:+.4f} [{last.low:+.4f}, {last.high:+.4f}]; curvature "
        f"{bend.term(2).value:+.4f}",
    }


def _biases(results: Results) -> Judged:
    if (ratio := bias_ratio(results)) is None:
        return UNTRAINED
    found = rules.judge(ratio, claimed="equal", reference=np.log(3.4), margin=np.log(1.1))
    return found | {
        "rule": "ratio of mean |first biases|, ×10 to ×1, over paired seeds: 3.4 up to a tenth of it (two "
        "one-sided tests)",
        **{name: float(np.exp(found[name])) for name in ("estimate", "low", "high")},
        "reason": "these biases carry no signal (note E39), whatever their ratio",
    }


def _normalisation(results: Results) -> Judged:
    plain = {name: gap for name, gap in scale_gaps(results).items() if name.startswith("not")}
    if None in plain.values():
        return UNTRAINED
    found = rules.judge_known(plain, claimed="equal")
    turned = {"supported": "contradicted", "contradicted": "supported"}
    return found | {
        "rule": "without normalisation, the changes by scale: one beyond ±0.005 (Holm) supports the claim, "
        "all within it contradict it",
        "verdict": turned.get(found["verdict"], "inconclusive"),
    }


def _interactions(results: Results) -> Judged:
    effects = {name: effect for name, effect in results.effects().items() if " × " in name}
    if not effects:
        return UNTRAINED
    found = rules.judge_known(effects, claimed="equal")
    return found | {"rule": f"interactions of two levels: {found['rule']}"}


def _stft(results: Results) -> Judged:
    gap, slower = results.gap(STFTS[0], BASELINE), cost(results, STFTS[0])
    if gap is None or slower is None:
        return UNTRAINED
    found = rules.judge(gap, claimed="equal")
    return found | {"reason": f"the STFT took {slower:.1f} times as long to train; {found['reason']}"}
