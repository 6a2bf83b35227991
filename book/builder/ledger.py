"""The ledger: every claim of the thesis, the evidence of the executed chapters, and what they come to.

A claim has two answers. *Reproduced*: do the author's files, or his own tables, say what he prints? *Holds*:
is the claim right, by the evidence that decides it? Which evidence decides is declared in claims.csv
(`claims.deciders`), before the numbers: evidence of a lower rank never overrules a higher one that could
not decide, and where both decide and disagree the claim is ``divided``. Synthetic evidence never judges: it
is counted apart.
"""

import html
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

import altair as alt

from mtlib.evidence.claims import SYMBOLS, Evidence, anchor, deciders, interval_text, judges, table, with_notes, wording
from mtlib.page import charts, pages

from . import thesis_index

VERDICTS = ("supported", "contradicted", "divided", "inconclusive", "not tested")
"""What the evidence that may judge a claim can come to."""

REPRODUCED = ("yes", "no", "not at hand")
READINGS = ("holds", "fails", "divided", "inconclusive")
"""What the synthetic corpus can say of a claim."""

_SYMBOLS = SYMBOLS | {"divided": "◐"}


@dataclass(frozen=True)
class Row:
    """One piece of evidence, and the badge that shows it."""

    page: str
    anchor: str
    evidence: Evidence


def rows(collected: Iterable[tuple[str, Evidence]]) -> dict[str, list[Row]]:
    """Group evidence, as `claims.collect` gives it, by claim; every claim has its list."""
    grouped: dict[str, list[Row]] = {name: [] for name in table()}
    seen: Counter[tuple[str, str]] = Counter()
    for page, evidence in collected:
        seen[page, evidence.claim] += 1
        number = seen[page, evidence.claim]
        grouped[evidence.claim].append(Row(page, anchor(evidence.claim, number), evidence))
    return grouped


def _together(verdicts: set[str]) -> str:
    """Return what several pieces of evidence come to that all have to agree."""
    if "inconclusive" in verdicts:
        return "inconclusive"
    return verdicts.pop() if len(verdicts) == 1 else "divided"


def verdict(claim: str, evidence: Iterable[Evidence]) -> str:
    """Return whether a claim holds, by its deciders; other rows are passed over.

    The first rank that was tested decides, with all its rows. A lower rank can only divide: it never turns
    an inconclusive claim into a decided one.
    """
    tested = [row for row in evidence if row.verdict != "not tested" and judges(row)]
    found = ({row.verdict for row in tested if row.label in rank} for rank in deciders(claim))
    if not (ranks := [verdicts for verdicts in found if verdicts]):
        return "not tested"
    decided = _together(set(ranks[0]))
    against = {"supported", "contradicted"} - {decided}
    return "divided" if len(against) == 1 and any(against & lower for lower in ranks[1:]) else decided


def reproduced(evidence: Iterable[Evidence]) -> str:
    """Return whether his files, or his own tables, say what he prints: yes, no, not at hand."""
    found = {row.verdict for row in evidence if row.question == "reproduced"}
    return "no" if "contradicted" in found else "yes" if "supported" in found else "not at hand"


def synthetic_reading(evidence: Iterable[Evidence]) -> str | None:
    """Return what the synthetic corpus says, one of `READINGS`; None where nothing."""
    seen = {row.verdict for row in evidence if row.source == "synthetic"}
    if decided := seen & {"supported", "contradicted"}:
        return "divided" if len(decided) == 2 else "holds" if "supported" in decided else "fails"
    return "inconclusive" if "inconclusive" in seen else None


def without(grouped: dict[str, list[Row]]) -> list[str]:
    """Return the claims that nothing judges, agrees with or challenges, the synthetic corpus aside."""
    return [
        name
        for name, found in grouped.items()
        if all(r.evidence.source == "synthetic" or r.evidence.verdict == "not tested" for r in found)
    ]


