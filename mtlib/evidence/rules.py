"""The rules that turn an interval into a verdict: in one place, with measured error rates.

A verdict is ``supported``, ``contradicted`` or ``inconclusive``; the last says, where it can, how many
repetitions would decide. The rules use `mtlib.evidence.statistics` alone. Where the truth lies on the
border, a rule gives a false verdict in at most 5 of 100 repetitions; ``tests/benchmarks/decisions.py``
measures that and the power, and ``data/results/decision_rules.csv`` holds the result under the rule's id
(`measured`). What a rule returns goes to a claim:
``claims.record("C4.02", source=…, **rules.judge(estimate, claimed="above"))``.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ..base.errors import InputError
from . import recorded, statistics
from .correlation import Correlation
from .statistics import MARGIN, Estimate


@cache
def measured() -> frozenset[str]:
    """Return the ids of the rules whose error rates are measured; evidence may rest on no other."""
    ids = recorded.read("decision_rules")["rule_id"]
    return frozenset(ids[~ids.str.contains("not used")])


def judge_exact(holds: bool) -> dict[str, str]:
    """Judge a claim that arithmetic decides: nothing is drawn at random, so nothing can err by chance."""
    return {"rule_id": "exact", "verdict": "supported" if holds else "contradicted"}


def judge_interval(low: float, high: float, reference: float, *, claimed: str, rule_id: str) -> dict[str, str]:
    """Judge a claim that a quantity lies above (or below) a reference value.

    Parameters
    ----------
    low, high : float
        Ends of the 95 % interval of the quantity.
    reference : float
        Value the quantity is compared with.
    claimed : {"above", "below"}
        What the thesis says.
    rule_id : str
        Where the interval comes from, as its error rates are listed: "proportion", "posterior" …

    Returns
    -------
    dict
        ``rule_id`` and ``verdict``: ``supported`` if the whole interval lies on the claimed side,
        ``contradicted`` if it lies on the other side, ``inconclusive`` otherwise.
    """
    return {"rule_id": rule_id, "verdict": _side(low, high, reference, claimed)}


def _side(low: float, high: float, reference: float, claimed: str) -> str:
    if claimed not in ("above", "below"):
        raise InputError(f"claimed must be 'above' or 'below', got {claimed!r}")
    if not low <= high:
        raise InputError(f"low must not exceed high, got {low} and {high}")
    if low > reference:
        return "supported" if claimed == "above" else "contradicted"
    if high < reference:
        return "supported" if claimed == "below" else "contradicted"
    return "inconclusive"


def judge(estimate: Estimate, *, claimed: str, reference: float = 0.0, margin: float = MARGIN) -> dict[str, Any]:
    """Judge a claim about a mean or a difference.

    Parameters
    ----------
    estimate : Estimate
        From `statistics.mean`, `statistics.paired_difference`, `evaluation.compare` …
    claimed : {"above", "below", "equal"}
        "equal": within `margin` of the reference, by two one-sided tests; contradicted where the 95 %
        interval lies wholly beyond the margin.
    reference, margin : float

    Returns
    -------
    dict
        The fields of `claims.record` that the rule decides: estimate, low, high, n, rule, rule_id, verdict,
        reason.
    """
    rule, verdict = _verdict(estimate, claimed, reference, margin)
    reason = _why(estimate, claimed, reference, margin) if verdict == "inconclusive" else ""
    return _fields(estimate, rule, _id(estimate, claimed), verdict, reason)


def _id(estimate: Estimate, claimed: str) -> str:
    return f"{estimate.kind}, equal" if claimed == "equal" else estimate.kind


def _verdict(estimate: Estimate, claimed: str, reference: float, margin: float) -> tuple[str, str]:
    low, high = estimate.interval()
    if claimed != "equal":
        return f"95 % interval {claimed} {reference:g}", _side(low, high, reference, claimed)
    beyond = low > reference + margin or high < reference - margin
    inner = estimate.interval(0.90)
    equal = reference - margin < inner[0] and inner[1] < reference + margin
    verdict = "supported" if equal else "contradicted" if beyond else "inconclusive"
    return f"two one-sided tests at 5 %: within ±{margin:g} of {reference:g}", verdict


def _why(estimate: Estimate, claimed: str, reference: float, margin: float) -> str:
    distance, level = estimate.value - reference, 0.95
    if claimed == "equal":
        distance = margin - abs(distance)  # to the nearer border; negative beyond it
        level = 0.90 if distance > 0 else 0.95
    return _needed(estimate, distance, level)


def judge_order(differences: Sequence[Estimate], names: Sequence[str]) -> dict[str, Any]:
    """Judge a claim that several things stand in one order: every adjacent difference is above zero.

    Parameters
    ----------
    differences : sequence of Estimate
        First minus second, second minus third …
    names : sequence of str
        One more than `differences`, in the claimed order.

    Returns
    -------
    dict
        As `judge`. Supported if *each* 95 % interval lies above zero (no correction is needed for "all");
        contradicted if *any* difference lies below zero after Holm's correction for looking at several.
        ``estimate`` is the smallest difference; the reason tells what holds.
    """
    if len(names) != len(differences) + 1 or not differences:
        raise InputError(f"names must be one more than differences, got {len(names)} and {len(differences)}")
    above = [estimate.p_value(0, "above") <= 0.025 for estimate in differences]
    below = statistics.adjust([estimate.p_value(0, "below") for estimate in differences]) <= 0.025
    verdict = "supported" if all(above) else "contradicted" if below.any() else "inconclusive"
    parts = []
    for i, (up, down) in enumerate(zip(above, below, strict=True)):
        sign = ">" if up else "<" if down else "?"
        parts.append(f"{names[i]} {sign} {names[i + 1]}")
    least = min(differences, key=lambda estimate: estimate.value)
    rule = "every adjacent difference above 0 (95 % intervals); against it: any below 0 (Holm)"
    return _fields(least, rule, "order", verdict, "; ".join(parts))


def judge_every(
    estimates: Sequence[Estimate], names: Sequence[str], *, claimed: str, reference: float = 0.0, margin: float = MARGIN
) -> dict[str, Any]:
    """Judge a claim that *every* one of several means or differences is as claimed.

    Parameters
    ----------
    estimates : sequence of Estimate
    names : sequence of str
        What they are.
    claimed : {"above", "below", "equal"}
        As for `judge`.
    reference, margin : float

    Returns
    -------
    dict
        As `judge`. Supported if each alone is (no correction is needed for "all"); contradicted if any is
        after Holm's correction for looking at several. ``estimate`` is the one least like the claim.
    """
    if len(names) != len(estimates) or not estimates:
        raise InputError(f"names must be one an estimate, got {len(names)} and {len(estimates)}")
    found = [_verdict(item, claimed, reference, margin) for item in estimates]
    against = {
        "above": lambda item: item.p_value(reference, "below"),
        "below": lambda item: item.p_value(reference, "above"),
        "equal": lambda item: min(item.p_value(reference + margin, "above"),
                                  item.p_value(reference - margin, "below")),
    }[claimed]  # fmt: skip
    worse = statistics.adjust([against(item) for item in estimates]) <= 0.025
    fine = [one == "supported" for _, one in found]
    verdict = "supported" if all(fine) else "contradicted" if worse.any() else "inconclusive"
    sign = {"above": 1, "below": -1}.get(claimed)
    order = [sign * item.value if sign else -abs(item.value - reference) for item in estimates]
    least = estimates[order.index(min(order))]
    parts = [f"{sum(fine)} of {len(fine)} alone"]
    if worse.any():
        parts.append("against it " + ", ".join(name for name, bad in zip(names, worse, strict=True) if bad))
    if open_ones := [name for name, ok, bad in zip(names, fine, worse, strict=True) if not (ok or bad)]:
        parts.append("open " + ", ".join(open_ones))
    if verdict == "inconclusive" and (needed := _why(least, claimed, reference, margin)):
        parts.append(f"where it is least so, {needed}")
    rule = f"every one of {len(names)}: {found[0][0]}; against it: any (Holm)"
    return _fields(least, rule, f"every {_id(least, claimed)}", verdict, "; ".join(parts))


def judge_known(
    found: Mapping[str, Estimate | None],
    *,
    claimed: str,
    missing: str = "fewer than two paired trainings are known",
    **how: Any,
) -> dict[str, Any]:
    """Judge a claim about every one of several differences, some of which may be unknown.

    Parameters
    ----------
    found : mapping of str to Estimate or None
        Differences by name; None where it is not known.
    claimed : {"above", "below", "equal"}
        As for `judge`.
    missing : str
        The reason where nothing is known.
    **how
        ``reference`` and ``margin``, as for `judge`.

    Returns
    -------
    dict
        As `judge`, or as `judge_every` for several. What is known is judged; supported only if all are
        known; not tested if none is.
    """
    known = {name: estimate for name, estimate in found.items() if estimate is not None}
    if not known:
        rule = f"every difference {claimed}" if len(found) > 1 else f"95 % interval: {claimed}"
        return {"rule": rule, "verdict": "not tested", "reason": missing}
    if len(found) == 1:
        return judge(*known.values(), claimed=claimed, **how)
    judged = judge_every(list(known.values()), list(known), claimed=claimed, **how)
    told = "; ".join(f"{name} {estimate.value:+.3f}" for name, estimate in known.items())
    absent = [name for name in found if name not in known]
    unknown = f"; not known: {', '.join(absent)}" if absent else ""
    open_still = absent and judged["verdict"] == "supported"
    return {**judged, "verdict": "inconclusive" if open_still else judged["verdict"],
            "reason": f"{judged['reason']} ({told}){unknown}."}  # fmt: skip


def judge_correlation(found: Correlation, *, claimed: str, margin: float = 0.3, level: float = 0.05) -> dict[str, Any]:
    """Judge a claim that two things rise together, run against each other, or are unrelated.

    Parameters
    ----------
    found : Correlation
        From `correlation.correlation` or `correlation.matrix_correlation`.
    claimed : {"above", "below", "none"}
        "above", "below" zero: by the permutation test; "none": by the 95 % interval within ±margin.
    margin : float
        A correlation nearer to zero than this counts as none.
    level : float
        Of the permutation test.
    """
    if claimed not in ("above", "below", "none"):
        raise InputError(f"claimed must be 'above', 'below' or 'none', got {claimed!r}")
    if claimed == "none":
        rule = f"95 % interval within ±{margin:g}"
        inside = -margin < found.low and found.high < margin
        beyond = found.low > margin or found.high < -margin
        verdict = "supported" if inside else "contradicted" if beyond else "inconclusive"
    else:
        rule = f"permutation test at {level:.0%}, sign {claimed} 0"
        agrees = (found.value > 0) == (claimed == "above")
        decided = "supported" if agrees else "contradicted"
        verdict = decided if found.p_value <= level else "inconclusive"
    reason = f"p = {found.p_value:.2g}, {found.n} units"
    rule_id = found.kind + (" within a margin" if claimed == "none" else "")
    return _fields(found, rule, rule_id, verdict, reason)


def _needed(estimate: Estimate, distance: float, level: float) -> str:
    """Tell how many repetitions would decide, at this mean and spread."""
    if estimate.deviation == 0:
        return "one repetition alone does not show its spread" if estimate.n < 2 else ""
    n = statistics.deciding_n(distance, estimate.deviation, level=level, floor=estimate.floor)
    if n is None:
        return "more repetitions would not decide: the test set is too small for a difference like this"
    return f"about {n:,} repetitions would decide at this mean and spread"


def _fields(found: Estimate | Correlation, rule: str, rule_id: str, verdict: str, reason: str) -> dict[str, Any]:
    fields = {"estimate": found.value, "low": found.low, "high": found.high, "n": found.n}
    return fields | {"rule": rule, "rule_id": rule_id, "verdict": verdict, "reason": reason}
