"""Evidence: what is recorded is what the ledger reads, and the rules judge as written."""

import json
from dataclasses import asdict, replace

import pytest

from mtlib.base.errors import InputError
from mtlib.evidence import claims


def notebook(tmp_path, *rows):
    outputs = [{"output_type": "display_data", "data": {claims.MIME: row}, "metadata": {}} for row in rows]
    path = tmp_path / "02_background.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}]}))
    return path


def test_recorded_evidence_reaches_the_ledger(tmp_path, capsys):
    how = {"protocol": "as printed", "rule_id": "exact"}
    evidence = claims.record("C2.02", source="arithmetic", rule="r", verdict="contradicted", reason="w", **how)
    assert evidence.label == "arithmetic/as printed"
    assert "C2.02 – contradicted. w" in capsys.readouterr().out
    path = notebook(tmp_path, json.loads(json.dumps(asdict(evidence))))
    assert claims.collect([path]) == [("02_background", evidence)]


def test_rows_of_an_older_build_are_read(tmp_path):
    old = asdict(claims.Evidence("C2.02", "labels", "none", "quick", "live", *[None] * 4, "r", "supported", ""))
    for name in ("protocol", "question", "rule_id"):
        del old[name]
    [(_, row)] = claims.collect([notebook(tmp_path, old)])
    assert (row.label, row.question, row.rule_id) == ("labels", "holds", "none")


def test_a_badge_links_to_the_ledger_and_keeps_its_own_id():
    evidence = claims.Evidence(
        "C2.02", "arithmetic", "none", "quick", "live", None, None, None, None, "r", "supported", "see note E01 & <E02>"
    )
    page = claims.badge(evidence)
    assert "see <a href='errata.html#E01'>note E01</a> &amp; &lt;<a href='errata.html#E02'>E02</a>&gt;" in page
    assert "id='C2-02'" in claims.badge(evidence) and "id='C2-02-3'" in claims.badge(evidence, 3)
    assert claims.badge(evidence, 3).count("href='ledger.html#C2-02'") == 1


def test_synthetic_evidence_does_not_judge_the_thesis(capsys):
    evidence = claims.record(
        "C3.02", source="synthetic", rule="r", rule_id="mean", verdict="supported", corpus="synthetic"
    )
    assert claims.wording(evidence) == "holds on the synthetic corpus"
    assert claims.wording(replace(evidence, corpus="noise")) == "holds on one machine"
    again = replace(evidence, question="reproduced", source="published")
    assert claims.wording(again) == "reproduced"
    assert claims.wording(replace(again, verdict="not tested")) == "not at hand"
    assert "holds on the synthetic corpus" in claims.badge(evidence)


def test_later_work_judges_claims_about_tagging_in_general_alone():
    general = claims.record("C3.17", source="later", rule="r", rule_id="exact", verdict="contradicted")
    assert claims.judges(general) and claims.wording(general) == "contradicted"
    own = claims.record("C4.02", source="later", rule="r", rule_id="exact", verdict="contradicted")
    assert not claims.judges(own) and claims.wording(own) == "later work challenges it"
    assert claims.wording(replace(own, verdict="supported")) == "later work agrees"
    assert claims.wording(replace(own, verdict="inconclusive")) == "inconclusive"
    assert not claims.judges(replace(general, source="synthetic"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"claim": "C9.99"}, "unknown claim 'C9.99'"),
        ({"source": "hearsay"}, "source must be one of"),
        ({"verdict": "true"}, "verdict must be one of"),
        ({"verdict": "not tested"}, "say why"),
        ({"low": 1.0, "high": 0.0}, "in order"),
        ({"low": 1.0}, "given together"),
        ({"question": "true"}, "question must be one of holds, reproduced"),
        ({"rule_id": "by eye"}, "rule_id must be one of"),
        ({"rule_id": "percentile bootstrap over seeds (not used)"}, "rule_id must be one of"),
        ({"rule_id": "none"}, "supported by which rule"),
        ({"source": "labels"}, "labels/as printed is not among its deciders"),
        ({"protocol": ""}, "arithmetic is not among its deciders"),
    ],
)
def test_a_bad_record_is_refused(change, words):
    good = {"claim": "C2.02", "source": "arithmetic", "rule": "r", "verdict": "supported"}
    good |= {"protocol": "as printed", "rule_id": "exact"} | change
    with pytest.raises(InputError, match=words):
        claims.record(good.pop("claim"), **good)


def test_an_unreadable_notebook_is_told(tmp_path):
    (tmp_path / "a.ipynb").write_text("{")
    with pytest.raises(InputError, match="damaged or cannot be read"):
        claims.collect([tmp_path / "a.ipynb"])
    with pytest.raises(InputError, match="evidence with fields"):
        claims.collect([notebook(tmp_path, {"claim": "C2.02"})])


@pytest.mark.parametrize(
    ("estimate", "low", "high", "text"),
    [
        (0.0424, 0.00728, 0.0921, "0.042 [0.007, 0.092], n = 3"),
        (39.0, -9.79, 87.8, "39 [-10, 88], n = 3"),
        (0.5, 0.5, 0.5, "0.5, n = 3"),
        (282.4, None, None, "282, n = 3"),
        (None, None, None, "–"),
    ],
)
def test_an_estimate_has_the_digits_that_its_interval_warrants(estimate, low, high, text):
    fields = ("C2.02", "arithmetic", "none", "quick", "live", estimate, low, high, 3, "r", "supported", "")
    assert claims.interval_text(claims.Evidence(*fields)) == text


def test_a_command_in_a_reason_is_code():
    assert claims.with_notes("`make <book>` makes it") == "<code>make &lt;book&gt;</code> makes it"


def test_every_claim_names_what_decides_it():
    """In claims.csv, before the numbers: sources that may judge, each label once."""
    for claim in claims.table():
        labels = [label for rank in claims.deciders(claim) for label in rank]
        assert labels and len(set(labels)) == len(labels), claim
        assert {label.split("/")[0] for label in labels} <= set(claims.SOURCES) - {"synthetic"}, claim