def counts(grouped: dict[str, list[Row]]) -> dict[str, int]:
    """Count claims by both answers, and apart by what the synthetic corpus says.

    Returns
    -------
    dict of str to int
        ``claims``, one key per verdict of `VERDICTS`, ``reproduced yes`` and so on, ``synthetic holds`` and
        so on (claims with evidence from the synthetic corpus).
    """
    result = {"claims": len(grouped)} | dict.fromkeys(VERDICTS, 0)
    result |= {f"reproduced {word}": 0 for word in REPRODUCED}
    result |= {f"synthetic {word}": 0 for word in READINGS}
    for name, found in grouped.items():
        result[verdict(name, (row.evidence for row in found))] += 1
        result[f"reproduced {reproduced(row.evidence for row in found)}"] += 1
        if (reading := synthetic_reading(row.evidence for row in found)) is not None:
            result[f"synthetic {reading}"] += 1
    return result


def as_json(grouped: dict[str, list[Row]]) -> list[dict[str, Any]]:
    """Return one object per claim and evidence row; a claim without evidence has one with empty fields."""
    empty = dict.fromkeys(item.name for item in fields(Evidence)) | {
        "verdict": "not tested",
        "reason": "no chapter records evidence for it yet",
        "page": None,
        "anchor": None,
    }
    objects = []
    for name, found in grouped.items():
        claim = {
            "statement": table()[name]["claim"],
            "decided_by": table()[name]["decides"],
            "claim_verdict": verdict(name, (r.evidence for r in found)),
            "claim_reproduced": reproduced(r.evidence for r in found),
        }
        lines = [{**asdict(r.evidence), "page": r.page, "anchor": r.anchor} for r in found]
        objects += [{**line, "claim": name, **claim} for line in lines or [empty]]
    return objects


def _answers(name: str, found: list[Row]) -> str:
    judged = verdict(name, (row.evidence for row in found))
    same = reproduced(row.evidence for row in found)
    return (
        f"<p class='mt-verdict'><span aria-hidden='true'>{_SYMBOLS[judged]}</span> {judged}</p>"
        f"<p class='mt-muted'>reproduced: {same}<br>decided by: {html.escape(table()[name]['decides'])}</p>"
    )


def _claim_cell(name: str, found: list[Row]) -> str:
    row, rowspan = table()[name], max(1, len(found))
    text = "; ".join(row[key] for key in ("section", "claim", "metric", "reported", "how_on_published"))
    places = ", ".join(map(thesis_index.link, thesis_index.mentioned(text)))
    notes = ", ".join(f"<a href='errata.html#{note}'>{note}</a>" for note in row["related_errata"].split("; ") if note)
    section, page = f"§{html.escape(row['section'])}", thesis_index.chapter_page(row["chapter"])
    if page:
        section = f"<a href='{page}.html'>{section}</a>"
    details = [section, f"importance {row['importance']}", places, notes]
    return (
        f"<th scope='rowgroup' rowspan='{rowspan}'><span id='{anchor(name)}'>{name}</span>"
        f"<p class='mt-muted'>{' · '.join(filter(None, details))}</p>"
        f"<p>{html.escape(row['claim'])}</p><p><i>Reported: {html.escape(row['reported'])}</i></p>"
        f"{_answers(name, found)}</th>"
    )


def _evidence_cells(row: Row | None) -> str:
    if row is None:
        return "<td>–</td><td>– not tested: no chapter records evidence for it yet</td>"
    seen = row.evidence
    where = html.escape(f"{seen.label}, {seen.tier}")
    mark = f"<span aria-hidden='true'>{SYMBOLS[seen.verdict]}</span> <b>{html.escape(wording(seen))}</b>"
    why = ". ".join(filter(None, [seen.rule, seen.reason]))
    found = "" if seen.estimate is None else f"<br>{interval_text(seen)}"
    return (
        f"<td><a href='{row.page}.html#{row.anchor}'>{where}</a>{found}</td>"
        f"<td>{mark}<br><span class='mt-small'>{with_notes(why)}</span></td>"
    )


