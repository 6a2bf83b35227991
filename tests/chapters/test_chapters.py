"""Every chapter: figures, tables, listings and equations have their place, claims a row, numbers a cell."""

import re

import pytest

from book.builder import thesis_index
from chapter import Chapter
from mtlib.evidence import claims, rules

CHAPTERS = {number: Chapter(number) for number in (2, 3, 4, 5, 6, 7)}
JUDGING = CHAPTERS | {"later": Chapter("later")}
ARITHMETIC = {4: {"0.25"}, 5: {"0.005"}, 6: {"0.0005"}, 7: {"0.22"}}
"""Numbers that prose may hold: a budget, a margin, a tolerance, two of nine."""


@pytest.mark.parametrize("entry", thesis_index.entries(), ids=lambda entry: entry.anchor)
def test_every_item_of_the_thesis_has_its_place(entry):
    text = CHAPTERS[int(entry.chapter)].markdown
    assert text.count(f"({entry.anchor})=") == 1
    after = text.split(f"({entry.anchor})=")[1].strip()
    if entry.kind == "equation":
        assert rf"\tag{{{entry.number}}}" in after[:400]
    else:
        assert after.startswith(f"**{entry.kind.title()} {entry.number}")
    if entry.redone_from.startswith("not redone"):
        assert "not redone" in after[:600].lower()


@pytest.mark.parametrize("number", CHAPTERS)
def test_no_anchor_is_made_up(number):
    known = {entry.anchor for entry in thesis_index.entries() if entry.chapter == str(number)}
    found = re.findall(r"^\(((?:fig|tab|lst|eq)-[^)]*)\)=", CHAPTERS[number].markdown, re.MULTILINE)
    assert set(found) == known


@pytest.mark.parametrize("number", CHAPTERS)
def test_every_important_claim_has_a_row(number):
    important = {
        name for name, row in claims.table().items() if row["chapter"] == str(number) and int(row["importance"]) <= 2
    }
    if number == 2:  # these two need networks of chapter 4
        important -= {"C2.03", "C2.04"}
    if number == 4:
        important |= {"C2.03", "C2.04"}
    assert important <= set(re.findall(r'"(C\d\.\d+)"', CHAPTERS[number].code))


@pytest.mark.parametrize("number", CHAPTERS)
def test_prose_takes_its_results_from_cells(number):
    """No probability, area or share is typed into the text: such numbers are glued."""
    left_out = r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`|\{[^}]*\}"
    prose = re.sub(left_out, "", CHAPTERS[number].markdown, flags=re.DOTALL)
    assert set(re.findall(r"(?<![\w.-])0\.\d{2,}", prose)) <= ARITHMETIC.get(number, set())


@pytest.mark.parametrize("number", JUDGING)
def test_every_rule_that_a_page_names_is_measured(number):
    """`claims.record` refuses others when the page is executed; here without executing it."""
    named = set(re.findall(r'rule_id="([^"]+)"', JUDGING[number].code))
    assert named <= {*rules.measured(), "exact"}


@pytest.mark.parametrize("number", JUDGING)
def test_no_verdict_is_written_by_hand(number):
    """A decided verdict comes from a rule; what is typed is inconclusive or not tested."""
    typed = set(re.findall(r'verdict="([^"]+)"(?! if)', JUDGING[number].code))
    assert typed <= {"inconclusive", "not tested"}
