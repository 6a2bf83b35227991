"""Evidence in the author's protocol and in the nested one: neither can be left out."""

import pytest

from book.experiments.transfer import verdicts
from mtlib.base.errors import InputError
from mtlib.evidence import claims


def test_decidable_claims_are_those_that_published_files_decide():
    names = verdicts.decidable()
    assert {"C6.02", "C6.10", "C6.21", "C6.27"} <= set(names)
    assert not {"C6.01", "C6.06", "C6.28"} & set(names)  # need audio
    assert not {"C6.16", "C6.22", "C6.25"} & set(names)  # of importance 3


def test_a_page_without_one_of_the_protocols_is_refused():
    judged = verdicts.Judgements(profile="quick")
    for name in verdicts.decidable():
        judged.reproduced(name, True, rule="r")
        if name != "C6.10":
            judged.record(name, "nested", rule="r", rule_id="folds", verdict="contradicted", estimate=0.1)
    judged.record("C6.09", "scaled", rule="r", rule_id="folds", verdict="supported")
    assert judged.missing() == ["C6.10 nested"]
    with pytest.raises(InputError, match=r"no evidence recorded for C6\.10 nested"):
        judged.table()
    judged.record("C6.10", "nested", rule="r", verdict="inconclusive")
    judged.record("C6.10", "nested", rule="r", verdict="not tested", reason="cost")
    table = judged.table()
    assert [text.split()[0] for text in table.claim] == verdicts.decidable()
    table.index = verdicts.decidable()
    assert table.loc["C6.10", "nested"] == "inconclusive; not tested"
    assert table.loc["C6.02", "thesis"] == "reproduced" and table.loc["C6.02", "nested"] == "contradicted"


def test_the_rule_opens_with_the_protocol_and_fields_are_kept():
    judged = verdicts.Judgements(profile="smoke", tier="live")
    how = {"rule_id": "folds", "verdict": "supported"}
    judged.record("C6.02", "nested", rule="every interval above 0", tier="recorded", **how)
    judged.record("C6.02", "thesis", rule="exact", **how)
    judged.record("C6.28", "", rule="a slope", **how)
    (_, _, first), (_, _, second), (_, _, third) = judged.rows
    assert (first.label, third.label, third.rule) == ("published/nested", "published", "a slope")
    assert isinstance(first, claims.Evidence) and first.rule == "nested protocol: every interval above 0"
    assert (first.tier, second.tier, first.profile, first.source) == ("recorded", "live", "smoke", "published")


def test_an_unknown_protocol_is_refused():
    with pytest.raises(InputError, match="unknown protocol 'fair'; choose one of scores"):
        verdicts.Judgements().record("C6.02", "fair", rule="r", verdict="supported")