def _menu(name: str, label: str, values: Iterable[str]) -> str:
    options = "".join(f"<option>{html.escape(value)}</option>" for value in values)
    return f"<label>{label} <select data-filter='{name}'><option value=''>all</option>{options}</select></label>"


_SCRIPT = """
(function () {
  const box = document.getElementById('mt-filters'), menus = [...box.querySelectorAll('select')];
  const groups = [...document.querySelectorAll('#mt-claims tbody')], told = box.querySelector('output');
  function show() {
    let n = 0;
    for (const group of groups) {
      const kept = menus.every(m => !m.value || group.dataset[m.dataset.filter].split('|').includes(m.value));
      group.hidden = !kept;
      n += kept;
    }
    told.textContent = n + ' of ' + groups.length + ' claims';
  }
  function open() {
    if (!/^#C\\d/.test(location.hash)) return;
    menus.forEach(m => { m.value = ''; });
    show();
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }
  box.addEventListener('change', show);
  addEventListener('hashchange', open);
  show();
  open();
})();
"""


def as_html(grouped: dict[str, list[Row]]) -> str:
    """Return the ledger as an HTML table with filters; each claim links to the thesis and to its cells."""
    bodies = []
    for name, found in grouped.items():
        judged, same = verdict(name, (r.evidence for r in found)), reproduced(r.evidence for r in found)
        first, *others = found or [None]
        lines = [_claim_cell(name, found) + _evidence_cells(first)]
        lines += [_evidence_cells(row) for row in others]
        sources = "|".join(sorted({row.evidence.source for row in found}))
        data = {key: table()[name][key] for key in ("chapter", "importance")}
        data |= {"verdict": judged, "reproduced": same, "source": sources}
        attributes = " ".join(f"data-{key}='{html.escape(value)}'" for key, value in data.items())
        bodies.append(f"<tbody {attributes}>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</tbody>")
    claims = table().values()
    menus = (
        _menu("chapter", "Chapter", sorted({row["chapter"] for row in claims})),
        _menu("importance", "Importance", sorted({row["importance"] for row in claims})),
        _menu("reproduced", "Reproduced", REPRODUCED),
        _menu("verdict", "Holds", VERDICTS),
        _menu("source", "Evidence from", sorted({r.evidence.source for f in grouped.values() for r in f})),
    )
    heads = "".join(
        f"<th scope='col'>{head}</th>"
        for head in ("Claim and answers", "Evidence and what it finds", "Verdict, rule and reason")
    )
    table_html = (
        f"<table id='mt-claims' class='mt-ledger mt-claims'><thead><tr>{heads}</tr></thead>{''.join(bodies)}</table>"
    )
    return (
        f"<div id='mt-filters' class='mt-filters'>{''.join(menus)} <output aria-live='polite'></output></div>"
        + pages.scrolling(table_html, "Ledger of claims")
        + f"<script>{_SCRIPT}</script>"
    )


def counts_html(tally: dict[str, int]) -> str:
    """Return the headline counts as a row of figures."""
    cells = "".join(
        f"<div class='mt-{name.replace(' ', '-')}'>"
        f"<dt><span aria-hidden='true'>{_SYMBOLS[name]}</span> {name}</dt><dd>{tally[name]}</dd></div>"
        for name in VERDICTS
    )
    return f"<dl class='mt-counts' aria-label='Claims by whether they hold'>{cells}</dl>"


