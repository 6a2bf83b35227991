"""Evidence in the author's protocol and in the honest one: neither can be left out."""

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
        judged.record(name, "published", rule="r", verdict="supported")
        if name != "C6.10":
            judged.record(name, "honest", rule="r", verdict="contradicted", estimate=0.1)
    judged.record("C6.10", "scaled", rule="r", verdict="supported")
    assert judged.missing() == ["C6.10 honest"]
    with pytest.raises(InputError, match=r"no evidence recorded for C6\.10 honest"):
        judged.table()
    judged.record("C6.10", "honest", rule="r", verdict="inconclusive")
    judged.record("C6.10", "honest", rule="r", verdict="not tested", reason="cost")
    table = judged.table()
    assert [text.split()[0] for text in table.claim] == verdicts.decidable()
    table.index = verdicts.decidable()
    assert table.loc["C6.10", "honest"] == "inconclusive; not tested"
    assert table.loc["C6.02", "thesis"] == "supported"


def test_the_rule_opens_with_the_protocol_and_fields_are_kept():
    judged = verdicts.Judgements(profile="smoke", tier="live")
    judged.record("C6.02", "honest", rule="every interval above 0", verdict="supported", tier="recorded")
    judged.record("C6.02", "thesis", rule="exact", verdict="supported")
    (_, _, first), (_, _, second) = judged.rows
    assert isinstance(first, claims.Evidence) and first.rule == "honest protocol: every interval above 0"
    assert (first.tier, second.tier, first.profile, first.source) == ("recorded", "live", "smoke", "published")


def test_an_unknown_protocol_is_refused():
    with pytest.raises(InputError, match="unknown protocol 'fair'; choose one of published"):
        verdicts.Judgements().record("C6.02", "fair", rule="r", verdict="supported")
