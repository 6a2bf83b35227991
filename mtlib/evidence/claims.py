"""The thesis' claims, and the evidence that a notebook records; `mtlib.evidence.rules` judges.

``data/thesis/claims.csv`` lists the claims. A notebook calls `record` where it has evidence: the reader
sees a small table, and the same output carries the row as data under `MIME`, so the ledger is made from
executed notebooks alone (`collect`).

A row answers one of two questions: whether the claim *holds*, or whether a number is *reproduced*: do the
author's files, or his own tables, say what he prints? Verdicts are ``supported``, ``contradicted``,
``inconclusive`` (with the n that would decide, where it is known) and ``not tested`` (with the reason).
Which evidence decides a claim is declared in claims.csv (`deciders`). Evidence from a synthetic corpus, or
from the clock of one machine, never judges the thesis: it reads "holds" or "fails" there, counted apart.
Later work decides claims about tagging in general; of others it reads "agrees" or "challenges".
"""

import csv
import html
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cache
from math import floor, log10
from pathlib import Path
from typing import Any

from IPython.display import display

from ..base.errors import InputError
from ..base.files import read_json, told_if_damaged
from ..base.paths import DATA
from . import rules

MIME = "application/vnd.mtlib.evidence+json"
VERDICTS = ("supported", "contradicted", "inconclusive", "not tested")
SYMBOLS = {"supported": "●", "contradicted": "✕", "inconclusive": "○", "not tested": "–"}
SOURCES = ("published", "arithmetic", "labels", "real corpus", "later", "synthetic")
"""Where evidence can come from; ``later`` is other people's work since 2018. ``synthetic`` does not judge."""
QUESTIONS = ("holds", "reproduced")

_shown: Counter[str] = Counter()


@dataclass(frozen=True)
class Evidence:
    """One row of the ledger."""

    claim: str
    source: str
    corpus: str
    profile: str
    tier: str
    estimate: float | None
    low: float | None
    high: float | None
    n: int | None
    rule: str
    verdict: str
    reason: str
    provenance: dict[str, Any] = field(default_factory=dict)
    protocol: str = ""
    question: str = "holds"
    rule_id: str = "none"

    @property
    def label(self) -> str:
        """Source and protocol, as `deciders` names them: ``published/nested``."""
        return f"{self.source}/{self.protocol}" if self.protocol else self.source


