"""The ledger: evidence that disagrees is shown as such, and synthetic evidence never judges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from book.builder import ledger
from mtlib.evidence import claims


def evidence(claim="C2.02", source="arithmetic", verdict="supported", **more) -> claims.Evidence:
    values = {"corpus": "none", "profile": "quick", "tier": "live", "rule": "a rule", "reason": "a <reason>"}
    values |= dict.fromkeys(("estimate", "low", "high", "n")) | more
    if (claim, source) == ("C2.02", "arithmetic"):
        values = {"protocol": "as printed"} | values
    return claims.Evidence(claim=claim, source=source, verdict=verdict, **values)


FIRST, BESIDE, SECOND = ("published", "nested"), ("published", "blocks"), ("published", "scores")  # of C6.02


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], "not tested"),
        ([(FIRST, "not tested")], "not tested"),
        ([(("synthetic", ""), "supported")], "not tested"),
        ([(("synthetic", ""), "contradicted"), (FIRST, "supported")], "supported"),
        ([(FIRST, "supported"), (BESIDE, "supported")], "supported"),
        ([(FIRST, "supported"), (BESIDE, "inconclusive")], "inconclusive"),
        ([(FIRST, "supported"), (BESIDE, "contradicted")], "divided"),
        ([(FIRST, "not tested"), (SECOND, "contradicted")], "contradicted"),
        ([(FIRST, "inconclusive"), (SECOND, "contradicted")], "inconclusive"),
        ([(FIRST, "supported"), (SECOND, "contradicted")], "divided"),
        ([(FIRST, "supported"), (SECOND, "inconclusive")], "supported"),
        ([(("labels", ""), "supported")], "not tested"),  # no decider of this claim
    ],
)
def test_a_claim_holds_by_its_deciders(found, expected):
    rows = [evidence("C6.02", source, verdict, protocol=protocol) for (source, protocol), verdict in found]
    assert ledger.verdict("C6.02", rows) == ledger.verdict("C6.02", rows[::-1]) == expected


ROWS = st.lists(
    st.tuples(
        st.sampled_from([FIRST, BESIDE, ("published", "thesis"), SECOND, ("synthetic", "")]),
        st.sampled_from(claims.VERDICTS),
    ),
    max_size=8,
)


@given(ROWS)
def test_no_decided_row_of_lower_rank_overrules_an_inconclusive_one_of_higher_rank(found):
    rows = [evidence("C6.02", source, verdict, protocol=protocol) for (source, protocol), verdict in found]
    judged = ledger.verdict("C6.02", rows)
    by_rank = [{r.verdict for r in rows if r.label in rank} - {"not tested"} for rank in claims.deciders("C6.02")]
    deciding = next((verdicts for verdicts in by_rank if verdicts), set())
    assert (judged == "not tested") == (not deciding)
    assert (judged == "inconclusive") == ("inconclusive" in deciding)
    if judged in ("supported", "contradicted"):
        assert deciding == {judged}


def test_whether_a_number_is_reproduced_is_another_question():
    same = evidence("C6.02", "published", "contradicted", protocol="scores", question="reproduced")
    holds = evidence("C6.02", "published", "supported", protocol="nested")
    assert ledger.verdict("C6.02", [same, holds]) == "supported"
    assert ledger.reproduced([same, holds]) == "no" and ledger.reproduced([holds]) == "not at hand"
    assert ledger.synthetic_reading([same, holds]) is None


def test_counts_keep_synthetic_evidence_apart():
    rows = [
        ("a", evidence()),
        ("a", evidence("C3.02", "synthetic", "contradicted")),
        ("b", evidence("C3.03", "synthetic", "supported")),
        ("b", evidence("C3.03", "synthetic", "contradicted")),
        ("b", evidence("C3.03", "labels", "contradicted", question="reproduced")),
        ("b", evidence("C3.04", "synthetic", "inconclusive")),
    ]
    tally = ledger.counts(ledger.rows(rows))
    n_claims = len(claims.table())
    assert sum(tally[name] for name in ledger.VERDICTS) == tally["claims"] == n_claims
    assert (tally["supported"], tally["not tested"]) == (1, n_claims - 1)
    found = [tally[f"synthetic {name}"] for name in ("holds", "fails", "inconclusive", "divided")]
    assert found == [0, 1, 1, 1]
    same = [tally[f"reproduced {name}"] for name in ledger.REPRODUCED]
    assert same == [0, 1, n_claims - 1]


def test_a_claim_is_left_over_where_only_the_synthetic_corpus_speaks():
    rows = [
        ("a", evidence("C3.02", "synthetic", "contradicted")),
        ("a", evidence("C3.03", "labels", "not tested")),
        ("b", evidence("C4.02", "later", "contradicted")),
        ("b", evidence("C3.17", "later", "inconclusive")),
    ]
    left = ledger.without(ledger.rows(rows))
    assert {"C3.02", "C3.03"} <= set(left) and not {"C4.02", "C3.17"} & set(left)
    assert len(left) == len(claims.table()) - 2


def test_every_claim_is_in_the_ledger_and_every_row_leads_to_its_cell():
    grouped = ledger.rows(
        [
            ("02_background", evidence()),
            ("02_background", evidence(source="published", protocol="as coded", verdict="contradicted")),
        ]
    )
    objects = ledger.as_json(grouped)
    assert list(dict.fromkeys(item["claim"] for item in objects)) == list(claims.table())
    assert [item["anchor"] for item in objects if item["claim"] == "C2.02"] == ["C2-02", "C2-02-2"]
    assert {item["claim_verdict"] for item in objects if item["claim"] == "C2.02"} == {"divided"}
    page = ledger.as_html(grouped)
    assert page.count("<tbody ") == len(claims.table())
    assert "02_background.html#C2-02-2" in page and "a &lt;reason&gt;" in page
    assert (
        "data-verdict='divided'" in page
        and "data-reproduced='not at hand'" in page
        and "href='errata.html#E01'" in page
    )
    assert page.count("href='02_background.html#tab-2-b'") == 0  # this claim names no table in its own words


def test_the_ledger_shows_what_a_notebook_recorded_as_text():
    page = ledger.as_html(ledger.rows([("02_background", evidence(source="'><u>", tier="<u>", rule="<u>"))]))
    assert "<u>" not in page and "data-source='&#x27;&gt;&lt;u&gt;'" in page


def test_the_forest_draws_what_fits_its_axis():
    interval = {"low": -0.1, "high": 0.3, "estimate": 0.1, "n": 9}
    counts = {"low": 10.0, "high": 30.0, "estimate": 20.0, "n": 9}
    grouped = ledger.rows([("a", evidence(**interval)), ("a", evidence("C3.01", "labels", **counts))])
    spec = ledger.forest(grouped).to_dict()
    assert spec["description"].startswith("1 estimates with intervals: C2.02 arithmetic 0.1 [-0.1, 0.3]")
    assert ledger.forest(ledger.rows([])) is None


def test_headlines_keep_the_two_kinds_of_evidence_in_two_columns():
    rows = [
        ("a", evidence("C3.14", "synthetic", "supported")),
        ("a", evidence("C3.12", "arithmetic", "contradicted", protocol="all clips")),
    ]
    page = ledger.headlines_html(ledger.rows(rows), "3")
    first = {name for name, row in claims.table().items() if (row["chapter"], row["importance"]) == ("3", "1")}
    assert page.count("<tr><th scope='row'>") == len(first)
    lines = {line[line.index("#") + 1 :][:5]: line for line in page.split("<tr>")[2:]}
    assert "not tested</td><td>holds" in lines["C3-14"] and "contradicted</td><td>–" in lines["C3-12"]
