"""The thesis' claims, and the evidence a notebook records; the rules that judge come from `mtlib.rules`.

``data/thesis/claims.csv`` lists the claims. A chapter calls `record` where it has evidence: the reader
sees a small table, and the same output carries the row as data under `MIME`, so the ledger is made from
executed notebooks alone (`collect`).

Verdicts are ``supported``, ``contradicted``, ``inconclusive`` (with the n that would decide, where it is
known) and ``not tested`` (with the reason). Evidence from a synthetic corpus never judges the thesis: it
reads "holds" or "fails on the synthetic corpus" and is counted apart. Every chapter uses it.
"""

import csv
import html
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from IPython.display import display

from .errors import InputError
from .paths import DATA
from .rules import judge, judge_correlation, judge_exact, judge_interval, judge_order

__all__ = [
    "Evidence", "badge", "collect", "interval_text", "judge", "judge_correlation", "judge_exact",
    "judge_interval", "judge_order", "ledger_html", "ledger_json", "record", "table", "wording",
]  # fmt: skip

MIME = "application/vnd.mtlib.evidence+json"
VERDICTS = ("supported", "contradicted", "inconclusive", "not tested")
SYMBOLS = {"supported": "●", "contradicted": "✕", "inconclusive": "○", "not tested": "–"}
SOURCES = ("published", "arithmetic", "labels", "real corpus", "synthetic")
"""Where evidence can come from; only ``synthetic`` does not judge."""


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


@cache
def table() -> dict[str, dict[str, str]]:
    """Return the claims by id, in the thesis' order."""
    with open(DATA / "thesis" / "claims.csv", encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


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

    Raises
    ------
    InputError
        If a name is unknown, the interval is upside down, or a reason is missing.
    """
    if claim not in table():
        raise InputError(f"unknown claim {claim!r}; see data/thesis/claims.csv")
    for name, value, allowed in (
        ("source", source, SOURCES),
        ("verdict", verdict, VERDICTS),
        ("tier", tier, ("live", "recorded")),
    ):
        if value not in allowed:
            raise InputError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    if verdict == "not tested" and not reason:
        raise InputError(f"{claim}: say why it is not tested (reason)")
    if (low is None) != (high is None) or (low is not None and not low <= high):
        raise InputError(f"{claim}: low and high must be given together and in order, got {low} and {high}")
    evidence = Evidence(
        claim, source, corpus, profile, tier,
        *(None if value is None else float(value) for value in (estimate, low, high)),
        None if n is None else int(n), rule, verdict, reason, provenance or {},
    )  # fmt: skip
    text = f"{claim} – {wording(evidence)}. {reason}"
    display({"text/html": badge(evidence), "text/plain": text, MIME: asdict(evidence)}, raw=True)
    return evidence


def wording(evidence: Evidence) -> str:
    """Return the verdict in words; synthetic evidence "holds" or "fails on the synthetic corpus"."""
    if evidence.source != "synthetic":
        return evidence.verdict
    words = {"supported": "holds", "contradicted": "fails"}
    return f"{words.get(evidence.verdict, evidence.verdict)} on the synthetic corpus"


def interval_text(evidence: Evidence) -> str:
    """Return the estimate and its interval as text, or a dash."""
    if evidence.estimate is None:
        return "–"
    text = f"{evidence.estimate:.3g}"
    if evidence.low is not None:
        text += f" [{evidence.low:.3g}, {evidence.high:.3g}]"
    return text + (f", n = {evidence.n:,}" if evidence.n is not None else "")


def badge(evidence: Evidence) -> str:
    """Return the evidence as the small HTML table of a claim badge."""
    claim = table()[evidence.claim]
    kind = evidence.verdict.replace(" ", "-")
    rows = {
        "The thesis says": f"{claim['claim']} (§{claim['section']}; reported: {claim['reported']})",
        "Rule": evidence.rule,
        "We find": interval_text(evidence) if evidence.estimate is not None else "",
        "Why": evidence.reason,
        "Evidence": f"{evidence.source}, {evidence.tier}",
    }
    body = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in rows.items()
        if value
    )
    return (
        f"<div class='mt-claim mt-{kind}' id='{evidence.claim.replace('.', '-')}'>"
        f"<p class='mt-verdict'><span aria-hidden='true'>{SYMBOLS[evidence.verdict]}</span> "
        f"<strong>{evidence.claim}</strong> {html.escape(wording(evidence))}</p>"
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
    names = {item.name for item in fields(Evidence)}
    rows = []
    for path in notebooks:
        try:
            cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path}: not an executed notebook; run `make book`") from error
        for output in (output for cell in cells for output in cell.get("outputs", [])):
            if row := output.get("data", {}).get(MIME):
                if set(row) != names:
                    raise InputError(
                        f"{path}: evidence with fields {sorted(set(row) ^ names)}; run `make book`"
                    )
                rows.append((Path(path).stem, Evidence(**row)))
    return rows


def ledger_json(rows: Iterable[tuple[str, Evidence]]) -> list[dict[str, Any]]:
    """Return one object per claim and evidence row; a claim without evidence has one with empty fields."""
    by_claim: dict[str, list[tuple[str, Evidence]]] = {name: [] for name in table()}
    for page, evidence in rows:
        by_claim[evidence.claim].append((page, evidence))
    empty = dict.fromkeys(item.name for item in fields(Evidence)) | {
        "verdict": "not tested",
        "reason": "no chapter records evidence for it yet",
    }
    return [
        {**empty, "claim": name, "page": None, "statement": table()[name]["claim"]}
        if not found
        else {**asdict(evidence), "page": page, "statement": table()[name]["claim"]}
        for name, rows_of_claim in by_claim.items()
        for found, page, evidence in ([(True, *row) for row in rows_of_claim] or [(False, None, None)])
    ]


def ledger_html(objects: list[dict[str, Any]]) -> str:
    """Return the ledger as an HTML table, claims linked to the cells with their evidence."""
    lines = []
    for item in objects:
        claim = item["claim"]
        judged = Evidence(**{f.name: item[f.name] for f in fields(Evidence)})
        anchor = claim.replace(".", "-")
        link = f"<a href='{item['page']}.html#{anchor}'>{claim}</a>" if item["page"] else claim
        where = ", ".join(filter(None, [item["source"], item["tier"]]))
        cells = (
            f"{link}<br><span class='mt-muted'>§{html.escape(table()[claim]['section'])}</span>",
            f"{html.escape(item['statement'])} <i>Reported: {html.escape(table()[claim]['reported'])}</i>",
            html.escape(interval_text(judged)),
            f"<span aria-hidden='true'>{SYMBOLS[judged.verdict]}</span> {html.escape(wording(judged))}",
            html.escape(": ".join(filter(None, [where, item["reason"]]))),
        )
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    names = ("Claim", "What the thesis says", "We find", "Verdict", "Evidence")
    head = "".join(f"<th scope='col'>{name}</th>" for name in names)
    return (
        "<div class='mt-scroll' tabindex='0'><table class='mt-ledger mt-claims'>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