def headlines_html(grouped: dict[str, list[Row]], chapter: str) -> str:
    """Return the most important claims of a chapter (importance 1) with what their evidence comes to."""
    lines = []
    for name, found in grouped.items():
        claim = table()[name]
        if (claim["chapter"], claim["importance"]) != (chapter, "1"):
            continue
        judged, same = verdict(name, (r.evidence for r in found)), reproduced(r.evidence for r in found)
        reading = synthetic_reading(row.evidence for row in found) or "–"
        lines.append(
            f"<tr><th scope='row'><a href='ledger.html#{anchor(name)}'>{name}</a></th>"
            f"<td>{html.escape(claim['claim'])}</td><td>{same}</td>"
            f"<td class='mt-verdict'><span aria-hidden='true'>{_SYMBOLS[judged]}</span> {judged}</td>"
            f"<td>{reading}</td></tr>"
        )
    names = ("Claim", "What the thesis says", "Reproduced", "Holds", "On the synthetic corpus")
    heads = "".join(f"<th scope='col'>{name}</th>" for name in names)
    body = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>"
    label = f"Headline claims of chapter {chapter}"
    return pages.scrolling(f"<table class='mt-ledger'>{body}</table>", label)


def forest(grouped: dict[str, list[Row]]) -> alt.TopLevelMixin | None:
    """Draw the estimates with intervals within −1 … 1, chapter by chapter; None where there are none.

    Differences, correlations and shares are drawn; counts and other units stay in the table.
    """
    points = [
        {
            "chapter": f"Chapter {table()[name]['chapter']}",
            "evidence": f"{name} {row.evidence.source}" + (f" ({number})" if number > 1 else ""),
            "source": row.evidence.source,
            "verdict": wording(row.evidence),
            "mark": row.evidence.verdict,
            **{key: round(getattr(row.evidence, key), 5) for key in ("estimate", "low", "high")},
            "n": row.evidence.n,
            "rule": row.evidence.rule,
        }
        for name, found in grouped.items()
        for number, row in enumerate(found, 1)
        if None not in (row.evidence.estimate, row.evidence.low)
        and max(abs(row.evidence.low), abs(row.evidence.high)) <= 1
    ]
    if not points:
        return None
    chapters = sorted({point["chapter"] for point in points})
    ((fullest, longest),) = Counter(point["chapter"] for point in points).most_common(1)
    choose = alt.selection_point(
        fields=["chapter"], value=fullest, bind=alt.binding_select(options=chapters, name="Show  "), empty=False
    )
    base = (
        alt.Chart(alt.Data(values=points))
        .transform_filter(choose)
        .encode(
            y=alt.Y("evidence:N", sort=None, title=None, axis=alt.Axis(labelLimit=220, minExtent=150)),
            tooltip=[
                *(f"{name}:N" for name in ("evidence", "verdict", "rule")),
                *(f"{name}:Q" for name in ("estimate", "low", "high", "n")),
            ],
        )
    )
    sources = {name: colour for name, colour in charts.COLOURS.items() if name != "thesis"}
    sources |= {"arithmetic": "#56B4E9", "labels": "#CC79A7", "later": "#D55E00"}
    scale = alt.Scale(domain=list(sources), range=list(sources.values()))
    colour = alt.Color("source:N", scale=scale, title="Evidence from", legend=alt.Legend(columns=2))
    shape = alt.Shape(
        "mark:N", title=None, legend=None,
        scale=alt.Scale(domain=list(SYMBOLS), range=["circle", "cross", "circle", "stroke"]),
    )  # fmt: skip
    fill = alt.condition("datum.mark == 'inconclusive'", alt.value("transparent"), colour)
    x = alt.X("low:Q", title="Estimate with its 95 % interval")
    chart = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q", color=colour)
    chart += base.mark_point(size=70).encode(x="estimate:Q", stroke=colour, fill=fill, shape=shape)
    zero = alt.Chart(alt.Data(values=[{"x": 0}])).mark_rule(strokeDash=[4, 4]).encode(x="x:Q")
    text = "; ".join(f"{p['evidence']} {p['estimate']:.3g} [{p['low']:.3g}, {p['high']:.3g}]" for p in points[:40])
    return charts.finish(
        (zero + chart).add_params(choose),
        f"{len(points)} estimates with intervals: {text}" + ("…" if len(points) > 40 else ""),
        height=max(120, 22 * longest),
    )