@cache
def table() -> dict[str, dict[str, str]]:
    """Return the claims by id, in the thesis' order."""
    with open(DATA / "thesis" / "claims.csv", encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def deciders(claim: str) -> list[tuple[str, ...]]:
    """Return which evidence decides a claim: labels (`Evidence.label`) by rank, the first rank decides.

    Labels of one rank decide together. Declared in claims.csv from what the claim says, before the numbers.
    """
    ranks = table()[claim]["decides"].split("; ")
    return [tuple(rank.split(" & ")) for rank in ranks]


def record(
    claim: str,
    *,
    source: str,
    rule: str,
    verdict: str,
    reason: str = "",
    estimate: float | None = None,
    low: float | None = None,
    high: float | None = None,
    n: int | None = None,
    corpus: str = "none",
    profile: str = "quick",
    tier: str = "live",
    provenance: dict[str, Any] | None = None,
    protocol: str = "",
    question: str = "holds",
    rule_id: str = "none",
) -> Evidence:
    """Show evidence for a claim to the reader, and store it in the same output for the ledger.

    Parameters
    ----------
    claim : str
        Id in claims.csv, such as ``C2.02``.
    source : str
        One of `SOURCES`.
    rule : str
        The decision rule, in words.
    verdict : str
        One of `VERDICTS`.
    reason : str
        What was seen; required when nothing was tested.
    estimate, low, high : float, optional
        Effect and its 95 % interval; none where arithmetic decides.
    n : int, optional
        Number of independent observations.
    protocol : str
        How the source was asked, where there are several ways; with it the row has its `Evidence.label`.
    question : {"holds", "reproduced"}
    rule_id : str
        Name of the rule among the measured ones (`rules.measured`); "none" for a row that cannot decide.

    Raises
    ------
    InputError
        If a name is unknown, the interval is upside down, a reason is missing, the label is no decider of
        the claim, or the rule has no measured error rate.
    """
    if claim not in table():
        raise InputError(f"unknown claim {claim!r}; see data/thesis/claims.csv")
    for name, value, allowed in (
        ("source", source, SOURCES),
        ("verdict", verdict, VERDICTS),
        ("tier", tier, ("live", "recorded")),
        ("question", question, QUESTIONS),
        ("rule_id", rule_id, (*sorted(rules.measured()), "exact", "none")),
    ):
        if value not in allowed:
            raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    if verdict == "not tested" and not reason:
        raise InputError(f"{claim}: say why it is not tested (reason)")
    if (low is None) != (high is None) or (low is not None and high is not None and not low <= high):
        raise InputError(f"{claim}: low and high must be given together and in order, got {low} and {high}")
    if rule_id == "none" and verdict in ("supported", "contradicted"):
        raise InputError(f"{claim}: {verdict} by which rule? rule_id names one of decision_rules.csv")
    estimate, low, high = (None if value is None else float(value) for value in (estimate, low, high))
    evidence = Evidence(
        claim, source, corpus, profile, tier, estimate, low, high, None if n is None else int(n),
        rule, verdict, reason, provenance or {}, protocol, question, rule_id,
    )  # fmt: skip
    aside = source in ("synthetic", "later") or question == "reproduced" or verdict == "not tested"
    if not aside and not judges(evidence):
        raise InputError(f"{claim}: {evidence.label} is not among its deciders in data/thesis/claims.csv")
    text = f"{claim} – {wording(evidence)}. {reason}"
    _shown[claim] += 1
    display({"text/html": badge(evidence, _shown[claim]), "text/plain": text, MIME: asdict(evidence)}, raw=True)
    return evidence


def judges(evidence: Evidence) -> bool:
    """Tell whether evidence decides whether its claim holds."""
    return evidence.question == "holds" and any(evidence.label in rank for rank in deciders(evidence.claim))


def wording(evidence: Evidence) -> str:
    """Return the verdict in words; synthetic evidence "holds" or "fails" on its corpus, or on a machine."""
    if evidence.question == "reproduced":
        return {"supported": "reproduced", "contradicted": "not reproduced"}.get(evidence.verdict, "not at hand")
    if evidence.source == "later" and not judges(evidence):
        words = {"supported": "later work agrees", "contradicted": "later work challenges it"}
        return words.get(evidence.verdict, evidence.verdict)
    if evidence.source != "synthetic":
        return evidence.verdict
    words = {"supported": "holds", "contradicted": "fails"}
    where = "one machine" if evidence.corpus == "noise" else "the synthetic corpus"
    return f"{words.get(evidence.verdict, evidence.verdict)} on {where}"


def interval_text(evidence: Evidence) -> str:
    """Return the estimate and its interval, to two digits of its half-width, as text, or a dash."""
    if evidence.estimate is None:
        return "–"
    text = f"{evidence.estimate:.3g}"
    low, high = evidence.low, evidence.high
    if low is not None and high is not None and high > low:
        digits = max(0, 1 - floor(log10((high - low) / 2)))
        text = f"{evidence.estimate:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
    return text + (f", n = {evidence.n:,}" if evidence.n is not None else "")


def with_notes(text: str) -> str:
    """Return text as HTML: notes on the original ("note E46") as links, words in backticks as code."""
    text = re.sub(r"\b((?:note )?(E\d\d))\b", r"<a href='errata.html#\2'>\1</a>", html.escape(text))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def anchor(claim: str, number: int = 1) -> str:
    """Return the id of the badge with a page's `number`-th evidence for a claim."""
    return claim.replace(".", "-") + (f"-{number}" if number > 1 else "")


def badge(evidence: Evidence, number: int = 1) -> str:
    """Return the evidence as the small HTML table of a claim badge, linked to its row of the ledger."""
    claim = table()[evidence.claim]
    kind = evidence.verdict.replace(" ", "-")
    rows = {
        "The thesis says": f"{claim['claim']} (§{claim['section']}; reported: {claim['reported']})",
        "Rule": evidence.rule,
        "We find": interval_text(evidence) if evidence.estimate is not None else "",
        "Why": evidence.reason,
        "Evidence": f"{evidence.label}, {evidence.tier}",
    }
    body = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{with_notes(value)}</td></tr>"
        for name, value in rows.items()
        if value
    )
    return (
        f"<div class='mt-claim mt-{kind}' id='{anchor(evidence.claim, number)}'>"
        f"<p class='mt-verdict'><span aria-hidden='true'>{SYMBOLS[evidence.verdict]}</span> "
        f"<a href='ledger.html#{anchor(evidence.claim)}'><strong>{evidence.claim}</strong></a> "
        f"{html.escape(wording(evidence))}</p>"
        f"<table>{body}</table></div>"
    )


def collect(notebooks: Iterable[Path]) -> list[tuple[str, Evidence]]:
    """Read the evidence out of executed notebooks.

    Parameters
    ----------
    notebooks : iterable of Path
        Executed notebooks.

    Returns
    -------
    list of (str, Evidence)
        Notebook name without suffix, and the row; in order.

    Raises
    ------
    InputError
        If a notebook cannot be read or a row has unknown fields.
    """
    needed, known = (
        {item.name for item in fields(Evidence) if item.default is MISSING or every} for every in (False, True)
    )
    rows = []
    for path in notebooks:
        with told_if_damaged(path, "run `make book`"):
            cells = read_json(Path(path))["cells"]
            for output in (output for cell in cells for output in cell.get("outputs", [])):
                if row := output.get("data", {}).get(MIME):
                    if wrong := (needed - set(row)) | (set(row) - known):
                        raise InputError(f"{path}: evidence with fields {sorted(wrong)}; run `make book`")
                    rows.append((Path(path).stem, Evidence(**row)))
    return rows
