"""Every figure, table, equation and listing of the thesis has a place in the book, or a reason."""

import pytest

from book.builder import build, thesis_index


def test_targets_are_found_where_they_stand(tmp_path):
    (tmp_path / "a.md").write_text("(fig-2-1)=\n**Figure 2.1.**\n\n(c2-01)=\n text (tab-2-a)= no\n")
    assert thesis_index.targets([tmp_path / "a.md"]) == {"fig-2-1": "a"}


def test_items_are_known_by_their_mention():
    found = thesis_index.mentioned("arithmetic on Table 3-A; see Figures 3.4 and equation 3.2, figure 9.9, Table 3-A")
    assert [entry.anchor for entry in found] == ["tab-3-a", "fig-3-4", "eq-3-2"]


def test_no_target_is_made_up():
    assert set(thesis_index.pages()) <= {entry.anchor for entry in thesis_index.entries()}


@pytest.mark.parametrize("entry", thesis_index.entries(), ids=lambda entry: entry.name)
def test_every_item_has_a_place(entry):
    place = thesis_index.place(entry)
    page = thesis_index.pages()[entry.anchor]
    assert f"book/{page}" in build.pages() and f"{page}.html#{entry.anchor}'" in place
